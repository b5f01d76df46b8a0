/**
 * Compares how soon programs work again after `kill -9`: from the start of the process until each partition has passed on,
 * committed, a record that was sent after that start. Twice, for a killed member stays in its group for a while:
 *
 *     at once      while the coordinator still counts the killed one
 *     later        after it has given it up
 *
 * Every key changes once more before each kill.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import type { Log } from '../../streams/index.ts'
import type { InstanceEnvironment } from './environment.ts'
import { InstanceProcess, type Program } from './instance-process.ts'
import { fill, Probes, partitions } from './traffic.ts'

const sessionTimeoutMs = 15_000
/** It works for so long before it is killed, so that it is in the middle of something. */
const workingMs = 3000
const lookAgainMs = 200

const here = fileURLToPath(new URL('.', import.meta.url))
const programs: readonly (Program & { readonly isNamed: boolean })[] = [
  { name: 'ours', command: process.execPath, args: [join(here, 'instance.js')], isNamed: true },
  {
    name: 'kafka-streams',
    command: 'java',
    args: [
      '-Xmx2g',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-cp',
      join(here, 'kafka-streams/lib/*'),
      'bench.restart.Main',
    ],
    isNamed: true,
  },
]

interface Restart {
  readonly program: string
  readonly when: 'at once' | 'later'
  /** From the start of the process until all partitions worked again. */
  readonly restartMs: number
  readonly marks: Readonly<Record<string, number>>
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      keys: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
    },
  })
  const bootstrap = process.env['BOOTSTRAP']
  if (bootstrap === undefined) throw new Error('BOOTSTRAP is not set: give a broker as host:port')
  const chosen = programs.filter(({ name }) => values.only === undefined || values.only === name)
  if (chosen.length === 0) throw new Error(`--only takes ${programs.map(({ name }) => name).join(' or ')}`)
  const log = await openKafkaLog({ brokers: [bootstrap], clock: systemClock })
  const restarts: Restart[] = []
  try {
    for (const program of chosen) {
      const measured = await measure(log, bootstrap, program, Number(values.keys), Number(values.rounds))
      restarts.push(...measured)
    }
  } finally {
    await log.close()
  }
  report(restarts)
}

async function measure(
  log: Log,
  bootstrap: string,
  program: Program & { readonly isNamed: boolean },
  keys: number,
  rounds: number,
): Promise<Restart[]> {
  const runId = `restart-bench-${program.name}-${Date.now()}`
  const directory = mkdtempSync(join(tmpdir(), 'restart-bench-'))
  const environment: InstanceEnvironment = {
    BOOTSTRAP: bootstrap,
    INPUT_TOPIC: `${runId}-input`,
    OUTPUT_TOPIC: `${runId}-output`,
    GROUP_ID: runId,
    STATE_DIR: directory,
    INSTANCE_ID: program.isNamed ? 'one' : '',
    SESSION_TIMEOUT_MS: `${sessionTimeoutMs}`,
  }
  const topics = [environment.INPUT_TOPIC, environment.OUTPUT_TOPIC]
  await log.createTopics(
    topics.map((name) => ({
      name,
      partitions,
      cleanup: 'delete' as const,
      timestampType: 'create' as const,
    })),
  )
  await fill(log, environment.INPUT_TOPIC, keys)
  let instance = new InstanceProcess(program, environment)
  const probes = await Probes.start(log, environment.INPUT_TOPIC, environment.OUTPUT_TOPIC)
  const restarts: Restart[] = []
  try {
    await instance.whileRunning(probes.passedOn())
    say(
      `${program.name}: ${keys} keys processed ${seconds(performance.now() - instance.startedMs)} after the start`,
    )
    for (let round = 0; round < rounds; round++) {
      for (const when of ['at once', 'later'] as const) {
        // Kafka Streams notes its position when a restore is done: what changed since then is what it restores the next time.
        await fill(log, environment.INPUT_TOPIC, keys)
        await instance.whileRunning(probes.passedOn())
        await pause(workingMs)
        await instance.kill()
        if (when === 'later') await isEmpty(log, runId)
        instance = new InstanceProcess(program, environment)
        const restartMs = (await instance.whileRunning(probes.passedOn())) - instance.startedMs
        const restart = { program: program.name, when, restartMs, marks: Object.fromEntries(instance.marks) }
        restarts.push(restart)
        say(JSON.stringify(restart))
      }
    }
    return restarts
  } finally {
    await instance.kill()
    await probes.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function isEmpty(log: Log, groupId: string): Promise<void> {
  while ((await log.describeGroup(groupId)).members.length > 0) await pause(lookAgainMs)
}

function report(restarts: readonly Restart[]): void {
  for (const when of ['at once', 'later'] as const) {
    const medians = programs
      .map(({ name }) => ({
        name,
        ms: median(restarts.filter((one) => one.program === name && one.when === when)),
      }))
      .filter(({ ms }) => !Number.isNaN(ms))
    const [first, second] = medians
    const ratio =
      first === undefined || second === undefined ? '' : `, ratio ${(second.ms / first.ms).toFixed(1)}`
    say(`${when}: ${medians.map(({ name, ms }) => `${name} ${seconds(ms)}`).join(', ')}${ratio}`)
  }
}

function median(restarts: readonly Restart[]): number {
  const sorted = restarts.map(({ restartMs }) => restartMs).sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

await main()
