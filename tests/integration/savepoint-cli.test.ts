/** Savepoints from the command line: of a real stage in a stopped data directory. */
import { appendFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { orderStreams, startOrderStreams, temporaryDirectory } from '../support/order-streams.ts'

const stores = ['orders-per-user', 'sessions-of-user']
const stages = ['ingest', 'cleanse', 'statistics']

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string

beforeAll(async () => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
  await simulate(1, '2025-01-01T08:00:00Z')
  await on('run', ...stages, '--once')
})

afterAll(() => directory.dispose())

async function on(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await orderStreams([...args, '--data-dir', dataDir])
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  return stdout
}

function simulate(seed: number, start: string): Promise<string> {
  return on('simulate', '--orders', '100', '--seed', String(seed), '--start', start)
}

async function state(): Promise<Record<string, string>> {
  const dumps: Record<string, string> = {}
  for (const store of stores) dumps[store] = await on('state', 'dump', store)
  return dumps
}

/** How a command ended that was interrupted once it had said so; begun anew where it was done before the signal came. */
async function brokenOff(
  text: string,
  begin: () => Promise<ReturnType<typeof startOrderStreams>>,
): Promise<Awaited<ReturnType<typeof orderStreams>>> {
  for (let tries = 1; ; tries++) {
    const program = await begin()
    await program.said(text)
    program.kill('SIGINT')
    const result = await program.ended
    if (result.code !== 0 || tries === 5) return result
  }
}

describe('order-streams savepoint', { timeout: 120_000 }, () => {
  it('should put a stage back, which then comes to the same state by reading on', async () => {
    const saved = await state()
    expect(await on('savepoint', 'create', 'statistics', '--name', 'one', '--reason', 'a test')).toBe('one\n')
    expect(await on('savepoint', 'list')).toMatch(/one +statistics +\S+ +[\d,]+ +[\d,]+ +a test/)
    const manifest = JSON.parse(await on('savepoint', 'show', 'one', '--json'))
    expect(manifest).toMatchObject({ format: 1, savepoint: 'one', topology: 'statistics', reason: 'a test' })
    await simulate(2, '2025-01-01T08:10:00Z')
    await on('run', ...stages, '--once')
    const later = await state()
    expect(later).not.toEqual(saved)
    await on('savepoint', 'restore', 'one', 'statistics')
    await on('run', 'statistics', '--once')
    expect(await state()).toEqual(later)
  })

  it('should stop in order when it is told to, and leave nothing unfinished', async () => {
    const scratch = join(directory.path, 'scratch')
    mkdirSync(scratch)
    const place = ['--data-dir', dataDir, '--scratch-dir', scratch]
    const stopped = await brokenOff('reading the changelogs ahead', async () => {
      await orderStreams(['savepoint', 'delete', 'two', '--data-dir', dataDir])
      return startOrderStreams(['savepoint', 'create', 'statistics', '--name', 'two', ...place])
    })
    expect(stopped).toMatchObject({ code: 1, stderr: expect.stringContaining('savepoint two was cancelled') })
    expect(readdirSync(scratch)).toEqual([])
    expect(existsSync(join(dataDir, 'savepoints', 'two'))).toBe(false)

    const before = await state()
    const restore = ['savepoint', 'restore', 'one', 'statistics', ...place]
    const left = await brokenOff('fencing tasks', async () => startOrderStreams(restore))
    expect(left).toMatchObject({ code: 1, stderr: expect.stringContaining('do it once more') })
    expect(readdirSync(scratch)).toEqual([])
    await on(...restore.slice(0, 4))
    await on('run', 'statistics', '--once')
    expect(await state()).toEqual(before)
  })

  it('should refuse what cannot be put back, and say why', async () => {
    const refused = async (...args: string[]) => {
      const { code, stderr } = await orderStreams(['savepoint', ...args, '--data-dir', dataDir])
      return { code, stderr }
    }
    expect(await refused('restore', 'one', 'cleanse')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('TOPOLOGY_MIXED'),
    })
    expect(await refused('restore', 'none', 'statistics')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SAVEPOINT_NOT_FOUND'),
    })
    expect(await refused('create', 'statistics', '--name', '../x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no name of a savepoint'),
    })
    expect(await refused('create', 'statistics', '--name', 'one')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SAVEPOINT_EXISTS'),
    })
    appendFileSync(join(dataDir, 'savepoints', 'one', 'rows-00001.records'), 'x')
    expect(await refused('restore', 'one', 'statistics')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('rows-00001.records'),
    })
    await on('savepoint', 'delete', 'one')
    expect(await on('savepoint', 'list')).toBe('')
  })
})
