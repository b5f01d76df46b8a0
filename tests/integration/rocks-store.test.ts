import { mkdtemp, open as openFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RocksStoreProvider } from '../../streams/adapters/rocksdb/rocks-store-provider.ts'
import type { Store } from '../../streams/ports/store.ts'
import { startTypeScript } from '../support/typescript-process.ts'

describe('RocksStoreProvider among processes', () => {
  let directory: string
  let provider: RocksStoreProvider

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'order-streams-rocks-'))
    // Small buffers, so that a few writes are enough to make files.
    provider = new RocksStoreProvider({ directory, writeBufferBytes: 64 * 1024, blockCacheBytes: 64 * 1024 })
  })

  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('should hold each batch whole or not at all, and every acknowledged one, after a kill at any moment', async () => {
    let acknowledged = -1
    for (let round = 0; round < 6; round++) {
      const writer = startTypeScript(new URL('./processes/write-batches.ts', import.meta.url), directory, 'a')
      await writer.lines(20 + 35 * round)
      writer.child.kill('SIGKILL')
      const { stdout, signal } = await writer.ended
      expect(signal).toBe('SIGKILL')
      acknowledged = Number(stdout.slice(0, stdout.lastIndexOf('\n')).split('\n').at(-1))
      const store = await provider.open('a')
      const numbers = new Set([...store.range({})].map(({ value }) => value.readUInt32BE()))
      const entries = [...store.range({})].length
      await store.close()
      expect(numbers.size, 'batches of which something is visible').toBe(1)
      expect(entries).toBe(100)
      expect([...numbers][0]).toBeGreaterThanOrEqual(acknowledged)
    }
    expect(acknowledged).toBeGreaterThan(100)
  })

  it('should name the directory and the remedy when another process holds the lock', async () => {
    const holder = startTypeScript(new URL('./processes/hold-store.ts', import.meta.url), directory, 'held')
    await holder.lines(1)
    await expect(provider.open('held')).rejects.toMatchObject({
      code: 'STATE_DIRECTORY_LOCKED',
      message: expect.stringContaining(`${join(directory, 'held')} is in use`),
    })
    await expect(provider.destroy('held')).rejects.toMatchObject({ code: 'STATE_DIRECTORY_LOCKED' })
    holder.child.kill('SIGKILL')
    await holder.ended
    await (await provider.open('held')).close()
  })

  it('should reject getMany of a damaged block, close, and rebuild, in a process that lives on', async () => {
    await fill(await provider.open('a'))
    await damageFiles(join(directory, 'a'))
    const child = startTypeScript(
      new URL('./processes/read-damaged-store.ts', import.meta.url),
      directory,
      'a',
    )
    expect(await child.ended).toMatchObject({
      code: 0,
      stdout: 'STATE_CORRUPT STATE_CORRUPT\nclosed\ndestroyed\nempty\n',
    })
  })

  it('should leave an exception of the application’s own fatal while reads are under way', async () => {
    await fill(await provider.open('a'))
    const child = startTypeScript(
      new URL('./processes/crash-while-reading.ts', import.meta.url),
      directory,
      'a',
    )
    const result = await child.ended
    expect(result.code).not.toBe(0)
    expect(result.stderr).toContain('the application is broken')
  })
})

function key(index: number): Buffer {
  return Buffer.from(`key-${String(index).padStart(6, '0')}`)
}

/** Writes enough that most of it is in files, and closes. */
async function fill(store: Store): Promise<void> {
  for (let start = 0; start < 10_000; start += 1_000) {
    const batch = store.batch()
    for (let index = start; index < start + 1_000; index++) batch.put(key(index), Buffer.alloc(100, index))
    store.write(batch)
  }
  await store.close()
}

/** Overwrites the data blocks of every file, and leaves footer and index alone. */
async function damageFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.sst')) continue
    const file = await openFile(join(directory, name), 'r+')
    const { size } = await file.stat()
    await file.write(Buffer.alloc(Math.floor(size / 2), 0x55), 0, null, 0)
    await file.close()
  }
}
