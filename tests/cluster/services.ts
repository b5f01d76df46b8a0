/**
 * Services of the test's own, which it may kill: Kafka, a schema registry and MySQL, started by the commands in TEST_SERVICES,
 * each with a port and a directory of its own. What they were told survives SIGKILL.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { waitFor } from '../support/waiting.ts'

/** For a busy machine. */
export const patience = { deadlineMs: 90_000, longestPauseMs: 25 }

const run = promisify(execFile)

/** Addresses as a program on the host uses them, or inside the network. */
export interface Addresses {
  readonly brokers: string
  readonly registryUrl: string
  readonly mysqlAddress: string
}

export interface ServicesOptions {
  /** The folder with the commands. */
  readonly commands: string
  readonly directory: string
  /** The host's address in the network that one of the instances is in; null when there is no such network. */
  readonly networkAddress: string | null
}

export interface Services {
  readonly registry: Service
  readonly mysql: Service
  readonly onHost: Addresses
  /** Null when there is no network. */
  readonly inNetwork: Addresses | null
  /** A broker without any topic, in place of the one before it. */
  newKafka(): Promise<Service>
}

/** Starts all but Kafka. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { commands, directory, networkAddress } = options
  const port = await freePorts(5)
  const [kafkaPort, networkKafkaPort, registryPort, mysqlPort] = [port, port + 2, port + 3, port + 4]
  const registryDirectory = join(directory, 'registry')
  const registry = new Service(join(commands, 'registry'), registryDirectory, registryPort, [], {
    REGISTRY_PORT: String(registryPort),
    REGISTRY_DIR: registryDirectory,
    // In a file, so that ids are the same after a restart, and not in Kafka, which has faults of its own.
    APICURIO_STORAGE_KIND: 'sql',
    APICURIO_STORAGE_SQL_KIND: 'h2',
    APICURIO_DATASOURCE_URL: `jdbc:h2:file:${join(registryDirectory, 'schemas')};WRITE_DELAY=0`,
    ...(networkAddress === null ? {} : { _JAVA_OPTIONS: '-Dquarkus.http.host=0.0.0.0' }),
  })
  const mysqlDirectory = join(directory, 'mysql')
  const socket = `/tmp/mysql-${mysqlPort}.sock`
  const mysql = new Service(join(commands, 'mysql'), mysqlDirectory, mysqlPort, [socket, `${socket}.lock`], {
    MYSQL_PORT: String(mysqlPort),
    MYSQL_DIR: mysqlDirectory,
    MYSQL_OPTS: networkAddress === null ? '' : `--bind-address=127.0.0.1,${networkAddress}`,
  })
  await writeFile(join(directory, 'leftovers'), `${socket}\n${socket}.lock\n`)
  await Promise.all([registry.startNew(), mysql.startNew()])
  const addressesAt = (host: string, brokerPort: number): Addresses => ({
    brokers: `${host}:${brokerPort}`,
    registryUrl: `http://${host}:${registryPort}/apis/ccompat/v7`,
    mysqlAddress: `${host}:${mysqlPort}`,
  })
  let kafka: Service | undefined
  let kafkaCount = 0
  return {
    registry,
    mysql,
    onHost: addressesAt('127.0.0.1', kafkaPort),
    inNetwork: networkAddress === null ? null : addressesAt(networkAddress, networkKafkaPort),
    newKafka: async () => {
      await kafka?.kill()
      const kafkaDirectory = join(directory, `kafka-${++kafkaCount}`)
      kafka = new Service(join(commands, 'kafka'), kafkaDirectory, kafkaPort, [], {
        KAFKA_PORT: String(kafkaPort),
        KAFKA_DIR: kafkaDirectory,
        KAFKA_OPTIONS: kafkaOptions(kafkaPort, networkAddress, networkKafkaPort).join(' '),
      })
      await kafka.startNew()
      return kafka
    },
  }
}

/** Clients are told the address of the listener that they came by. */
function kafkaOptions(port: number, networkAddress: string | null, networkPort: number): string[] {
  const clients = [`PLAINTEXT://127.0.0.1:${port}`]
  if (networkAddress !== null) clients.push(`NETWORK://${networkAddress}:${networkPort}`)
  return [
    `listeners=${[...clients, `CONTROLLER://127.0.0.1:${port + 1}`].join(',')}`,
    `advertised.listeners=${clients.join(',')}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,NETWORK:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name=PLAINTEXT',
    // A broker that was killed may register again after this time.
    'broker.session.timeout.ms=3000',
    'broker.heartbeat.interval.ms=500',
  ]
}

const startAttempts = 3

export class Service {
  private readonly command: string
  private readonly directory: string
  private readonly port: number
  private readonly leftovers: readonly string[]
  private readonly environment: Readonly<Record<string, string>>

  /** @param leftovers files that a process which was killed leaves, and that keep another from starting */
  constructor(
    command: string,
    directory: string,
    port: number,
    leftovers: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) {
    this.command = command
    this.directory = directory
    this.port = port
    this.leftovers = leftovers
    this.environment = environment
  }

  /** Answers when it serves, for the first time. Setting one up can fail for what else goes on in the folder for temporary files. */
  async startNew(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.start()
      } catch (error) {
        if (attempt === startAttempts) throw error
        await this.tell('down', '--wipe')
      }
    }
  }

  /** Answers when it serves; with the data that it had, if any. Does nothing where it serves already. */
  async start(): Promise<void> {
    await this.tell('up')
  }

  private async tell(...words: readonly string[]): Promise<void> {
    await run(this.command, words, { env: { ...process.env, ...this.environment } })
  }

  /** SIGKILL; answers when it is gone. Does nothing where there is none. */
  async kill(): Promise<void> {
    const pidFile = join(this.directory, 'pid')
    if (!existsSync(pidFile)) return
    const pid = Number(await readFile(pidFile, 'utf8'))
    process.kill(pid, 'SIGKILL')
    // A process whose exit code nobody has asked for yet still has its id, so it is its port that tells.
    await waitFor(`nobody listens where ${this.command} did`, () => isFree(this.port), patience)
    for (const path of [pidFile, ...this.leftovers]) await rm(path, { force: true })
  }
}

/** The first of several free ports in a row, below those that the system gives to outgoing connections. */
export async function freePorts(count: number): Promise<number> {
  return waitFor(
    `${count} free ports in a row are found`,
    async () => {
      const first = 20_000 + Math.floor(Math.random() * 12_000)
      for (let port = first; port < first + count; port++) if (!(await isFree(port))) return undefined
      return first
    },
    patience,
  )
}

async function isFree(port: number): Promise<boolean> {
  const isTaken = await new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
  if (isTaken) return false
  return new Promise((resolve) => {
    const server = createServer()
      .on('error', () => resolve(false))
      .listen(port, () => server.close(() => resolve(true)))
  })
}
