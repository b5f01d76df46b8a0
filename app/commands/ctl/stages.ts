/** `ctl stages`: pauses, resumes, steps, limits and drains. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import {
  DrainStageRequest,
  GetStageRequest,
  LimitStageRateRequest,
  ListStagesRequest,
  PauseStageRequest,
  ResumeStageRequest,
  type StageCommand,
  StageServiceService,
  type StageStatus,
  type StageTask,
  StepStageRequest,
} from '../../../control/generated/orderstreams/control/v1/stage_service.ts'
import { CommandFailed } from '../../failure.ts'
import { out, tell } from '../../output.ts'
import { type CommandContext, wholeNumber } from '../command-context.ts'
import { commandText, flowText, orNothing, stageText, timeText } from './format.ts'
import { type Column, printFacts, printJson, printPages, tableOf } from './print.ts'
import {
  addClientOptions,
  addListOptions,
  type CtlOptions,
  type ListOptions,
  type Session,
  withSession,
} from './session.ts'
import { duration, rate, stageOf, timeAhead } from './values.ts'

interface ChangeOptions extends CtlOptions {
  readonly reason?: string
  readonly until?: Date
  readonly wait?: number | true
}

const taskColumns: readonly Column<StageTask>[] = [
  ['TASK', ({ task }) => task],
  ['INSTANCE', ({ instanceId }) => orNothing(instanceId)],
  ['FLOW', ({ flow }) => flowText(flow)],
  ['HELD BY', ({ flow }) => orNothing((flow?.heldBy ?? []).map(stageText).join(' '))],
]

const statusColumns: readonly Column<StageStatus>[] = [
  ['STAGE', ({ stage }) => stageText(stage)],
  ['WANTED', ({ wanted }) => wantedText(wanted)],
  ['IS', ({ tasks }) => flowsText(tasks)],
  ['SETTLED', ({ settled }) => (settled ? 'yes' : 'not yet')],
  ['SINCE', ({ wanted }) => timeText(wanted[0]?.commandTime)],
  ['UNTIL', ({ wanted }) => timeText(wanted.find(({ until }) => until !== undefined)?.until)],
  ['BY', ({ wanted }) => orNothing(wanted[0]?.commandedBy ?? '')],
  [
    'REASON',
    ({ wanted }) =>
      wanted
        .map(({ reason }) => reason)
        .filter(Boolean)
        .join('; '),
  ],
]

const stageArgument = [
  '<stage>',
  'a topology, <topology>/<sub-topology>, or <topology>/<sub-topology>/<operator>; the sub-topology of an operator may be empty',
] as const

export function addStageCommands(ctl: Command, context: CommandContext): void {
  const stages = ctl
    .command('stages')
    .summary('pause, resume, step, limit and drain topologies and parts of them')
  const change = (name: string, description: string): Command =>
    stages
      .command(name)
      .description(description)
      .argument(...stageArgument)

  addChangeOptions(
    withUntil(
      withReason(
        change('pause', 'Lets a stage take no more records, on every instance, until it is resumed.'),
      ),
    ),
  ).action(async (text: string, options: ChangeOptions) =>
    withSession(context, options, async (session) => {
      const { reason = '', until } = options
      const request = PauseStageRequest.create({
        stage: stageOf(text),
        reason,
        until,
        requestId: randomUUID(),
      })
      const { wanted } = await session.client.call(StageServiceService.pauseStage, request)
      await printChange(session, wanted, options)
    }),
  )

  addChangeOptions(
    withReason(change('resume', 'Takes back a pause or a drain of exactly this stage.')),
  ).action(async (text: string, options: ChangeOptions) =>
    withSession(context, options, async (session) => {
      const request = ResumeStageRequest.create({
        stage: stageOf(text),
        reason: options.reason ?? '',
        requestId: randomUUID(),
      })
      const { wanted, stillHeldBy } = await session.client.call(StageServiceService.resumeStage, request)
      await printChange(session, wanted, options, stillHeldBy)
    }),
  )

  addChangeOptions(
    change('step', 'Lets some records through a paused stage.')
      .option('--records <n>', 'so many of each task', wholeNumber('--records', 1), 1)
      .option('--task <task>', 'only of this task'),
  ).action(
    async (text: string, options: ChangeOptions & { readonly records: number; readonly task?: string }) =>
      withSession(context, options, async (session) => {
        const { records, task = '' } = options
        const request = StepStageRequest.create({
          stage: stageOf(text),
          records,
          task,
          requestId: randomUUID(),
        })
        const { wanted } = await session.client.call(StageServiceService.stepStage, request)
        await printChange(session, wanted, options)
      }),
  )

  addChangeOptions(
    withUntil(
      withReason(
        change('limit', 'Limits the records a second that a topology or sub-topology takes.').requiredOption(
          '--rate <n>',
          'records a second, over all its tasks; 0 takes the limit away',
          rate('--rate'),
        ),
      ),
    ),
  ).action(async (text: string, options: ChangeOptions & { readonly rate: number }) =>
    withSession(context, options, async (session) => {
      const { reason = '', until } = options
      const request = LimitStageRateRequest.create({
        stage: stageOf(text),
        recordsPerSecond: options.rate,
        reason,
        until,
        requestId: randomUUID(),
      })
      const { wanted } = await session.client.call(StageServiceService.limitStageRate, request)
      await printChange(session, wanted, options)
    }),
  )

  addChangeOptions(
    withReason(
      change('drain', 'Lets a topology or sub-topology process what is there now, and then take no more.'),
    ),
  ).action(async (text: string, options: ChangeOptions) =>
    withSession(context, options, async (session) => {
      const request = DrainStageRequest.create({
        stage: stageOf(text),
        reason: options.reason ?? '',
        requestId: randomUUID(),
      })
      const { wanted } = await session.client.call(StageServiceService.drainStage, request)
      await printChange(session, wanted, options)
    }),
  )

  addClientOptions(
    change('show', 'Shows what was commanded for a stage, and how it is in each task.'),
  ).action(async (text: string, options: CtlOptions) =>
    withSession(context, options, async (session) => {
      const status = await statusOf(session, text)
      if (session.isJson) printJson(status)
      else printStatus(status)
    }),
  )

  addListOptions(
    stages
      .command('list')
      .description('Lists the stages that something was commanded for.')
      .argument('[topology]', 'only of this one'),
  ).action(async (topology: string | undefined, options: ListOptions) =>
    withSession(context, options, (session) =>
      printPages(session, options.limit, {
        method: StageServiceService.listStages,
        request: ListStagesRequest.create({ topology: topology ?? '' }),
        itemsOf: (answer) => answer.stages,
        table: statusColumns,
        none: 'nothing was commanded for any stage',
      }),
    ),
  )
}

function withReason(command: Command): Command {
  return command.option('--reason <text>', 'why, for others to read')
}

function withUntil(command: Command): Command {
  return command.option(
    '--until <time>',
    'when it ends by itself: a time, or a duration from now such as 10m',
    timeAhead('--until'),
  )
}

function addChangeOptions(command: Command): Command {
  return addClientOptions(
    command.option(
      '--wait [duration]',
      'wait until every task is as it is wanted, at most so long (default: for ever)',
      duration('--wait', 1),
    ),
  )
}

async function printChange(
  session: Session,
  wanted: StageCommand | undefined,
  { wait }: ChangeOptions,
  stillHeldBy: readonly StageCommand[] = [],
): Promise<void> {
  const stage = stageText(wanted?.stage)
  if (wait !== undefined) {
    const status = await settled(session, stage, wait === true ? undefined : wait)
    if (session.isJson) printJson({ wanted, stillHeldBy, status })
    else printStatus(status)
    return
  }
  if (session.isJson) return printJson({ wanted, stillHeldBy })
  if (wanted !== undefined) out(`${stage}: ${wantedText([wanted])}, revision ${wanted.revision}`)
  for (const command of stillHeldBy) tell(`still held: ${stageText(command.stage)}: ${commandLine(command)}`)
  tell(`\`order-streams ctl stages show ${stage}\` shows how far it is; --wait waits for it`)
}

async function statusOf({ client, signal }: Session, stage: string): Promise<StageStatus> {
  const request = GetStageRequest.create({ stage: stageOf(stage) })
  const { status } = await client.call(StageServiceService.getStage, request, { signal })
  if (status === undefined) throw new CommandFailed(`the server told nothing of stage ${stage}`)
  return status
}

const pollMs = 200

async function settled(session: Session, stage: string, atMostMs: number | undefined): Promise<StageStatus> {
  const { signal } = session
  const timeoutMs = atMostMs ?? Number.POSITIVE_INFINITY
  const startMs = Date.now()
  for (;;) {
    const status = await statusOf(session, stage)
    if (status.settled) return status
    if (Date.now() - startMs > timeoutMs)
      throw new CommandFailed(
        `${stage} is not yet as it is wanted, which holds nevertheless: ${flowsText(status.tasks)}`,
      )
    await delay(pollMs, undefined, { signal }).catch(() => {})
  }
}

function printStatus({ stage, wanted, alsoHeldBy, tasks, settled: isSettled }: StageStatus): void {
  printFacts([
    ['stage', stageText(stage)],
    ['wanted', wanted.length === 0 ? 'nothing was commanded' : wanted.map(commandLine).join('; ')],
    [
      'also held by',
      alsoHeldBy.map((command) => `${stageText(command.stage)}: ${commandLine(command)}`).join('; '),
    ],
    ['settled', isSettled ? 'yes' : 'not yet'],
  ])
  if (tasks.length === 0) tell('no task of it runs')
  else out(`\n${tableOf(tasks, taskColumns)}`)
}

/** A command with who gave it, when and why. */
function commandLine(command: StageCommand): string {
  const { commandTime, commandedBy, until, reason } = command
  return [
    `${commandText(command)} since ${timeText(commandTime)} by ${orNothing(commandedBy)}`,
    ...(until === undefined ? [] : [`until ${timeText(until)}`]),
    ...(reason === '' ? [] : [`"${reason}"`]),
  ].join(', ')
}

function wantedText(wanted: readonly StageCommand[]): string {
  return orNothing(wanted.map(commandText).join('; '))
}

/** `paused 3, pausing 1`. */
function flowsText(tasks: readonly StageTask[]): string {
  const counts = new Map<string, number>()
  for (const { flow } of tasks) {
    const text = flowText(flow)
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  return orNothing([...counts].map(([text, tasksOfIt]) => `${text} ${tasksOfIt}`).join(', '))
}
