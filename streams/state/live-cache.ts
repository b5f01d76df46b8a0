/**
 * Live objects by key: the write-back cache in front of a store's rows.
 *
 * Invariants:
 * 1. An entry that was changed since the last commit stays until it is committed, whatever the cache's size.
 * 2. Otherwise about `maxBytes` of the entries used last are kept, by two generations: entries are added to and found in
 *    the young one; when half the bytes were added to it it becomes the old one, and the old one is let go.
 *    So a hit costs one look-up and no bookkeeping, unlike a list ordered by use.
 * 3. A cache that began with an empty store holds all there is until it lets go of something: until then a key that is not
 *    in it is nowhere, and the database is not asked.
 * 4. What is kept because it changed does not count towards the next change of generations: else, with more changed
 *    entries than fit, every entry added would copy them all.
 */

export class LiveRow<K, V> {
  readonly key: K
  value: V | null
  timestampMs: number
  /** The value at the last flush, while `dirty`. */
  flushedValue: V | null = null
  dirty = false
  /** Whether a cache has it: who was let go of is not found by its key any more. */
  cached = false
  /** The timestamp of the row in the database; NaN when there is none. */
  storedTimestampMs: number
  /** How large the value was when it was last read or written as bytes. */
  valueBytes: number

  constructor(key: K, value: V | null, timestampMs: number, storedTimestampMs: number, valueBytes: number) {
    this.valueBytes = valueBytes
    this.key = key
    this.value = value
    this.timestampMs = timestampMs
    this.storedTimestampMs = storedTimestampMs
  }
}

/** What an entry costs beside its encoded value: the object, its key, and its place in a map. */
export const overheadBytes = 160

/** Where a store finds its live rows. What was changed since the last commit is always there. */
export interface RowCache<K, V> {
  get(key: K): LiveRow<K, V> | undefined
  has(key: K): boolean
  /** As `get`, for who only looks: it does not count as use. */
  peek(key: K): LiveRow<K, V> | undefined
  add(row: LiveRow<K, V>): void
  /** Whether a row that is not here is nowhere: the database need not be asked. */
  holdsAll(key: K): boolean
  /** These rows are in the database now. */
  committed(rows: readonly LiveRow<K, V>[]): void
  readonly size: number
  readonly bytes: number
}

export class LiveCache<K, V> implements RowCache<K, V> {
  private readonly identity: (key: K) => unknown
  private readonly maxGenerationBytes: number
  private young = new Map<unknown, LiveRow<K, V>>()
  private old = new Map<unknown, LiveRow<K, V>>()
  /** Bytes added to the young generation since it began. */
  private youngBytes = 0
  private keptBytes = 0
  private oldBytes = 0
  private complete: boolean

  /**
   * @param identity a primitive that stands for a key: equal for equal keys
   * @param beginsEmpty whether the database has no rows yet
   */
  constructor(maxBytes: number, identity: (key: K) => unknown, beginsEmpty = false) {
    this.complete = beginsEmpty
    this.maxGenerationBytes = maxBytes / 2
    this.identity = identity
  }

  get(key: K): LiveRow<K, V> | undefined {
    const id = this.identity(key)
    const row = this.young.get(id)
    return row === undefined && this.old.size > 0 ? this.promote(id) : row
  }

  peek(key: K): LiveRow<K, V> | undefined {
    const id = this.identity(key)
    return this.young.get(id) ?? this.old.get(id)
  }

  has(key: K): boolean {
    const id = this.identity(key)
    return this.young.has(id) || this.old.has(id)
  }

  add(row: LiveRow<K, V>): void {
    this.addAs(this.identity(row.key), row)
  }

  holdsAll(): boolean {
    return this.complete
  }

  committed(): void {}

  private addAs(id: unknown, row: LiveRow<K, V>): void {
    row.cached = true
    this.young.set(id, row)
    this.youngBytes += overheadBytes + row.valueBytes
    if (this.youngBytes > this.maxGenerationBytes) this.age()
  }

  get size(): number {
    return this.young.size + this.old.size
  }

  get bytes(): number {
    return this.youngBytes + this.keptBytes + this.oldBytes
  }

  private promote(id: unknown): LiveRow<K, V> | undefined {
    const row = this.old.get(id)
    if (row === undefined) return undefined
    this.old.delete(id)
    // The value may have grown since it was counted.
    this.oldBytes = Math.max(0, this.oldBytes - overheadBytes - row.valueBytes)
    this.addAs(id, row)
    return row
  }

  private age(): void {
    const kept = new Map<unknown, LiveRow<K, V>>()
    let keptBytes = 0
    for (const [id, row] of this.old) {
      if (!row.dirty) {
        row.cached = false
        this.complete = false
        continue
      }
      kept.set(id, row)
      keptBytes += overheadBytes + row.valueBytes
    }
    this.old = this.young
    this.oldBytes = this.youngBytes + this.keptBytes
    this.young = kept
    this.keptBytes = keptBytes
    this.youngBytes = 0
  }
}
