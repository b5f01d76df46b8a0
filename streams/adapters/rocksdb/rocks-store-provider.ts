import { mkdir, readdir, realpath, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import binding, { type Database, type OpenOptions } from 'rocksdb/binding.js'
import { StreamsError } from '../../errors.ts'
import { defaultStoreMemory, type Store, type StoreMemory, type StoreProvider } from '../../ports/store.ts'
import { nestedStoreName } from '../store-errors.ts'
import { storeNameSegments } from '../store-name.ts'
import { storeError } from './rocks-errors.ts'
import { RocksStore } from './rocks-store.ts'

/**
 * Where databases lie and what each may take of memory. The figures are per open database: multiply them by the tasks
 * of an instance. Besides, filters and indexes take about two bytes of memory for each key on disk.
 */
export interface RocksStoreOptions {
  /** Created when missing. Database `a/b` lies in its sub-directory `a/b`. */
  readonly directory: string
  /** Uncompressed blocks of the files that were read lately, unless `open` says otherwise. Default 16 MiB. */
  readonly blockCacheBytes?: number
  /**
   * A full buffer is handed to the background thread, which writes two at a time to disk: expect twice to three times
   * this much, and six times when the disk cannot keep up, at which point writes wait. Default 8 MiB.
   */
  readonly writeBufferBytes?: number
  /** Bytes that one read fetches from a file. Smaller blocks make point reads faster and the index larger. Default 4 KiB. */
  readonly blockBytes?: number
  /** `zstd` makes the older data smaller, often to a third, and point reads of it about half as fast. Default `none`. */
  readonly compression?: 'none' | 'zstd'
  /** Threads that flush and compact, for all databases of the process together. Default 2. */
  readonly backgroundThreads?: number
}

/** Databases in RocksDB, one a directory. Of one directory there must be one process at a time, which RocksDB ensures. */
export class RocksStoreProvider implements StoreProvider {
  private readonly directory: string
  private readonly openOptions: OpenOptions

  constructor(options: RocksStoreOptions) {
    this.directory = resolve(options.directory)
    this.openOptions = {
      // As Kafka Streams has it: universal compaction rewrites state that is updated in place less often.
      compaction: 'universal',
      memtableMemoryBudget: 4 * (options.writeBufferBytes ?? defaultStoreMemory.writeBufferBytes),
      compression: options.compression === 'zstd',
      walCompression: false,
      cacheSize: options.blockCacheBytes ?? defaultStoreMemory.blockCacheBytes,
      blockSize: options.blockBytes ?? 4096,
      optimize: 'point-lookup',
      parallelism: options.backgroundThreads ?? 2,
    }
  }

  async open(name: string, memory?: StoreMemory): Promise<Store> {
    const directory = this.pathOf(name)
    try {
      await rm(tombstoneOf(directory), { recursive: true, force: true })
      await mkdir(directory, { recursive: true })
      // RocksDB knows what this process has open by its path: one directory must have one spelling.
      const realDirectory = await realpath(directory)
      if (!(await this.isDatabase(directory))) await this.checkFresh(name, directory)
      const database = await openDatabase(realDirectory, {
        ...this.openOptions,
        ...memoryOptions(memory),
        createIfMissing: true,
      })
      return new RocksStore(name, realDirectory, database)
    } catch (error) {
      throw storeError(name, directory, error)
    }
  }

  async destroy(name: string): Promise<void> {
    const directory = this.pathOf(name)
    try {
      if (!(await this.isDatabase(directory))) return
      await checkNotLocked(await realpath(directory))
      // Renamed first, so that a crash leaves all of the database or nothing.
      const tombstone = tombstoneOf(directory)
      await rm(tombstone, { recursive: true, force: true })
      await rename(directory, tombstone)
      await rm(tombstone, { recursive: true, force: true })
    } catch (error) {
      throw storeError(name, directory, error)
    }
  }

  async exists(name: string): Promise<boolean> {
    const directory = this.pathOf(name)
    try {
      return await this.isDatabase(directory)
    } catch (error) {
      throw storeError(name, directory, error)
    }
  }

  private pathOf(name: string): string {
    return join(this.directory, ...storeNameSegments(name))
  }

  /** `CURRENT` is the last file that RocksDB writes when it creates a database. */
  private async isDatabase(directory: string): Promise<boolean> {
    try {
      await stat(join(directory, 'CURRENT'))
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
      throw error
    }
  }

  /** Before a database is created in a directory: nothing that is there may come to harm. */
  private async checkFresh(name: string, directory: string): Promise<void> {
    const segments = storeNameSegments(name)
    for (let length = 1; length < segments.length; length++) {
      const outer = segments.slice(0, length).join('/')
      if (await this.isDatabase(this.pathOf(outer))) throw nestedStoreName(name, outer)
    }
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) throw nestedStoreName(name, `${name}/${entry.name}`)
      if (!entry.name.endsWith('.sst')) continue
      throw new StreamsError(
        'STATE_CORRUPT',
        `database "${name}" in ${directory} has data files but no file CURRENT: put that back from a backup, or delete the directory if its content can be restored from a changelog`,
        { details: { name, directory } },
      )
    }
  }
}

function memoryOptions(memory: StoreMemory | undefined): OpenOptions {
  if (memory === undefined) return {}
  const { blockCacheBytes, writeBufferBytes } = memory
  return { cacheSize: blockCacheBytes, memtableMemoryBudget: 4 * writeBufferBytes }
}

/** `~` is in no name, so this is nobody's directory. */
function tombstoneOf(directory: string): string {
  return `${directory}~destroyed`
}

function openDatabase(directory: string, options: OpenOptions): Promise<Database> {
  const database = binding.db_init(directory)
  return new Promise((resolve, reject) => {
    binding.db_open(database, options, (error) => (error === null ? resolve(database) : reject(error)))
  })
}

/** Opening is the only way to ask for the lock. Whatever else is wrong with the database, it is to be destroyed. */
async function checkNotLocked(directory: string): Promise<void> {
  let database: Database
  try {
    database = await openDatabase(directory, { createIfMissing: false })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'LEVEL_LOCKED') throw error
    return
  }
  await new Promise<void>((resolve, reject) => {
    binding.db_close(database, (error) => (error === null ? resolve() : reject(error)))
  })
}
