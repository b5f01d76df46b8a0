/** The system of docker-compose.yml, from an image built for the test, with ports, volumes and a project name of its own. */
import { execFile, execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers'
import { type Database, openDatabase } from '../../sql/index.ts'

const run = promisify(execFile)
const image = 'order-streams:test'
const repository = join(import.meta.dirname, '../..')

/** Why these tests cannot run here; null when they can. */
export function whyNoDocker(): string | null {
  try {
    execFileSync('docker', ['info'], { stdio: 'ignore', timeout: 20_000 })
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore', timeout: 20_000 })
    return null
  } catch {
    return 'no Docker engine with compose answers'
  }
}

export interface System {
  readonly apiUrl: string
  /** Of the control service of `ingest`, as host:port. */
  readonly controlAddress: string
  openDatabase(): Promise<Database>
  /** Brings everything up, and answers when all of it is healthy. */
  start(): Promise<void>
  /** In order, as `docker compose stop`: containers and volumes stay. */
  stop(): Promise<void>
  container(name: string): Container
  /** Removes containers, volumes and the image. */
  dispose(): Promise<void>
}

export interface Container {
  readonly id: string
  /** Kills its program with SIGKILL from inside, as the kernel might: the engine knows nothing of it beforehand. */
  kill(): Promise<void>
  /** How often the engine has started it again because it ended. */
  restarts(): Promise<number>
  isHealthy(): Promise<boolean>
}

/** @param scale how many containers of a service there are, where it is not one. */
export async function openSystem(scale: Readonly<Record<string, number>>): Promise<System> {
  const [apiPort, kafkaPort, registryPort, mysqlPort, controlPort] = await freePorts(5)
  const environment = new DockerComposeEnvironment(repository, 'docker-compose.yml')
    .withBuild()
    .withEnvironment({
      ORDER_STREAMS_IMAGE: image,
      API_PORT: String(apiPort),
      KAFKA_PORT: String(kafkaPort),
      REGISTRY_PORT: String(registryPort),
      MYSQL_PORT: String(mysqlPort),
      CONTROL_PORT: String(controlPort),
    })
    .withClientOptions({
      commandOptions: [
        '--wait',
        ...Object.entries(scale).flatMap(([name, n]) => ['--scale', `${name}=${n}`]),
      ],
    })
    // `--wait` has waited already, also for the migration, which has ended.
    .withDefaultWaitStrategy(Wait.forHealthCheck())
  let started: StartedDockerComposeEnvironment | undefined
  return {
    apiUrl: `http://127.0.0.1:${apiPort}`,
    controlAddress: `127.0.0.1:${controlPort}`,
    openDatabase: () => openDatabase(`mysql://orders:orders@127.0.0.1:${mysqlPort}/orders`, { poolSize: 1 }),
    start: async () => {
      started = await environment.up()
    },
    stop: async () => {
      await started?.stop()
    },
    container: (name) => containerOf(started!.getContainer(name).getId()),
    dispose: async () => {
      await started?.down({ removeVolumes: true })
      await run('docker', ['image', 'rm', '--force', image])
    },
  }
}

function containerOf(id: string): Container {
  const inspect = async (format: string) =>
    (await run('docker', ['inspect', '--format', format, id])).stdout.trim()
  return {
    id,
    // Every process but the first, which is the one that waits for the program.
    kill: async () => {
      await run('docker', ['exec', id, 'bash', '-c', 'kill -KILL -1'])
    },
    restarts: async () => Number(await inspect('{{.RestartCount}}')),
    isHealthy: async () =>
      (await inspect('{{.State.Status}} {{.State.Health.Status}}')) === 'running healthy',
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server))
        }),
    ),
  )
  return servers.map((server) => {
    const address = server.address()
    server.close()
    if (address === null || typeof address === 'string') throw new Error('a server without a port')
    return address.port
  })
}
