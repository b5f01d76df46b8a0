/**
 * Fetches for all readers of the log: one request to a broker carries every partition that wants more at that moment.
 *
 * Invariants:
 * 1. A cursor is in one request at most, and in none while its buffer is full or it is closed.
 *    A request asks for a partition once: cursors of several readers share it where they stand at the same offset, and
 *    else go in different requests.
 * 2. Each request under way has a lane, a connection of its own, since a broker holds a fetch back while it has nothing.
 *    A free lane takes at once what wants more. Two lanes at most wait for what had nothing the last time, so that waiting
 *    gathers in few requests; the last one is for newcomers and waits briefly.
 * 3. Passing failures are tried again with growing pauses, for ever: a reader waits for its log to come back. Only the
 *    partitions concerned pause; those of other brokers go on.
 */
import { messageOf, StreamsError } from '../../errors.ts'
import type { Timer } from '../../ports/clock.ts'
import type { TopicPartition } from '../../ports/log.ts'
import type { OwnConnection } from './connections.ts'
import type { Cursor } from './cursor.ts'
import { kafkaError } from './kafka-error.ts'
import type { Leaders } from './leaders.ts'
import { code, describeCode } from './protocol/error-codes.ts'
import { type FetchAnswer, type FetchedPartition, fetch } from './protocol/record-calls.ts'
import { isPassing } from './retrying.ts'

const lanesPerBroker = 3
const waitingLanes = 2
const lastLaneWaitMs = 20
const partitionBytes = 1024 * 1024
const answerBytes = 8 * 1024 * 1024
const firstPauseMs = 20
const longestPauseMs = 1000
/** Bytes may be damaged on their way; the same ones read again are damaged on the broker. */
const damagedTries = 3
/** So many request timeouts without a good answer are silence. */
const silentTimeouts = 3

interface Lane {
  connection: OwnConnection | undefined
  isFree: boolean
}

export class Fetcher {
  private readonly leaders: Leaders
  private readonly lanes = new Map<number, Lane[]>()
  /** What wants more and is in no request; in the order in which it shall be served. */
  private wanting = new Set<Cursor>()
  private pumpScheduled = false
  private readonly pausing = new Set<Timer>()
  private isClosed = false

  constructor(leaders: Leaders) {
    this.leaders = leaders
  }

  /** The cursor may want more now. */
  want(cursor: Cursor): void {
    if (!cursor.wantsMore || this.isClosed) return
    this.wanting.add(cursor)
    this.schedulePump()
  }

  forget(cursor: Cursor): void {
    this.wanting.delete(cursor)
  }

  /** Whether it has been asked for in vain for longer than a passing failure takes. */
  isSilent({ isOpen, unansweredSinceMs }: Cursor): boolean {
    if (!isOpen || unansweredSinceMs === undefined) return false
    const { clock, settings } = this.leaders
    return clock.now() - unansweredSinceMs > silentTimeouts * settings.requestTimeoutMs
  }

  close(): void {
    this.isClosed = true
    this.wanting.clear()
    for (const timer of this.pausing) timer.cancel()
    for (const lanes of this.lanes.values()) for (const { connection } of lanes) connection?.close()
  }

  private schedulePump(): void {
    if (this.pumpScheduled || this.isClosed) return
    this.pumpScheduled = true
    // What wants more in the same turn goes into the same request.
    void this.leaders.clock.yieldTurn().then(() => this.pump())
  }

  private async pump(): Promise<void> {
    const nowMs = this.leaders.clock.now()
    for (const cursor of this.wanting) cursor.unansweredSinceMs ??= nowMs
    try {
      await this.leaders.refreshStale([...this.wanting])
    } catch (error) {
      this.pumpScheduled = false
      this.failedToReach([...this.wanting], error)
      return
    }
    this.pumpScheduled = false
    if (this.isClosed) return
    const leaderless: Cursor[] = []
    for (const cursor of this.wanting) {
      if (this.leaders.isKnown(cursor)) cursor.unknownSinceMs = undefined
      else this.unknown(cursor)
      if (this.leaders.leaderOf(cursor) === undefined) leaderless.push(cursor)
    }
    this.wantLater(leaderless)
    for (const [leader, cursors] of this.leaders.byLeader([...this.wanting])) this.dispatch(leader, cursors)
  }

  private dispatch(leader: number, wanting: readonly Cursor[]): void {
    const lanes = this.lanes.get(leader) ?? []
    this.lanes.set(leader, lanes)
    const busy = lanes.filter(({ isFree }) => !isFree).length
    const cursors = atOneOffsetEach(
      busy < waitingLanes ? wanting : wanting.filter(({ hadNothing }) => !hadNothing),
    )
    if (cursors.length === 0 || busy === lanesPerBroker) return
    let lane = lanes.find(({ isFree }) => isFree)
    if (lane === undefined) {
      lane = { connection: undefined, isFree: true }
      lanes.push(lane)
    }
    lane.isFree = false
    const { fetchWaitMs } = this.leaders.settings
    const maxWaitMs = busy < waitingLanes ? fetchWaitMs : Math.min(lastLaneWaitMs, fetchWaitMs)
    for (const cursor of cursors) {
      this.wanting.delete(cursor)
      cursor.isAskedFor = true
    }
    void this.run(leader, lane, cursors, maxWaitMs)
    const others = wanting.filter(({ isAskedFor }) => !isAskedFor)
    if (others.length > 0) this.dispatch(leader, others)
  }

  private async run(
    leader: number,
    lane: Lane,
    cursors: readonly Cursor[],
    maxWaitMs: number,
  ): Promise<void> {
    const byPartition = new Map<string, Cursor[]>()
    for (const cursor of cursors) {
      const sharing = byPartition.get(nameOf(cursor))
      if (sharing === undefined) byPartition.set(nameOf(cursor), [cursor])
      else sharing.push(cursor)
    }
    const call = fetch(
      Array.from(byPartition.values(), ([first]) => {
        const { topic, partition, fetchOffset, maxBufferedBytes } = first!
        return { topic, partition, offset: fetchOffset, maxBytes: Math.min(partitionBytes, maxBufferedBytes) }
      }),
      { maxWaitMs, maxBytes: answerBytes },
    )
    try {
      lane.connection ??= await this.leaders.connections.openOwn(leader)
      const answer = await lane.connection.call(call)
      lane.isFree = true
      if (this.isClosed) return
      if (answer.errorCode !== code.none) throw kafkaError('fetching', answer.errorCode)
      this.receive(answer, byPartition)
    } catch (error) {
      lane.isFree = true
      lane.connection?.close()
      lane.connection = undefined
      for (const { topic } of cursors) this.leaders.markStale(topic)
      this.failedToReach(cursors, error)
    }
  }

  private receive(answer: FetchAnswer, asked: Map<string, Cursor[]>): void {
    const served: Cursor[] = []
    const hungry: Cursor[] = []
    const failed: Cursor[] = []
    for (const fetched of answer.partitions) {
      const { errorCode, value } = fetched
      for (const cursor of asked.get(nameOf(fetched)) ?? []) {
        if (!cursor.isOpen) continue
        cursor.isAskedFor = false
        const isGood =
          errorCode === code.none ? this.received(cursor, answer, value) : this.refused(cursor, errorCode)
        if (!isGood) failed.push(cursor)
        else (value.end > value.start ? served : hungry).push(cursor)
      }
      asked.delete(nameOf(fetched))
    }
    // An answer has all partitions that were asked for; one that it leaves out is asked for again.
    this.wantLater([...failed, ...[...asked.values()].flat()])
    // Who has waited, or got nothing, perhaps for want of room in the answer, is served first the next time.
    const others = this.wanting
    this.wanting = new Set()
    for (const cursor of [...others, ...hungry, ...served]) if (cursor.wantsMore) this.wanting.add(cursor)
    if (this.wanting.size > 0) this.schedulePump()
  }

  /** Answers whether the fetch was good; if not it has to be tried again, or the cursor has failed. */
  private received(cursor: Cursor, { bytes }: FetchAnswer, value: FetchedPartition): boolean {
    try {
      cursor.receive(bytes, value)
      cursor.hadNothing = value.end === value.start && value.lastStableOffset <= cursor.fetchOffset
      cursor.damagedCount = 0
      cursor.pauseMs = 0
      cursor.unansweredSinceMs = undefined
      return true
    } catch (error) {
      if (!(error instanceof StreamsError)) throw error
      if (++cursor.damagedCount >= damagedTries) cursor.fail(error)
      return false
    }
  }

  private refused(cursor: Cursor, errorCode: number): false {
    const { reaction } = describeCode(errorCode)
    if (reaction === 'fail')
      cursor.fail(kafkaError(`reading offset ${cursor.fetchOffset} of`, errorCode, cursor))
    if (reaction === 'refresh') this.leaders.markStale(cursor.topic)
    return false
  }

  /** A topic may be new and not known to every broker yet. */
  private unknown(cursor: Cursor): void {
    const { reaction } = describeCode(this.leaders.missingCode(cursor))
    const nowMs = this.leaders.clock.now()
    cursor.unknownSinceMs ??= nowMs
    const inGrace = nowMs - cursor.unknownSinceMs < this.leaders.settings.unknownTopicGraceMs
    if (inGrace && reaction !== 'fail') return
    cursor.fail(this.leaders.missing('reading', cursor))
  }

  private failedToReach(cursors: readonly Cursor[], error: unknown): void {
    if (this.isClosed) return
    if (!isPassing(error)) {
      for (const cursor of cursors) cursor.fail(error instanceof StreamsError ? error : defect(error))
    }
    this.wantLater(cursors)
    if (this.wanting.size > 0) this.schedulePump()
  }

  /** Those that are still open want more after a pause. */
  private wantLater(cursors: readonly Cursor[]): void {
    if (cursors.length === 0) return
    let pauseMs = firstPauseMs
    for (const cursor of cursors) {
      this.wanting.delete(cursor)
      cursor.isAskedFor = true
      cursor.hadNothing = false
      cursor.pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, cursor.pauseMs * 2))
      pauseMs = Math.max(pauseMs, cursor.pauseMs)
    }
    const timer = this.leaders.clock.setTimer(pauseMs, () => {
      this.pausing.delete(timer)
      for (const cursor of cursors) {
        cursor.isAskedFor = false
        this.want(cursor)
      }
    })
    this.pausing.add(timer)
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** Of each partition the first cursor, and all others that stand at its offset. */
function atOneOffsetEach(cursors: readonly Cursor[]): Cursor[] {
  const offsets = new Map<string, number>()
  return cursors.filter((cursor) => {
    const offset = offsets.get(nameOf(cursor)) ?? cursor.fetchOffset
    offsets.set(nameOf(cursor), offset)
    return offset === cursor.fetchOffset
  })
}

function defect(error: unknown): StreamsError {
  return new StreamsError('INVARIANT_VIOLATED', `a fetch failed: ${messageOf(error)}`, { cause: error })
}
