/** What the commands for dead letters do. */
import { userInfo } from 'node:os'
import { toJson } from '../../control/json-values.ts'
import {
  type DiscardOutcome,
  defaultAttemptsMax,
  type FullLetter,
  type Letter,
  letterName,
  type ReplayOutcome,
} from '../../streams/index.ts'
import { CommandFailed, UsageError } from '../failure.ts'
import { columns, counted, out, tell, timeOf } from '../output.ts'
import {
  checkTopology,
  deskOf,
  type FilterOptions,
  filterOf,
  type KindOptions,
  kindOf,
  numbered,
  refuseFilter,
  wanted,
  withDesks,
} from './dead-letter-desks.ts'

export interface ListOptions extends KindOptions {
  readonly limit: number
  readonly settled?: boolean
  readonly json?: boolean
}

export interface ReplayOptions extends FilterOptions {
  readonly rate?: number
  readonly beyondMaxAttempts?: boolean
}

export interface DiscardOptions extends FilterOptions {
  readonly reason: string
}

const shownCharacters = 60

export async function listLetters(topology: string | undefined, options: ListOptions): Promise<void> {
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

export async function showLetter(
  text: string,
  options: KindOptions & { readonly json?: boolean },
): Promise<void> {
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

export async function replayOne(text: string, options: ReplayOptions): Promise<void> {
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

export async function replayAll(options: ReplayOptions): Promise<void> {
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

export async function discardOne(text: string, options: DiscardOptions): Promise<void> {
  refuseFilter(options)
  await withDesks(options, 'change', async (desks) => {
    const { desk, place } = await wanted(desks, text, options)
    const outcome = await desk.discard(place, { by: whoCalls(), reason: options.reason })
    if (outcome.kind !== 'discarded') throw new CommandFailed(whyNot(outcome))
    tell('discarded')
  })
}

export async function discardAll(options: DiscardOptions): Promise<void> {
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
