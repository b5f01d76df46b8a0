/** `ctl checkpoints`: commits of tasks, and whether their state is what the changelogs say. */
import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import {
  type Checkpoint,
  CheckpointServiceService,
  DiffCheckpointsRequest,
  type DiffCheckpointsResponse,
  GetCheckpointRequest,
  ListCheckpointsRequest,
  StateVerification,
  type StoreVerification,
  TriggerCheckpointRequest,
  VerifyStateRequest,
} from '../../../control/generated/orderstreams/control/v1/checkpoint_service.ts'
import type {
  NamedCount,
  PartitionPosition,
} from '../../../control/generated/orderstreams/control/v1/common.ts'
import { exitCodes } from '../../failure.ts'
import { count, out, tell } from '../../output.ts'
import { type CommandContext, wholeNumber } from '../command-context.ts'
import { durationText, orNothing, plain, sizeText, timeText } from './format.ts'
import { type Column, printFacts, printJson, printPages, printTable } from './print.ts'
import {
  addClientOptions,
  addListOptions,
  type CtlOptions,
  type ListOptions,
  withSession,
} from './session.ts'
import { addOperationOptions, type OperationOptions, printOutcome } from './waiting.ts'

const checkpointColumns: readonly Column<Checkpoint>[] = [
  ['TASK', ({ task }) => task],
  ['COMMIT', ({ commitNumber }) => count(commitNumber), 'right'],
  ['TIME', ({ commitTime }) => timeText(commitTime)],
  ['TOOK', ({ duration }) => durationText(duration), 'right'],
  ['INSTANCE', ({ instanceId }) => orNothing(instanceId)],
  ['WATERMARK', ({ watermark }) => timeText(watermark)],
  ['LAG', ({ lag }) => count(lag), 'right'],
  ['KEYS', ({ keys }) => count(keys), 'right'],
  ['BYTES', ({ bytes }) => sizeText(bytes), 'right'],
  ['TIMERS', ({ timerCount }) => count(timerCount), 'right'],
]

const verificationColumns: readonly Column<StoreVerification>[] = [
  ['TASK', ({ task }) => task],
  ['STORE', ({ store }) => store],
  ['SAME', ({ same }) => (same ? 'yes' : 'NO')],
  ['ROWS', ({ rows }) => count(rows), 'right'],
  ['DIFFERENT', ({ differenceCount }) => count(differenceCount), 'right'],
  ['COMMIT', ({ commitNumber }) => count(commitNumber), 'right'],
  ['DIGEST', ({ digest }) => digest.slice(0, 16)],
]

const noCheckpoints = 'there are no checkpoints'

export function addCheckpointCommands(ctl: Command, context: CommandContext): void {
  const checkpoints = ctl
    .command('checkpoints')
    .summary('commits of tasks, and whether state is what the changelogs say')
  addListOptions(
    checkpoints
      .command('list')
      .description('Lists the newest checkpoint of each task of a topology.')
      .argument('<topology>')
      .option('--task <task>', 'all checkpoints of this task that the log still has, the newest first'),
  ).action(async (topology: string, options: ListOptions & { readonly task?: string }) =>
    withSession(context, options, (session) =>
      printPages(session, options.limit, {
        method: CheckpointServiceService.listCheckpoints,
        request: ListCheckpointsRequest.create({ topology, task: options.task ?? '' }),
        itemsOf: (answer) => answer.checkpoints,
        table: checkpointColumns,
        none: noCheckpoints,
      }),
    ),
  )
  addClientOptions(
    checkpoints
      .command('show')
      .description('Shows a checkpoint of a task: where it stands and what it took.')
      .argument('<topology>')
      .argument('<task>', 'as `ctl checkpoints list` names it')
      .option('--commit <n>', 'its number (default: the newest)', wholeNumber('--commit', 1)),
  ).action(async (topology: string, task: string, options: CtlOptions & { readonly commit?: number }) =>
    withSession(context, options, async ({ client, isJson, signal }) => {
      const request = GetCheckpointRequest.create({ topology, task, commitNumber: options.commit ?? 0 })
      const { checkpoint } = await client.call(CheckpointServiceService.getCheckpoint, request, { signal })
      if (isJson) printJson(checkpoint)
      else if (checkpoint !== undefined) printCheckpoint(checkpoint)
    }),
  )
  addDiffCommand(checkpoints, context)
  addClientOptions(
    checkpoints
      .command('trigger')
      .description('Lets the tasks of a topology commit at once.')
      .argument('<topology>')
      .option('--task <task>', 'only this one'),
  ).action(async (topology: string, options: CtlOptions & { readonly task?: string }) =>
    withSession(context, options, async ({ client, isJson, signal }) => {
      const request = TriggerCheckpointRequest.create({
        topology,
        task: options.task ?? '',
        requestId: randomUUID(),
      })
      const answer = await client.call(CheckpointServiceService.triggerCheckpoint, request, { signal })
      if (isJson) answer.checkpoints.forEach(printJson)
      else printTable(answer.checkpoints, checkpointColumns, noCheckpoints)
    }),
  )
  addVerifyCommand(checkpoints, context)
}

interface DiffOptions extends CtlOptions {
  readonly from?: number
  readonly to?: number
}

function addDiffCommand(checkpoints: Command, context: CommandContext): void {
  addClientOptions(
    checkpoints
      .command('diff')
      .description('Shows what a task did between two of its checkpoints.')
      .argument('<topology>')
      .argument('<task>')
      .option(
        '--from <n>',
        'number of the earlier commit (default: the one before)',
        wholeNumber('--from', 1),
      )
      .option('--to <n>', 'number of the later commit (default: the newest)', wholeNumber('--to', 1)),
  ).action(async (topology: string, task: string, { from = 0, to = 0, ...options }: DiffOptions) =>
    withSession(context, options, async ({ client, isJson, signal }) => {
      const request = DiffCheckpointsRequest.create({
        topology,
        task,
        fromCommitNumber: from,
        toCommitNumber: to,
      })
      const answer = await client.call(CheckpointServiceService.diffCheckpoints, request, { signal })
      if (isJson) printJson(answer)
      else printDiff(answer)
    }),
  )
}

function addVerifyCommand(checkpoints: Command, context: CommandContext): void {
  addClientOptions(
    addOperationOptions(
      checkpoints
        .command('verify')
        .description(
          'Rebuilds state from its changelogs beside the one that tasks have, and compares the two. Exit code 1 when they differ.',
        )
        .argument('<topology>')
        .option('--task <task>', 'only of this one'),
    ),
  ).action(async (topology: string, options: OperationOptions & { readonly task?: string }) =>
    withSession(context, options, async (session) => {
      const request = VerifyStateRequest.create({
        topology,
        task: options.task ?? '',
        requestId: randomUUID(),
      })
      const { operation } = await session.client.call(CheckpointServiceService.verifyState, request)
      const found = await printOutcome(session, options, operation, StateVerification, printVerification)
      if (found?.same === false) context.exitCode = exitCodes.failed
    }),
  )
}

function printCheckpoint(checkpoint: Checkpoint): void {
  const { task, topology, inputOffsets, changelogOffsets } = checkpoint
  printFacts([
    ['task', `${task} of ${topology}`],
    [
      'commit',
      `${count(checkpoint.commitNumber)}, ${timeText(checkpoint.commitTime)}, took ${durationText(checkpoint.duration)}`,
    ],
    ['instance', checkpoint.instanceId],
    ['watermark', timeText(checkpoint.watermark)],
    ['lag', count(checkpoint.lag)],
    ['timers', count(checkpoint.timerCount)],
    ['wrote', `${count(checkpoint.keys)} keys, ${sizeText(checkpoint.bytes)}`],
    ...inputOffsets.map(positionFact('reads on at')),
    ...changelogOffsets.map(positionFact('changelog to')),
  ])
}

export function positionFact(name: string): (position: PartitionPosition) => readonly [string, string] {
  return ({ topic, partition, offset }) => [name, `${topic}-${partition} ${count(offset)}`]
}

function printDiff(diff: DiffCheckpointsResponse): void {
  const named = (name: string, counts: readonly NamedCount[]) =>
    counts.map((of) => [name, `${of.name} ${count(of.count)}`] as const)
  printFacts([
    ['from', `commit ${count(diff.from?.commitNumber ?? 0)}, ${timeText(diff.from?.commitTime)}`],
    ['to', `commit ${count(diff.to?.commitNumber ?? 0)}, ${timeText(diff.to?.commitTime)}`],
    ['elapsed', durationText(diff.elapsed)],
    ['watermark moved', durationText(diff.watermarkMoved)],
    ['timers', `${diff.timersAdded > 0 ? '+' : ''}${count(diff.timersAdded)}`],
    ...named('read', diff.recordsRead),
    ...named('changelog', diff.changelogRecords),
  ])
}

function printVerification({ stores, same }: StateVerification): void {
  printTable(stores, verificationColumns, 'there is no state')
  for (const { task, store, differences } of stores) {
    for (const { key, value, rebuiltValue } of differences)
      out(`${task} ${store} ${plain(key)}: it has ${plain(value)}, the changelog says ${plain(rebuiltValue)}`)
  }
  tell(same ? 'all of it is as the changelogs say' : 'state differs from its changelogs')
}
