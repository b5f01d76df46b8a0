/** `ctl dead-letters`: records that failed or were rejected, sent through again or marked as done with. */
import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import {
  type DeadLetter,
  DeadLetterFilter,
  DeadLetterServiceService,
  DiscardDeadLettersRequest,
  GetDeadLetterRequest,
  ListDeadLettersRequest,
  type OriginalRecord,
  ReplayDeadLetterRequest,
  ReplayDeadLettersRequest,
  ReplayResult,
} from '../../../control/generated/orderstreams/control/v1/dead_letter_service.ts'
import { UsageError } from '../../failure.ts'
import { count, counted, out, tell } from '../../output.ts'
import type { CommandContext } from '../command-context.ts'
import { orNothing, plain, shortened, timeText, wordOf } from './format.ts'
import { type Column, printFacts, printJson, printPages } from './print.ts'
import {
  addClientOptions,
  addListOptions,
  type CtlOptions,
  type ListOptions,
  withSession,
} from './session.ts'
import { rate, timeAgo } from './values.ts'
import { addOperationOptions, type OperationOptions, printOutcome } from './waiting.ts'

interface FilterOptions {
  readonly rejections?: boolean
  readonly code?: string
  readonly operator?: string
  readonly topic?: string
  readonly from?: Date
  readonly to?: Date
}

interface AttemptOptions {
  readonly beyondMaxAttempts?: boolean
}

const letterColumns: readonly Column<DeadLetter>[] = [
  ['NAME', ({ name }) => name],
  ['FAILED', ({ failedTime }) => timeText(failedTime)],
  ['RECORD', recordText],
  ['CODES', ({ codes }) => orNothing(codes.join(' '))],
  ['ATTEMPT', ({ attempt }) => count(attempt), 'right'],
  ['STATE', ({ state }) => wordOf(state, 'DEAD_LETTER_STATE_')],
  ['MESSAGE', ({ message }) => shortened(message)],
]

export function addDeadLetterCommands(ctl: Command, context: CommandContext): void {
  const letters = ctl
    .command('dead-letters')
    .summary('records that failed or were rejected: look at them, replay them, discard them')
  addListOptions(
    addFilterOptions(
      letters
        .command('list')
        .description('Lists the dead letters of a topology that are pending, the newest first.')
        .argument('<topology>'),
    ).option('--with-settled', 'those that were replayed or discarded, too'),
  ).action(
    async (topology: string, options: ListOptions & FilterOptions & { readonly withSettled?: boolean }) =>
      withSession(context, options, (session) =>
        printPages(session, options.limit, {
          method: DeadLetterServiceService.listDeadLetters,
          request: ListDeadLettersRequest.create({
            filter: filterOf(topology, options),
            withSettled: options.withSettled === true,
          }),
          itemsOf: (answer) => answer.deadLetters,
          table: letterColumns,
          none: options.rejections === true ? 'there are no rejections' : 'there are no dead letters',
        }),
      ),
  )
  const named = (name: string, description: string): Command =>
    letters.command(name).description(description).argument('<name>', 'as `ctl dead-letters list` shows it')
  addClientOptions(named('show', 'Shows a dead letter, and the record as it was.')).action(
    async (name: string, options: CtlOptions) =>
      withSession(context, options, async ({ client, isJson, signal }) => {
        const request = GetDeadLetterRequest.create({ name })
        const answer = await client.call(DeadLetterServiceService.getDeadLetter, request, { signal })
        if (isJson) printJson(answer)
        else if (answer.deadLetter !== undefined) printLetter(answer.deadLetter, answer.record)
      }),
  )
  addClientOptions(
    addAttemptOptions(named('replay', 'Sends a dead letter through its topology again, once.')),
  ).action(async (name: string, options: CtlOptions & AttemptOptions) =>
    withSession(context, options, async ({ client, isJson }) => {
      const request = ReplayDeadLetterRequest.create({
        name,
        beyondMaxAttempts: options.beyondMaxAttempts === true,
        requestId: randomUUID(),
      })
      const answer = await client.call(DeadLetterServiceService.replayDeadLetter, request)
      if (isJson) return printJson(answer)
      const { topic = '', partition = 0 } = answer.deadLetter ?? {}
      out(`${name} is in ${topic}-${partition} again, at offset ${count(answer.replayedOffset)}`)
    }),
  )
  addReplayAllCommand(letters, context)
  addDiscardCommand(letters, context)
}

function addReplayAllCommand(letters: Command, context: CommandContext): void {
  addClientOptions(
    addOperationOptions(
      addAttemptOptions(
        addFilterOptions(
          letters
            .command('replay-all')
            .description(
              'Sends pending dead letters through again, in the order in which they failed, each once.',
            )
            .argument('<topology>'),
        ),
      ).option('--rate <n>', 'records a second at most (default: as fast as it goes)', rate('--rate'), 0),
    ),
  )
    .addHelpText(
      'after',
      '\nExample:\n  order-streams ctl dead-letters replay-all cleanse --code OPERATOR_FAILED --rate 50',
    )
    .action(
      async (
        topology: string,
        options: OperationOptions & FilterOptions & AttemptOptions & { readonly rate: number },
      ) =>
        withSession(context, options, async (session) => {
          const request = ReplayDeadLettersRequest.create({
            filter: filterOf(topology, options),
            recordsPerSecond: options.rate,
            beyondMaxAttempts: options.beyondMaxAttempts === true,
            requestId: randomUUID(),
          })
          const { operation } = await session.client.call(DeadLetterServiceService.replayDeadLetters, request)
          await printOutcome(session, options, operation, ReplayResult, printReplay)
        }),
    )
}

function addDiscardCommand(letters: Command, context: CommandContext): void {
  addClientOptions(
    addFilterOptions(
      letters
        .command('discard')
        .description('Marks dead letters as done with: one by its name, or those of a filter.')
        .argument('[name]', 'as `ctl dead-letters list` shows it')
        .option('--topology <topology>', 'instead of a name: the dead letters of this topology')
        .requiredOption('--reason <text>', 'why, for others to read'),
    ),
  ).action(
    async (
      name: string | undefined,
      options: CtlOptions & FilterOptions & { readonly topology?: string; readonly reason: string },
    ) => {
      const { topology, reason } = options
      if ((name === undefined) === (topology === undefined))
        throw new UsageError('name either one dead letter, or with --topology the topology that they are of')
      await withSession(context, options, async ({ client, isJson }) => {
        const request = DiscardDeadLettersRequest.create({
          name: name ?? '',
          filter: topology === undefined ? undefined : filterOf(topology, options),
          reason,
          requestId: randomUUID(),
        })
        const answer = await client.call(DeadLetterServiceService.discardDeadLetters, request)
        if (isJson) printJson(answer)
        else out(`${counted(answer.discarded, 'dead letter')} discarded`)
      })
    },
  )
}

function addFilterOptions(command: Command): Command {
  return command
    .option('--rejections', 'rejections instead of dead letters')
    .option('--code <code>', 'only with this code')
    .option('--operator <name>', 'only those that this operator failed on')
    .option('--topic <topic>', 'only records of this topic')
    .option(
      '--from <time>',
      'only those that failed at this time or later: a time, or so long ago',
      timeAgo('--from'),
    )
    .option('--to <time>', 'only those that failed before this time', timeAgo('--to'))
}

function addAttemptOptions(command: Command): Command {
  return command.option('--beyond-max-attempts', 'although it has been attempted as often as is allowed')
}

function filterOf(topology: string, options: FilterOptions): DeadLetterFilter {
  const { rejections, code = '', operator = '', topic = '', from, to } = options
  return DeadLetterFilter.create({
    topology,
    rejections: rejections === true,
    code,
    operator,
    topic,
    from,
    to,
  })
}

function recordText({ topic, partition, offset }: DeadLetter): string {
  return `${topic}-${partition} ${offset}`
}

function printReplay(result: ReplayResult): void {
  const { replayed, beyondMaxAttempts, recordsGone, waiting, notReplayable } = result
  out(`${counted(replayed, 'dead letter')} replayed`)
  if (beyondMaxAttempts > 0)
    tell(
      `${count(beyondMaxAttempts)} left: attempted as often as is allowed; --beyond-max-attempts replays them`,
    )
  if (recordsGone > 0) tell(`${count(recordsGone)} left: the log no longer has their records`)
  if (waiting > 0) tell(`${count(waiting)} left: an earlier one with the same key was left`)
  if (notReplayable > 0) tell(`${count(notReplayable)} left: what cannot be sent again`)
}

function printLetter(letter: DeadLetter, record: OriginalRecord | undefined): void {
  const { topology, subTopology, operator, rejection, settledTime } = letter
  printFacts([
    ['name', letter.name],
    ['why', `${letter.codes.join(' ')}: ${letter.message}`],
    [
      'where',
      rejection ? `rejected by ${topology}` : `operator ${operator} of ${subTopology} in ${topology}`,
    ],
    ['record', `${recordText(letter)}, ${timeText(letter.recordTime)}`],
    ['failed', `${timeText(letter.failedTime)}, attempt ${count(letter.attempt)}`],
    ['state', wordOf(letter.state, 'DEAD_LETTER_STATE_')],
    [
      'settled',
      settledTime === undefined ? '' : `${timeText(settledTime)} by ${orNothing(letter.settledBy)}`,
    ],
    ['because', letter.settledReason],
    ['not replayable', letter.notReplayable],
    ['key', record === undefined ? 'the log no longer has the record' : plain(record.key)],
    ...(record?.headers ?? []).map(
      ({ key, value }) => [`header ${key}`, Buffer.from(value).toString()] as const,
    ),
  ])
  if (record !== undefined) out(JSON.stringify(record.value, null, 2))
}
