/** examples/control-client as its README says it: generated, built and run, with the libraries that the repository has. */
import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sampleOrder } from '../support/order-files.ts'
import { type RunningProgram, startOrderStreams, temporaryDirectory } from '../support/order-streams.ts'

const example = resolve('examples/control-client')
const binaries = resolve('node_modules/.bin')
const made = ['dist', 'src/generated'].map((folder) => join(example, folder))

let directory: ReturnType<typeof temporaryDirectory>
let running: RunningProgram
let address: string

beforeAll(async () => {
  directory = temporaryDirectory()
  const input = join(directory.path, 'orders.ndjson')
  const orders = Array.from({ length: 20 }, (_, index) => JSON.stringify(sampleOrder(`order-${index}`)))
  writeFileSync(input, `${orders.join('\n')}\n`)
  const ports = ['--control-port', '0', '--http-port', '0', '--api-port', '0']
  running = startOrderStreams(['start', '--input', input, ...ports], { workingDirectory: directory.path })
  const said = await running.said('The Order API listens')
  address = /control server listens at ([\d.:]+\d)/.exec(said)?.[1] ?? ''
  expect(address, said).not.toBe('')
  // As `npm run generate && npm run build`.
  await expectDone('buf', 'generate')
  await expectDone('tsc', '-p', 'tsconfig.json')
})

afterAll(async () => {
  running?.kill('SIGTERM')
  await running?.ended
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
  directory.dispose()
})

interface Ended {
  readonly code: number | null
  readonly output: string
}

function run(command: string, ...args: readonly string[]): Promise<Ended> {
  const child = spawn(command, args, {
    cwd: example,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: [binaries, process.env['PATH']].join(delimiter), HOME: directory.path },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  return new Promise((ended) => child.on('close', (code) => ended({ code, output })))
}

async function expectDone(command: string, ...args: readonly string[]): Promise<void> {
  const { code, output } = await run(command, ...args)
  expect(code, output).toBe(0)
}

describe('examples/control-client', () => {
  it('should list, pause, watch, look into state, meet an error, resume and make a savepoint', async () => {
    const { code, output } = await run(process.execPath, 'dist/main.js', 'cleanse', address)
    expect(code, output).toBe(0)
    const lines = output.trimEnd().split('\n')
    // Four topologies on pages of two.
    expect(lines.slice(0, 4).map((line) => line.split(':')[0])).toEqual([
      'ingest',
      'cleanse',
      'statistics',
      'detection',
    ])
    expect(output).toContain('cleanse is to pause:')
    expect(output).toContain('FLOW_STATE_PAUSED, lag 0')
    expect(output).toMatch(/^order-memory begins with \[ 'order-\d+', 'order-\d+', 'order-\d+' \]$/m)
    expect(output).toMatch(/^"order-\d+" is \{"placed_time":.*\}, as of commit \d+ of order-parsed_\d$/m)
    expect(output).toMatch(/^as expected: STORE_NOT_FOUND, /m)
    expect(output).toContain('cleanse goes on')
    expect(lines.at(-1)).toMatch(/^savepoint cleanse-\S+ has \d+ bytes of \d+ stores$/)
  })

  it('should tell of a failure by its reason, and end with 1', async () => {
    const { code, output } = await run(process.execPath, 'dist/main.js', 'no-such-topology', address)
    expect(code).toBe(1)
    expect(output).toMatch(/^TOPOLOGY_NOT_FOUND: /m)
  })
})
