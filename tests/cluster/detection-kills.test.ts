/**
 * Detection in a cluster: of a simulated shop whose alerts are known, every one is in the topic and in the table, once, though
 * an instance is killed while they are raised, another joins, and one is asked to go.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { partitionsOf, readPartition } from '../../app/read-topic.ts'
import { topics } from '../../schemas/topics.ts'
import type { Database } from '../../sql/database.ts'
import { openDatabase } from '../../sql/open.ts'
import { openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { type Log, valueAt } from '../../streams/index.ts'
import { orderStreams } from '../support/order-streams.ts'
import { waitFor } from '../support/waiting.ts'
import { httpRegistry } from './http-registry.ts'
import { Instance } from './instances.ts'
import { openWorkDirectory, type WorkDirectory } from './janitor.ts'
import { patience, type Services, startServices } from './services.ts'

const commands = process.env['TEST_SERVICES'] ?? ''
const limitMs = 300_000
const scenarios =
  'bursts=10,unpaid=10,paid-late=10,illegal=10,large=10,repeat-purchases=10,escalating=10,near-misses=10'

let work: WorkDirectory
let services: Services
let database: Database
let log: Log
let place: string[]

beforeAll(async () => {
  if (commands === '') return
  work = openWorkDirectory()
  services = await startServices({ commands, directory: work.path, networkAddress: null })
  await services.newKafka()
  const { brokers, registryUrl, mysqlAddress } = services.onHost
  const databaseUrl = `mysql://root:root@${mysqlAddress}/detection`
  const admin = await openDatabase(`mysql://root:root@${mysqlAddress}/mysql`, { poolSize: 1 })
  await admin.query('CREATE DATABASE detection')
  await admin.close()
  place = ['--brokers', brokers, '--registry', registryUrl, '--database', databaseUrl]
  await orderStreams(['migrate', ...place, '--set', 'partitions=4'])
  database = await openDatabase(databaseUrl)
  log = await openKafkaLog({ brokers: brokers.split(','), clock: systemClock })
}, limitMs)

afterAll(async () => {
  await log?.close()
  await database?.close()
  await work?.dispose()
}, limitMs)

function instance(id: string): Instance {
  return new Instance({
    id,
    directory: join(work.path, `instance-${id}`),
    prefix: [],
    arguments: [...['run', 'ingest', 'cleanse', 'detection'], ...place, '--log-format', 'json'],
  }).start()
}

async function send(...options: string[]): Promise<void> {
  const { code, stderr } = await orderStreams(['simulate', ...options, '--brokers', services.onHost.brokers])
  if (code !== 0) throw new Error(stderr)
}

/** Of each alert a line. */
async function alertsInTopic(): Promise<string[]> {
  const { name, value } = topics.orderAnomaly
  const registry = httpRegistry(services.onHost.registryUrl)
  const codec = await value.open({ registry, subject: `${name}-value` })
  const lines: string[] = []
  for (const partition of await partitionsOf(log, name)) {
    for await (const batch of readPartition(log, partition)) {
      for (let index = 0; index < batch.length; index++) {
        const bytes = valueAt(batch, index)!
        const { type, order_id, user_id, event_time } = codec.decode(bytes, 0, bytes.length)
        lines.push([type, order_id, user_id, new Date(event_time).toISOString()].join(' '))
      }
    }
  }
  return lines.sort()
}

async function alertsInTable(): Promise<string[]> {
  const rows = await database.query(
    `SELECT type, order_id, user_id, DATE_FORMAT(event_time, '%Y-%m-%dT%H:%i:%s.%f') AS event_time FROM order_anomalies`,
  )
  // MySQL formats microseconds.
  return rows
    .map((row) =>
      [row['type'], row['order_id'], row['user_id'], `${String(row['event_time']).slice(0, 23)}Z`].join(' '),
    )
    .sort()
}

const skipNote =
  commands === ''
    ? ' (skipped: set TEST_SERVICES to the folder with the commands kafka, registry and mysql)'
    : ''

it.skipIf(commands === '')(
  `should raise every alert of a simulated shop once, also when instances are killed, come and go${skipNote}`,
  {
    timeout: limitMs,
  },
  async () => {
    const truthFile = join(work.path, 'truth.json')
    const trouble = ['--late', '0.2', '--dirty', '0.1', '--repeat', '0.1']
    await send('--seed', '5', '--orders', '1500', '--scenario', scenarios, '--truth', truthFile, ...trouble)
    const truth: {
      readonly type: string
      readonly order_id: string
      readonly user_id: string
      readonly event_time: string
    }[] = JSON.parse(readFileSync(truthFile, 'utf8')).alerts
    const expected = truth
      .map(({ type, order_id, user_id, event_time }) => [type, order_id, user_id, event_time].join(' '))
      .sort()

    const [a, b] = [instance('a'), instance('b')]
    const state = () => `${a.tail()}\n${b.tail()}`
    const raised = (least: number) =>
      waitFor(`${least} alerts are raised`, async () => (await alertsInTopic()).length >= least, {
        ...patience,
        state,
      })
    await raised(1)
    await b.end('SIGKILL')
    const c = instance('c')
    // A day later: it lets time pass over all that was planned, and has nothing to find.
    await send('--seed', '6', '--orders', '600', '--start', '2025-01-02T08:00:00Z', '--scenario', 'bursts=0')
    await raised(expected.length / 2)
    b.start()
    await raised(expected.length)
    await waitFor(
      'the alerts are in the table',
      async () => (await alertsInTable()).length >= expected.length,
      {
        ...patience,
        state,
      },
    )
    // One that has just been started does not hear the signal yet.
    await waitFor('all of them run', async () => [a, b, c].every(({ isUp }) => isUp), {
      ...patience,
      state,
    })
    for (const one of [a, b, c]) expect(await one.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(await alertsInTopic()).toEqual(expected)
    expect(await alertsInTable()).toEqual(expected)
  },
)
