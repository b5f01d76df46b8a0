/** The real stages with dead letters and rejections of theirs, mended and replayed: results as if nothing had failed. */
import { describe, expect, it } from 'vitest'
import { simulateOrders } from '../../api/simulator/simulate-orders.ts'
import { orderRejections } from '../../app/rejections.ts'
import { defaultOrderLimits } from '../../orders/rule.ts'
import type { OrderParsed } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import {
  DeadLetterDesk,
  type LetterKind,
  RecordBatchBuilder,
  RecordError,
  requiredTopics,
  StreamsApp,
  silentLogger,
  type Topic,
  type Topology,
} from '../../streams/index.ts'
import { MemoryMetrics, MemoryRegistry, MemorySink } from '../../streams/testing/index.ts'
import { cleanse } from '../../topologies/cleanse/topology.ts'
import { ingest } from '../../topologies/ingest/topology.ts'
import { newWorld, openLog, readTopic, run, simulationSettings } from '../simulation/world.ts'

const partitions = 2

interface EventRow {
  readonly topic: string
  readonly offset: number
  readonly order_id: string | null
}

/** Ingest with a table of its events, whose parser, as it was, gave up on some statuses. */
function ingestFailingOn(events: MemorySink<EventRow>, isBad: (order: OrderParsed) => boolean): Topology {
  return ingest({
    store: (stream) =>
      stream
        .mapValues((order) => {
          if (isBad(order)) throw new RecordError('EVENT_BAD', `no row for ${order.order_id}`)
          return order
        }, 'check')
        .toSink('order_event', events, ({ order_id }, _key, { topic, offset }) => [
          { topic, offset, order_id },
        ]),
  })
}

class Shop {
  readonly events = new MemorySink<EventRow>()
  private readonly world = newWorld()
  private readonly registry = new MemoryRegistry()
  private readonly open: Awaited<ReturnType<typeof openLog>>

  static async create(): Promise<Shop> {
    const open = await openLog(newWorld())
    const topology = [ingest(), cleanse()].flatMap((one) => requiredTopics(one, new Map(), partitions))
    await open.log.createTopics([...new Map(topology.map((one) => [one.name, one])).values()])
    return new Shop(open)
  }

  private constructor(open: Awaited<ReturnType<typeof openLog>>) {
    this.open = open
  }

  async send(events: readonly Buffer[]): Promise<void> {
    for (const [index, bytes] of events.entries()) {
      const batch = new RecordBatchBuilder(topics.orderRaw.name, index % partitions)
      batch.append(null, bytes, Date.UTC(2026, 0, 2))
      await run(this.open.clock, this.open.log.append([batch.build()]))
    }
  }

  async process(...topologies: readonly Topology[]): Promise<void> {
    const { clock, log } = this.open
    const app = new StreamsApp({
      topologies,
      log,
      stores: this.world.tasks,
      registry: this.registry,
      clock,
      logger: silentLogger,
      metrics: new MemoryMetrics(),
      settings: { ...simulationSettings, defaultPartitions: partitions },
    })
    await run(clock, app.start())
    await run(clock, app.drained())
    await run(clock, app.stop())
  }

  async replay(topology: Topology, kind: LetterKind) {
    const { clock, log } = this.open
    const { registry } = this
    const desk = new DeadLetterDesk({ log, clock, registry, topology, rejections: orderRejections })
    return run(clock, desk.replayAll({ kind, filter: {}, by: 'ann', attemptsMax: 3 }))
  }

  async letters(topology: Topology, kind: LetterKind, withSettled = true) {
    const { clock, log } = this.open
    const { registry } = this
    const desk = new DeadLetterDesk({ log, clock, registry, topology, rejections: orderRejections })
    const page = { kind, filter: {}, withSettled, size: 1_000, before: undefined }
    return (await run(clock, desk.list(page))).letters
  }

  async values<K, V>(topic: Topic<K, V>): Promise<Exclude<V, null>[]> {
    const { clock, log } = this.open
    const codec = await topic.value.open({ registry: this.registry, subject: `${topic.name}-value` })
    const batches = await run(clock, readTopic(log, clock, topic.name))
    return batches.flatMap(({ length, bytes, valueStarts, valueEnds }) =>
      Array.from({ length }, (_, index) => codec.decode(bytes, valueStarts[index]!, valueEnds[index]!)),
    )
  }

  /** What the headers say of orders, whatever order their events came in. */
  async headers(): Promise<string[]> {
    const headers = await this.values(topics.orderProcessed)
    return headers.map(({ order_id, status, total_amount }) => `${order_id} ${status} ${total_amount}`).sort()
  }

  rowsOf(): (string | null)[] {
    return this.events.rows.map(({ order_id }) => order_id).sort()
  }
}

const orders = [...simulateOrders({ seed: 5, orders: 40 })].map(({ bytes }) => Buffer.from(bytes))

/** What comes of the orders when nothing fails. */
async function unharmed(): Promise<Shop> {
  const shop = await Shop.create()
  await shop.send(orders)
  await shop.process(
    ingestFailingOn(shop.events, () => false),
    cleanse(),
  )
  return shop
}

describe('replayed orders', () => {
  it('should leave tables and topics as if no row had failed, once what failed on them is mended', async () => {
    const expected = await unharmed()
    const shop = await Shop.create()
    await shop.send(orders)
    const failing = ingestFailingOn(shop.events, ({ status }) => status === 'PAID')
    await shop.process(failing, cleanse())
    const failed = await shop.letters(failing, 'dead-letters')
    expect(failed.length).toBeGreaterThan(5)
    expect(failed.every(({ letter }) => letter.subTopology === 'order-parsed')).toBe(true)

    expect(await shop.replay(failing, 'dead-letters')).toMatchObject({ replayed: failed.length })
    await shop.process(
      ingestFailingOn(shop.events, () => false),
      cleanse(),
    )
    expect(shop.rowsOf()).toEqual(expected.rowsOf())
    // Cleanse reads the same topic, and has had those records before.
    expect(await shop.headers()).toEqual(await expected.headers())
    expect(await shop.values(topics.orderRejected)).toEqual([])
  })

  it('should go through cleanse again after a rejection, with nothing remembered of it, and not to the table of events', async () => {
    const expected = await unharmed()
    const shop = await Shop.create()
    await shop.send(orders)
    const strict = cleanse({ limits: { ...defaultOrderLimits, maxAmount: 3_000 } })
    const ingesting = () => ingestFailingOn(shop.events, () => false)
    await shop.process(ingesting(), strict)
    const rejected = await shop.letters(strict, 'rejections')
    expect(rejected.length).toBeGreaterThan(5)
    expect(rejected[0]?.letter).toMatchObject({
      isRejection: true,
      attempt: 1,
      record: { topic: 'order-parsed' },
      codes: expect.arrayContaining([expect.stringMatching(/^[A-Z_]+$/)]),
    })
    // As strict as before: rejected once more, as another attempt.
    expect(await shop.replay(strict, 'rejections')).toMatchObject({ replayed: rejected.length })
    await shop.process(ingesting(), strict)
    const again = await shop.letters(strict, 'rejections', false)
    expect(again.map(({ letter }) => letter.attempt)).toEqual(rejected.map(() => 2))

    expect(await shop.replay(strict, 'rejections')).toMatchObject({ replayed: rejected.length })
    await shop.process(ingesting(), cleanse())
    expect(await shop.letters(strict, 'rejections', false)).toEqual([])
    expect(await shop.headers()).toEqual(await expected.headers())
    expect(shop.rowsOf()).toEqual(expected.rowsOf())
  })

  it('should not count an order twice that was sent again meanwhile', async () => {
    const shop = await Shop.create()
    const order = (total: string) =>
      Buffer.from(
        JSON.stringify({
          order_id: '1',
          user_id: '900',
          status: 'PAID',
          currency: 'USD',
          order_time: '2026-01-01T11:53:26Z',
          total_amount: total,
          lines: [{ line_no: 1, product_id: '3', quantity: 1, line_amount: '0.50' }],
        }),
      )
    const wrong = Buffer.from(String(order('0.70')))
    await shop.send([wrong])
    const topology = cleanse()
    await shop.process(ingest(), topology)
    expect(await shop.letters(topology, 'rejections')).toHaveLength(1)
    await shop.send([order('0.50')])
    await shop.process(ingest(), topology)
    await shop.replay(topology, 'rejections')
    await shop.process(ingest(), topology)
    expect(await shop.headers()).toEqual(['1 PAID 50'])
    expect(await shop.letters(topology, 'rejections', false)).toHaveLength(1)
  })
})
