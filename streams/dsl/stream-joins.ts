/** Joins of a stream with a table: only the stream's records cause results, with the row as it is at that moment. */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { Timestamped } from '../topology/store-spec.ts'
import { StreamNode } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import type { GlobalKTable } from './global-table.ts'
import { holdBack } from './hold-back.ts'
import type { KStream } from './kstream.ts'
import type { KTable } from './ktable.ts'
import { joinStreams, type WindowJoinOptions } from './window-joins.ts'

export interface StreamJoinOptions<K, V> {
  /**
   * Needed when the stream's key was changed, for the repartition topic is named after it, and with a grace, for the store of the
   * records that wait is.
   */
  readonly name?: string
  /**
   * With a versioned table: records wait until the watermark of the stream has passed their time by so much, and are then joined
   * with the row as of their time. So updates that come up to so much later than records of their time are found.
   */
  readonly graceMs?: number
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

type JoinType = 'inner' | 'left'

/** Answers undefined where the join has no result. */
type Joiner<K, V, VT, R> = (value: NonNullable<V>, row: VT | null, key: K) => R | undefined

/** A stream joined with a table or with another stream; the joiner is asked for pairs that the type of the join has. */
export function joinOther<K, V, V2, R>(
  build: BuildContext,
  stream: KStream<K, V>,
  other: KTable<NonNullable<K>, NonNullable<V2>> | KStream<K, V2>,
  options: StreamJoinOptions<K, V> | WindowJoinOptions<K, V, V2>,
  type: JoinType,
  joiner: (value: NonNullable<V> | null, partner: NonNullable<V2> | null, key: K) => R,
): KStream<K, R> {
  if (isStream(other)) {
    // The overloads have these options for streams.
    return joinStreams(build, stream, other, type, options as WindowJoinOptions<K, V, V2>, joiner)
  }
  return joinStreamWithTable(build, stream, other, options as StreamJoinOptions<K, V>, type, joiner)
}

function isStream<K, V2>(
  other: KTable<NonNullable<K>, NonNullable<V2>> | KStream<K, V2>,
): other is KStream<K, V2> {
  return 'keyChanged' in other.traits
}

function joinStreamWithTable<K, V, VT, R>(
  build: BuildContext,
  stream: KStream<K, V>,
  table: KTable<NonNullable<K>, VT>,
  options: StreamJoinOptions<K, V>,
  type: JoinType,
  joiner: Joiner<K, V, VT, R>,
): KStream<K, R> {
  table.traits.requireRows()
  const inTime = withGrace(build, coPartitioned(build, stream, options), table, options)
  const node = build.graph.add({
    name: options.name ?? build.graph.nameFor('table-lookup'),
    role: { kind: 'operator', operator: `${type} join with table`, coPartitioned: true },
    parents: [inTime.node.node, table.node.node],
  })
  const joined = new StreamNode<K, R>(node)
  inTime.node.attach((task) => {
    const rows = table.node.rows(task)
    const rowOf = rows.asOf ?? rows.get
    return lookUp(task, node, joined.compile(task), type, (_value, key) => key ?? null, rowOf, joiner)
  })
  return build.stream(joined, { ...inTime.traits, valueSerde: undefined, fromSource: false })
}

export function joinStreamWithGlobalTable<K, V, KT, VT, R>(
  build: BuildContext,
  stream: KStream<K, V>,
  table: GlobalKTable<KT, VT>,
  keyOf: (value: NonNullable<V>, key: K) => KT | null,
  name: string | undefined,
  type: JoinType,
  joiner: Joiner<K, V, VT, R>,
): KStream<K, R> {
  const node = build.graph.add({
    name: name ?? build.graph.nameFor('global-lookup'),
    role: { kind: 'operator', operator: `${type} join with global table` },
    parents: [stream.node.node],
    globalTables: [table.store.name],
  })
  const joined = new StreamNode<K, R>(node)
  stream.node.attach((task) => {
    return lookUp(task, node, joined.compile(task), type, keyOf, task.globalTable(table.store), joiner)
  })
  return build.stream(joined, { ...stream.traits, valueSerde: undefined, fromSource: false })
}

function lookUp<K, V, KT, VT, R>(
  task: TaskContext,
  node: GraphNode,
  next: Receiver<K, R>,
  type: JoinType,
  keyOf: (value: NonNullable<V>, key: K) => KT | null,
  rowOf: (key: KT, timestampMs: number) => Timestamped<VT> | undefined,
  joiner: Joiner<K, V, VT, R>,
): Receiver<K, V> {
  return (key, value, timestampMs) => {
    if (value === null || value === undefined) {
      task.dropped(node, 'null-value')
      return
    }
    task.enter(node)
    const rowKey = keyOf(value, key) ?? null
    if (rowKey === null && type === 'inner') {
      task.dropped(node, 'null-key')
      return
    }
    const row = rowKey === null ? undefined : rowOf(rowKey, timestampMs)
    if (row === undefined && type === 'inner') return
    const result = joiner(value, row === undefined ? null : row.value, key)
    if (result !== undefined) next(key, result, timestampMs)
  }
}

/** A stream whose key was changed goes through a repartition topic first, to meet the table's rows. */
function coPartitioned<K, V>(
  build: BuildContext,
  stream: KStream<K, V>,
  options: StreamJoinOptions<K, V>,
): KStream<K, V> {
  if (!stream.traits.keyChanged) return stream
  const where = `the join of "${stream.node.node.name}" with a table`
  const remedy = 'pass { name: … }: its key was changed, and a repartition topic is named after the join'
  return stream.repartition({
    name: build.name(options.name, where, remedy),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.value === undefined ? {} : { value: options.value }),
  })
}

function withGrace<K, V, VT>(
  build: BuildContext,
  stream: KStream<K, V>,
  table: KTable<NonNullable<K>, VT>,
  { name, graceMs, key, value }: StreamJoinOptions<K, V>,
): KStream<K, V> {
  if (graceMs === undefined) return stream
  const where = `the join of "${stream.node.node.name}" with a table`
  if (!Number.isSafeInteger(graceMs) || graceMs < 0 || table.traits.isVersioned !== true) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${where} has graceMs ${graceMs}; give whole milliseconds, and the table { versioned: { historyMs: … } } of more`,
    )
  }
  const held = holdBack<K, V>(build, stream.node, {
    store: `${build.name(name, where, 'pass { name: … }: the store of the records that wait is named after it')}-waiting`,
    // Nothing null waits, so the serdes of what may be null serve.
    key: build.serde(key ?? stream.traits.keySerde, where, 'pass { key: … }') as Serde<NonNullable<K>>,
    value: build.serde(value ?? stream.traits.valueSerde, where, 'pass { value: … }') as Serde<
      NonNullable<V>
    >,
    graceMs,
  })
  return build.stream(held, { ...stream.traits, fromSource: false })
}
