import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleOrder, writeLines, writeSimulation } from '../support/order-files.ts'
import {
  dumpTables,
  orderStreams,
  startOrderStreams,
  summaryOf,
  temporaryDirectory,
} from '../support/order-streams.ts'

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string
let input: string

beforeEach(() => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
  input = join(directory.path, 'orders.ndjson')
  writeLines(input, [Buffer.from(JSON.stringify(sampleOrder('a')))])
})

afterEach(() => directory.dispose())

function once(dir = dataDir) {
  return orderStreams(['start', '--once', '--json', '--input', input, '--data-dir', dir])
}

/** Overwrites the files of a RocksDB whose names match, from their beginning. */
function damage(database: string, pattern: RegExp): void {
  for (const name of readdirSync(database)) {
    if (pattern.test(name)) writeFileSync(join(database, name), 'this is not what RocksDB wrote\n'.repeat(20))
  }
}

describe('a data directory', () => {
  it('should be one process at a time', async () => {
    const running = startOrderStreams(['start', '--input', input, '--data-dir', dataDir, '--api-port', '0'])
    await running.said('Ctrl-C stops.')
    for (const args of [
      ['start', '--once'],
      ['topics', 'list'],
      ['dead-letters', 'list'],
      ['run', 'ingest'],
    ]) {
      const { code, stderr } = await orderStreams([...args, '--data-dir', dataDir])
      expect(stderr).toMatch(
        /data directory .*: another order-streams uses it: stop that one first .*--data-dir/,
      )
      expect(code).toBe(1)
    }
    running.kill('SIGINT')
    expect((await running.ended).code).toBe(0)
    expect((await once()).code).toBe(0)
  })

  it('should be free again at once after a second Ctrl-C', async () => {
    const running = startOrderStreams(['start', '--input', input, '--data-dir', dataDir, '--api-port', '0'])
    await running.said('Ctrl-C stops.')
    running.kill('SIGINT')
    running.kill('SIGINT')
    expect([0, 130]).toContain((await running.ended).code)
    expect(summaryOf(await once())).toMatchObject({ orders: 1, reconciles: true })
  })

  it('should not be made by a command that only looks', async () => {
    const { code, stderr } = await orderStreams(['topics', 'list', '--data-dir', dataDir])
    expect(code).toBe(1)
    expect(stderr).toMatch(/there is no data in .*: run `order-streams start` first/)
    expect(readdirSync(directory.path)).not.toContain('data')
  })

  it.each([
    ['a file', () => input],
    ['below a file', () => join(input, 'data')],
    ['where nobody may write', () => '/proc/order-streams/data'],
  ])('should be refused with the remedy when it is %s', async (_, pathOf) => {
    const { code, stderr } = await once(pathOf())
    expect(stderr).toMatch(/cannot be used: name a directory that this user may write, with --data-dir/)
    expect(code).toBe(1)
  })

  it.each([
    ['manifest', /^MANIFEST/],
    ['file of what is current', /^CURRENT/],
  ])('should be refused when the %s of its log is damaged', async (_, pattern) => {
    await once()
    damage(join(dataDir, 'log'), pattern)
    const { code, stderr, stdout } = await once()
    expect(stderr).toMatch(/data directory .*: (its log is damaged: put back a backup|it cannot be used)/)
    expect(stderr).not.toContain('delete its directory')
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  it('should be refused when its tables are no database', async () => {
    await once()
    for (const suffix of ['-wal', '-shm']) rmSync(join(dataDir, `orders.db${suffix}`), { force: true })
    writeFileSync(join(dataDir, 'orders.db'), 'this is no database\n'.repeat(100))
    const { code, stderr } = await once()
    expect(stderr).toMatch(/orders\.db: .*(another kind of file|not a database)/)
    expect(code).toBe(1)
  })

  it('should fill its tables anew from the log when they were moved away', async () => {
    writeSimulation(input, { seed: 4, orders: 50, dirtyShare: 0.1 })
    await once()
    const before = await dumpTables(dataDir)
    for (const name of readdirSync(dataDir)) if (name.startsWith('orders.db')) rmSync(join(dataDir, name))
    expect(summaryOf(await once())).toMatchObject({ reconciles: true, newOrders: 0 })
    expect(await dumpTables(dataDir)).toBe(before)
  })

  it('should restore its state from the log when it was lost or damaged', async () => {
    writeSimulation(input, { seed: 5, orders: 50, repeatShare: 0.2 })
    await once()
    const before = await dumpTables(dataDir)
    rmSync(join(dataDir, 'state', 'cleanse', 'order-parsed_0'), { recursive: true })
    damage(join(dataDir, 'state', 'cleanse', 'order-parsed_1'), /^CURRENT/)
    expect(summaryOf(await once())).toMatchObject({ reconciles: true, newOrders: 0 })
    const again = await orderStreams(['start', '--once', '--json', '--input', '-', '--data-dir', dataDir], {
      input: `${JSON.stringify(sampleOrder('new'))}\n`,
    })
    expect(summaryOf(again)).toMatchObject({ reconciles: true, newOrders: 1 })
    expect((await dumpTables(dataDir)).length).toBeGreaterThan(before.length)
  })
})

/** A file system of a few megabytes, where this user may make one. */
function smallDisk(path: string): (() => void) | undefined {
  try {
    mkdirSync(path)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=60m', 'tmpfs', path], { stdio: 'ignore' })
    return () => execFileSync('umount', [path])
  } catch {
    return undefined
  }
}

function maySmallDisk(): boolean {
  const probe = temporaryDirectory()
  const unmount = smallDisk(join(probe.path, 'disk'))
  unmount?.()
  probe.dispose()
  return unmount !== undefined
}

describe.skipIf(!maySmallDisk())('a full disk', () => {
  it('should end the run with the cause, and the next one with more room goes on', async () => {
    const disk = join(directory.path, 'disk')
    const unmount = smallDisk(disk)
    try {
      writeSimulation(input, { seed: 6, orders: 6000 })
      const full = await once(join(disk, 'data'))
      expect(full.stderr).toMatch(/no space is left/)
      expect(full.code).toBe(1)
      expect(full.stdout).toBe('')
      execFileSync('mount', ['-o', 'remount,size=1g', disk])
      expect(summaryOf(await once(join(disk, 'data')))).toMatchObject({ headers: 6000, reconciles: true })
    } finally {
      unmount?.()
    }
  })
})
