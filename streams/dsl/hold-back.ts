/**
 * A stream whose records wait until time has passed: so that what belongs before them has come.
 *
 * Invariants:
 * 1. A record leaves when the watermark of its own stream has passed its time by the grace, or the task's has; by time, those of equal
 *    time and key in the order in which they came. One that comes later than that does not wait.
 * 2. A record that waited is judged late by what it came with, as if it had not waited.
 */
import type { Serde } from '../serde/serde.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { StreamNode, StreamPlace } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import { type BufferSpec, RecordBuffer, recordBuffer } from './record-buffer.ts'

export interface HoldBackOptions<K, V> {
  readonly store: string
  readonly key: Serde<NonNullable<K>>
  readonly value: Serde<NonNullable<V>>
  readonly graceMs: number
}

export function holdBack<K, V>(
  build: BuildContext,
  parent: StreamPlace<K, V>,
  options: HoldBackOptions<K, V>,
): StreamNode<K, V> {
  const { store, key, value, graceMs } = options
  const spec = recordBuffer({
    store,
    key,
    value,
    bucketMs: Math.max(1, Math.ceil(graceMs / 8)),
    keptMs: 0,
    waits: true,
  })
  return build.operator<K, V, K, V>(
    parent,
    { name: store, operator: 'hold back', stores: [spec], usesTime: true },
    (next, task, node) => waiting(task, node, spec, graceMs, next),
  )
}

function waiting<K, V>(
  task: TaskContext,
  node: GraphNode,
  spec: BufferSpec<NonNullable<K>, NonNullable<V>>,
  graceMs: number,
  next: Receiver<K, V>,
): Receiver<K, V> {
  const buffer = new RecordBuffer<NonNullable<K>, NonNullable<V>>(task, spec, false)
  /** The time that the stream is known to have reached. */
  let reachedMs = buffer.closedBeforeMs + graceMs - 1
  let firstMs = buffer.firstWaitingMs()
  const alarm = task.alarm(
    node,
    (watermarkMs, maxRows) => {
      const dueMs = Math.max(reachedMs, watermarkMs)
      firstMs = buffer.release(dueMs - graceMs + 1, maxRows, (key, { value, timestampMs, judgedByMs }) => {
        task.time.happenedAt(judgedByMs)
        next(key, value, timestampMs)
      })
      return firstMs + graceMs
    },
    (dueMs, at) => `a record of ${at(dueMs - graceMs)} that earlier ones may still overtake is passed on`,
  )
  alarm.at(firstMs + graceMs)
  return (key, value, timestampMs) => {
    const { recordWatermarkMs } = task.time
    if (recordWatermarkMs > reachedMs) reachedMs = recordWatermarkMs
    const hasAll = key !== null && key !== undefined && value !== null && value !== undefined
    if (!hasAll || timestampMs + graceMs <= recordWatermarkMs || buffer.isClosed(timestampMs)) {
      next(key, value, timestampMs)
    } else {
      const judgedByMs = Math.max(timestampMs, recordWatermarkMs)
      buffer.add(key, { timestampMs, value, judgedByMs, waits: true })
      if (timestampMs < firstMs) firstMs = timestampMs
    }
    // What the stream itself has passed is due whatever the task's watermark is.
    alarm.at(firstMs + graceMs <= reachedMs ? Number.NEGATIVE_INFINITY : firstMs + graceMs)
  }
}
