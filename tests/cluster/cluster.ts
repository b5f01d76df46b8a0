/** Real services, instances of the product on them, a steady load, and what must come of it. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { simulateOrders } from '../../api/simulator/simulate-orders.ts'
import { readPartition } from '../../app/read-topic.ts'
import type { Database } from '../../sql/database.ts'
import { openDatabase } from '../../sql/open.ts'
import { type KafkaLog, openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import type { TopicPartition } from '../../streams/index.ts'
import { waitFor } from '../support/waiting.ts'
import { readContents } from './actual-contents.ts'
import { CommitWatch, type Pause } from './commit-watch.ts'
import { type Contents, differences } from './contents.ts'
import { httpRegistry } from './http-registry.ts'
import { Instance } from './instances.ts'
import type { Network } from './network.ts'
import { Oracle } from './oracle.ts'
import { type Addresses, patience, type Service, type Services } from './services.ts'
import { SteadyLoad } from './steady-load.ts'

const partitions = 4
const eventsPerSecond = 100
const root = 'root:root'
export const sessionTimeoutMs = 6000
const program = join(import.meta.dirname, '../../bin/order-streams.js')
const run = promisify(execFile)

/** How long no output came while a fault was going on. */
export interface PauseReport {
  readonly fault: string
  /** How long a service did not serve that was killed; null where none was. */
  readonly serviceDownMs: number | null
  readonly orderProcessed: Pause
  readonly orderEvent: Pause
  readonly statistics: Pause
}

export interface ClusterOptions {
  readonly services: Services
  readonly directory: string
  readonly network: Network | null
  /** Besides `ingest`, `cleanse` and `statistics`. */
  readonly topologies?: readonly string[]
  /** Of an instance, besides those that say where the services are. */
  readonly settingsOf?: (id: string) => Readonly<Record<string, string>>
}

let clusterCount = 0

export class Cluster {
  readonly pauses: PauseReport[] = []
  readonly services: Services
  readonly kafka: Service
  private readonly options: ClusterOptions
  private readonly databaseName: string
  private readonly log: KafkaLog
  private readonly database: Database
  private readonly watch: CommitWatch
  private readonly oracle = new Oracle(partitions)
  private readonly load: SteadyLoad
  private readonly instances: Instance[] = []
  /** What goes on, for a test that does not end. */
  private doing = 'opening'

  /** New topics, a new database, and events that come in from now on. */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const { services } = options
    const { onHost } = services
    const databaseName = `orders_${++clusterCount}`
    // A test that failed may have left them down.
    await Promise.all([services.registry.start(), services.mysql.start()])
    const kafka = await services.newKafka()
    const admin = await openDatabase(`mysql://${root}@${onHost.mysqlAddress}/mysql`, { poolSize: 1 })
    await admin.query(`CREATE DATABASE ${databaseName}`)
    await admin.close()
    await run(process.execPath, [
      program,
      'migrate',
      ...addressFlags(onHost, root, databaseName),
      '--set',
      `partitions=${partitions}`,
    ])
    const log = await openKafkaLog({ brokers: onHost.brokers.split(','), clock: systemClock })
    // A short patience, since it only looks on, and has to notice when the database is back.
    const database = await openDatabase(`mysql://${root}@${onHost.mysqlAddress}/${databaseName}`, {
      statementTimeoutMs: 5000,
      connectTimeoutMs: 2000,
    })
    const registry = httpRegistry(onHost.registryUrl)
    const watch = await CommitWatch.open({ log, registry, database, partitions })
    return new Cluster(options, { databaseName, kafka, log, database, watch })
  }

  private constructor(
    options: ClusterOptions,
    parts: {
      databaseName: string
      kafka: Service
      log: KafkaLog
      database: Database
      watch: CommitWatch
    },
  ) {
    this.options = options
    this.services = options.services
    this.databaseName = parts.databaseName
    this.kafka = parts.kafka
    this.log = parts.log
    this.database = parts.database
    this.watch = parts.watch
    this.load = new SteadyLoad({
      log: parts.log,
      events: simulateOrders({
        seed: 4,
        // A broker that was killed forgets producers whose newest record is a day old, and then cannot tell a repeated request.
        startTimeMs: Date.now() - 6 * 60 * 60 * 1000,
        // Simulated time flies: whole lives of orders within a test.
        ordersPerSecond: 1,
        shop: { users: 100 },
        dirtyShare: 0.05,
        repeatShare: 0.05,
        lateShare: 0.1,
      }),
      partitions,
      eventsPerSecond,
      onWritten: (event) => this.oracle.take(event),
    })
  }

  async start(id: string): Promise<Instance> {
    return this.startAt(id, this.services.onHost, [])
  }

  async startInNetwork(id: string): Promise<Instance> {
    return this.startAt(id, this.services.inNetwork!, this.options.network!.prefix)
  }

  private async startAt(id: string, addresses: Addresses, prefix: readonly string[]): Promise<Instance> {
    // A user of its own tells whose a connection is.
    await this.database.query(`CREATE USER IF NOT EXISTS '${id}' IDENTIFIED BY '${id}'`)
    await this.database.query(`GRANT ALL ON ${this.databaseName}.* TO '${id}'`)
    const settings = { sessionTimeoutMs: String(sessionTimeoutMs), ...this.options.settingsOf?.(id) }
    const instance = new Instance({
      id,
      directory: join(this.options.directory, `${this.databaseName}-${id}`),
      prefix,
      arguments: [
        'run',
        'ingest',
        'cleanse',
        'statistics',
        ...(this.options.topologies ?? []),
        ...addressFlags(addresses, `${id}:${id}`, this.databaseName),
        '--log-format',
        'json',
        ...settingFlags(settings),
      ],
    }).start()
    this.instances.push(instance)
    return instance
  }

  /** Resolves when these instances, and no others, have the tasks. */
  async isSharedBy(...instances: readonly Instance[]): Promise<void> {
    const wanted = instances.map(({ id }) => id).sort()
    await this.waitUntil(`the tasks are with ${wanted.join(', ')}`, () =>
      sameTexts(this.watch.ownersNow(), wanted),
    )
  }

  /** Resolves when all that was written up to now has come out, in every partition, and more besides. */
  async hasCaughtUp(): Promise<void> {
    const records = this.oracle.processedCounts.map((count) => count + 1)
    const rows = this.oracle.parsedCounts.map((count) => count + 1)
    const counted = this.oracle.countedEvents + 1
    await this.waitUntil('all that was written by now has come out', () =>
      this.hasOut(records, rows, counted),
    )
  }

  private hasOut(records: readonly number[], rows: readonly number[], counted: number): boolean {
    const { watch } = this
    return (
      watch.records.counts.every((count, partition) => count >= records[partition]!) &&
      watch.rows.counts.every((count, partition) => count >= rows[partition]!) &&
      watch.counted.counts[0]! >= counted
    )
  }

  /**
   * Measures the pauses while a fault goes on, up to when everything has caught up.
   * @param happens may answer for how long a service was down
   */
  async measure(fault: string, happens: () => Promise<unknown>): Promise<void> {
    const startMs = performance.now()
    const answer = await happens()
    const serviceDownMs = typeof answer === 'number' ? answer : null
    await this.hasCaughtUp()
    const { records, rows, counted } = this.watch
    this.pauses.push({
      fault,
      serviceDownMs,
      orderProcessed: records.pauseSince(startMs),
      orderEvent: rows.pauseSince(startMs),
      statistics: counted.pauseSince(startMs),
    })
  }

  /** SIGKILL and a new start. Answers how long it took. */
  async restart(service: Service): Promise<number> {
    const startMs = performance.now()
    this.doing = 'killing a service'
    await service.kill()
    this.doing = 'starting it again'
    await service.start()
    this.doing = 'it serves again'
    return performance.now() - startMs
  }

  /** Stops an instance at a moment at which it holds rows of the database in a transaction. */
  async stopInTransaction(instance: Instance): Promise<void> {
    await this.waitUntil(`instance ${instance.id} is stopped in a transaction`, async () => {
      instance.signal('SIGSTOP')
      const held = await this.database.query(
        `SELECT count(*) AS transactions FROM information_schema.innodb_trx
         JOIN information_schema.processlist ON processlist.id = trx_mysql_thread_id
         WHERE user = ? AND command = 'Sleep' AND trx_rows_modified > 0`,
        [instance.id],
      )
      if (Number(held[0]?.['transactions']) > 0) return true
      instance.signal('SIGCONT')
      return false
    })
  }

  /** Runs a command of the product on Kafka. */
  async command(words: readonly string[], settings: Readonly<Record<string, string>>): Promise<string> {
    const { brokers, registryUrl } = this.services.onHost
    const place = ['--brokers', brokers, '--registry', registryUrl]
    const { stdout } = await run(process.execPath, [program, ...words, ...place, ...settingFlags(settings)])
    return stdout
  }

  /** By order, how many events of it there are by now, repeats and broken ones not counted. */
  eventCounts(): Map<string, number> {
    return this.oracle.eventCounts()
  }

  /** How many records of a topic are committed from an offset up to another one. */
  async recordsBetween(partition: TopicPartition, from: number, to: number): Promise<number> {
    let count = 0
    for await (const batch of readPartition(this.log, partition, from)) {
      for (let index = 0; index < batch.length; index++) {
        const offset = batch.offsets[index]!
        if (offset >= from && offset < to) count++
      }
    }
    return count
  }

  /**
   * Ends the load and waits until everything has come out. Answers what is wrong, a sentence each.
   * @param unless places that are not looked at
   */
  async settle(...unless: readonly string[]): Promise<string[]> {
    this.doing = 'ending the load'
    await this.load.stop()
    let found: string[] = []
    const { processedCounts, parsedCounts, countedEvents } = this.oracle
    try {
      await this.waitUntil('all that was written has come out', () =>
        this.hasOut(processedCounts, parsedCounts, countedEvents),
      )
      await this.waitUntil('the contents are as they should be', async () => {
        found = await this.problems(unless)
        return found.length === 0
      })
    } catch (error) {
      return [String(error), ...found]
    }
    return []
  }

  /** Ends the load and then, when everything has come out, the instances. Answers what is wrong, a sentence each. */
  async finish(...unless: readonly string[]): Promise<string[]> {
    const problems = await this.settle(...unless)
    if (problems.length > 0) return problems
    for (const instance of this.instances) {
      if (!instance.isRunning) continue
      this.doing = `ending instance ${instance.id}`
      const { code, signal } = await instance.end('SIGTERM')
      if (code !== 0) problems.push(`instance ${instance.id} ended with ${signal ?? code} after SIGTERM`)
    }
    this.doing = 'reading everything once more'
    return [...problems, ...(await this.problems(unless))]
  }

  private async problems(unless: readonly string[]): Promise<string[]> {
    const { log, database } = this
    const registry = httpRegistry(this.services.onHost.registryUrl)
    const actual = await readContents({ log, database, registry })
    const looked = (contents: Contents): Contents =>
      new Map([...contents].filter(([place]) => !unless.includes(place)))
    return differences(looked(this.oracle.contents()), looked(actual))
  }

  /** What is known of it, for a test that failed. */
  describe(): string {
    const logs = this.instances.map((instance) => `===== instance ${instance.id}\n${instance.tail()}`)
    return [`doing: ${this.doing}`, this.state(), ...logs].join('\n')
  }

  async close(): Promise<void> {
    this.load.stop().catch(() => {})
    for (const instance of this.instances) if (instance.isRunning) await instance.end('SIGKILL')
    await this.watch.close()
    await this.log.close()
    await this.database.close()
  }

  private waitUntil(what: string, probe: () => boolean | Promise<boolean>): Promise<boolean> {
    this.doing = `waiting until ${what}`
    const checked = async (): Promise<boolean> => {
      this.watch.check()
      return probe()
    }
    // A load that cannot be written would keep everything else waiting.
    return Promise.race([
      waitFor(what, checked, { ...patience, state: () => this.state() }),
      this.load.ended.then(() => new Promise<never>(() => {})),
    ])
  }

  private state(): string {
    const { processedCounts, parsedCounts, countedEvents } = this.oracle
    const { records, rows, counted, owners } = this.watch
    return (
      `order-processed has ${records.counts} of ${processedCounts} records, order_event ${rows.counts} of ` +
      `${parsedCounts} rows, the statistics ${counted.counts} of ${countedEvents} events; tasks: ${[...owners].map(([task, owner]) => `${task}: ${owner}`).join(', ')}`
    )
  }
}

function addressFlags(addresses: Addresses, login: string, databaseName: string): string[] {
  const { brokers, registryUrl, mysqlAddress } = addresses
  const databaseUrl = `mysql://${login}@${mysqlAddress}/${databaseName}`
  return ['--brokers', brokers, '--registry', registryUrl, '--database', databaseUrl]
}

function settingFlags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index])
}
