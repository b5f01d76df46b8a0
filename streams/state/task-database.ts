/**
 * One task's database: the rows of all its stores side by side, and the position that they are from.
 *
 * Invariants:
 * 1. Rows and position change together, in one batch, and only after the commit that they belong to is in the log.
 *    So the database never holds what was not committed, and says exactly how much of each changelog it holds.
 * 2. A row's key is its store's number (uint16), a section byte, and the encoded key. Numbers are given out once, by
 *    store name, and never reused: editing a topology does not move rows.
 * 3. The rows of a store that the topology no longer has are deleted, and its number is retired: should it come back, or its
 *    task have been elsewhere meanwhile, it is restored from its changelog.
 * 4. Everything here can be rebuilt from the changelogs; what cannot be read is deleted and restored.
 */
import type { Store, StoreBatch, StoreProvider } from '../ports/store.ts'

/** Where the database stands: the state after commit `commitNumber`. */
export interface CommittedPosition {
  readonly commitNumber: number
  /** By store name: the changelog offset of the next record that is not in the database yet. */
  readonly changelogOffsets: Readonly<Record<string, number>>
  /** Every deletion up to this time is in the database, which may have lacked some since it was let go. 0: not known. */
  readonly completeAsOfMs: number
}

export const nothingCommitted: CommittedPosition = {
  commitNumber: 0,
  changelogOffsets: {},
  completeAsOfMs: 0,
}

interface Metadata extends CommittedPosition {
  readonly format: number
  readonly storeNumbers: Readonly<Record<string, number>>
  /** By store name, of stores that forget: their index of what expires when is laid out for this time. */
  readonly timesToLiveMs: Readonly<Record<string, number>>
  /** The highest number given out so far, and those whose rows are still to be deleted. */
  readonly highestNumber: number
  readonly retiredNumbers: readonly number[]
}

/** What the database has to know of a store. */
export interface StoredStore {
  readonly name: string
  readonly ttlMs?: number
}

const formatVersion = 1
const metadataKey = Buffer.from([0, 0, 0])

export const section = { rows: 0, expiry: 1 } as const

export class TaskDatabase {
  readonly store: Store
  position: CommittedPosition
  private layout: Omit<Metadata, keyof CommittedPosition>

  private constructor(store: Store, metadata: Metadata) {
    const { commitNumber, changelogOffsets, completeAsOfMs, ...layout } = metadata
    this.store = store
    this.position = { commitNumber, changelogOffsets, completeAsOfMs }
    this.layout = layout
  }

  /** Opens the database; one that cannot serve these stores as it is begins anew, to be restored from the changelogs. */
  static async open(
    provider: StoreProvider,
    name: string,
    stores: readonly StoredStore[],
  ): Promise<TaskDatabase> {
    const store = await provider.open(name)
    try {
      const metadata = readMetadata(store)
      if (metadata !== 'unreadable' && isLaidOutFor(metadata, stores)) {
        const database = new TaskDatabase(store, laidOutFor(metadata, stores))
        database.deleteRetired()
        return database
      }
    } catch (error) {
      // Left open, it could be neither opened again nor deleted.
      await store.close().catch(() => {})
      throw error
    }
    await store.close()
    await provider.destroy(name)
    return new TaskDatabase(await provider.open(name), laidOutFor(emptyMetadata, stores))
  }

  /** The bytes that every key of a store's section begins with. */
  prefix(storeName: string, part: number): Buffer {
    return prefixOf(this.layout.storeNumbers[storeName] ?? 0, part)
  }

  batch(): StoreBatch {
    return this.store.batch()
  }

  /** Applies a batch together with the position it leads to. */
  apply(batch: StoreBatch, position: CommittedPosition): void {
    const metadata: Metadata = { ...position, ...this.layout }
    batch.put(metadataKey, Buffer.from(JSON.stringify(metadata)))
    this.store.write(batch)
    this.position = position
  }

  close(): Promise<void> {
    return this.store.close()
  }

  private deleteRetired(): void {
    const { retiredNumbers } = this.layout
    if (retiredNumbers.length === 0) return
    // First nobody must take these rows for a store's any more, whatever happens meanwhile.
    this.apply(this.batch(), this.position)
    for (const number of retiredNumbers) {
      const from = prefixOf(number, 0).subarray(0, 2)
      this.store.deleteRange(from, endOfPrefix(from))
    }
    this.layout = { ...this.layout, retiredNumbers: [] }
    this.apply(this.batch(), this.position)
  }
}

/** Gives new stores their numbers, and retires those of stores that are gone. */
function laidOutFor(metadata: Metadata, stores: readonly StoredStore[]): Metadata {
  const storeNumbers: Record<string, number> = {}
  const timesToLiveMs: Record<string, number> = {}
  const changelogOffsets: Record<string, number> = {}
  let highestNumber = Math.max(metadata.highestNumber, ...Object.values(metadata.storeNumbers))
  for (const { name, ttlMs } of stores) {
    storeNumbers[name] = metadata.storeNumbers[name] ?? ++highestNumber
    if (ttlMs !== undefined) timesToLiveMs[name] = ttlMs
    const offset = metadata.changelogOffsets[name]
    if (offset !== undefined) changelogOffsets[name] = offset
  }
  const gone = Object.entries(metadata.storeNumbers).filter(([name]) => !(name in storeNumbers))
  const retiredNumbers = [...metadata.retiredNumbers, ...gone.map(([, number]) => number)]
  return { ...metadata, storeNumbers, timesToLiveMs, changelogOffsets, highestNumber, retiredNumbers }
}

/** For looking into a database: the prefix of a store's section, undefined when the database has no such store. */
export function storedPrefix(
  database: Store,
  storeName: string,
  part: number,
): Buffer | undefined | 'unreadable' {
  const metadata = readMetadata(database)
  if (metadata === 'unreadable') return metadata
  const number = metadata.storeNumbers[storeName]
  return number === undefined ? undefined : prefixOf(number, part)
}

function prefixOf(storeNumber: number, part: number): Buffer {
  const prefix = Buffer.alloc(3)
  prefix.writeUInt16BE(storeNumber, 0)
  prefix[2] = part
  return prefix
}

const emptyMetadata: Metadata = {
  ...nothingCommitted,
  format: formatVersion,
  storeNumbers: {},
  timesToLiveMs: {},
  highestNumber: 0,
  retiredNumbers: [],
}

function readMetadata(store: Store): Metadata | 'unreadable' {
  const bytes = store.get(metadataKey)
  if (bytes === undefined) return emptyMetadata
  try {
    const metadata: Metadata = { ...emptyMetadata, ...JSON.parse(bytes.toString()) }
    return metadata.format === formatVersion ? metadata : 'unreadable'
  } catch {
    return 'unreadable'
  }
}

/** A store whose time to live was changed has an index laid out for the old one, or none. */
function isLaidOutFor(metadata: Metadata, stores: readonly StoredStore[]): boolean {
  return stores.every(
    ({ name, ttlMs }) => !(name in metadata.storeNumbers) || metadata.timesToLiveMs[name] === ttlMs,
  )
}

/** The first key after all keys that begin with a prefix. */
export function endOfPrefix(prefix: Uint8Array): Buffer {
  const end = Buffer.from(prefix)
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i]!
    if (byte < 0xff) {
      end[i] = byte + 1
      return end.subarray(0, i + 1)
    }
  }
  return Buffer.alloc(end.length + 1, 0xff)
}
