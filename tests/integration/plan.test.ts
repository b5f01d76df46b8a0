/** `order-streams plan` on a data directory that a release has run on. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeBadFile } from '../support/order-files.ts'
import { orderStreams, temporaryDirectory } from '../support/order-streams.ts'

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string

beforeAll(async () => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
  const input = join(directory.path, 'orders.ndjson')
  writeBadFile(input)
  await orderStreams(['start', '--once', '--input', input, '--data-dir', dataDir])
})

afterAll(() => directory.dispose())

const plan = (...args: string[]) => orderStreams(['plan', ...args, '--data-dir', dataDir])

describe('order-streams plan', () => {
  it('should find the release that has run safe', async () => {
    const { code, stdout, stderr } = await plan()
    expect(stdout).toBe('')
    expect(stderr).toContain('safe: nothing that is deployed is lost or left behind')
    expect(code).toBe(0)
  })

  it('should ask for attention when a store is laid out anew, and name it', async () => {
    const { code, stdout } = await plan('cleanse', '--set', 'orderMemoryMs=31536000000')
    expect(stdout).toMatch(/cleanse +store +order-memory +restore/)
    expect(code).toBe(3)
  })

  it('should let through what is allowed, and nothing else', async () => {
    const change = ['cleanse', '--set', 'orderMemoryMs=31536000000']
    const allowed = await plan(...change, '--allow', 'restore,orphan')
    expect(allowed).toMatchObject({ code: 0, stderr: expect.stringContaining('restore, orphan') })
    expect(allowed.stderr).not.toContain('safe:')
    expect(await plan(...change, '--allow', 'orphan,lost')).toMatchObject({ code: 3 })
    const json = await plan(...change, '--allow', 'restore', '--json')
    expect(json.code).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({ exitCode: 0 })
    const never = await plan('--set', 'statisticsGraceMs=7000', '--allow', 'restore,stop-first,orphan,lost')
    expect(never.code).toBe(4)
    expect(await plan('--allow', 'incompatible')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"incompatible" cannot be allowed'),
    })
  })

  it('should refuse what would not start, in words that programs read', async () => {
    const { code, stdout } = await plan('--json', '--set', 'statisticsGraceMs=7000')
    const { exitCode, topologies } = JSON.parse(stdout)
    expect(code).toBe(4)
    expect(exitCode).toBe(4)
    const items: { kind: string; verdict: string; remedy: string | null }[] = topologies.flatMap(
      (one: { items: unknown[] }) => one.items,
    )
    const refused = items.filter(({ verdict }) => verdict === 'incompatible')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.every(({ remedy }) => remedy?.includes('retention.ms'))).toBe(true)
  })

  it('should not know a topology that there is not, nor a directory', async () => {
    expect(await plan('statistix')).toMatchObject({ code: 2, stderr: expect.stringContaining('statistics') })
    const nowhere = await orderStreams(['plan', '--data-dir', join(directory.path, 'nowhere')])
    expect(nowhere.code).toBe(1)
  })
})
