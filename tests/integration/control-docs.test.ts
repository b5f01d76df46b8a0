/**
 * docs/control.md as its readers use it: every command of it runs, in its order, against a running `order-streams start`. Commands with
 * grpcurl run where there is one: in the PATH, or where GRPCURL says.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { sampleOrder } from '../support/order-files.ts'
import { type RunningProgram, startOrderStreams, temporaryDirectory } from '../support/order-streams.ts'
import { type Run, runHere } from '../support/run-ctl.ts'

const page = readFileSync('docs/control.md', 'utf8')
const grpcurl = process.env['GRPCURL'] ?? 'grpcurl'
const hasGrpcurl = spawnSync(grpcurl, ['-version']).error === undefined

interface Step {
  readonly section: string
  readonly command: string
  readonly exitCode: number
  /** What the page shows below it. */
  readonly shown: { readonly language: 'json' | 'text'; readonly text: string } | undefined
}

/** Commands, one a line of a block of shell; what is shown below a block is of its last one. */
function stepsOf(text: string): Step[] {
  const steps: Step[] = []
  let section = ''
  for (const [, heading, language, block] of text.matchAll(/^## (.+)$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (heading !== undefined) section = heading
    if (block === undefined) continue
    if (language === 'sh') {
      for (const line of block.trimEnd().split('\n')) {
        const [command = '', exitCode = '0'] = line.split(/ +# exit code (?=\d+$)/)
        steps.push({ section, command, exitCode: Number(exitCode), shown: undefined })
      }
    } else if (language === 'json' || language === 'text') {
      steps.push({ ...steps.pop()!, shown: { language, text: block } })
    }
  }
  return steps
}

const steps = stepsOf(page)

let directory: ReturnType<typeof temporaryDirectory>
let running: RunningProgram
let address: string
/** As the page calls it, and as it is called here: its partition is nobody's choice. */
let deadLetter: string

beforeAll(async () => {
  directory = temporaryDirectory()
  const input = join(directory.path, 'orders.ndjson')
  const ofUser = ['31198570044', '31198705046', '31198705106'].map((id, minute) =>
    sampleOrder(id, {
      user_id: '2322',
      order_time: new Date(Date.UTC(2017, 0, 1, 12, minute)).toISOString(),
    }),
  )
  const others = Array.from({ length: 20 }, (_, index) =>
    sampleOrder(`order-${index}`, {
      order_time: new Date(Date.UTC(2017, 0, 1, 12, index * 10)).toISOString(),
    }),
  )
  const orders = [...ofUser, ...others, sampleOrder('negative', { total_amount: '-1.00' })]
  writeFileSync(input, `${['no order', ...orders.map((order) => JSON.stringify(order))].join('\n')}\n`)
  const ports = ['--control-port', '0', '--http-port', '0', '--api-port', '0']
  running = startOrderStreams(['start', '--input', input, ...ports], { workingDirectory: directory.path })
  const said = await running.said('The Order API listens')
  address = /control server listens at ([\d.:]+\d)/.exec(said)?.[1] ?? ''
  expect(address, said).not.toBe('')

  vi.stubEnv('ORDER_STREAMS_CTL_ADDRESS', address)
  const { stdout } = await runCommand('order-streams ctl dead-letters list ingest --json')
  deadLetter = JSON.parse(stdout).name
})

afterAll(async () => {
  running?.kill('SIGTERM')
  await running?.ended
  directory.dispose()
  vi.unstubAllEnvs()
})

/** The words of a command, as a shell reads them. */
function wordsOf(command: string): string[] {
  const { stdout } = spawnSync('bash', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' })
  return stdout.split('\0').slice(0, -1)
}

/** Our own commands in this process, as sixty starts of it would take a minute; grpcurl as it is. */
async function runCommand(command: string): Promise<Run> {
  const [, ...words] = wordsOf(command.replace(/ \|\| true$/, ''))
  if (command.startsWith('order-streams ')) return runHere(...words)
  const { status, stdout, stderr } = spawnSync(grpcurl, words, { encoding: 'utf8' })
  return { code: command.endsWith('|| true') ? 0 : (status ?? -1), stdout, stderr }
}

/** Whatever the page shows is there, of the same kind; figures, times and texts may be others. */
function expectShape(actual: unknown, shown: unknown, path = ''): void {
  if (Array.isArray(shown)) {
    expect(Array.isArray(actual) ? actual.length : actual, path).toBeGreaterThan(0)
    expectShape(Array.isArray(actual) ? actual[0] : actual, shown[0], `${path}[0]`)
  } else if (typeof shown === 'object' && shown !== null) {
    for (const [name, value] of Object.entries(shown)) {
      const has = typeof actual === 'object' && actual !== null && Object.hasOwn(actual, name)
      expect(has, `${path}.${name} of ${JSON.stringify(actual)}`).toBe(true)
      expectShape(Object(actual)[name], value, `${path}.${name}`)
    }
  } else {
    expect(typeof actual, path).toBe(typeof shown)
    // Names of kinds and states are part of what is promised.
    if (typeof shown === 'string' && /^[A-Z]+(_[A-Z]+)+$/.test(shown)) expect(actual, path).toBe(shown)
  }
}

/** The first line of a text, with … for anything. */
function expectFirstLine(actual: string, shown: string): void {
  const words = (text: string) => text.split('\n')[0]!.trim().replaceAll(/\s+/g, ' ')
  const pattern = words(shown).split('…').map(escaped)
  expect(words(actual)).toMatch(new RegExp(`^${pattern.join('.*')}$`))
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

describe('docs/control.md', () => {
  it('should have commands of both kinds', () => {
    const of = (start: string) => steps.filter(({ command }) => command.startsWith(start)).length
    expect(of('order-streams ctl ')).toBeGreaterThan(40)
    expect(of('grpcurl ')).toBeGreaterThan(40)
  })

  it('should call every method by grpcurl, but for the one that needs a stopped topology', () => {
    const directory = 'proto/orderstreams/control/v1'
    const declared = readdirSync(directory).flatMap((file) => {
      const text = readFileSync(join(directory, file), 'utf8')
      const service = /^service (\w+)/m.exec(text)?.[1]
      return [...text.matchAll(/^ {2}rpc (\w+)\(/gm)].map(([, method]) => `${service}/${method}`)
    })
    const called = new Set(page.match(/\w+Service\/\w+/g))
    expect(declared.filter((method) => !called.has(method))).toEqual(['CheckpointService/RestoreSavepoint'])
  })

  for (const { section, command, exitCode, shown } of steps) {
    const isRun = hasGrpcurl || !command.startsWith('grpcurl ')
    it.skipIf(!isRun)(
      `should answer as ${section || 'the beginning'} shows: ${command}${isRun ? '' : ' (skipped: needs grpcurl)'}`,
      async () => {
        const here = command
          .replaceAll('127.0.0.1:50051', address)
          .replaceAll('ingest-dead-letter/3/0', deadLetter)
        const { code, stdout, stderr } = await runCommand(here)
        expect(code, stdout + stderr).toBe(exitCode)
        if (shown?.language === 'json') expectShape(JSON.parse(stdout), JSON.parse(shown.text))
        if (shown?.language === 'text') expectFirstLine(stdout || stderr, shown.text)
      },
    )
  }
})
