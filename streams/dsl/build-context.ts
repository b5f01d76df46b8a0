/** What the parts of the DSL share while a topology is being declared. */
import { StreamsError } from '../errors.ts'
import { nullable, type Serde } from '../serde/serde.ts'
import { topic as declareTopic, type Topic } from '../serde/topic.ts'
import { Graph, type GraphNode } from '../topology/graph.ts'
import { type Source, type SourceTiming, StreamSource, type TimestampExtractor } from '../topology/source.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { StreamNode, type StreamPlace, type TablePlace } from '../topology/stream-node.ts'
import type { Partitioner, Receiver, TaskContext } from '../topology/task-context.ts'
import { type GlobalTableSpec, internalTopics } from '../topology/topology.ts'
import type { KStream, StreamTraits } from './kstream.ts'
import type { KTable, TableTraits } from './ktable.ts'

/** Streams make tables and tables make streams; the builder introduces them to each other. */
export interface DslClasses {
  stream<K, V>(build: BuildContext, place: StreamPlace<K, V>, traits: StreamTraits<K, V>): KStream<K, V>
  table<K, V>(build: BuildContext, place: TablePlace<K, V>, traits: TableTraits<K, V>): KTable<K, V>
}

export class BuildContext {
  readonly topologyName: string
  readonly graph = new Graph()
  readonly sources: Source[] = []
  readonly globalTables: GlobalTableSpec[] = []
  private readonly classes: DslClasses
  private readonly readTopics = new Set<string>()

  constructor(topologyName: string, classes: DslClasses) {
    this.topologyName = topologyName
    this.classes = classes
  }

  stream<K, V>(place: StreamPlace<K, V>, traits: StreamTraits<K, V>): KStream<K, V> {
    return this.classes.stream(this, place, traits)
  }

  table<K, V>(place: TablePlace<K, V>, traits: TableTraits<K, V>): KTable<K, V> {
    return this.classes.table(this, place, traits)
  }

  source<K, V>(
    topic: Topic<K, V>,
    options: {
      timestamp?: TimestampExtractor<K, V> | undefined
      timing?: SourceTiming
      repartition?: boolean
    } = {},
  ): StreamNode<K, V> {
    if (this.readTopics.has(topic.name)) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `topic ${topic.name} is read twice in topology ${this.topologyName}; keep the stream or table of the first in ` +
          'a variable and use it again (toTable and toStream turn one into the other)',
      )
    }
    this.readTopics.add(topic.name)
    const stream = new StreamNode<K, V>(
      this.graph.add({
        name: `${topic.name}-source`,
        role: { kind: 'source', topic, repartition: options.repartition ?? false },
        parents: [],
      }),
    )
    this.sources.push(new StreamSource(topic, stream, options.timestamp, options.timing))
    return stream
  }

  globalTable(table: GlobalTableSpec): void {
    if (this.globalTables.some(({ topic }) => topic.name === table.topic.name)) {
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `topic ${table.topic.name} is two global tables in topology ${this.topologyName}; keep the first in a variable`,
      )
    }
    this.graph.claim(table.store)
    this.globalTables.push(table)
  }

  /** Adds an operator between a stream and a new one. */
  operator<K, V, K2, V2>(
    parent: StreamPlace<K, V>,
    node: { name: string; operator: string; stores?: readonly StoreSpec[]; usesTime?: boolean },
    build: (next: Receiver<K2, V2>, task: TaskContext, node: GraphNode) => Receiver<K, V>,
  ): StreamNode<K2, V2> {
    const added = this.graph.add({
      name: node.name,
      role: { kind: 'operator', operator: node.operator, ...(node.usesTime ? { usesTime: true } : {}) },
      parents: [parent.node],
      ...(node.stores === undefined ? {} : { stores: node.stores }),
    })
    const stream = new StreamNode<K2, V2>(added)
    parent.attach((task) => build(stream.compile(task), task, added))
    return stream
  }

  merge<K, V>(first: StreamPlace<K, V>, second: StreamPlace<K, V>, name: string): StreamNode<K, V> {
    const merged = new StreamNode<K, V>(
      this.graph.add({
        name,
        role: { kind: 'operator', operator: 'merge' },
        parents: [first.node, second.node],
      }),
    )
    first.attach((task) => merged.compile(task))
    second.attach((task) => merged.compile(task))
    return merged
  }

  /** One way out of an operator that has several. */
  branch<K, V>(parent: GraphNode, name: string): StreamNode<K, V> {
    return new StreamNode(
      this.graph.add({ name, role: { kind: 'operator', operator: 'output' }, parents: [parent] }),
    )
  }

  /** Leaves records without a key out, and counts them: they belong to no group. */
  withoutNullKeys<K, V>(parent: StreamPlace<K, V>, name: string): StreamNode<NonNullable<K>, V> {
    return this.operator<K, V, NonNullable<K>, V>(parent, { name, operator: 'group' }, (next, task, own) => {
      return (key, value, timestampMs) => {
        if (key === null || key === undefined) task.dropped(own, 'null-key')
        else next(key, value, timestampMs)
      }
    })
  }

  /** Leaves records without a value out, and counts them. */
  withoutNullValues<K, V>(parent: StreamPlace<K, V>, name: string): StreamNode<K, NonNullable<V>> {
    return this.operator<K, V, K, NonNullable<V>>(parent, { name, operator: 'values' }, (next, task, own) => {
      return (key, value, timestampMs) => {
        if (value === null || value === undefined) task.dropped(own, 'null-value')
        else next(key, value, timestampMs)
      }
    })
  }

  sink<K, V>(
    parent: StreamPlace<K, V>,
    topic: Topic<K, V>,
    options: { repartition?: boolean; partitioner?: Partitioner<NonNullable<K>> | undefined } = {},
  ): void {
    const node = this.graph.add({
      name: options.repartition ? `${topic.name}-sink` : this.graph.nameFor(`${topic.name}-sink`),
      role: {
        kind: 'sink',
        topic,
        repartition: options.repartition ?? false,
        ...(options.partitioner === undefined ? {} : { partitionedOtherwise: true }),
      },
      parents: [parent.node],
    })
    parent.attach((task) => {
      const write = task.output(topic, options.partitioner)
      return (key, value, timestampMs) => {
        task.enter(node)
        write(key, value, timestampMs)
      }
    })
  }

  /** Sends a stream through a topic of its own, so that equal keys meet in one task. */
  repartition<K, V>(
    parent: StreamPlace<K, V>,
    name: string,
    serdes: { key: Serde<K>; value: Serde<V> },
    options: { partitions?: number | undefined; partitioner?: Partitioner<NonNullable<K>> | undefined } = {},
  ): StreamNode<K, V> {
    // What may be null in the stream is for the operators behind to judge, not for the topic between.
    const between = declareTopic<K, V>(
      internalTopics.repartition(this.topologyName, name),
      // So nulls come only where the stream's own types have them.
      { key: nullable(serdes.key) as Serde<K>, value: nullable(serdes.value) as Serde<V> },
      options.partitions === undefined ? {} : { partitions: options.partitions },
    )
    this.sink(parent, between, { repartition: true, partitioner: options.partitioner })
    return this.source(between, { repartition: true })
  }

  /** Fails with what to do when a store or a topic would have no name: both are found again by the author's. */
  name(given: string | undefined, where: string, remedy: string): string {
    if (given !== undefined) return given
    throw new StreamsError('TOPOLOGY_INVALID', `${where} has no name, by which it is found again; ${remedy}`)
  }

  /** Fails with what to do when a serde is needed and nobody said which. */
  serde<T>(serde: Serde<T> | undefined, where: string, remedy: string): Serde<T> {
    if (serde !== undefined) return serde
    throw new StreamsError('TOPOLOGY_INVALID', `${where} needs a serde that is not known here; ${remedy}`)
  }
}

/** The topic as a table reads it: any record may lack a key or be a tombstone. */
export function asTableTopic<K, V>(topic: Topic<K, V>): Topic<K | null, V | null> {
  return { ...topic, key: nullable(topic.key), value: nullable(topic.value) }
}
