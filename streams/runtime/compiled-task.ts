/**
 * A sub-topology compiled for one task: plain functions over its stores and outputs, and what is held back until commit.
 * This is what operators see of the runtime.
 */
import { StreamsError } from '../errors.ts'
import type { Sink } from '../ports/sink.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import type { Topic } from '../serde/topic.ts'
import type { CommittableStore, FlushFailure } from '../state/committable-store.ts'
import { RowStore, type TableStoreOptions } from '../state/table-store.ts'
import type { TaskDatabase } from '../state/task-database.ts'
import { WindowStore } from '../state/window-store.ts'
import { noTime } from '../time/input-time.ts'
import { TaskTime } from '../time/task-time.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { Source, SourceProcessor } from '../topology/source.ts'
import type { StoreSpec, TableStore, Timestamped, Windowed, WindowTable } from '../topology/store-spec.ts'
import type {
  Alarm,
  DropReason,
  DueText,
  KeptTime,
  Partitioner,
  Receiver,
  TaskContext,
  Wake,
  WallClock,
} from '../topology/task-context.ts'
import type { SubTopology } from '../topology/topology.ts'
import type { OpenCodecs } from './codecs.ts'
import { CurrentRecord } from './current-record.ts'
import { OutputCollector } from './output-collector.ts'
import { withoutReplay } from './replay-headers.ts'
import type { RuntimeSettings } from './settings.ts'
import { SinkWriter } from './sink-writer.ts'

export interface CompileEnvironment {
  readonly codecs: OpenCodecs
  readonly settings: RuntimeSettings
  readonly partitionCounts: ReadonlyMap<string, number>
  /** Topics whose readers need to know the time of what is written there. */
  readonly timedTopics: ReadonlySet<string>
  readonly globalRows: <K, V>(spec: StoreSpec<K, V>) => (key: K) => Timestamped<V> | undefined
  readonly onFlushFailure: (failure: FlushFailure, error: unknown) => void
  readonly onDropped: (node: GraphNode, reason: DropReason) => void
}

type OpenStore = CommittableStore & TableStore<unknown, unknown>

/** The time as of the last commit. */
export interface KnownTime {
  /** The highest timestamp seen. */
  readonly streamTimeMs: number
  readonly watermarkMs: number
  /** What the wall clock says now. */
  readonly nowMs: number
  readonly timerCount: number
  /** By name. */
  readonly keptTimesMs: ReadonlyMap<string, number>
}

export class CompiledTask implements TaskContext {
  readonly partition: number
  readonly emission: RuntimeSettings['emission']
  readonly record: CurrentRecord
  readonly time: TaskTime
  readonly outputs: OutputCollector
  readonly sinkWriter: SinkWriter
  readonly stores: ReadonlyMap<string, CommittableStore>
  /** By topic. */
  readonly processors = new Map<string, SourceProcessor>()
  readonly readAheadStores = new Map<SourceProcessor, CommittableStore[]>()
  /** Timers that are pending. */
  timerCount: number
  /** By name. */
  readonly keptTimes = new Map<string, KeptTime>()
  private readonly keptTimesMs: ReadonlyMap<string, number>
  private readonly environment: CompileEnvironment
  private readonly openStores = new Map<string, OpenStore>()
  private readonly flushes: { readonly nodeId: number; readonly flush: () => boolean }[] = []
  private compilingReadAhead: CommittableStore[] = []
  private current: GraphNode | undefined
  /** What is held back now came of records that were later than this. */
  private flushedToMs = noTime

  constructor(
    subTopology: SubTopology,
    partition: number,
    environment: CompileEnvironment,
    database: TaskDatabase | undefined,
    { streamTimeMs, watermarkMs, nowMs, timerCount, keptTimesMs }: KnownTime,
  ) {
    this.partition = partition
    this.environment = environment
    this.emission = environment.settings.emission
    this.record = new CurrentRecord(streamTimeMs)
    this.time = new TaskTime(watermarkMs, nowMs)
    this.timerCount = timerCount
    this.keptTimesMs = keptTimesMs
    this.outputs = new OutputCollector({
      taskPartition: partition,
      recordMaxBytes: environment.settings.recordMaxBytes,
      headers: () => this.record.forwarded ?? withoutReplay(this.record.headers),
      time: this.time,
    })
    this.sinkWriter = new SinkWriter(this.record, () => this.operatorName)
    if (database !== undefined) this.openAll(subTopology, database)
    this.stores = this.openStores
    for (const source of subTopology.sources) this.compile(source)
    this.flushes.sort((a, b) => a.nodeId - b.nodeId)
  }

  /** The operator that called user code last. */
  get operatorName(): string {
    return this.current?.name ?? 'source'
  }

  enter(node: GraphNode): void {
    this.current = node
  }

  /** Passes on what stores and combiners hold back, in topological order, until nothing is left. */
  flush(): void {
    this.record.clear()
    this.time.happenedAt(this.flushedToMs)
    let flushed = true
    while (flushed) {
      flushed = false
      for (const { flush } of this.flushes) flushed = flush() || flushed
    }
    if (!this.time.isDue) this.flushedToMs = this.time.watermarkMs
  }

  /** Wakes the first operator whose time has come, for so many rows. */
  wake(maxRows: number): void {
    this.record.clear()
    this.time.wakeNext(maxRows)
  }

  alarm(node: GraphNode, wake: Wake, what: DueText): Alarm {
    if (node.role.kind !== 'operator' || node.role.usesTime !== true)
      throw new StreamsError('INVARIANT_VIOLATED', `operator ${node.name} was added without usesTime`)
    const woken: Wake = (watermarkMs, maxRows) => {
      this.current = node
      return wake(watermarkMs, maxRows)
    }
    return this.time.alarm(node.id, woken, { operator: node.name, what })
  }

  get clock(): WallClock {
    return this.time.clock
  }

  clockAlarm(node: GraphNode, wake: Wake, what: DueText): Alarm {
    const woken: Wake = (nowMs, maxRows) => {
      this.current = node
      return wake(nowMs, maxRows)
    }
    return this.time.clock.alarm(node.id, woken, { operator: node.name, what })
  }

  keptTime(name: string): KeptTime {
    const kept: KeptTime = { timeMs: this.keptTimesMs.get(name) }
    this.keptTimes.set(name, kept)
    return kept
  }

  timersChanged(by: number): void {
    this.timerCount += by
  }

  store<K, V>(spec: StoreSpec<K, V>): TableStore<K, V> {
    // Opened from this very spec: names are unique within a topology.
    return this.openStore(spec) as TableStore<K, V>
  }

  windowStore<K, V>(spec: StoreSpec<Windowed<K>, V>): WindowTable<K, V> {
    const store = this.openStores.get(spec.name)
    if (store instanceof WindowStore) return store
    throw new StreamsError('INVARIANT_VIOLATED', `store ${spec.name} is not one of windows`)
  }

  readsAhead<K, V>(spec: StoreSpec<K, V>): void {
    const store = this.openStore(spec)
    if (!this.compilingReadAhead.includes(store)) this.compilingReadAhead.push(store)
  }

  globalTable<K, V>(spec: StoreSpec<K, V>): (key: K) => Timestamped<V> | undefined {
    return this.environment.globalRows(spec)
  }

  output<K, V>(topic: Topic<K, V>, partitioner?: Partitioner<NonNullable<K>>): Receiver<K, V> {
    const partitionCount = this.environment.partitionCounts.get(topic.name)
    if (partitionCount === undefined)
      throw new StreamsError('TOPIC_UNKNOWN', `topic ${topic.name} does not exist`)
    const { key, value } = this.environment.codecs.of(topic)
    const isTimed = this.environment.timedTopics.has(topic.name)
    return this.outputs.receiver({ topic: topic.name, partitionCount, key, value, partitioner, isTimed })
  }

  externalSink<R>(sink: Sink<R>): (row: R) => void {
    return this.sinkWriter.attach(sink)
  }

  identity<K, V>(topic: Topic<K, V>): (key: K) => unknown {
    const writer = new ByteWriter(64)
    const codec = this.environment.codecs.of(topic).key
    return (key) => {
      if (typeof key !== 'object' || key === null) return key
      writer.clear()
      // Not null, so of the codec's type.
      codec.encode(key as Exclude<K, null>, writer)
      return writer.buffer.toString('latin1', 0, writer.position)
    }
  }

  onCommit(node: GraphNode, flush: () => boolean): void {
    this.flushes.push({ nodeId: node.id, flush })
  }

  dropped(node: GraphNode, reason: DropReason): void {
    this.environment.onDropped(node, reason)
  }

  private compile(source: Source): void {
    this.compilingReadAhead = []
    const processor = source.compile(this, this.environment.codecs)
    this.processors.set(source.topic.name, processor)
    if (this.compilingReadAhead.length > 0) this.readAheadStores.set(processor, this.compilingReadAhead)
  }

  private openAll(subTopology: SubTopology, database: TaskDatabase): void {
    const cacheMaxBytes = Math.floor(
      this.environment.settings.cacheMaxBytesPerTask / subTopology.stores.length,
    )
    for (const spec of subTopology.stores) {
      const { key, value } = this.environment.codecs.ofStore(spec)
      const store = this.newStore(spec, {
        spec,
        keyCodec: key,
        valueCodec: value,
        database,
        cacheMaxBytes,
        rowMaxBytes: this.environment.settings.recordMaxBytes,
        time: this.record,
        onFlushFailure: this.environment.onFlushFailure,
      })
      this.openStores.set(spec.name, store)
      const owner = subTopology.nodes.find((node) => node.stores.includes(spec))
      this.flushes.push({ nodeId: owner?.id ?? 0, flush: () => store.flush() })
    }
  }

  private newStore({ windows }: StoreSpec, options: TableStoreOptions<unknown, unknown>): OpenStore {
    if (windows === undefined) return new RowStore(options)
    // A spec with windows has keys in windows: see `StoreSpec`.
    const windowed = options as TableStoreOptions<Windowed<unknown>, unknown>
    return new WindowStore({ ...windowed, windows, eventTime: this.time })
  }

  private openStore({ name }: Pick<StoreSpec, 'name'>): OpenStore {
    const store = this.openStores.get(name)
    if (store === undefined) throw new StreamsError('INVARIANT_VIOLATED', `store ${name} is not open`)
    return store
  }
}
