/** A log in memory with a topology that fails on what it is told to, and desks over it: for tests of dead letters. */
import {
  ByteWriter,
  DeadLetterDesk,
  type DeadLetterDeskOptions,
  deadLetterTopic,
  defineTopology,
  headersAt,
  type KStream,
  keyAt,
  type Letter,
  type LetterFilter,
  type Log,
  RecordBatchBuilder,
  RecordError,
  type RuntimeSettings,
  requiredTopics,
  StreamsApp,
  serdes,
  silentLogger,
  type Topology,
  topic,
  valueAt,
} from '../../streams/index.ts'
import type { DeadLetter } from '../../streams/schemas/generated/records.ts'
import { MemoryMetrics, MemoryRegistry, type MemoryStoreProvider } from '../../streams/testing/index.ts'
import {
  newWorld,
  type OpenLog,
  openLog,
  readTopic,
  run,
  simulationSettings,
  type World,
} from '../simulation/world.ts'

const texts = { key: serdes.nullable(serdes.string), value: serdes.string }
export const orders = topic('orders', texts)
export const parsed = topic('parsed', texts)
/** What the reader of `parsed` has seen, and what another topology has seen of `orders`. */
export const seen = topic('seen', texts)
export const audited = topic('audited', texts)

/** Fails on orders that `isBad` is true of; all others go through `parsed` to `seen`, in a sub-topology of its own. */
export function shop(isBad: (order: string) => boolean): Topology {
  return defineTopology('shop', (builder) => {
    builder
      .stream(orders)
      .mapValues((order) => {
        if (isBad(order)) throw new RecordError('ORDER_BAD', `cannot take ${order}`)
        return order
      }, 'parse')
      .to(parsed)
    builder.stream(parsed).to(seen)
  })
}

/** Reads the same topics as another topology. */
export function audit(): Topology {
  return defineTopology('audit', (builder) => {
    const all: KStream<string | null, string> = builder.stream(orders).merge(builder.stream(parsed))
    all.to(audited)
  })
}

export interface Seen {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
  readonly headers: readonly string[]
}

export class LetterWorld {
  readonly world: World
  readonly open: OpenLog
  readonly registry: MemoryRegistry
  readonly partitions: number

  private constructor(world: World, open: OpenLog, registry: MemoryRegistry, partitions: number) {
    this.world = world
    this.open = open
    this.registry = registry
    this.partitions = partitions
  }

  static async create(
    partitions = 2,
    world = newWorld(),
    registry = new MemoryRegistry(),
  ): Promise<LetterWorld> {
    const open = await openLog(world)
    const topics = [shop(() => false), audit()].flatMap((topology) =>
      requiredTopics(topology, new Map(), partitions),
    )
    await open.log.createTopics([...new Map(topics.map((one) => [one.name, one])).values()])
    return new LetterWorld(world, open, registry, partitions)
  }

  get log(): Log {
    return this.open.log
  }

  /** What a process that is killed now leaves. */
  snapshot(): Promise<LetterWorld> {
    return LetterWorld.create(this.partitions, this.world.snapshot(), this.registry)
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return run(this.open.clock, promise)
  }

  desk(own: Partial<DeadLetterDeskOptions> = {}): DeadLetterDesk {
    const { clock, log } = this.open
    return new DeadLetterDesk({ log, clock, registry: this.registry, topology: shop(() => false), ...own })
  }

  async give(
    topicName: string,
    records: readonly { key: string | null; value: string; partition?: number; timestampMs?: number }[],
  ): Promise<void> {
    for (const { key, value, partition = 0, timestampMs = 1_000 } of records) {
      const batch = new RecordBatchBuilder(topicName, partition)
      batch.append(key === null ? null : Buffer.from(key), Buffer.from(value), timestampMs)
      await this.run(this.log.append([batch.build()]))
    }
  }

  /** Runs topologies until all that is there is processed. */
  async process(
    topologies: readonly Topology[],
    settings: Partial<RuntimeSettings> = {},
    stores: MemoryStoreProvider = this.world.tasks,
  ): Promise<void> {
    const { clock, log } = this.open
    const app = new StreamsApp({
      topologies,
      log,
      stores,
      registry: this.registry,
      clock,
      logger: silentLogger,
      metrics: new MemoryMetrics(),
      settings: { ...simulationSettings, defaultPartitions: this.partitions, ...settings },
    })
    await this.run(app.start())
    await this.run(app.drained())
    await this.run(app.stop())
  }

  /** Writes dead letters as a task of the shop would. */
  async fail(letters: readonly (Partial<DeadLetter> & { readonly inPartition?: number })[]): Promise<void> {
    const target = deadLetterTopic('shop')
    const codec = await target.value.open({ registry: this.registry, subject: `${target.name}-value` })
    for (const { inPartition = 0, ...own } of letters) {
      const letter = { ...plainLetter, ...own }
      const batch = new RecordBatchBuilder(target.name, inPartition)
      const writer = new ByteWriter()
      codec.encode(letter, writer)
      batch.append(letter.key, writer.copy(0, writer.position), letter.timestamp)
      await this.run(this.log.append([batch.build()]))
    }
  }

  /** All that a reader sees of a topic, partition by partition. */
  async read(topicName: string): Promise<Seen[]> {
    const { clock, log } = this.open
    const batches = await this.run(readTopic(log, clock, topicName))
    return batches.flatMap((batch) =>
      Array.from({ length: batch.length }, (_, index) => ({
        partition: batch.partition,
        offset: batch.offsets[index]!,
        key: keyAt(batch, index)?.toString() ?? null,
        value: valueAt(batch, index)?.toString() ?? null,
        timestampMs: batch.timestampsMs[index]!,
        headers: headersAt(batch, index).map(
          ({ key, value }) => `${key}=${Buffer.from(value ?? []).toString()}`,
        ),
      })),
    )
  }

  /** The values of a topic's records, sorted. */
  async values(topicName: string): Promise<(string | null)[]> {
    return (await this.read(topicName)).map(({ value }) => value).sort()
  }

  /** All letters that are listed, page by page, the newest first. */
  async listed(
    desk: DeadLetterDesk,
    {
      filter = {},
      withSettled = false,
      size = 100,
    }: { filter?: LetterFilter; withSettled?: boolean; size?: number } = {},
  ): Promise<Letter[]> {
    const letters: Letter[] = []
    let before: readonly number[] | undefined
    do {
      const page = await this.run(desk.list({ kind: 'dead-letters', filter, withSettled, size, before }))
      letters.push(...page.letters.map(({ letter }) => letter))
      before = page.next
    } while (before !== undefined)
    return letters
  }
}

const plainLetter: DeadLetter = {
  topic: orders.name,
  partition: 0,
  offset: 0,
  timestamp: 1_000,
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  headers: [],
  topology: 'shop',
  sub_topology: orders.name,
  operator: 'parse',
  code: 'ORDER_BAD',
  message: 'bad',
  failed_time: 2_000,
  attempt: 1,
}
