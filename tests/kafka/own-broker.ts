/** A broker of the test's own, set up as it wishes, started by the command `kafka` in TEST_SERVICES. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '../cluster/services.ts'
import { waitFor } from '../contracts/log-fixture.ts'

const execute = promisify(execFile)

/** The folder with the commands; empty where tests have none. */
export const testServices = process.env['TEST_SERVICES'] ?? ''

/** Runs one of Kafka's own programs; answers what it wrote. */
export function runTool(mainClass: string, ...args: string[]): Promise<string> {
  return call(['run', mainClass, ...args])
}

async function call(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const command = join(testServices, 'kafka')
  const { stdout } = await execute(command, [...args], { env, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

export interface OwnBroker {
  /** For the test's own use, beside the broker's data; gone with the broker. */
  readonly directory: string
  /** The first is the plain listener's; the test's own listeners have the ones behind the second. */
  readonly ports: readonly number[]
  /** With the data that it had. */
  start(): Promise<void>
  /** SIGKILL; answers when it is gone. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** @param properties the broker's settings, made from its ports once `prepare` has filled the directory */
export async function startOwnBroker(
  listenerCount: number,
  properties: (ports: readonly number[], directory: string) => readonly string[],
  prepare: (directory: string) => Promise<void> = async () => {},
): Promise<OwnBroker> {
  const directory = await mkdtemp(join(tmpdir(), 'own-broker-'))
  await prepare(directory)
  const first = await freePorts(2 + listenerCount)
  const ports = Array.from({ length: 2 + listenerCount }, (_, index) => first + index)
  const env = {
    ...process.env,
    KAFKA_PORT: `${first}`,
    KAFKA_DIR: join(directory, 'kafka'),
    KAFKA_OPTIONS: properties(ports, directory).join(' '),
    KAFKA_HEAP_OPTS: '-Xmx384m',
  }
  const stop = async (): Promise<void> => {
    await call(['down', '--wipe'], env)
    await rm(directory, { recursive: true, force: true })
  }
  const start = async (): Promise<void> => {
    await call(['up'], env)
  }
  const kill = async (): Promise<void> => {
    const pid = Number(await readFile(join(env.KAFKA_DIR, 'pid'), 'utf8'))
    process.kill(pid, 'SIGKILL')
    await waitFor(`broker ${pid} to be gone`, () => isGone(pid))
    await rm(join(env.KAFKA_DIR, 'pid'))
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { directory, ports, start, kill, stop }
}

async function isGone(pid: number): Promise<boolean> {
  try {
    return /\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
