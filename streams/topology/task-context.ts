/** What operators see of the task they run in. The runtime implements it; operators get it when they are compiled. */
import type { Sink } from '../ports/sink.ts'
import type { Headers } from '../records/record-batch.ts'
import type { Topic } from '../serde/topic.ts'
import type { GraphNode } from './graph.ts'
import type { StoreSpec, TableStore, Timestamped, Windowed, WindowTable } from './store-spec.ts'

/** Takes a record. Operators are compiled to these: plain synchronous functions that call the next one. */
export type Receiver<K, V> = (key: K, value: V, timestampMs: number) => void

/** The record that the task is processing. Its fields change from record to record: copy what is to be kept. */
export interface RecordContext {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** The source record's own time. */
  readonly timestampMs: number
  readonly headers: Headers
  /** The highest timestamp the task has seen. */
  readonly streamTimeMs: number
}

/** Picks a partition. Must give the same answer for the same key. */
export type Partitioner<K> = (key: K, partitionCount: number) => number

/** Event time as a task has it. */
export interface EventTime {
  /**
   * No record older than this is expected: the minimum over the task's inputs. Windows close by it. -Infinity while nothing
   * is known.
   */
  readonly watermarkMs: number
  /**
   * The same for the input that the current record came by: by this it is late or not, whatever the other inputs did. What
   * was passed on by an operator that was woken or that held something back has the time that this one says.
   */
  readonly recordWatermarkMs: number
  /**
   * Whether the records of the input that the current one came by have one order, which replays keep. Else several tasks
   * write it, and what depends on the order of their records is different each time.
   */
  readonly inputHasOneOrder: boolean
  /**
   * Says by what watermark that is late or not which is passed on next and is not the work of the current record. For what
   * became due at a time: that time less a millisecond. For what was judged before: -Infinity.
   */
  happenedAt(watermarkMs: number): void
}

/**
 * Handles what is due by the watermark, up to a number of rows, and answers when it wants to be woken next: a time that has
 * passed means at once again, Infinity not before `at` asks for it. At the end of input the watermark is Infinity: what is
 * held is then due at once, and must come to an end.
 */
export type Wake = (watermarkMs: number, maxRows: number) => number

/** Says what is due at a time, for people, as in "the window from 10:31 closes"; `at` writes a time. */
export type DueText = (dueMs: number, at: (timeMs: number) => string) => string

/** A wake-up by event time. */
export interface Alarm {
  /** Asks to be woken once the watermark has reached a time, or earlier if that was asked for before. */
  at(timeMs: number): void
}

/** The wall clock as a task has it: read once a slice of records. */
export interface WallClock {
  readonly nowMs: number
}

/** A time that is committed with all else that the task does. */
export interface KeptTime {
  /** Undefined: it was never set. */
  timeMs: number | undefined
}

export type DropReason = 'null-key' | 'null-value' | 'late' | 'pattern-limit'

export interface TaskContext {
  readonly partition: number
  /** `every-update` forwards each change of a table at once; `per-commit` the last of each key at commit. */
  readonly emission: 'every-update' | 'per-commit'
  readonly record: RecordContext
  readonly time: EventTime
  /** Between records; the node must have been added with `usesTime`. */
  alarm(node: GraphNode, wake: Wake, what: DueText): Alarm
  readonly clock: WallClock
  /** The same by the wall clock: `wake` is given its time. No watermark is needed for it. */
  clockAlarm(node: GraphNode, wake: Wake, what: DueText): Alarm
  /** A time that the task's checkpoint keeps, by a name that is unique within the topology. */
  keptTime(name: string): KeptTime
  /** So many timers more are pending, or less. */
  timersChanged(by: number): void
  /** Names the operator that is about to call user code: a dead letter says where it came from. */
  enter(node: GraphNode): void
  store<K, V>(spec: StoreSpec<K, V>): TableStore<K, V>
  windowStore<K, V>(spec: StoreSpec<Windowed<K>, V>): WindowTable<K, V>
  /** The records of the source reach this store under their own key: it can be read ahead, a batch at a time. */
  readsAhead<K, V>(spec: StoreSpec<K, V>): void
  globalTable<K, V>(spec: StoreSpec<K, V>): (key: K) => Timestamped<V> | undefined
  output<K, V>(topic: Topic<K, V>, partitioner?: Partitioner<NonNullable<K>>): Receiver<K, V>
  externalSink<R>(sink: Sink<R>): (row: R) => void
  /** A primitive that stands for a key in a Map: equal for keys whose encoded bytes are equal. */
  identity<K, V>(topic: Topic<K, V>): (key: K) => unknown
  /** Registers what passes on, at each commit, what a node has held back; it answers whether there was anything. */
  onCommit(node: GraphNode, flush: () => boolean): void
  dropped(node: GraphNode, reason: DropReason): void
}
