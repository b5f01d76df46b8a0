/** Leaders that move between two brokers, a broker that is killed, and one that throttles: all of it for real. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KafkaLog, openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import type { Log } from '../../streams/ports/log.ts'
import {
  newTopic,
  settled,
  TestMember,
  TestReader,
  uniqueName,
  valuesBatch,
  waitFor,
} from '../contracts/log-fixture.ts'
import { type OwnBroker, runTool, startOwnBroker, testServices } from './own-broker.ts'
import { plainKafka } from './test-admin.ts'

const title =
  testServices === ''
    ? 'two brokers (skipped: set TEST_SERVICES to the folder with the command kafka)'
    : 'two brokers'

const partitions = [0, 1, 2, 3]
const waiting = { deadlineMs: 90_000 }

describe.skipIf(testServices === '')(title, { timeout: 240_000 }, () => {
  let first: OwnBroker
  let second: OwnBroker | undefined
  let log: KafkaLog
  const addresses = () => [first, second!].map(({ ports }) => `127.0.0.1:${ports[0]}`)

  beforeAll(async () => {
    const shared = [
      'default.replication.factor=2',
      'offsets.topic.replication.factor=2',
      'transaction.state.log.replication.factor=2',
      'broker.session.timeout.ms=3000',
      'broker.heartbeat.interval.ms=500',
      // Leaders go back to where they belong soon after their broker has come back.
      'leader.imbalance.check.interval.seconds=1',
      'leader.imbalance.per.broker.percentage=0',
    ]
    first = await startOwnBroker(0, () => shared)
    second = await startOwnBroker(0, (ports) => [
      ...shared,
      'node.id=2',
      'process.roles=broker',
      `controller.quorum.voters=1@127.0.0.1:${first.ports[1]}`,
      `listeners=PLAINTEXT://127.0.0.1:${ports[0]}`,
    ])
    log = await openLog('of-brokers')
  }, 240_000)
  afterAll(async () => {
    await log?.close()
    await second?.stop()
    await first?.stop()
  }, 60_000)

  const openLog = (clientId: string) =>
    openKafkaLog({ brokers: addresses(), clientId, clock: systemClock, heartbeatIntervalMs: 200 })

  async function leadersOf(topic: string): Promise<number[]> {
    const admin = plainKafka(addresses()).admin()
    await admin.connect()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    await admin.disconnect()
    return topics[0]!.partitions.sort((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader)
  }

  const spread = async (topic: string) => new Set(await leadersOf(topic)).size === 2

  it('should lose nothing and write nothing twice while leaders and coordinators move', async () => {
    const [appended, transacted] = [
      await newTopic(log, { partitions: partitions.length }),
      await newTopic(log, { partitions: partitions.length }),
    ]
    const member = await new TestMember().join(log, uniqueName('group'), [appended])
    await settled([member])
    const reading = new TestReader(log)
    for (const topic of [appended, transacted]) {
      for (const partition of partitions) reading.reader.follow({ topic, partition }, 0)
    }
    const load = new Load(log, appended, transacted)
    try {
      await waitFor('leaders on both', () => spread(appended), waiting)
      await second!.kill()
      const leads = async () => (await leadersOf(appended)).every((leader) => leader === 1)
      await waitFor('the other to lead', leads, waiting)
      await load.goesOn()
      await second!.start()
      await waitFor('leaders on both again', () => spread(appended), waiting)
      await load.goesOn()
    } finally {
      load.stop()
    }
    const written = await load.counts
    for (const partition of partitions) {
      for (const [topic, count] of [
        [appended, written[partition]!],
        [transacted, written.at(-1)!],
      ] as const) {
        const records = await reading.next({ topic, partition }, count)
        expect(records.map(({ value }) => value)).toEqual(Array.from({ length: count }, (_, i) => `${i}`))
      }
    }
    expect([reading.errors, member.lost]).toEqual([[], []])
    await waitFor('the member to have its place', () => member.assigned, waiting)
    await reading.reader.close()
    await member.leave()
  })

  it('should keep to the rate that it is told, and keep its place in the group meanwhile', async () => {
    const clientId = uniqueName('throttled')
    await setQuota(first, clientId, '--add-config', 'producer_byte_rate=20000,consumer_byte_rate=20000')
    const throttled = await openLog(clientId)
    const topic = await newTopic(throttled)
    const member = await new TestMember().join(throttled, uniqueName('group'), [topic])
    await settled([member])
    const { generation } = member.assigned!
    const values = Array.from({ length: 25 }, (_, i) => `${i}-`.padEnd(10_000, 'x'))
    const begun = performance.now()
    for (const value of values) await throttled.append([valuesBatch(topic, 0, value)])
    const reading = new TestReader(throttled)
    reading.reader.follow({ topic, partition: 0 }, 0)
    const records = await reading.next({ topic, partition: 0 }, values.length)
    expect(records.map(({ value }) => value)).toEqual(values)
    // 250 kB at 20 kB a second, of which the broker lets the first ten seconds' worth pass at once.
    expect(performance.now() - begun).toBeGreaterThan(1000)
    expect([reading.errors, member.lost, member.assigned!.generation]).toEqual([[], [], generation])
    await reading.reader.close()
    await member.leave()
    await throttled.close()
  })
})

/** Numbers, counted up in every partition: each in an append of its own to one topic, each in a transaction to the other. */
class Load {
  /** How many went to each partition of the first topic, and behind them how many transactions there were. */
  readonly counts: Promise<number[]>
  private isGoing = true
  private transactionCount = 0

  constructor(log: Log, appended: string, transacted: string) {
    this.counts = Promise.all([
      ...partitions.map((partition) => this.append(log, appended, partition)),
      this.transact(log, transacted),
    ])
    // Whoever waits for the counts hears of it.
    this.counts.catch(() => this.stop())
  }

  stop(): void {
    this.isGoing = false
  }

  /** Resolves when some more transactions are through. */
  async goesOn(): Promise<void> {
    const before = this.transactionCount
    await waitFor('transactions', () => this.transactionCount > before + 20 || !this.isGoing, waiting)
  }

  private async append(log: Log, topic: string, partition: number): Promise<number> {
    let count = 0
    for (; this.isGoing; count++) await log.append([valuesBatch(topic, partition, `${count}`)])
    return count
  }

  private async transact(log: Log, topic: string): Promise<number> {
    const producer = await log.openTransactionalProducer({ transactionalId: topic, timeoutMs: 60_000 })
    for (; this.isGoing; this.transactionCount++) {
      const value = `${this.transactionCount}`
      await producer.send(partitions.map((partition) => valuesBatch(topic, partition, value)))
      await producer.commit()
    }
    await producer.close()
    return this.transactionCount
  }
}

async function setQuota(broker: OwnBroker, clientId: string, ...change: string[]): Promise<void> {
  await runTool(
    'kafka.admin.ConfigCommand',
    ...['--bootstrap-server', `127.0.0.1:${broker.ports[0]}`, '--alter'],
    ...['--entity-type', 'clients', '--entity-name', clientId, ...change],
  )
}
