/**
 * The letters of a topology: lists them, finds them, sends them again and discards them. Any process may do so, whether it runs
 * the topology or not: all there is lies in the log.
 *
 * 1. A letter is settled once, by a replay or a discard, whoever asks and how often (letter-settler.ts).
 * 2. Replays of several keep the order per key: a letter waits for those before it that were left.
 */
import { StreamsError } from '../../errors.ts'
import type { Logger } from '../../ports/observability.ts'
import type { SchemaRegistry } from '../../ports/registry.ts'
import { deadLetterStatusTopic } from '../../runtime/internal-topics.ts'
import type { DeadLetterStatus } from '../../schemas/generated/records.ts'
import type { Topology } from '../../topology/topology.ts'
import type { FullLetter, Letter, LetterFilter, RecordContent, RecordPlace } from './letter.ts'
import { type CopyDecision, LetterCopies } from './letter-copies.ts'
import { LetterSettler, type SettleStep } from './letter-settler.ts'
import { LetterStatuses } from './letter-statuses.ts'
import { type OpenLetterTopic, openDeadLetters, type RejectionTopic } from './letter-topic.ts'
import { newestFirst, type PageCursor } from './newest-first.ts'
import { oldestFirst } from './oldest-first.ts'
import { checkGoesOn, type ReadingPorts, RecordFinder, settingsOf } from './reading.ts'
import { type ReplayAllOptions, type ReplaySummary, replayAll } from './replay-all.ts'

export interface DeadLetterDeskOptions extends ReadingPorts {
  readonly registry: SchemaRegistry
  readonly topology: Topology
  /** Where its rejections are, if it has any. */
  readonly rejections?: RejectionTopic
  readonly logger?: Logger
  /** For tests: told when a step of settling is done. */
  readonly onStep?: (step: SettleStep) => void | Promise<void>
}

/** Letters of which kind: of the engine, or of the application. */
export type LetterKind = 'dead-letters' | 'rejections'

/** A letter, and what has become of it; undefined while it is pending. */
export interface StatedLetter {
  readonly letter: Letter
  readonly status: DeadLetterStatus | undefined
}

/** A letter that is settled, and how. */
interface SettledLetter<Kind> {
  readonly kind: Kind
  readonly letter: Letter
  readonly status: DeadLetterStatus
}

/** `settled`: somebody had replayed or discarded it before. */
export type ReplayOutcome =
  | SettledLetter<'replayed'>
  | SettledLetter<'settled'>
  | ({ readonly letter: Letter } & Exclude<CopyDecision, { readonly kind: 'copy' }>)
  | { readonly kind: 'not-found' }

export type DiscardOutcome =
  | SettledLetter<'discarded'>
  | SettledLetter<'settled'>
  | { readonly kind: 'not-found' }

/** How often a record is processed before a replay has to be insisted on. */
export const defaultAttemptsMax = 3

const discardSliceMax = 500

export class DeadLetterDesk {
  readonly topology: Topology
  private readonly options: DeadLetterDeskOptions
  private readonly statuses: LetterStatuses
  private readonly settler: LetterSettler
  private readonly topics = new Map<LetterKind, Promise<OpenLetterTopic>>()

  constructor(options: DeadLetterDeskOptions) {
    this.options = options
    this.topology = options.topology
    const { name } = this.topology
    this.statuses = new LetterStatuses(options, deadLetterStatusTopic(name), options.registry)
    this.settler = new LetterSettler({ ...options, topology: name, statuses: this.statuses })
  }

  /** A page of letters, the newest first. A page may be short although others follow. */
  async list(request: {
    readonly kind: LetterKind
    readonly filter: LetterFilter
    /** Whether those that were replayed or discarded are meant too. */
    readonly withSettled: boolean
    readonly size: number
    readonly before: PageCursor | undefined
    readonly signal?: AbortSignal
    readonly offsetsMax?: number
  }): Promise<{ readonly letters: readonly StatedLetter[]; readonly next: PageCursor | undefined }> {
    const { kind, withSettled, ...page } = request
    const topic = await this.topic(kind)
    const { statuses } = this
    await statuses.refresh(request.signal)
    const { letters, next } = await newestFirst(this.options, topic, {
      ...page,
      isListed: ({ place }) => withSettled || statuses.of(place) === undefined,
    })
    return { letters: letters.map((letter) => this.stated(letter, statuses)), next }
  }

  /** A letter with its record, which is undefined when nothing has it any more. Undefined when there is no such letter. */
  async get(
    place: RecordPlace,
    signal?: AbortSignal,
  ): Promise<
    | (StatedLetter & {
        readonly content: RecordContent | undefined
        readonly notReplayable: string | undefined
      })
    | undefined
  > {
    const { statuses } = this
    await statuses.refresh(signal)
    const full = await this.find(place, signal)
    if (full === undefined) return undefined
    return this.withCopies(signal, async (copies) => {
      const stated = this.stated(full.letter, statuses)
      const content = await copies.contentOf(full)
      return { ...stated, content, notReplayable: await copies.whyNot(full.letter) }
    })
  }

  /** All letters of a kind that pass a filter, in the order in which they failed, with what has become of them as of the call. */
  async *all(
    kind: LetterKind,
    filter: LetterFilter,
    signal?: AbortSignal,
  ): AsyncGenerator<FullLetter & { readonly status: DeadLetterStatus | undefined }> {
    const topic = await this.topic(kind)
    const { statuses } = this
    await statuses.refresh(signal)
    for await (const full of oldestFirst(this.options, topic, filter, signal)) {
      const { letter, status } = this.stated(full.letter, statuses)
      yield { ...full, letter, status }
    }
  }

  /** Sends a letter's record through the topology again, once. */
  async replay(
    place: RecordPlace,
    request: { readonly by: string; readonly beyondAttemptsMax?: boolean; readonly signal?: AbortSignal },
  ): Promise<ReplayOutcome> {
    const { by, signal } = request
    const { statuses, settler } = this
    await statuses.refresh(signal)
    const found = await this.find(place, signal)
    if (found === undefined) return { kind: 'not-found' }
    const { letter, status } = this.stated(found.letter, statuses)
    if (status !== undefined) return { kind: 'settled', letter, status }
    return this.withCopies(signal, async (copies) => {
      const attemptsMax = request.beyondAttemptsMax === true ? undefined : defaultAttemptsMax
      const decision = await copies.decide({ ...found, letter }, attemptsMax)
      if (decision.kind !== 'copy') return { letter, ...decision }
      const settlement = {
        place,
        copy: decision.copy,
        status: {
          state: 'REPLAYED' as const,
          settled_time: this.options.clock.now(),
          settled_by: by,
          reason: null,
        },
      }
      const [settled] = await settler.use(() => settler.settle([settlement], signal))
      return { kind: settled!.isNew ? 'replayed' : 'settled', letter, status: settled!.status }
    })
  }

  /** Sends all pending letters of a filter again, in the order in which they failed. What fails anew meanwhile is not of them. */
  async replayAll(
    request: ReplayAllOptions & { readonly kind: LetterKind; readonly filter: LetterFilter },
  ): Promise<ReplaySummary> {
    const { kind, filter, signal } = request
    const { settler } = this
    const pending = () => this.pending(kind, filter, signal)
    return this.withCopies(signal, (copies) =>
      settler.use(() => replayAll({ clock: this.options.clock, settler, copies, pending }, request)),
    )
  }

  /** @param reason why, for others; it must say something */
  async discard(
    place: RecordPlace,
    request: { readonly by: string; readonly reason: string; readonly signal?: AbortSignal },
  ): Promise<DiscardOutcome> {
    const { statuses, settler } = this
    await statuses.refresh(request.signal)
    const found = await this.find(place, request.signal)
    if (found === undefined) return { kind: 'not-found' }
    const { letter } = this.stated(found.letter, statuses)
    const [settled] = await settler.use(() =>
      settler.settle([this.discarded(place, request)], request.signal),
    )
    return { kind: settled!.isNew ? 'discarded' : 'settled', letter, status: settled!.status }
  }

  /** Answers how many were. */
  async discardAll(request: {
    readonly kind: LetterKind
    readonly filter: LetterFilter
    readonly by: string
    readonly reason: string
    readonly signal?: AbortSignal
  }): Promise<number> {
    const { kind, filter, signal } = request
    const { settler } = this
    return settler.use(async () => {
      let discarded = 0
      let slice: RecordPlace[] = []
      const settle = async (): Promise<void> => {
        if (slice.length === 0) return
        const settled = await settler.settle(
          slice.map((place) => this.discarded(place, request)),
          signal,
        )
        discarded += settled.filter(({ isNew }) => isNew).length
        slice = []
      }
      for await (const { letter } of this.pending(kind, filter, signal)) {
        slice.push(letter.place)
        if (slice.length === discardSliceMax) await settle()
      }
      await settle()
      return discarded
    })
  }

  /** The kind of letters that a topic holds; undefined for a topic without letters of this topology. */
  kindOf(topic: string): LetterKind | undefined {
    if (topic === this.options.rejections?.topic) return 'rejections'
    return topic === `${this.topology.name}-dead-letter` ? 'dead-letters' : undefined
  }

  private async *pending(
    kind: LetterKind,
    filter: LetterFilter,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<FullLetter> {
    for await (const full of this.all(kind, filter, signal)) if (full.status === undefined) yield full
  }

  private discarded(place: RecordPlace, { by, reason }: { readonly by: string; readonly reason: string }) {
    if (reason.trim() === '')
      throw new StreamsError(
        'CONFIGURATION_INVALID',
        'reason: is empty; say why the dead letter is discarded',
      )
    const status = {
      state: 'DISCARDED' as const,
      settled_time: this.options.clock.now(),
      settled_by: by,
      reason,
    }
    return { place, status, copy: undefined }
  }

  private stated(letter: Letter, statuses: LetterStatuses): StatedLetter {
    const status = statuses.of(letter.place)
    if (!letter.isRejection) return { letter, status }
    return { letter: { ...letter, attempt: 1 + statuses.attemptsBefore(letter.record) }, status }
  }

  private async find(place: RecordPlace, signal: AbortSignal | undefined): Promise<FullLetter | undefined> {
    const kind = this.kindOf(place.topic)
    if (kind === undefined) return undefined
    const topic = await this.topic(kind)
    const settings = await settingsOf(this.options, place.topic)
    if (settings === undefined || place.partition >= settings.partitions) return undefined
    const finder = new RecordFinder(this.options, signal)
    try {
      const found = await finder.find(place)
      return found === undefined ? undefined : await topic.letterAt(found.batch, found.index)
    } finally {
      await finder.close()
      checkGoesOn(signal)
    }
  }

  private async withCopies<T>(
    signal: AbortSignal | undefined,
    work: (copies: LetterCopies) => Promise<T>,
  ): Promise<T> {
    const copies = new LetterCopies(this.options, this.topology, signal)
    try {
      return await work(copies)
    } finally {
      await copies.close()
    }
  }

  private topic(kind: LetterKind): Promise<OpenLetterTopic> {
    const known = this.topics.get(kind)
    if (known !== undefined) return known
    const opening = this.openTopic(kind)
    this.topics.set(kind, opening)
    opening.catch(() => this.topics.delete(kind))
    return opening
  }

  private async openTopic(kind: LetterKind): Promise<OpenLetterTopic> {
    const { registry, rejections, topology } = this.options
    if (kind === 'dead-letters') return openDeadLetters(topology.name, registry)
    if (rejections === undefined)
      throw new StreamsError('CONFIGURATION_INVALID', `topology ${topology.name} has no rejections`)
    return rejections.open(registry)
  }
}
