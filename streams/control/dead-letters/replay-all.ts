/**
 * Replays letters one slice after the other: in the order in which they failed, no faster than is asked for.
 *
 * A letter that is left for having been tried enough keeps back those after it with the same key: what it would have done comes
 * before what they do, once somebody insists on it or discards it. One whose record is gone keeps nobody back.
 */
import type { Clock } from '../../ports/clock.ts'
import { Signal } from '../../runtime/signal.ts'
import type { FullLetter } from './letter.ts'
import type { LetterCopies } from './letter-copies.ts'
import type { LetterSettler, Settlement } from './letter-settler.ts'
import { checkGoesOn } from './reading.ts'

export interface ReplayAllOptions {
  readonly by: string
  /** At most, on average; undefined as fast as it goes. */
  readonly recordsPerSecond?: number
  /** Undefined allows any number of attempts. */
  readonly attemptsMax: number | undefined
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: {
    readonly step: 'counting' | 'replaying'
    readonly done: number
    readonly total: number
  }) => void
}

/** How many letters came to what. */
export interface ReplaySummary {
  replayed: number
  triedEnough: number
  recordsGone: number
  /** Behind one of their key that was left. */
  waiting: number
  notReplayable: number
}

interface ReplayParts {
  readonly clock: Clock
  readonly settler: LetterSettler
  readonly copies: LetterCopies
  /** Read twice: once to count them. */
  readonly pending: () => AsyncIterable<FullLetter>
}

const sliceMaxRecords = 100
const sliceMaxBytes = 256 * 1024
/** Slices are small enough for so many of them a second. */
const slicesPerSecond = 10

export async function replayAll(
  { clock, settler, copies, pending }: ReplayParts,
  { by, recordsPerSecond, attemptsMax, signal, onProgress = () => {} }: ReplayAllOptions,
): Promise<ReplaySummary> {
  const summary: ReplaySummary = { replayed: 0, triedEnough: 0, recordsGone: 0, waiting: 0, notReplayable: 0 }
  let total = 0
  onProgress({ step: 'counting', done: 0, total })
  for await (const _letter of pending()) total++
  const pace = new Pace(clock, recordsPerSecond, signal)
  const sliceMax = Math.min(
    sliceMaxRecords,
    Math.max(1, Math.floor((recordsPerSecond ?? Infinity) / slicesPerSecond)),
  )
  const heldBack = new Set<string>()
  let slice: Settlement[] = []
  let sliceBytes = 0
  let done = 0
  const send = async (): Promise<void> => {
    onProgress({ step: 'replaying', done, total })
    if (slice.length === 0) return
    await pace.waitFor(slice.length)
    const settled = await settler.settle(slice, signal)
    summary.replayed += settled.filter(({ isNew }) => isNew).length
    slice = []
    sliceBytes = 0
    onProgress({ step: 'replaying', done, total })
  }
  for await (const full of pending()) {
    const key = identityOf(full)
    if (key !== undefined && heldBack.has(key)) {
      summary.waiting++
      done++
      continue
    }
    const decision = await copies.decide(full, attemptsMax)
    switch (decision.kind) {
      case 'copy': {
        const { content } = decision.copy
        const status = { state: 'REPLAYED' as const, settled_time: clock.now(), settled_by: by, reason: null }
        const bytes = (content.key?.length ?? 0) + (content.value?.length ?? 0)
        if (sliceBytes + bytes > sliceMaxBytes) await send()
        slice.push({ place: full.letter.place, copy: decision.copy, status })
        sliceBytes += bytes
        break
      }
      case 'tried-enough':
        summary.triedEnough++
        if (key !== undefined) heldBack.add(key)
        break
      case 'record-gone':
        summary.recordsGone++
        break
      case 'not-replayable':
        summary.notReplayable++
    }
    done++
    if (slice.length >= sliceMax) await send()
  }
  await send()
  return summary
}

/** Names the key of a record; undefined without one, when nothing need wait for anything. */
function identityOf({ letter, key }: FullLetter): string | undefined {
  if (key === null) return undefined
  const { topic, partition } = letter.record
  return `${topic}/${partition}/${key.toString('latin1')}`
}

/** Lets through so many a second, and none more for having waited long. */
class Pace {
  private readonly clock: Clock
  private readonly perSecond: number | undefined
  private readonly signal: AbortSignal | undefined
  private readonly news: Signal
  private freeAtMs: number

  constructor(clock: Clock, perSecond: number | undefined, signal: AbortSignal | undefined) {
    this.clock = clock
    this.perSecond = perSecond
    this.signal = signal
    this.news = new Signal(clock)
    this.freeAtMs = clock.now()
  }

  /** @throws CLOSED */
  async waitFor(records: number): Promise<void> {
    if (this.perSecond === undefined) return
    const { signal } = this
    const wake = (): void => this.news.notify()
    signal?.addEventListener('abort', wake)
    try {
      await this.news.pause(this.freeAtMs - this.clock.now(), () => signal?.aborted === true)
    } finally {
      signal?.removeEventListener('abort', wake)
    }
    checkGoesOn(signal)
    this.freeAtMs = Math.max(this.freeAtMs, this.clock.now()) + (1000 * records) / this.perSecond
  }
}
