/**
 * Combining sessions before the network: the records that one task sees of a session between two commits cross the repartition
 * topic as one, a session of their own, which is merged with what it touches there.
 *
 * Whether a record is late is judged here, alone: see session-aggregate.ts. What is sent was judged: a watermark never
 * overtakes the commit that it comes with.
 */
import type { Codec, Serde } from '../serde/serde.ts'
import type { Topic } from '../serde/topic.ts'
import type { SessionWindows } from '../time/session-windows.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import type { Fold } from './aggregate.ts'
import { isBehind, type SessionFolding, type SessionPartial } from './session-aggregate.ts'

/** More of them than this in one commit interval are sent in several parts: memory stays bounded. */
const maxPartials = 50_000

interface Held<K, A> {
  readonly key: K
  /** They lie more than a gap apart. */
  sessions: readonly SessionPartial<A>[]
}

export interface SessionCombining<K, A> {
  readonly windows: SessionWindows
  readonly between: Topic<K, SessionPartial<A>>
}

/** The operator in front of the repartition topic. @param late gets the records that are late */
export function combineSessions<K, V, A>(
  task: TaskContext,
  node: GraphNode,
  { windows, between }: SessionCombining<K, A>,
  folding: SessionFolding<K, V, A>,
  next: Receiver<K, SessionPartial<A>>,
  late: Receiver<K, V> | undefined,
): Receiver<K, V> {
  const add =
    task.emission === 'every-update'
      ? eachAlone(folding.fold, next)
      : untilCommit(task, node, windows.gapMs, task.identity(between), folding, next)
  return (key, value, timestampMs) => {
    task.enter(node)
    if (!isBehind(windows, timestampMs, task.time.recordWatermarkMs)) {
      add(key, value, timestampMs)
      return
    }
    task.dropped(node, 'late')
    late?.(key, value, timestampMs)
  }
}

function eachAlone<K, V, A>(fold: Fold<K, V, A>, next: Receiver<K, SessionPartial<A>>): Receiver<K, V> {
  return (key, value, timestampMs) => {
    const aggregate = fold.first(value, key) ?? null
    if (aggregate !== null) next(key, { startMs: timestampMs, endMs: timestampMs, aggregate }, timestampMs)
  }
}

function untilCommit<K, V, A>(
  task: TaskContext,
  node: GraphNode,
  gapMs: number,
  identity: (key: K) => unknown,
  { fold, merge }: SessionFolding<K, V, A>,
  next: Receiver<K, SessionPartial<A>>,
): Receiver<K, V> {
  const held = new Map<unknown, Held<K, A>>()
  let count = 0
  const flush = (): boolean => {
    if (count === 0) return false
    const judgedBy = task.time.recordWatermarkMs
    task.time.happenedAt(Number.NEGATIVE_INFINITY)
    for (const { key, sessions } of held.values()) for (const one of sessions) next(key, one, one.endMs)
    task.time.happenedAt(judgedBy)
    held.clear()
    count = 0
    return true
  }
  task.onCommit(node, flush)
  return (key, value, timestampMs) => {
    const id = identity(key)
    const known = held.get(id)?.sessions ?? []
    const isNear = ({ startMs, endMs }: SessionPartial<A>): boolean =>
      startMs - gapMs <= timestampMs && timestampMs <= endMs + gapMs
    const near = known.filter(isNear)
    const [first, ...others] = near
    const joined = others.reduce<A | undefined>(
      (left, { aggregate }) => (left === undefined ? undefined : merge(left, aggregate)),
      first?.aggregate,
    )
    const aggregate = (joined === undefined ? fold.first(value, key) : fold.add(joined, value, key)) ?? null
    const sessions = near.length === 0 ? [...known] : known.filter((one) => !isNear(one))
    if (aggregate !== null) {
      const startMs = Math.min(timestampMs, ...near.map((one) => one.startMs))
      const endMs = Math.max(timestampMs, ...near.map((one) => one.endMs))
      sessions.push({ startMs, endMs, aggregate })
    }
    count += sessions.length - known.length
    held.set(id, { key, sessions: sessions.sort((a, b) => a.endMs - b.endMs) })
    if (count >= maxPartials) flush()
  }
}

const boundsBytes = 16

/** Bytes: the session's start and end as big-endian float64, then the aggregate. */
export function sessionPartialSerde<A>(aggregates: Serde<A>): Serde<SessionPartial<A>> {
  return {
    name: `session(${aggregates.name})`,
    nullable: false,
    // An aggregate is never null: there is nothing then, which is not sent.
    open: async (context) => sessionPartialCodec((await aggregates.open(context)) as Codec<A>),
  }
}

function sessionPartialCodec<A>(aggregates: Codec<A>): Codec<SessionPartial<A>> {
  const loadSchema = aggregates.loadSchema?.bind(aggregates)
  return {
    encode({ startMs, endMs, aggregate }, writer) {
      writer.float64(startMs)
      writer.float64(endMs)
      aggregates.encode(aggregate, writer)
    },
    decode: (bytes, start, end) => ({
      startMs: bytes.readDoubleBE(start),
      endMs: bytes.readDoubleBE(start + 8),
      aggregate: aggregates.decode(bytes, start + boundsBytes, end),
    }),
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}
