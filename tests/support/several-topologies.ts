/**
 * Topologies in processes over a world in memory that come and go: given their input part by part, stopped, shared by
 * instances, and killed in the middle of a commit. As tests/simulation/phases.ts, with topics of any records and with
 * topologies that work on each other's.
 */
import fc from 'fast-check'
import {
  ByteWriter,
  commitSteps,
  keyAt,
  type Log,
  partitionForKey,
  RecordBatchBuilder,
  type RuntimeSettings,
  requiredTopics,
  StreamsApp,
  silentLogger,
  type TaskObserver,
  type Topic,
  type TopicSettings,
  type Topology,
  valueAt,
} from '../../streams/index.ts'
import { crashAt, MemoryMetrics, type MemoryRegistry } from '../../streams/testing/index.ts'
import {
  newWorld,
  type OpenLog,
  openLog,
  readTopic,
  run,
  simulationSettings,
  type World,
} from '../simulation/world.ts'

export interface Given {
  readonly topic: string
  readonly key: string
  readonly value: Buffer
  readonly timestampMs: number
}

/** Right before the nth time that a commit comes to a step. */
export interface Crash {
  readonly step: (typeof commitSteps)[number]
  readonly nth: number
}

/** How the last of the input is processed. */
export interface Ending {
  readonly settings: Partial<RuntimeSettings>
  readonly crashes: readonly Crash[]
}

/** Part of the input, and how the process that gets it ends. */
export interface Part {
  /** How many records of each place, by the place's number modulo their number. */
  readonly counts: readonly number[]
  readonly settings: Partial<RuntimeSettings>
  readonly end: { readonly kind: 'stop'; readonly instances: number } | ({ readonly kind: 'crash' } & Crash)
}

const arbitrarySettings = fc.record({
  batchMaxRecords: fc.integer({ min: 1, max: 50 }),
  wakeMaxRows: fc.integer({ min: 1, max: 20 }),
  commitIntervalMs: fc.integer({ min: 1, max: 20 }),
  watermarkIntervalMs: fc.constantFrom(1, 10, 200),
  transactionMaxKeys: fc.constantFrom(6, 100),
  cacheMaxBytesPerTask: fc.constantFrom(2_000, 1_000_000),
  emission: fc.constantFrom('per-commit' as const, 'every-update' as const),
})

const crash = { step: fc.constantFrom(...commitSteps), nth: fc.integer({ min: 1, max: 12 }) }

export function arbitraryParts(maxRecords: number, maxParts: number): fc.Arbitrary<Part[]> {
  const part = fc.record({
    counts: fc.array(fc.nat({ max: maxRecords }), { minLength: 1, maxLength: 5 }),
    settings: arbitrarySettings,
    end: fc.oneof(
      fc.constant({ kind: 'stop' as const, instances: 1 }),
      fc.constant({ kind: 'stop' as const, instances: 2 }),
      fc.record({ kind: fc.constant('crash' as const), ...crash }),
    ),
  })
  return fc.array(part, { maxLength: maxParts })
}

export const arbitraryEnding: fc.Arbitrary<Ending> = fc.record({
  settings: arbitrarySettings,
  crashes: fc.array(fc.record(crash), { maxLength: 2 }),
})

export interface WorldOptions {
  /** Made anew for each process. */
  readonly topologies: () => readonly Topology[]
  readonly partitions: number
  /** In the order in which they come. */
  readonly input: readonly Given[]
  readonly registry: MemoryRegistry
}

export class TopologyWorld {
  private readonly options: WorldOptions
  private world: World
  /** What is still to be given, by topic and partition. */
  private readonly places: Given[][]

  static async open(options: WorldOptions): Promise<TopologyWorld> {
    const world = newWorld()
    const { log } = await openLog(world)
    const topics = new Map<string, TopicSettings>()
    for (const topology of options.topologies()) {
      for (const topic of requiredTopics(topology, topics, options.partitions)) topics.set(topic.name, topic)
    }
    await log.createTopics([...topics.values()])
    await log.close()
    return new TopologyWorld(options, world.snapshot())
  }

  private constructor(options: WorldOptions, world: World) {
    this.options = options
    this.world = world
    const places = new Map<string, Given[]>()
    for (const record of options.input) {
      const place = `${record.topic} ${this.partitionOf(record)}`
      places.set(place, [...(places.get(place) ?? []), record])
    }
    this.places = [...places.values()]
  }

  async work({ counts, settings, end }: Part): Promise<void> {
    const open = await openLog(this.world)
    await this.give(open.log, counts)
    this.world =
      end.kind === 'crash'
        ? await this.workToCrash(open, settings, end)
        : await this.workToStop(open, settings, end.instances)
  }

  /** Gives what is left, says that nothing more comes, and ends; on the way there it may crash. */
  async finish({ settings, crashes }: Ending): Promise<void> {
    for (const crash of crashes) {
      const open = await this.openWithRest()
      this.world = await this.workToCrash(open, settings, crash, { endOfInput: true })
    }
    const open = await this.openWithRest()
    const app = this.app(open, this.world, { settings })
    await run(
      open.clock,
      app
        .start()
        .then(() => app.drained({ endOfInput: true }))
        .then(() => app.stop()),
    )
    await open.log.close()
    this.world = this.world.snapshot()
  }

  private async openWithRest(): Promise<OpenLog> {
    const open = await openLog(this.world)
    await this.give(open.log, [Number.POSITIVE_INFINITY])
    return open
  }

  /** All records of a topic, none of which may be without key or value. */
  async read<K, V>(topic: Topic<K, V>): Promise<{ key: string; value: V; timestampMs: number }[]> {
    const { clock, log } = await openLog(this.world.snapshot())
    const { registry } = this.options
    const codec = await topic.value.open({ registry, subject: `${topic.name}-value` })
    const batches = await run(clock, readTopic(log, clock, topic.name))
    await log.close()
    return batches.flatMap((batch) =>
      Array.from({ length: batch.length }, (_, index) => {
        const bytes = valueAt(batch, index)!
        return {
          key: keyAt(batch, index)!.toString(),
          value: codec.decode(bytes, 0, bytes.length) as V,
          timestampMs: batch.timestampsMs[index]!,
        }
      }),
    )
  }

  private async workToStop(
    open: OpenLog,
    settings: Partial<RuntimeSettings>,
    instances: number,
  ): Promise<World> {
    const apps = Array.from({ length: instances }, (_, index) => {
      const world = index === 0 ? this.world : newWorld()
      return this.app(open, world, { settings, instanceId: `instance-${index}` })
    })
    for (const app of apps) await run(open.clock, app.start())
    for (const app of apps) await run(open.clock, app.drained())
    for (const app of apps) await run(open.clock, app.stop())
    await open.log.close()
    return this.world.snapshot()
  }

  private async workToCrash(
    open: OpenLog,
    settings: Partial<RuntimeSettings>,
    { step, nth }: Crash,
    until: { readonly endOfInput?: boolean } = {},
  ): Promise<World> {
    const { world } = this
    let left: World | undefined
    const crash = crashAt(step, nth, () => {
      left = world.snapshot()
    })
    const app = this.app(open, world, { settings, observer: crash.observer })
    await run(open.clock, Promise.race([crash.reached, app.start().then(() => app.drained(until))]))
    if (left !== undefined) return left
    await run(open.clock, app.stop())
    await open.log.close()
    return world.snapshot()
  }

  private app(
    { log, clock }: OpenLog,
    world: World,
    own: { settings: Partial<RuntimeSettings>; observer?: TaskObserver; instanceId?: string },
  ): StreamsApp {
    const { settings, ...more } = own
    const { topologies, registry, partitions } = this.options
    return new StreamsApp({
      topologies: topologies(),
      log,
      stores: world.tasks,
      registry,
      clock,
      logger: silentLogger,
      metrics: new MemoryMetrics(),
      settings: { ...simulationSettings, ...settings, defaultPartitions: partitions },
      ...more,
    })
  }

  private async give(log: Log, counts: readonly number[]): Promise<void> {
    const batches: RecordBatchBuilder[] = []
    for (const [index, records] of this.places.entries()) {
      const part = records.splice(0, counts[index % counts.length]!)
      const [first] = part
      if (first === undefined) continue
      const batch = new RecordBatchBuilder(first.topic, this.partitionOf(first))
      for (const { key, value, timestampMs } of part) batch.append(Buffer.from(key), value, timestampMs)
      batches.push(batch)
    }
    await log.append(batches.map((batch) => batch.build()))
  }

  private partitionOf({ key }: Given): number {
    const bytes = Buffer.from(key)
    return partitionForKey(bytes, 0, bytes.length, this.options.partitions)
  }
}

/** Makes records of a topic with text for keys. */
export async function encoderOf<V>(
  topic: Topic<string, V>,
  registry: MemoryRegistry,
): Promise<(key: string, value: Exclude<V, null>, timestampMs: number) => Given> {
  const codec = await topic.value.open({ registry, subject: `${topic.name}-value` })
  return (key, value, timestampMs) => {
    const writer = new ByteWriter()
    codec.encode(value, writer)
    return { topic: topic.name, key, value: writer.copy(0, writer.position), timestampMs }
  }
}
