/**
 * Streams and tables as places where records pass. An operator is a function that, given the task and the receiver
 * behind it, makes the receiver in front; compiling a source makes the chain of plain functions behind it, once a task.
 */
import type { GraphNode } from './graph.ts'
import type { TableReceiver, Timestamped } from './store-spec.ts'
import type { Receiver, TaskContext } from './task-context.ts'

type Compile<R> = (context: TaskContext) => R

/** The children of one place, compiled at most once a task, however many ways lead there. */
class FanOut<R> {
  private readonly children: Compile<R>[] = []
  private readonly compiled = new WeakMap<TaskContext, R>()
  private readonly join: (receivers: R[]) => R

  constructor(join: (receivers: R[]) => R) {
    this.join = join
  }

  add(child: Compile<R>): void {
    this.children.push(child)
  }

  compile(context: TaskContext): R {
    let receiver = this.compiled.get(context)
    if (receiver === undefined) {
      const receivers = this.children.map((child) => child(context))
      receiver = receivers.length === 1 ? receivers[0]! : this.join(receivers)
      this.compiled.set(context, receiver)
    }
    return receiver
  }
}

/** What operators behind a stream see of it. A stream of some type is one of any wider type, too. */
export interface StreamPlace<K, V> {
  readonly node: GraphNode
  /** Puts an operator behind: it is compiled in each task, and gets all records. */
  attach(child: Compile<Receiver<K, V>>): void
}

/** A place that records of a stream pass. */
export class StreamNode<K, V> implements StreamPlace<K, V> {
  readonly node: GraphNode
  private readonly children = new FanOut<Receiver<K, V>>((receivers) => (key, value, timestampMs) => {
    for (const receive of receivers) receive(key, value, timestampMs)
  })

  constructor(node: GraphNode) {
    this.node = node
  }

  attach(child: Compile<Receiver<K, V>>): void {
    this.children.add(child)
  }

  compile(context: TaskContext): Receiver<K, V> {
    return this.children.compile(context)
  }
}

/** A table's rows as they are now. */
export interface TableRows<K, V> {
  get(key: K): Timestamped<V> | undefined
  /** As they were at a time; only of a table that remembers that. */
  asOf?(key: K, timeMs: number): Timestamped<V> | undefined
  /** A primitive that stands for a key in a Map: equal for equal keys, also when keys are objects. */
  identity(key: K): unknown
  /** An operator failed on what the row has become: the row goes to the dead letters, or stops the task, by policy. */
  reject(key: K, error: unknown): void
}

/** What operators behind a table see of it. */
export interface TablePlace<K, V> {
  readonly node: GraphNode
  /** Whether changes carry the value that the row had before. Known once the graph is whole. */
  readonly knowsOldValues: () => boolean
  /** Compiles a reader of the table's rows, from whatever store they are in or computed from. */
  readonly rows: Compile<TableRows<K, V>>
  /** Puts an operator behind: it is compiled in each task, and gets all changes. */
  attach(child: Compile<TableReceiver<K, V>>): void
  /** For updates older than the rows that they are of, which change no row: a table that remembers versions passes them on. */
  attachOlder(child: Compile<Receiver<K, V | null>>): void
}

/** A place that changes of a table pass. */
export class TableNode<K, V> implements TablePlace<K, V> {
  readonly node: GraphNode
  readonly knowsOldValues: () => boolean
  readonly rows: Compile<TableRows<K, V>>
  private readonly children = new FanOut<TableReceiver<K, V>>(
    (receivers) => (key, newValue, oldValue, timestampMs) => {
      for (const receive of receivers) receive(key, newValue, oldValue, timestampMs)
    },
  )

  private readonly olderChildren = new FanOut<Receiver<K, V | null>>(
    (receivers) => (key, value, timestampMs) => {
      for (const receive of receivers) receive(key, value, timestampMs)
    },
  )

  constructor(node: GraphNode, knowsOldValues: () => boolean, rows: Compile<TableRows<K, V>>) {
    this.node = node
    this.knowsOldValues = knowsOldValues
    this.rows = rows
  }

  attach(child: Compile<TableReceiver<K, V>>): void {
    this.children.add(child)
  }

  attachOlder(child: Compile<Receiver<K, V | null>>): void {
    this.olderChildren.add(child)
  }

  compile(context: TaskContext): TableReceiver<K, V> {
    return this.children.compile(context)
  }

  compileOlder(context: TaskContext): Receiver<K, V | null> {
    return this.olderChildren.compile(context)
  }
}
