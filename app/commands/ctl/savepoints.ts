/** `ctl savepoints`: named cuts through a whole topology. */
import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import {
  CheckpointServiceService,
  CreateSavepointRequest,
  DeleteSavepointRequest,
  GetSavepointRequest,
  ListSavepointsRequest,
  RestoreSavepointRequest,
  Savepoint,
  type SavepointStore,
} from '../../../control/generated/orderstreams/control/v1/checkpoint_service.ts'
import { count, out, tell } from '../../output.ts'
import type { CommandContext } from '../command-context.ts'
import { positionFact } from './checkpoints.ts'
import { durationText, orNothing, sizeText, timeText } from './format.ts'
import { type Column, printFacts, printJson, printPages, tableOf } from './print.ts'
import {
  addClientOptions,
  addListOptions,
  type CtlOptions,
  type ListOptions,
  withSession,
} from './session.ts'
import { addOperationOptions, type OperationOptions, printOutcome } from './waiting.ts'

const savepointColumns: readonly Column<Savepoint>[] = [
  ['SAVEPOINT', ({ savepoint }) => savepoint],
  ['TOPOLOGY', ({ topology }) => topology],
  ['MADE', ({ createTime }) => timeText(createTime)],
  ['BY', ({ createdBy }) => orNothing(createdBy)],
  ['ROWS', ({ stores }) => count(stores.reduce((sum, { rows }) => sum + rows, 0)), 'right'],
  ['SIZE', ({ bytes }) => sizeText(bytes), 'right'],
  ['REASON', ({ reason }) => reason],
]

const storeColumns: readonly Column<SavepointStore>[] = [
  ['TASK', ({ task }) => task],
  ['STORE', ({ store }) => store],
  ['ROWS', ({ rows }) => count(rows), 'right'],
  ['SIZE', ({ bytes }) => sizeText(bytes), 'right'],
  ['SHA-256', ({ checksum }) => checksum],
]

export function addSavepointCommands(ctl: Command, context: CommandContext): void {
  const savepoints = ctl.command('savepoints').summary('named cuts through a whole topology, to go back to')
  addClientOptions(
    addOperationOptions(
      savepoints
        .command('create')
        .description(
          'Writes a savepoint: the topology is drained, its state is written down, and it goes on.',
        )
        .argument('<topology>')
        .option('--name <name>', 'of the savepoint (default: made of the topology and the time)')
        .option('--reason <text>', 'why, for others to read'),
    ),
  ).action(
    async (
      topology: string,
      options: OperationOptions & { readonly name?: string; readonly reason?: string },
    ) =>
      withSession(context, options, async (session) => {
        const request = CreateSavepointRequest.create({
          topology,
          savepoint: options.name ?? '',
          reason: options.reason ?? '',
          requestId: randomUUID(),
        })
        const { operation } = await session.client.call(CheckpointServiceService.createSavepoint, request)
        await printOutcome(session, options, operation, Savepoint, printSavepoint)
      }),
  )
  addListOptions(
    savepoints
      .command('list')
      .description('Lists the savepoints in the savepoint directory, the newest first.')
      .argument('[topology]', 'only of this one'),
  ).action(async (topology: string | undefined, options: ListOptions) =>
    withSession(context, options, (session) =>
      printPages(session, options.limit, {
        method: CheckpointServiceService.listSavepoints,
        request: ListSavepointsRequest.create({ topology: topology ?? '' }),
        itemsOf: (answer) => answer.savepoints,
        table: savepointColumns,
        none: 'there are no savepoints',
      }),
    ),
  )
  addClientOptions(
    savepoints.command('show').description('Shows a savepoint, store by store.').argument('<savepoint>'),
  ).action(async (name: string, options: CtlOptions) =>
    withSession(context, options, async ({ client, isJson, signal }) => {
      const request = GetSavepointRequest.create({ savepoint: name })
      const { savepoint } = await client.call(CheckpointServiceService.getSavepoint, request, { signal })
      if (isJson) printJson(savepoint)
      else if (savepoint !== undefined) printSavepoint(savepoint)
    }),
  )
  addClientOptions(
    addOperationOptions(
      savepoints
        .command('restore')
        .description(
          'Puts a topology that no instance runs back to a savepoint: its state, and the offsets that it reads on from.',
        )
        .argument('<savepoint>')
        .argument('<topology>', 'for safety: the one that the savepoint is of'),
    ),
  ).action(async (savepoint: string, topology: string, options: OperationOptions) =>
    withSession(context, options, async (session) => {
      const request = RestoreSavepointRequest.create({ savepoint, topology, requestId: randomUUID() })
      const { operation } = await session.client.call(CheckpointServiceService.restoreSavepoint, request)
      await printOutcome(session, options, operation, Savepoint, (restored) => {
        printSavepoint(restored)
        tell(`${topology} is back where it was; start it to go on from there`)
      })
    }),
  )
  addClientOptions(
    savepoints.command('delete').description('Deletes a savepoint.').argument('<savepoint>'),
  ).action(async (savepoint: string, options: CtlOptions) =>
    withSession(context, options, async ({ client, isJson }) => {
      const request = DeleteSavepointRequest.create({ savepoint, requestId: randomUUID() })
      await client.call(CheckpointServiceService.deleteSavepoint, request)
      if (isJson) printJson({ savepoint })
      else tell(`${savepoint} is deleted`)
    }),
  )
}

function printSavepoint(savepoint: Savepoint): void {
  const { savepoint: name, topology, createTime, createdBy, reason, path, inputOffsets, stores } = savepoint
  printFacts([
    ['savepoint', name],
    ['topology', topology],
    ['made', `${timeText(createTime)} by ${orNothing(createdBy)}`],
    ['reason', reason],
    ['path', path],
    ['size', sizeText(savepoint.bytes)],
    ['stood still', durationText(savepoint.stoodStill)],
    ...inputOffsets.map(positionFact('reads on at')),
  ])
  if (stores.length > 0) out(`\n${tableOf(stores, storeColumns)}`)
}
