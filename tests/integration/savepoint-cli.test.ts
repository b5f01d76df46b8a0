/** Savepoints from the command line: of a real stage in a stopped data directory. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { orderStreams, temporaryDirectory } from '../support/order-streams.ts'

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
