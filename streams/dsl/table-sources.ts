/** Where tables come from: a topic, a stream, or operators that keep a store. */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import type { Topic } from '../serde/topic.ts'
import { type GraphNode, meeting } from '../topology/graph.ts'
import type { StoreSpec, TableReceiver } from '../topology/store-spec.ts'
import { byKey } from '../topology/store-view.ts'
import { type StreamPlace, TableNode } from '../topology/stream-node.ts'
import type { TaskContext } from '../topology/task-context.ts'
import { asTableTopic, type BuildContext } from './build-context.ts'
import type { KStream } from './kstream.ts'
import type { KTable, MaterializeOptions } from './ktable.ts'
import { storedRows, writeRows } from './stored-rows.ts'
import { type Versioning, versionedTable } from './versioned-tables.ts'

export interface TableSourceOptions<K, V> extends MaterializeOptions<K, V> {
  /** Keeps what rows were for so long: `historyMs` at least as much as records that are joined may be late. */
  readonly versioned?: Versioning
}

/** What an operator that writes to a table's store passes its changes to. */
export interface TableOutlet<K, V> {
  readonly node: GraphNode
  readonly receive: TableReceiver<K, V>
  /** Whether someone looks at the values that rows had before: they must then stay as they were. */
  readonly oldValuesMatter: boolean
}

/** A table whose rows one node keeps in a store; `outlet` is for whoever writes them, in each task. */
export function tableOfStore<K, V>(
  build: BuildContext,
  parents: readonly GraphNode[],
  store: StoreSpec<K, V>,
  operator: string,
  { usesTime = false }: { readonly usesTime?: boolean } = {},
): {
  readonly node: GraphNode
  readonly table: KTable<K, V>
  readonly outlet: (task: TaskContext) => TableOutlet<K, V>
} {
  const node = build.graph.add({
    name: `${operator}-${store.name}`,
    role: { kind: 'operator', operator, ...meeting(parents), ...(usesTime ? { usesTime: true } : {}) },
    parents,
    stores: [store],
  })
  const table = new TableNode<K, V>(
    node,
    () => true,
    (task) => storedRows(task, store),
  )
  let oldValuesMatter = false
  return {
    node,
    table: build.table(table, {
      keySerde: store.key,
      valueSerde: store.value,
      requireRows: () => {},
      requireOldValues: () => {
        oldValuesMatter = true
      },
    }),
    outlet: (task) => ({ node, receive: table.compile(task), oldValuesMatter }),
  }
}

/** A topic read as a table. It gets a store when it is named, or when a join or an aggregate needs one. */
export function tableFromTopic<K, V>(
  build: BuildContext,
  topic: Topic<K, V>,
  options: TableSourceOptions<NonNullable<K>, NonNullable<V>>,
): KTable<NonNullable<K>, NonNullable<V>> {
  const stream = build.source(asTableTopic(topic))
  // Where null is excluded, a serde for values that may be null still fits.
  const key = options.key ?? (topic.key as Serde<NonNullable<K>>)
  const value = options.value ?? (topic.value as Serde<NonNullable<V>>)
  return latestValues<K | null, V | null, NonNullable<K>, NonNullable<V>>(
    build,
    stream,
    { ...options, key, value },
    options.store ?? topic.name,
    true,
  )
}

/** A stream read as a table. */
export function tableFromStream<K, V>(
  build: BuildContext,
  stream: KStream<K, V>,
  options: TableSourceOptions<NonNullable<K>, NonNullable<V>>,
): KTable<NonNullable<K>, NonNullable<V>> {
  const { traits } = stream
  const where = `toTable of "${stream.node.node.name}"`
  const key = options.key ?? (traits.keySerde as Serde<NonNullable<K>> | undefined)
  const value = options.value ?? (traits.valueSerde as Serde<NonNullable<V>> | undefined)
  const withSerdes = {
    ...options,
    ...(key === undefined ? {} : { key }),
    ...(value === undefined ? {} : { value }),
  }
  if (!traits.keyChanged) {
    return latestValues(build, stream.node, withSerdes, options.store, traits.fromSource)
  }
  const remedy = 'pass { store: … }: its key was changed, and a repartition topic is named after it'
  const name = build.name(options.store, where, remedy)
  const keyed = build.repartition<K, V>(stream.node, name, {
    // Nulls need no codec, so the serdes of what is not null serve.
    key: build.serde(key, where, 'pass { key: … }') as Serde<K>,
    value: build.serde(value, where, 'pass { value: … }') as Serde<V>,
  })
  return latestValues(build, keyed, withSerdes, name, true)
}

function latestValues<KIn, VIn, K extends KIn & {}, V extends VIn & {}>(
  build: BuildContext,
  stream: StreamPlace<KIn, VIn>,
  options: TableSourceOptions<K, V>,
  name: string | undefined,
  readsAhead: boolean,
): KTable<K, V> {
  if (options.versioned !== undefined) return versionsOf(build, stream, { ...options, readsAhead }, name)
  const { graph } = build
  const nodeName = name === undefined ? graph.nameFor('table') : `table-${name}`
  const node = graph.add({
    name: nodeName,
    role: { kind: 'operator', operator: 'table', ...meeting([stream.node]) },
    parents: [stream.node],
  })
  let spec: StoreSpec<K, V> | undefined
  const materialize = (): StoreSpec<K, V> => {
    if (spec === undefined) {
      const where = `the store of "${nodeName}"`
      const key = build.serde(options.key, where, 'pass { key: … }')
      const value = build.serde(options.value, where, 'pass { value: … }')
      spec = {
        name: build.name(name, where, 'pass { store: … } to toTable'),
        key,
        value,
        ...byKey('plain', key, value),
        ...(options.ttlMs === undefined ? {} : { ttlMs: options.ttlMs }),
      }
      graph.addStore(node, spec)
    }
    return spec
  }
  if (options.store !== undefined) materialize()

  const table = new TableNode<K, V>(
    node,
    () => spec !== undefined,
    (task) => storedRows(task, materialize()),
  )
  stream.attach((task) => {
    const receive = table.compile(task)
    if (spec !== undefined && readsAhead) task.readsAhead(spec)
    const write =
      spec === undefined
        ? (key: K, value: V | null, timestampMs: number) => receive(key, value, null, timestampMs)
        : writeRows(task, spec, receive)
    return (key, value, timestampMs) => {
      if (key === null || key === undefined) task.dropped(node, 'null-key')
      // What is neither null nor undefined of KIn and VIn is K and V: that is how they are declared.
      else write(key as K, (value ?? null) as V | null, timestampMs)
    }
  })
  return build.table(table, {
    keySerde: options.key,
    valueSerde: options.value,
    requireRows: () => {
      materialize()
    },
    // Each row is an object of its own, fresh from the topic.
    requireOldValues: () => {},
  })
}

function versionsOf<KIn, VIn, K extends KIn & {}, V extends VIn & {}>(
  build: BuildContext,
  stream: StreamPlace<KIn, VIn>,
  options: TableSourceOptions<K, V> & { readonly readsAhead: boolean },
  name: string | undefined,
): KTable<K, V> {
  const store = build.name(name, 'a versioned table', 'pass { store: … }')
  const where = `versioned table "${store}"`
  const { historyMs = Number.NaN } = options.versioned ?? {}
  if (!Number.isSafeInteger(historyMs) || historyMs < 0 || options.ttlMs !== undefined) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${where}: historyMs is ${historyMs} and ttlMs ${options.ttlMs}; give a history of whole milliseconds and no time to live`,
    )
  }
  return versionedTable(build, stream, {
    store,
    key: build.serde(options.key, where, 'pass { key: … }'),
    value: build.serde(options.value, where, 'pass { value: … }'),
    historyMs,
    readsAhead: options.readsAhead,
  })
}
