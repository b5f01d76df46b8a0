/**
 * Joins of two streams: pairs of records with the same key whose times lie within a window of each other.
 *
 * Invariants:
 * 1. A record is late, and left out, when its window had closed by the watermark of the input that it came by. Of the others all
 *    that lie in each other's windows are paired, whichever comes first.
 * 2. Where unmatched records are results, a record's window takes no partner any more that came, by the watermark of its own
 *    input, after the window had closed. So a record is passed on without a partner once for ever, when the task's watermark, which
 *    is never ahead of an input's, has passed its window: that result is final.
 * 3. Both judge by what is stored with each record, so the results are the same however the inputs interleave.
 */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import type { GraphNode } from '../topology/graph.ts'
import { StreamNode } from '../topology/stream-node.ts'
import type { Alarm, Receiver, TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import type { KStream } from './kstream.ts'
import { type BufferSpec, RecordBuffer, recordBuffer } from './record-buffer.ts'

/** How far apart the times of a pair may be. */
export type JoinWindow =
  | { readonly withinMs: number }
  /** The other's time lies between this one's less `beforeMs` and this one's plus `afterMs`, of which one may be negative. */
  | { readonly beforeMs: number; readonly afterMs: number }

export type WindowJoinOptions<K, V, V2> = JoinWindow & {
  /** Names the join; its buffers, and repartition topics where a key was changed, are `<store>-left` and `<store>-right`. */
  readonly store: string
  /** How long, by the watermark, a window stays open after its end for records that come out of order. 0 by default. */
  readonly graceMs?: number
  readonly key?: Serde<NonNullable<K>>
  readonly value?: Serde<V>
  readonly otherValue?: Serde<V2>
  /** Gives the records that came too late, and those of the other stream that did. */
  lateTo?(late: KStream<K, V>): void
  otherLateTo?(late: KStream<K, V2>): void
}

export type WindowJoinType = 'inner' | 'left' | 'outer'

interface Bounds {
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
}

/** One side of a join. */
interface SideSpec<K, V> {
  readonly buffer: BufferSpec<NonNullable<K>, NonNullable<V>>
  /** How much older a partner may be than a record of this side, and how much newer. */
  readonly backMs: number
  readonly aheadMs: number
  /** How long after its time a record's window is open. */
  readonly openMs: number
  /** Whether its unmatched records are results. */
  readonly isOuter: boolean
  readonly takesNullKeys: boolean
  /** Whether it counts what it drops: of a stream that is joined with itself one side does. */
  readonly counts: boolean
}

/** A side in one task. */
interface Side<K, V> {
  readonly spec: SideSpec<K, V>
  readonly buffer: RecordBuffer<NonNullable<K>, NonNullable<V>>
  readonly alarm: Alarm | undefined
}

/** Makes the result of a pair, in whatever order of sides; null stands for the one that is missing. */
type PairJoiner<K, V, V2, R> = (own: V | null, other: V2 | null, key: K) => R

export function joinStreams<K, VL, VR, R>(
  build: BuildContext,
  left: KStream<K, VL>,
  right: KStream<K, VR>,
  type: WindowJoinType,
  options: WindowJoinOptions<K, VL, VR>,
  joiner: PairJoiner<K, NonNullable<VL>, NonNullable<VR>, R>,
): KStream<K, R> {
  const names = { left: `${options.store}-left`, right: `${options.store}-right` }
  const [leftInput, rightInput] = [
    coPartitioned(build, left, names.left, options.key, options.value),
    coPartitioned(build, right, names.right, options.key, options.otherValue),
  ]
  const bounds = boundsOf(options)
  const { beforeMs, afterMs } = bounds
  const isSelfJoin = left.node.node === right.node.node
  const leftSide = sideSpec(build, leftInput, names.left, bounds, {
    backMs: beforeMs,
    aheadMs: afterMs,
    takesNullKeys: type !== 'inner',
    // Of a record that both sides take, the one that is late first speaks for both.
    counts: !isSelfJoin || afterMs <= beforeMs,
    isSelfJoin,
  })
  const rightSide = sideSpec(build, rightInput, names.right, bounds, {
    backMs: afterMs,
    aheadMs: beforeMs,
    takesNullKeys: type === 'outer',
    counts: !isSelfJoin || beforeMs < afterMs,
    isSelfJoin,
  })
  const node = build.graph.add({
    name: options.store,
    role: { kind: 'operator', operator: `${type} join of streams`, coPartitioned: true, usesTime: true },
    parents: [...new Set([leftInput.node.node, rightInput.node.node])],
    stores: [leftSide.buffer, rightSide.buffer],
  })
  const joined = new StreamNode<K, R>(node)
  const lateLeft = lateStream(build, node, `${names.left}-late`, leftInput, options.lateTo)
  const lateRight = lateStream(build, node, `${names.right}-late`, rightInput, options.otherLateTo)
  const swapped: PairJoiner<K, NonNullable<VR>, NonNullable<VL>, R> = (own, other, key) =>
    joiner(other, own, key)
  const ofTask = new WeakMap<TaskContext, { left: Receiver<K, VL>; right: Receiver<K, VR> }>()
  const receivers = (task: TaskContext) => {
    let made = ofTask.get(task)
    if (made === undefined) {
      const next = joined.compile(task)
      const l = openSide(task, node, leftSide, next, joiner)
      const r = openSide(task, node, rightSide, next, swapped)
      made = {
        left: intoSide(task, node, l, r, next, joiner, lateLeft?.compile(task)),
        right: intoSide(task, node, r, l, next, swapped, lateRight?.compile(task)),
      }
      ofTask.set(task, made)
    }
    return made
  }
  leftInput.node.attach((task) => receivers(task).left)
  rightInput.node.attach((task) => receivers(task).right)
  return build.stream(joined, {
    keySerde: leftInput.traits.keySerde ?? rightInput.traits.keySerde,
    valueSerde: undefined,
    keyChanged: false,
    fromSource: false,
  })
}

/** Takes the records of a side: pairs each with those of the other, and keeps it for those to come. */
function intoSide<K, V, V2, R>(
  task: TaskContext,
  node: GraphNode,
  { spec, buffer, alarm }: Side<K, V>,
  other: Side<K, V2>,
  next: Receiver<K, R>,
  joiner: PairJoiner<K, NonNullable<V>, NonNullable<V2>, R>,
  late: Receiver<K, V> | undefined,
): Receiver<K, V> {
  const { openMs, isOuter, backMs, aheadMs } = spec
  const { isOuter: otherIsOuter, openMs: otherOpenMs } = other.spec
  return (key, value, timestampMs) => {
    if (value === null || value === undefined) {
      if (spec.counts) task.dropped(node, 'null-value')
      return
    }
    if (key === null || key === undefined) {
      if (!spec.takesNullKeys) {
        if (spec.counts) task.dropped(node, 'null-key')
        return
      }
      task.enter(node)
      next(key, joiner(value, null, key), timestampMs)
      return
    }
    const { recordWatermarkMs } = task.time
    if (timestampMs + openMs < recordWatermarkMs || (isOuter && buffer.isClosed(timestampMs))) {
      if (spec.counts) task.dropped(node, 'late')
      late?.(key, value, timestampMs)
      return
    }
    let waits = isOuter
    other.buffer.meet(key, timestampMs - backMs, timestampMs + aheadMs, (partner) => {
      if (isOuter && partner.judgedByMs > timestampMs + openMs) return false
      if (otherIsOuter && recordWatermarkMs > partner.timestampMs + otherOpenMs) return false
      task.enter(node)
      next(key, joiner(value, partner.value, key), Math.max(timestampMs, partner.timestampMs))
      waits = false
      return partner.waits
    })
    buffer.add(key, { timestampMs, value, judgedByMs: Math.max(timestampMs, recordWatermarkMs), waits })
    if (waits) alarm?.at(timestampMs + openMs + 1)
  }
}

/** Opens a side in a task; passes on what has no partner when its window has closed. */
function openSide<K, V, V2, R>(
  task: TaskContext,
  node: GraphNode,
  spec: SideSpec<K, V>,
  next: Receiver<K, R>,
  joiner: PairJoiner<K, NonNullable<V>, NonNullable<V2>, R>,
): Side<K, V> {
  const { openMs } = spec
  const buffer = new RecordBuffer<NonNullable<K>, NonNullable<V>>(task, spec.buffer, true)
  if (!spec.isOuter) return { spec, buffer, alarm: undefined }
  const alarm = task.alarm(
    node,
    (watermarkMs, maxRows) => {
      const first = buffer.release(watermarkMs - openMs, maxRows, (key, { value, timestampMs }) => {
        task.enter(node)
        task.time.happenedAt(timestampMs + openMs)
        next(key, joiner(value, null, key), timestampMs)
      })
      return first + openMs + 1
    },
    (dueMs, at) => `a record of ${at(dueMs - openMs - 1)} for which no partner has come is passed on alone`,
  )
  alarm.at(buffer.firstWaitingMs() + openMs + 1)
  return { spec, buffer, alarm }
}

function sideSpec<K, V>(
  build: BuildContext,
  { traits }: KStream<K, V>,
  store: string,
  { beforeMs, afterMs, graceMs }: Bounds,
  side: Pick<SideSpec<K, V>, 'backMs' | 'aheadMs' | 'takesNullKeys' | 'counts'> & {
    readonly isSelfJoin: boolean
  },
): SideSpec<K, V> {
  const { backMs, aheadMs, takesNullKeys, counts, isSelfJoin } = side
  const where = `buffer "${store}"`
  // Nothing null is kept, so the serdes of what may be null serve.
  const keySerde = traits.keySerde as Serde<NonNullable<K>> | undefined
  const valueSerde = traits.valueSerde as Serde<NonNullable<V>> | undefined
  const openMs = Math.max(0, aheadMs) + graceMs
  // A record that may be paired with itself always has a partner.
  const isOuter = takesNullKeys && !(isSelfJoin && beforeMs >= 0 && afterMs >= 0)
  const buffer = recordBuffer({
    store,
    key: build.serde(keySerde, where, 'pass { key: … } to the join'),
    value: build.serde(valueSerde, where, 'pass { value: …, otherValue: … } to the join'),
    // A few rows are looked at for a record, and a row is written again whenever a record is added to it.
    bucketMs: Math.max(1, Math.ceil((beforeMs + afterMs) / 4), Math.ceil(graceMs / 64)),
    keptMs: isOuter ? openMs : Math.max(openMs, aheadMs + Math.max(0, backMs) + graceMs),
    waits: isOuter,
  })
  return { buffer, backMs, aheadMs, openMs, isOuter, takesNullKeys, counts }
}

function lateStream<K, V>(
  build: BuildContext,
  node: GraphNode,
  name: string,
  { traits }: KStream<K, V>,
  use: ((late: KStream<K, V>) => void) | undefined,
): StreamNode<K, V> | undefined {
  if (use === undefined) return undefined
  const late = build.branch<K, V>(node, name)
  use(build.stream(late, { ...traits, fromSource: false }))
  return late
}

function boundsOf<K, VL, VR>(options: WindowJoinOptions<K, VL, VR>): Bounds {
  const { store, graceMs = 0 } = options
  const [beforeMs, afterMs] =
    'withinMs' in options ? [options.withinMs, options.withinMs] : [options.beforeMs, options.afterMs]
  const isWindow = [beforeMs, afterMs, graceMs].every(Number.isSafeInteger) && beforeMs + afterMs >= 0
  if (isWindow && graceMs >= 0) return { beforeMs, afterMs, graceMs }
  throw new StreamsError(
    'TOPOLOGY_INVALID',
    `join "${store}": the window from ${beforeMs} ms before to ${afterMs} ms after with a grace of ${graceMs} ms is none; give ` +
      'whole milliseconds, an end that is not before the start, and a grace of 0 or more',
  )
}

/** A stream whose key was changed goes through a repartition topic first, so that equal keys meet. */
function coPartitioned<K, V>(
  build: BuildContext,
  stream: KStream<K, V>,
  name: string,
  key: Serde<NonNullable<K>> | undefined,
  value: Serde<V> | undefined,
): KStream<K, V> {
  const serdes = {
    // Nulls need no codec, so the serde of keys that are not null serves.
    ...(key === undefined ? {} : { key: key as Serde<K> }),
    ...(value === undefined ? {} : { value }),
  }
  if (stream.traits.keyChanged) return stream.repartition({ name, ...serdes })
  return build.stream(stream.node, {
    ...stream.traits,
    keySerde: serdes.key ?? stream.traits.keySerde,
    valueSerde: serdes.value ?? stream.traits.valueSerde,
  })
}
