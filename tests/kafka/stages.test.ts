/** Stage commands over a real broker: two instances that follow them, and callers that command at the same time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KafkaLog, openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import {
  defineTopology,
  nullable,
  RecordBatchBuilder,
  requiredTopics,
  StreamsApp,
  serdes,
  silentLogger,
  stagesOf,
  type TaskFlowView,
  topic,
} from '../../streams/index.ts'
import { MemoryMetrics, MemoryRegistry, MemoryStoreProvider } from '../../streams/testing/index.ts'
import { uniqueName } from '../contracts/log-fixture.ts'
import { waitFor } from '../support/waiting.ts'
import { testBrokers } from './test-admin.ts'

const title =
  testBrokers.length > 0
    ? 'stage commands on a real broker'
    : 'stage commands on a real broker (skipped: set TEST_KAFKA_BROKERS to the host:port of one)'

describe.skipIf(testBrokers.length === 0)(title, { timeout: 120_000 }, () => {
  const registry = new MemoryRegistry()
  const words = topic(uniqueName('words'), { key: serdes.string, value: serdes.string })
  const counts = topic(uniqueName('counts'), { key: serdes.string, value: nullable(serdes.long) })
  const name = uniqueName('letters')
  const whole = { topology: name, subTopology: null, operator: null }
  const told = { reason: 'a test', by: 'alice' }
  const partitions = [0, 1].map((partition) => ({ topic: words.name, partition }))
  let log: KafkaLog
  const apps: StreamsApp[] = []

  const topology = () =>
    defineTopology(name, (builder) => {
      builder
        .stream(words)
        .groupBy((word) => word.slice(0, 1), serdes.string)
        .count({ store: 'letters' })
        .toStream()
        .to(counts)
    })

  async function start(): Promise<StreamsApp> {
    const app = new StreamsApp({
      topologies: [topology()],
      ...{ log, registry, clock: systemClock, logger: silentLogger },
      stores: new MemoryStoreProvider(),
      metrics: new MemoryMetrics(),
      instanceId: `instance-${apps.length}`,
    })
    apps.push(app)
    await app.start()
    return app
  }

  async function write(count: number): Promise<void> {
    await log.append(
      partitions.map(({ partition }) => {
        const batch = new RecordBatchBuilder(words.name, partition)
        for (let index = 0; index < count; index++)
          batch.append(Buffer.from('k'), Buffer.from('w'), 1_000 + index)
        return batch.build()
      }),
    )
  }

  const stages = (app: StreamsApp) => stagesOf(app.running(name))
  const committed = async () =>
    (await log.committedOffsets(name, partitions)).reduce<number>((sum, offset) => sum + (offset ?? 0), 0)
  const flows = () => apps.flatMap((app) => [...app.running(name).drivers.values()].map(({ flow }) => flow))
  const all = (state: string) =>
    waitFor(
      `all tasks are ${state}`,
      () => flows().length === 4 && flows().every((flow) => flow.state === state),
    )

  beforeAll(async () => {
    log = await openKafkaLog({ brokers: testBrokers, clock: systemClock })
    await log.createTopics(requiredTopics(topology(), new Map(), 2))
    await start()
    await start()
  })
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.stop()))
    await log.close()
  })

  it('should hold, step, drain and let go on all instances, and lose no command', async () => {
    const [first, second] = [apps[0]!, apps[1]!]
    await stages(first).pause({ stage: whole, ...told })
    await all('paused')
    await write(100)
    const steps = await Promise.all(
      [first, second, first].map((app) => stages(app).step({ stage: whole, by: 'bob', records: 5 })),
    )
    // Those behind the repartition topic have fewer records than steps.
    const newest = Math.max(...steps.map(({ revision }) => revision))
    const hasUsedAll = ({ state, revision }: TaskFlowView) => state === 'paused' && revision >= newest
    await waitFor('the steps are used', () => flows().filter(hasUsedAll).length === 2)
    expect(await committed()).toBe(30)

    await stages(second).drain({ stage: whole, ...told })
    await write(100)
    await all('drained')
    expect(await committed()).toBe(200)
    await expect(first.drained()).rejects.toMatchObject({ code: 'STAGE_HELD' })

    await stages(first).resume({ stage: whole, ...told })
    await first.drained()
    expect(await committed()).toBe(400)
    const standing = await stages(second).list()
    expect(standing).toMatchObject([{ kind: 'RUN', commanded_by: 'alice' }])
  })
})
