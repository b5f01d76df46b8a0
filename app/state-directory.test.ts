import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LogFields, silentLogger } from '../streams/index.ts'
import { startTypeScript } from '../tests/support/typescript-process.ts'
import { openStateDirectory } from './state-directory.ts'

const holder = new URL('../tests/integration/processes/hold-state-directory.ts', import.meta.url)

describe('openStateDirectory', () => {
  let parent: string
  let path: string

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'order-streams-state-'))
    path = join(parent, 'not', 'there')
  })

  afterEach(() => rm(parent, { recursive: true, force: true }))

  it('should make up an id that names the host, and keep it with the state', async () => {
    const first = await openStateDirectory({ path, instanceId: '' })
    await first.close()
    const second = await openStateDirectory({ path, instanceId: '' })
    await second.close()
    expect(first.instanceId).toMatch(/^[A-Za-z0-9._-]+-[a-z2-9]{6}$/)
    expect(second.instanceId).toBe(first.instanceId)
  })

  it('should give two directories two ids', async () => {
    const opened = [
      await openStateDirectory({ path, instanceId: '' }),
      await openStateDirectory({ path: `${path}-too`, instanceId: '' }),
    ]
    expect(opened[0]!.instanceId).not.toBe(opened[1]!.instanceId)
    for (const directory of opened) await directory.close()
  })

  it('should take a configured id, keep it, and tell when it takes the place of another', async () => {
    const told: LogFields[] = []
    const logger = { ...silentLogger, warn: (fields: LogFields) => told.push(fields) }
    for (const instanceId of ['shop-1', 'shop-1', 'shop-2']) {
      const opened = await openStateDirectory({ path, instanceId, logger })
      expect(opened.instanceId).toBe(instanceId)
      await opened.close()
    }
    expect(told).toEqual([{ before: 'shop-1', instanceId: 'shop-2' }])
    const opened = await openStateDirectory({ path, instanceId: '', logger })
    expect(opened.instanceId).toBe('shop-2')
    await opened.close()
  })

  it('should keep what is written to the stores', async () => {
    const first = await openStateDirectory({ path, instanceId: '' })
    const store = await first.stores.open('instance/counts_0')
    const batch = store.batch()
    batch.put(Buffer.from('a'), Buffer.from('1'))
    store.write(batch)
    await store.close()
    await first.close()
    const second = await openStateDirectory({ path, instanceId: '' })
    const again = await second.stores.open('instance/counts_0')
    expect(again.get(Buffer.from('a'))?.toString()).toBe('1')
    await again.close()
    await second.close()
  })

  it('should refuse a directory that another process uses, and have it once that was killed', async () => {
    const other = startTypeScript(holder, path)
    await other.lines(1)
    await expect(openStateDirectory({ path, instanceId: '' })).rejects.toMatchObject({
      code: 'STATE_DIRECTORY_LOCKED',
      message: expect.stringMatching(/not\/there: another instance uses it.*--state-dir/s),
    })
    other.child.kill('SIGKILL')
    const { stdout } = await other.ended
    const opened = await openStateDirectory({ path, instanceId: '' })
    expect(opened.instanceId).toBe(stdout.trim())
    await opened.close()
  })

  it('should name the setting when the path is no directory', async () => {
    await writeFile(join(parent, 'file'), '')
    await expect(openStateDirectory({ path: join(parent, 'file'), instanceId: '' })).rejects.toMatchObject({
      code: 'STATE_DIRECTORY_UNUSABLE',
      message: expect.stringContaining('--state-dir'),
    })
  })
})
