/**
 * One task's database: the rows of all its stores side by side, and the position that they are from.
 *
 * Invariants:
 * 1. Rows and position change together, in one batch, and only after the commit that they belong to is in the log.
 *    So the database never holds what was not committed, and says exactly how much of each changelog it holds.
 * 2. A row's key is its store's number (uint16), a section byte, and the encoded key. Numbers are given out once, by
 *    store name, and never reused: editing a topology does not move rows.
 * 3. Everything here can be rebuilt from the changelogs; what cannot be read is deleted and restored.
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
  private readonly layout: Pick<Metadata, 'format' | 'storeNumbers' | 'timesToLiveMs'>

  private constructor(store: Store, metadata: Metadata) {
    const { format, storeNumbers, timesToLiveMs, ...position } = metadata
    this.store = store
    this.position = position
    this.layout = { format, storeNumbers, timesToLiveMs }
  }

  /** Opens the database; one that cannot serve these stores as it is begins anew, to be restored from the changelogs. */
  static async open(
    provider: StoreProvider,
    name: string,
    stores: readonly StoredStore[],
  ): Promise<TaskDatabase> {
    let store = await provider.open(name)
    let metadata = readMetadata(store)
    if (metadata === 'unreadable' || !isLaidOutFor(metadata, stores)) {
      await store.close()
      await provider.destroy(name)
      store = await provider.open(name)
      metadata = emptyMetadata
    }
    const numbers: Record<string, number> = { ...metadata.storeNumbers }
    let highest = Math.max(0, ...Object.values(numbers))
    for (const { name: storeName } of stores) numbers[storeName] ??= ++highest
    const timesToLiveMs = { ...metadata.timesToLiveMs }
    for (const { name: storeName, ttlMs } of stores) if (ttlMs !== undefined) timesToLiveMs[storeName] = ttlMs
    return new TaskDatabase(store, { ...metadata, storeNumbers: numbers, timesToLiveMs })
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
