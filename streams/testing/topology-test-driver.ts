/**
 * Runs a topology inside a test: the production tasks over a log, stores and a registry in memory, with time moved by hand.
 *
 * How it differs from production:
 * 1. Tasks run when the test pipes a record, one after the other, until none has anything left; then each commits.
 * 2. There is no consumer group: the driver has every task.
 * 3. By default each update of a table is passed on; set `emission` to `per-commit` for the production default.
 */
import { openEmbeddedLog } from '../adapters/embedded/embedded-log.ts'
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts'
import { MemoryStoreProvider } from '../adapters/memory/memory-store.ts'
import { timerStoreName } from '../dsl/keyed-process.ts'
import { StreamsError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import { type Logger, silentLogger } from '../ports/observability.ts'
import type { Tracer } from '../ports/tracing.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { partitionForKey } from '../records/murmur2.ts'
import {
  type Headers,
  headersAt,
  keyAt,
  noHeaders,
  RecordBatchBuilder,
  valueAt,
} from '../records/record-batch.ts'
import type { OpenCodecs } from '../runtime/codecs.ts'
import { followToEnd } from '../runtime/follow-to-end.ts'
import type { GlobalTables } from '../runtime/global-tables.ts'
import { deadLetterTopic, taskCount } from '../runtime/internal-topics.ts'
import { openTask } from '../runtime/open-task.ts'
import { type RuntimeSettings, resolveSettings } from '../runtime/settings.ts'
import type { CommandFollower } from '../runtime/stages/command-follower.ts'
import type { Task } from '../runtime/task.ts'
import type { TaskEnvironment, TaskObserver } from '../runtime/task-environment.ts'
import { prepareTopology } from '../runtime/topology-runner.ts'
import type { DeadLetter } from '../schemas/generated/records.ts'
import type { Codec } from '../serde/serde.ts'
import type { Topic } from '../serde/topic.ts'
import type { Timer } from '../time/timer-key.ts'
import { watermarkIn, withoutTime } from '../time/watermark-record.ts'
import type { KeyValueStore, StoreSpec } from '../topology/store-spec.ts'
import type { Topology } from '../topology/topology.ts'
import { ManualClock } from './manual-clock.ts'
import { MemoryRegistry } from './memory-registry.ts'

export interface TestDriverOptions {
  readonly settings?: Partial<RuntimeSettings>
  /** Partitions of all topics that name no number; 1 by default. */
  readonly partitions?: number
  readonly startMs?: number
  readonly logger?: Logger
  readonly tracer?: Tracer
  readonly observer?: TaskObserver
}

export interface TestInput<K, V> {
  readonly key: K
  readonly value: V
  /** The driver's time by default. */
  readonly timestampMs?: number
  /** Chosen by the key by default, 0 without one. */
  readonly partition?: number
  readonly headers?: Headers
}

export interface TestRecord<K, V> {
  readonly key: K
  readonly value: V
  readonly timestampMs: number
  readonly partition: number
  readonly offset: number
  readonly headers: Headers
}

export class TopologyTestDriver {
  readonly clock: ManualClock
  readonly log: Log
  readonly metrics: MemoryMetrics
  private readonly topology: Topology
  private readonly environment: TaskEnvironment
  private readonly globalTables: GlobalTables
  private readonly commands: CommandFollower
  private readonly tasks: readonly Task[]
  private readonly readOffsets = new Map<string, number>()

  /** @throws TOPOLOGY_INVALID, SCHEMA_INCOMPATIBLE */
  static async open(topology: Topology, options: TestDriverOptions = {}): Promise<TopologyTestDriver> {
    const clock = new ManualClock(options.startMs ?? 0)
    const stores = new MemoryStoreProvider()
    const log = await openEmbeddedLog({
      store: await stores.open('log'),
      clock,
      sync: false,
      cleaningIntervalMs: null,
    })
    const metrics = new MemoryMetrics()
    const settings = resolveSettings({
      emission: 'every-update',
      defaultPartitions: options.partitions ?? 1,
      ...options.settings,
    })
    const logger = options.logger ?? silentLogger
    const tracing = options.tracer === undefined ? {} : { tracer: options.tracer }
    const ports = { log, stores, registry: new MemoryRegistry(), clock, logger, metrics, ...tracing }
    const prepared = await prepareTopology(topology, ports, settings, 'test-driver', options.observer ?? {})
    const tasks: Task[] = []
    for (const subTopology of topology.subTopologies) {
      const count = taskCount(subTopology, prepared.environment.partitionCounts)
      for (let partition = 0; partition < count; partition++) {
        tasks.push(await openTask(prepared.environment, subTopology, partition, { onReady: () => {} }))
      }
    }
    return new TopologyTestDriver({ ...prepared, topology, clock, log, metrics, tasks })
  }

  private constructor(parts: {
    topology: Topology
    clock: ManualClock
    log: Log
    metrics: MemoryMetrics
    environment: TaskEnvironment
    globalTables: GlobalTables
    commands: CommandFollower
    tasks: readonly Task[]
  }) {
    this.topology = parts.topology
    this.clock = parts.clock
    this.log = parts.log
    this.metrics = parts.metrics
    this.environment = parts.environment
    this.globalTables = parts.globalTables
    this.commands = parts.commands
    this.tasks = parts.tasks
  }

  /** Writes records to a topic, and after each runs the topology until it has nothing left to do. */
  async pipe<K, V>(topic: Topic<K, V>, ...inputs: readonly TestInput<K, V>[]): Promise<void> {
    for (const input of inputs) {
      await this.write(topic, input)
      await this.run()
    }
  }

  /** Writes records to a topic without running the topology: the next `run` finds them all, and commits once. */
  async write<K, V>(topic: Topic<K, V>, ...inputs: readonly TestInput<K, V>[]): Promise<void> {
    this.partitionsOf(topic.name)
    const { key: keyCodec, value: valueCodec } = this.codecs.of(topic)
    for (const input of inputs) {
      const key = encoded(input.key, keyCodec)
      const value = encoded(input.value, valueCodec)
      await this.append(topic.name, { ...input, key, value })
    }
  }

  /** Writes one record as bytes, so that also what no serde would write can be tried. */
  async pipeBytes(topicName: string, input: TestInput<Uint8Array | null, Uint8Array | null>): Promise<void> {
    await this.append(topicName, input)
    await this.run()
  }

  private async append(
    topicName: string,
    input: TestInput<Uint8Array | null, Uint8Array | null>,
  ): Promise<void> {
    const partitions = this.partitionsOf(topicName)
    const partition =
      input.partition ??
      (input.key === null ? 0 : partitionForKey(input.key, 0, input.key.length, partitions))
    const batch = new RecordBatchBuilder(topicName, partition)
    batch.append(input.key, input.value, input.timestampMs ?? this.clock.now(), input.headers ?? noHeaders)
    await this.log.append([batch.build()])
  }

  /** Runs the topology until it has nothing left to do, and commits. */
  async run(): Promise<void> {
    let worked = true
    while (worked) {
      await this.globalTables.catchUp()
      worked = false
      for (const task of this.tasks) {
        while (await task.advance()) worked = true
        if (task.decideCommit(true).kind === 'commit') {
          await task.commit(true)
          worked = true
        }
      }
    }
  }

  /** Moves the wall clock on, and runs what is due by it. Timers that were passed over fire in order, as after a pause. */
  async advanceWallClock(byMs: number): Promise<void> {
    this.clock.advance(byMs)
    await this.run()
  }

  /**
   * Nothing comes any more: all that waits for time to pass is due, such as windows to close.
   * @param options `clockToo`: also timers by the wall clock
   */
  async endInput({ clockToo = false }: { readonly clockToo?: boolean } = {}): Promise<void> {
    for (const task of this.tasks) task.endInput(clockToo)
    await this.run()
  }

  /** The timers of a keyed processor that are pending, of all partitions: by event time, then by the wall clock, in order. */
  pendingTimers<K>(processor: string): Timer<K>[] {
    const name = timerStoreName(processor)
    const holders = this.tasks.filter(({ compiled }) => compiled.stores.has(name))
    if (holders.length === 0)
      throw new StreamsError('TOPOLOGY_INVALID', `no processor "${processor}" sets timers`)
    const timers = holders.flatMap(({ compiled: { partition } }) =>
      // The caller names the type of the processor's keys; what is stored is no bound.
      [...this.store<Timer<K>, number>(name, partition).range()].map(([timer]) => timer),
    )
    return timers.sort((a, b) => (a.by === b.by ? a.timeMs - b.timeMs : a.by < b.by ? -1 : 1))
  }

  /** The watermark of the task that reads a topic's partition; -Infinity while nothing is known. */
  watermarkMs(topicName: string, partition = 0): number {
    const reader = this.topology.subTopologies.find(({ sources }) =>
      sources.some(({ topic }) => topic.name === topicName),
    )
    const task = this.tasks.find(({ id }) => id === `${reader?.name}_${partition}`)
    if (task === undefined) {
      throw new StreamsError('TOPOLOGY_INVALID', `no task reads partition ${partition} of ${topicName}`)
    }
    return task.watermarkMs
  }

  /** The records of a topic since the last `read` of it, partition by partition. */
  async read<K, V>(topic: Topic<K, V>): Promise<TestRecord<K, V>[]> {
    const { key: keyCodec, value: valueCodec } = this.codecs.of(topic)
    const records: TestRecord<K, V>[] = []
    const from = Array.from({ length: this.partitionsOf(topic.name) }, (_, partition) => ({
      topic: topic.name,
      partition,
      offset: this.readOffsets.get(`${topic.name}-${partition}`) ?? 0,
    }))
    const reached = await followToEnd(this.environment, from, (batch) => {
      for (let index = 0; index < batch.length; index++) {
        // Of repartition topics: it is told by `watermarkMs`.
        if (watermarkIn(batch, index) !== undefined) continue
        records.push({
          key: decoded<K>(keyAt(batch, index), keyCodec),
          value: decoded<V>(valueAt(batch, index), valueCodec),
          timestampMs: batch.timestampsMs[index]!,
          partition: batch.partition,
          offset: batch.offsets[index]!,
          headers: withoutTime(headersAt(batch, index)),
        })
      }
    })
    for (const { partition, offset } of reached) this.readOffsets.set(`${topic.name}-${partition}`, offset)
    return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  /** Dead letters since the last call. */
  async deadLetters(): Promise<DeadLetter[]> {
    return (await this.read(deadLetterTopic(this.topology.name))).map(({ value }) => value)
  }

  /** A store of the topology, by its spec's or table's name; of partition 0 unless told. */
  store<K, V>(name: string, partition = 0): Pick<KeyValueStore<K, V>, 'get' | 'range'> {
    const subTopology = this.topology.subTopologies.find(({ stores }) =>
      stores.some((spec) => spec.name === name),
    )
    const spec = subTopology?.stores.find((store) => store.name === name)
    const task = this.tasks.find(({ id }) => id === `${subTopology?.name}_${partition}`)
    if (spec === undefined || task === undefined) {
      const known = this.topology.subTopologies.flatMap(({ stores }) => stores.map((store) => store.name))
      throw new StreamsError(
        'TOPOLOGY_INVALID',
        `no store "${name}" in partition ${partition}; there are: ${known.join(', ')}`,
      )
    }
    // The caller names the types that the topology declared the store with.
    return task.compiled.store(spec as StoreSpec<K, V>)
  }

  /** Counts what operators left out, by reason. */
  droppedCount(reason?: string): number {
    let total = 0
    for (const reading of this.metrics.snapshot()) {
      if (reading.name === 'streams_records_dropped_total' && reading.kind === 'counter') {
        if (reason === undefined || reading.labels['reason'] === reason) total += reading.value
      }
    }
    return total
  }

  async close(): Promise<void> {
    for (const task of this.tasks) await task.close()
    await this.globalTables.close()
    await this.commands.close()
    await this.log.close()
  }

  private get codecs(): OpenCodecs {
    return this.environment.codecs
  }

  private partitionsOf(topicName: string): number {
    const count = this.environment.partitionCounts.get(topicName)
    if (count === undefined) {
      throw new StreamsError(
        'TOPIC_UNKNOWN',
        `topology ${this.topology.name} does not use topic ${topicName}`,
      )
    }
    return count
  }
}

function encoded<T>(value: T, codec: Codec<Exclude<T, null>>): Buffer | null {
  if (value === null) return null
  const writer = new ByteWriter()
  codec.encode(value as Exclude<T, null>, writer)
  return writer.copy(0, writer.position)
}

function decoded<T>(bytes: Buffer | null, codec: Codec<Exclude<T, null>>): T {
  // Null where the topic's type allows it, which the source checks when it reads.
  return bytes === null ? (null as T) : codec.decode(bytes, 0, bytes.length)
}
