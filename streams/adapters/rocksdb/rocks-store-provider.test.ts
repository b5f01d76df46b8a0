import { chmod, mkdir, mkdtemp, open as openFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asOrdinaryUser } from '../../../tests/support/ordinary-user.ts'
import type { Store } from '../../ports/store.ts'
import { RocksStoreProvider } from './rocks-store-provider.ts'

/** Small buffers, so that a few writes are enough to make files. */
const smallBuffers = { writeBufferBytes: 64 * 1024, blockCacheBytes: 64 * 1024 }

describe('RocksStoreProvider', () => {
  let directory: string
  let provider: RocksStoreProvider

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'order-streams-rocks-'))
    provider = new RocksStoreProvider({ directory, ...smallBuffers })
  })

  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('should create missing directories, one for each database', async () => {
    const deep = new RocksStoreProvider({ directory: join(directory, 'not', 'there') })
    await (await deep.open('app/0_1')).close()
    expect(await readdir(join(directory, 'not/there/app/0_1'))).toContain('CURRENT')
  })

  it('should see one directory in two spellings as one', async () => {
    await symlink(directory, `${directory}-link`)
    const other = new RocksStoreProvider({ directory: `${directory}-link` })
    const store = await provider.open('a')
    try {
      await expect(other.open('a')).rejects.toMatchObject({ code: 'STATE_DIRECTORY_LOCKED' })
    } finally {
      await store.close()
      await rm(`${directory}-link`)
    }
  })

  it('should refuse a path that is not a directory', async () => {
    await writeFile(join(directory, 'file'), 'x')
    const onFile = new RocksStoreProvider({ directory: join(directory, 'file') })
    await expect(onFile.open('a')).rejects.toMatchObject({ code: 'STATE_DIRECTORY_UNUSABLE' })
    await expect(onFile.exists('a')).rejects.toMatchObject({ code: 'STATE_DIRECTORY_UNUSABLE' })
  })

  it('should refuse a directory that it may not write', async () => {
    await chmod(directory, 0o555)
    await asOrdinaryUser(async () => {
      await expect(provider.open('a')).rejects.toMatchObject({ code: 'STATE_DIRECTORY_UNUSABLE' })
    })
    await chmod(directory, 0o755)
  })

  it('should refuse a database whose manifest is damaged', async () => {
    await (await provider.open('a')).close()
    await writeFile(join(directory, 'a/CURRENT'), 'nonsense')
    await expect(provider.open('a')).rejects.toMatchObject({ code: 'STATE_CORRUPT' })
    await writeFile(join(directory, 'a/CURRENT'), 'MANIFEST-999999\n')
    await expect(provider.open('a')).rejects.toMatchObject({ code: 'STATE_CORRUPT' })
  })

  it('should not take a database that lost its CURRENT for a new one', async () => {
    await fill(await provider.open('a'))
    await rm(join(directory, 'a/CURRENT'))
    await expect(provider.open('a')).rejects.toMatchObject({ code: 'STATE_CORRUPT' })
  })

  it('should destroy a damaged database', async () => {
    await (await provider.open('a')).close()
    await writeFile(join(directory, 'a/CURRENT'), 'nonsense')
    await provider.destroy('a')
    expect(await readdir(directory)).toEqual([])
    await (await provider.open('a')).close()
  })

  it('should finish a destruction that a crash interrupted', async () => {
    await mkdir(join(directory, 'a~destroyed'))
    await writeFile(join(directory, 'a~destroyed/000007.sst'), 'left over')
    await (await provider.open('a')).close()
    expect(await readdir(directory)).toEqual(['a'])
  })

  it('should report a damaged block from every kind of read, and close', async () => {
    await fill(await provider.open('a'))
    await damageFiles(join(directory, 'a'))
    const store = await provider.open('a')
    expect(() => store.get(key(1))).toThrow(expect.objectContaining({ code: 'STATE_CORRUPT' }))
    expect(() => [...store.range({})]).toThrow(expect.objectContaining({ code: 'STATE_CORRUPT' }))
    await store.close()
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
