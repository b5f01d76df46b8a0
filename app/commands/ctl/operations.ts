/** `ctl operations`: work that goes on behind a call. */
import type { Command } from 'commander'
import {
  CancelOperationRequest,
  DeleteOperationRequest,
  GetOperationRequest,
  ListOperationsRequest,
  type Operation,
  OperationsService,
} from '../../../control/generated/google/longrunning/operations.ts'
import { tell } from '../../output.ts'
import type { CommandContext } from '../command-context.ts'
import { orNothing, timeText } from './format.ts'
import { operationData, progressOf, progressText, resultOf, stateOf } from './operation-text.ts'
import { type Column, printFacts, printJson, printPages } from './print.ts'
import {
  addClientOptions,
  addListOptions,
  type CtlOptions,
  type ListOptions,
  withSession,
} from './session.ts'
import { waitFor } from './waiting.ts'

const operationColumns: readonly Column<Operation>[] = [
  ['NAME', ({ name }) => name],
  ['CALL', (operation) => orNothing(progressOf(operation)?.call ?? '')],
  ['FOR', (operation) => orNothing(progressOf(operation)?.target ?? '')],
  ['STATE', stateOf],
  ['STARTED', (operation) => timeText(progressOf(operation)?.startTime)],
  ['ENDED', (operation) => timeText(progressOf(operation)?.endTime)],
  ['BY', (operation) => orNothing(progressOf(operation)?.startedBy ?? '')],
]

export function addOperationCommands(ctl: Command, context: CommandContext): void {
  const operations = ctl
    .command('operations')
    .summary('work that goes on behind a call: savepoints, verifications, replays')
  const named = (name: string, description: string): Command =>
    addClientOptions(
      operations
        .command(name)
        .description(description)
        .argument('<operation>', 'its name, as `ctl operations list` shows it'),
    )
  addListOptions(operations.command('list').description('Lists the operations.')).action(
    async (options: ListOptions) =>
      withSession(context, options, (session) =>
        printPages(session, options.limit, {
          method: OperationsService.listOperations,
          request: ListOperationsRequest.create(),
          itemsOf: (answer) => answer.operations,
          dataOf: operationData,
          table: operationColumns,
          none: 'there are no operations',
        }),
      ),
  )
  named('show', 'Shows how far an operation is, or what came of it.').action(
    async (name: string, options: CtlOptions) =>
      withSession(context, options, async ({ client, isJson, signal }) => {
        const request = GetOperationRequest.create({ name })
        const operation = await client.call(OperationsService.getOperation, request, { signal })
        if (isJson) printJson(operationData(operation))
        else printOperation(operation)
      }),
  )
  named(
    'wait',
    'Waits until an operation is done, and shows what came of it. Exit code 1 when it failed.',
  ).action(async (name: string, options: CtlOptions) =>
    withSession(context, options, async (session) => {
      const operation = await waitFor(session, name)
      if (session.isJson) printJson(operationData(operation))
      else printOperation(operation)
    }),
  )
  named('cancel', 'Asks an operation to end before it is done.').action(
    async (name: string, options: CtlOptions) =>
      withSession(context, options, async ({ client, isJson }) => {
        await client.call(OperationsService.cancelOperation, CancelOperationRequest.create({ name }))
        if (isJson) printJson({ name })
        else tell(`${name} was asked to end`)
      }),
  )
  named('delete', 'Forgets an operation that is done.').action(async (name: string, options: CtlOptions) =>
    withSession(context, options, async ({ client, isJson }) => {
      await client.call(OperationsService.deleteOperation, DeleteOperationRequest.create({ name }))
      if (isJson) printJson({ name })
      else tell(`${name} is forgotten`)
    }),
  )
}

function printOperation(operation: Operation): void {
  const progress = progressOf(operation)
  printFacts([
    ['operation', operation.name],
    ['call', progress === undefined ? '' : `${progress.call} ${progress.target}`],
    ['state', stateOf(operation)],
    ['progress', operation.done || progress === undefined ? '' : progressText(progress)],
    [
      'started',
      progress === undefined ? '' : `${timeText(progress.startTime)} by ${orNothing(progress.startedBy)}`,
    ],
    ['ended', progress?.endTime === undefined ? '' : timeText(progress.endTime)],
    ['result', JSON.stringify(resultOf(operation)) ?? ''],
  ])
}
