/**
 * Combining windows before the network: what one task aggregates of a key's window between two commits crosses the repartition
 * topic as one record. It goes under the key alone, so that all windows of a key lie in one partition.
 *
 * Whether a record is late is judged here, where its own time is known. What is sent was judged: it is late to nobody, for a
 * watermark never overtakes the commit that it comes with.
 */

import type { Codec, Serde } from '../serde/serde.ts'
import type { Topic } from '../serde/topic.ts'
import type { TimeWindows } from '../time/windows.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import type { Fold } from './aggregate.ts'
import { intoWindows, openToRecord } from './windowed-aggregate.ts'

/** The aggregate of a part of a window's records. */
export interface WindowPartial<A> {
  readonly startMs: number
  readonly aggregate: A
}

/** More of them than this in one commit interval are sent in several parts: memory stays bounded. */
const maxPartials = 50_000

interface Held<K, A> {
  readonly key: K
  aggregate: A
  timestampMs: number
}

export interface CombiningTarget<K, A> {
  readonly windows: TimeWindows
  readonly between: Topic<K, WindowPartial<A>>
}

/** The operator in front of the repartition topic. @param late gets the records that no window is open to */
export function combineWindows<K, V, A>(
  task: TaskContext,
  node: GraphNode,
  { windows, between }: CombiningTarget<K, A>,
  fold: Fold<K, V, A>,
  next: Receiver<K, WindowPartial<A>>,
  late: Receiver<K, V> | undefined,
): Receiver<K, V> {
  const add =
    task.emission === 'every-update'
      ? eachAlone(fold, next)
      : untilCommit(task, node, task.identity(between), fold, next)
  return intoWindows(task, windows, { node, firstOpenMs: openToRecord(task, windows) }, add, late)
}

type Add<K, V> = (startMs: number, key: K, value: V, timestampMs: number) => void

function eachAlone<K, V, A>(fold: Fold<K, V, A>, next: Receiver<K, WindowPartial<A>>): Add<K, V> {
  return (startMs, key, value, timestampMs) => {
    const aggregate = fold.first(value, key)
    if (aggregate !== null) next(key, { startMs, aggregate }, timestampMs)
  }
}

function untilCommit<K, V, A>(
  task: TaskContext,
  node: GraphNode,
  identity: (key: K) => unknown,
  fold: Fold<K, V, A>,
  next: Receiver<K, WindowPartial<A>>,
): Add<K, V> {
  const windows = new Map<number, Map<unknown, Held<K, A>>>()
  let count = 0
  let recentStartMs = Number.NaN
  let recent = new Map<unknown, Held<K, A>>()
  const flush = (): boolean => {
    if (count === 0) return false
    const judgedBy = task.time.recordWatermarkMs
    task.time.happenedAt(Number.NEGATIVE_INFINITY)
    for (const [startMs, partials] of windows) {
      for (const { key, aggregate, timestampMs } of partials.values())
        next(key, { startMs, aggregate }, timestampMs)
    }
    task.time.happenedAt(judgedBy)
    windows.clear()
    count = 0
    recentStartMs = Number.NaN
    return true
  }
  task.onCommit(node, flush)
  return (startMs, key, value, timestampMs) => {
    task.enter(node)
    if (startMs !== recentStartMs) {
      recent = windows.get(startMs) ?? new Map()
      windows.set(startMs, recent)
      recentStartMs = startMs
    }
    const id = identity(key)
    const held = recent.get(id)
    const aggregate = held === undefined ? fold.first(value, key) : fold.add(held.aggregate, value, key)
    if (aggregate === null) {
      if (recent.delete(id)) count--
    } else if (held === undefined) {
      recent.set(id, { key, aggregate, timestampMs })
      count++
    } else {
      held.aggregate = aggregate
      if (timestampMs > held.timestampMs) held.timestampMs = timestampMs
    }
    if (count >= maxPartials) flush()
  }
}

const startBytes = 8

/** Bytes: the window's start as a big-endian float64, then the aggregate. */
export function windowPartialSerde<A>(aggregates: Serde<A>): Serde<WindowPartial<A>> {
  return {
    name: `window(${aggregates.name})`,
    nullable: false,
    // An aggregate is never null: there is nothing then, which is not sent.
    open: async (context) => windowPartialCodec((await aggregates.open(context)) as Codec<A>),
  }
}

function windowPartialCodec<A>(aggregates: Codec<A>): Codec<WindowPartial<A>> {
  const loadSchema = aggregates.loadSchema?.bind(aggregates)
  return {
    encode({ startMs, aggregate }, writer) {
      writer.float64(startMs)
      aggregates.encode(aggregate, writer)
    },
    decode: (bytes, start, end) => ({
      startMs: bytes.readDoubleBE(start),
      aggregate: aggregates.decode(bytes, start + startBytes, end),
    }),
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}
