import { userInfo } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import { suggestion } from '../../control/did-you-mean.ts'
import { toJson } from '../../control/json-values.ts'
import {
  DeadLetterDesk,
  type DiscardOutcome,
  defaultAttemptsMax,
  type FullLetter,
  type Letter,
  type LetterFilter,
  type LetterKind,
  letterName,
  letterNamed,
  type RecordPlace,
  type ReplayOutcome,
} from '../../streams/index.ts'
import { CommandFailed, exitCodes, UsageError } from '../failure.ts'
import { orderTopologies, topologyNames } from '../order-topologies.ts'
import { columns, counted, out, tell, timeOf } from '../output.ts'
import { type Platform, withPlatform } from '../platform.ts'
import { makesWhatIsMissing } from '../prepare.ts'
import { orderRejections } from '../rejections.ts'
import {
  addPlaceOptions,
  type CommandContext,
  type ConfigOptions,
  placeConfigOf,
  wholeNumber,
} from './command-context.ts'

interface KindOptions extends ConfigOptions {
  readonly rejections?: boolean
}

interface ListOptions extends KindOptions {
  readonly limit: number
  readonly settled?: boolean
  readonly json?: boolean
}

interface FilterOptions extends KindOptions {
  readonly topology?: string
  readonly code?: string
  readonly operator?: string
  readonly topic?: string
}

interface ReplayOptions extends FilterOptions {
  readonly rate?: number
  readonly beyondMaxAttempts?: boolean
}

interface DiscardOptions extends FilterOptions {
  readonly reason: string
}

/** A letter with the number that it has in the list of all of its kind. */
interface NumberedLetter {
  readonly number: number
  readonly state: 'PENDING' | 'REPLAYED' | 'DISCARDED'
  readonly full: FullLetter
  readonly desk: DeadLetterDesk
}

const shownCharacters = 60

export function addDeadLettersCommand(program: Command, context: CommandContext): void {
  const deadLetters = program
    .command('dead-letters')
    .summary('look into the dead letters of a stopped data directory, or of a cluster, and replay them')
  const list = deadLetters
    .command('list')
    .description(
      'Lists the records that could not be processed and were not replayed or discarded, the oldest first.',
    )
    .argument('[topology]', `only those of one of ${topologyNames.join(', ')}`)
    .option('--limit <n>', 'dead letters at most', wholeNumber('--limit', 1), 100)
    .option('--settled', 'those that were replayed or discarded, too')
    .option('--json', 'one JSON object a line')
  addKindOptions(list).action(async (topology: string | undefined, options: ListOptions) => {
    await listLetters(topology, options)
    context.exitCode = exitCodes.done
  })
  const show = deadLetters
    .command('show')
    .description('Shows one dead letter: why, where it came from, and the record as it was.')
    .argument('<letter>', 'its number in the list of all, or its name')
    .option('--json', 'as JSON')
  addKindOptions(show)
    .addHelpText(
      'after',
      '\nExample:\n  order-streams dead-letters list && order-streams dead-letters show 1',
    )
    .action(async (letter: string, options: KindOptions & { readonly json?: boolean }) => {
      await showLetter(letter, options)
      context.exitCode = exitCodes.done
    })
  const replay = deadLetters
    .command('replay')
    .description(
      'Sends records through the topology that failed on them again, each once: one by its number or name, or all of a topology. A ' +
        'stopped data directory processes them when it is started again.',
    )
    .argument('[letter]', 'its number in the list of all, or its name')
    .option('--rate <n>', 'records a second at most', rate)
    .option('--beyond-max-attempts', `also those that were attempted ${defaultAttemptsMax} times or more`)
  addFilterOptions(replay)
    .addHelpText(
      'after',
      `
Examples:
  order-streams dead-letters replay 1
  order-streams dead-letters replay --topology ingest --code ORDER_NOT_JSON --rate 50
  order-streams dead-letters replay --topology cleanse --rejections`,
    )
    .action(async (letter: string | undefined, options: ReplayOptions) => {
      await (letter === undefined ? replayAll(options) : replayOne(letter, options))
      context.exitCode = exitCodes.done
    })
  const discard = deadLetters
    .command('discard')
    .description('Marks dead letters as done with: they are not listed any more, and not replayed.')
    .argument('[letter]', 'its number in the list of all, or its name')
    .requiredOption('--reason <text>', 'why nobody needs to process them')
  addFilterOptions(discard)
    .addHelpText('after', '\nExample:\n  order-streams dead-letters discard 1 --reason "a test order"')
    .action(async (letter: string | undefined, options: DiscardOptions) => {
      if (options.reason.trim() === '')
        throw new UsageError('--reason is empty: say why nobody needs to process them')
      await (letter === undefined ? discardAll(options) : discardOne(letter, options))
      context.exitCode = exitCodes.done
    })
}

function addKindOptions(command: Command): Command {
  return addPlaceOptions(
    command.option('--rejections', 'orders that were rejected by the rules, not those that failed'),
    'registryUrl',
  )
}

function addFilterOptions(command: Command): Command {
  return addKindOptions(
    command
      .option('--topology <name>', `all of one of ${topologyNames.join(', ')}`)
      .option('--code <code>', 'of those only the ones with this code')
      .option('--operator <name>', 'of those only the ones that this operator failed on')
      .option('--topic <name>', 'of those only the ones whose record is in this topic'),
  )
}

function rate(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('it must be a number above 0, such as 50 or 0.5')
}

async function listLetters(topology: string | undefined, options: ListOptions): Promise<void> {
  if (topology !== undefined) checkTopology(topology)
  await withDesks(options, 'look', async (desks) => {
    const letters = (await numbered(desks, kindOf(options))).filter(
      ({ full, state }) =>
        (topology === undefined || full.letter.topology === topology) &&
        (state === 'PENDING' || options.settled === true),
    )
    const listed = letters.slice(0, options.limit)
    if (options.json === true) {
      for (const letter of listed) out(JSON.stringify(asJson(letter)))
      return
    }
    const noun = options.rejections === true ? 'rejection' : 'dead letter'
    if (letters.length === 0) return tell(`there are no ${noun}s`)
    const rows = listed.map(({ number, state, full: { letter } }) => [
      String(number),
      timeOf(letter.failedTimeMs),
      letter.topology,
      placeText(letter.record),
      ...(options.settled === true ? [state] : []),
      letter.codes.join(','),
      letter.message.length > shownCharacters
        ? `${letter.message.slice(0, shownCharacters)}…`
        : letter.message,
    ])
    const state = options.settled === true ? ['STATE'] : []
    out(columns([['NUMBER', 'FAILED', 'TOPOLOGY', 'RECORD', ...state, 'CODE', 'MESSAGE'], ...rows], [true]))
    if (listed.length < letters.length)
      tell(`these are the first of ${counted(letters.length, noun)}; --limit ${letters.length} lists all`)
  })
}

async function showLetter(text: string, options: KindOptions & { readonly json?: boolean }): Promise<void> {
  await withDesks(options, 'look', async (desks) => {
    const { desk, place } = await wanted(desks, text, options)
    const found = await desk.get(place)
    if (found === undefined) throw new UsageError(`there is no dead letter ${letterName(place)}`)
    const { letter, content, status } = found
    if (options.json === true) {
      const full = { letter, content, key: content?.key ?? null }
      return out(JSON.stringify(asJson({ full, state: status?.state ?? 'PENDING' }), null, 2))
    }
    const where = letter.isRejection
      ? `the rules of ${letter.topology}`
      : `operator ${letter.operator} of sub-topology ${letter.subTopology} in ${letter.topology}`
    const settled =
      status === undefined
        ? []
        : [
            [
              'settled',
              [status.state, timeOf(status.settled_time), `by ${status.settled_by}`, status.reason ?? '']
                .join(' ')
                .trim(),
            ],
          ]
    const record =
      content === undefined
        ? [['value', 'the log no longer has the record']]
        : [
            ['key', String(toJson(content.key))],
            ...content.headers.map(({ key, value }) => [`header ${key}`, String(toJson(value))]),
            ['value', String(toJson(content.value))],
          ]
    out(
      columns(
        [
          ['why', `${letter.codes.join(', ')}: ${letter.message}`],
          ['where', where],
          ['record', `${placeText(letter.record)}, ${timeOf(letter.recordTimeMs)}`],
          ['failed', `${timeOf(letter.failedTimeMs)}, attempt ${letter.attempt}`],
          ...settled,
          ...record,
        ],
        [],
      ),
    )
  })
}

async function replayOne(text: string, options: ReplayOptions): Promise<void> {
  refuseFilter(options)
  await withDesks(options, 'change', async (desks) => {
    const { desk, place } = await wanted(desks, text, options)
    const beyondAttemptsMax = options.beyondMaxAttempts === true
    const outcome = await desk.replay(place, { by: whoCalls(), beyondAttemptsMax })
    if (outcome.kind !== 'replayed') throw new CommandFailed(whyNot(outcome))
    const { topic, partition } = outcome.letter.record
    tell(`replayed as ${placeText({ topic, partition, offset: outcome.status.replayed_as?.offset ?? -1 })}`)
  })
}

async function replayAll(options: ReplayOptions): Promise<void> {
  await withDesks(options, 'change', async (desks) => {
    const summary = await deskOf(desks, options).replayAll({
      kind: kindOf(options),
      filter: filterOf(options),
      by: whoCalls(),
      attemptsMax: options.beyondMaxAttempts === true ? undefined : defaultAttemptsMax,
      ...(options.rate === undefined ? {} : { recordsPerSecond: options.rate }),
    })
    const left = [
      [summary.triedEnough, `attempted ${defaultAttemptsMax} times or more (--beyond-max-attempts)`],
      [summary.waiting, 'behind one of their key that was left'],
      [summary.recordsGone, 'whose record the log no longer has'],
      [summary.notReplayable, 'that cannot be replayed (`dead-letters replay <number>` says why)'],
    ] as const
    tell(`replayed ${counted(summary.replayed, 'record')}`)
    for (const [count, why] of left) if (count > 0) tell(`left ${counted(count, 'record')} ${why}`)
  })
}

async function discardOne(text: string, options: DiscardOptions): Promise<void> {
  refuseFilter(options)
  await withDesks(options, 'change', async (desks) => {
    const { desk, place } = await wanted(desks, text, options)
    const outcome = await desk.discard(place, { by: whoCalls(), reason: options.reason })
    if (outcome.kind !== 'discarded') throw new CommandFailed(whyNot(outcome))
    tell('discarded')
  })
}

async function discardAll(options: DiscardOptions): Promise<void> {
  await withDesks(options, 'change', async (desks) => {
    const { reason } = options
    const which = { kind: kindOf(options), filter: filterOf(options), by: whoCalls(), reason }
    tell(`discarded ${counted(await deskOf(desks, options).discardAll(which), 'record')}`)
  })
}

function whyNot(
  outcome: Exclude<ReplayOutcome | DiscardOutcome, { readonly kind: 'replayed' | 'discarded' }>,
): string {
  switch (outcome.kind) {
    case 'settled': {
      const { state, settled_by, settled_time } = outcome.status
      return `it was ${state.toLowerCase()} by ${settled_by} at ${timeOf(settled_time)}`
    }
    case 'not-found':
      return 'the log has no such dead letter any more'
    case 'not-replayable':
      return `it cannot be replayed: ${outcome.why}`
    case 'record-gone':
      return `the log no longer has its record, ${placeText(outcome.letter.record)}: discard it`
    case 'tried-enough':
      return `it was attempted ${outcome.letter.attempt} times; once its cause is mended, --beyond-max-attempts replays it`
  }
}

/** @param work what is to be done: whoever only looks registers nothing in a cluster */
async function withDesks<T>(
  options: ConfigOptions,
  work: 'look' | 'change',
  use: (desks: readonly DeadLetterDesk[]) => Promise<T>,
): Promise<T> {
  const config = placeConfigOf(options)
  return withPlatform(config, { parts: ['registry'], mode: 'existing' }, async (platform: Platform) => {
    const { log, clock, logger } = platform
    const registry = await platform.openRegistry({
      registers: work === 'change' && makesWhatIsMissing(config),
    })
    return use(
      orderTopologies(topologyNames, config).map((topology) => {
        const rejections = topology.name === orderRejections.topology ? { rejections: orderRejections } : {}
        return new DeadLetterDesk({ log, clock, logger, registry, topology, ...rejections })
      }),
    )
  })
}

/** All of them, the oldest first, so that a number stays the same while new ones come. */
async function numbered(desks: readonly DeadLetterDesk[], kind: LetterKind): Promise<NumberedLetter[]> {
  const letters: Omit<NumberedLetter, 'number'>[] = []
  for (const desk of desks) {
    if (kind === 'rejections' && desk.topology.name !== orderRejections.topology) continue
    for await (const { status, ...full } of desk.all(kind, {}))
      letters.push({ full, state: status?.state ?? 'PENDING', desk })
  }
  // Sorting is stable: those of one moment stay in the order of their topology, partition and offset.
  return letters
    .sort((a, b) => a.full.letter.failedTimeMs - b.full.letter.failedTimeMs)
    .map((letter, index) => ({ number: index + 1, ...letter }))
}

/** @throws UsageError for a number or a name that there is not */
async function wanted(
  desks: readonly DeadLetterDesk[],
  text: string,
  options: KindOptions,
): Promise<{ readonly desk: DeadLetterDesk; readonly place: RecordPlace }> {
  const place = letterNamed(text)
  if (place !== undefined) {
    const desk = desks.find((one) => one.kindOf(place.topic) !== undefined)
    if (desk === undefined) throw new UsageError(`${place.topic} is no topic of dead letters`)
    return { desk, place }
  }
  const number = wholeNumber('the number', 1)(text)
  const letters = await numbered(desks, kindOf(options))
  const letter = letters[number - 1]
  if (letter === undefined) {
    const range = letters.length === 0 ? 'there are none' : `they have the numbers 1 to ${letters.length}`
    throw new UsageError(`there is no dead letter ${number}: ${range}`)
  }
  return { desk: letter.desk, place: letter.full.letter.place }
}

function deskOf(desks: readonly DeadLetterDesk[], { topology, rejections }: FilterOptions): DeadLetterDesk {
  if (topology === undefined)
    throw new UsageError('name a dead letter by its number, or a topology with --topology for all of it')
  checkTopology(topology)
  if (rejections === true && topology !== orderRejections.topology)
    throw new UsageError(`${topology} rejects nothing: only ${orderRejections.topology} does`)
  return desks.find((desk) => desk.topology.name === topology)!
}

function checkTopology(name: string): void {
  if (!topologyNames.includes(name))
    throw new UsageError(`there is no topology "${name}": ${suggestion(name, topologyNames)}`)
}

function refuseFilter({ topology, code, operator, topic }: FilterOptions): void {
  if ([topology, code, operator, topic].some((one) => one !== undefined))
    throw new UsageError('one dead letter is named, and others are asked for by options: leave one out')
}

function filterOf({ code, operator, topic }: FilterOptions): LetterFilter {
  return {
    ...(code === undefined ? {} : { code }),
    ...(operator === undefined ? {} : { operator }),
    ...(topic === undefined ? {} : { topic }),
  }
}

function kindOf({ rejections }: KindOptions): LetterKind {
  return rejections === true ? 'rejections' : 'dead-letters'
}

function placeText({ topic, partition, offset }: Letter['record']): string {
  return `${topic}-${partition} ${offset}`
}

function asJson({
  full,
  ...own
}: {
  readonly number?: number
  readonly state: string
  readonly full: FullLetter
}) {
  const { letter, content } = full
  const { number } = own
  return toJson({
    ...(number === undefined ? {} : { number }),
    name: letterName(letter.place),
    state: own.state,
    ...letter.record,
    timestamp: letter.recordTimeMs,
    key: content?.key ?? full.key,
    value: content?.value ?? null,
    headers: content?.headers ?? [],
    topology: letter.topology,
    sub_topology: letter.subTopology,
    operator: letter.operator,
    code: letter.codes.join(','),
    message: letter.message,
    failed_time: letter.failedTimeMs,
    attempt: letter.attempt,
  })
}

/** Who is told to have done it. */
function whoCalls(): string {
  try {
    return userInfo().username
  } catch {
    return 'command line'
  }
}
