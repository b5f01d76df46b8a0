/**
 * Looking into the rows of a store that no task has open.
 *
 * 1. Nothing is created, changed or repaired: what cannot be read is told.
 * 2. What is there is what was committed.
 */
import { StreamsError } from '../errors.ts'
import type { SchemaRegistry } from '../ports/registry.ts'
import type { Store, StoreProvider } from '../ports/store.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import type { Codec } from '../serde/serde.ts'
import type { StoreSpec, Timestamped } from '../topology/store-spec.ts'
import { internalTopics } from '../topology/topology.ts'
import { rowTimestamp, rowValue } from './row-codec.ts'
import { endOfPrefix, section, storedPrefix } from './task-database.ts'
import { behindWindows } from './windowed-serde.ts'

export interface StoredRow<K, V> extends Timestamped<V> {
  readonly key: K
}

export interface StoredRowsOptions<K, V> {
  readonly stores: StoreProvider
  readonly registry: SchemaRegistry
  /** The name of the topology that the store is of. */
  readonly topology: string
  /** The task's database: see `databaseName`. */
  readonly database: string
  readonly store: StoreSpec<K, V>
}

/** The rows of one store in one task's database. */
export class StoredRows<K, V> {
  private readonly database: Store
  private readonly prefix: Buffer
  private readonly end: Buffer
  private readonly key: Codec<K>
  private readonly value: Codec<V>

  private constructor(database: Store, prefix: Buffer, end: Buffer, key: Codec<K>, value: Codec<V>) {
    this.database = database
    this.prefix = prefix
    this.end = end
    this.key = key
    this.value = value
  }

  /**
   * Undefined when the task has no such store yet.
   * @throws STATE_DIRECTORY_LOCKED while a task has it open; STATE_FORMAT_UNSUPPORTED, STATE_CORRUPT
   */
  static async open<K, V>(options: StoredRowsOptions<K, V>): Promise<StoredRows<K, V> | undefined> {
    const { stores, registry, topology, database: name, store } = options
    if (!(await stores.exists(name))) return undefined
    const database = await stores.open(name)
    try {
      const prefix = storedPrefix(database, store.name, section.rows)
      if (prefix === 'unreadable') throw unreadable(name)
      if (prefix === undefined) {
        await database.close()
        return undefined
      }
      const changelog = internalTopics.changelog(topology, store.name)
      const [key, value] = [
        await store.key.open({ registry, subject: `${changelog}-key` }),
        await store.value.open({ registry, subject: `${changelog}-value` }),
      ]
      const end = store.windows === undefined ? endOfPrefix(prefix) : Buffer.concat([prefix, behindWindows])
      // A store never holds a null key or value, so the narrower codec does.
      return new StoredRows(database, prefix, end, key as Codec<K>, value as Codec<V>)
    } catch (error) {
      await database.close()
      throw error
    }
  }

  get(key: K): Timestamped<V> | undefined {
    const writer = new ByteWriter(256)
    writer.bytes(this.prefix)
    this.key.encode(key, writer)
    const row = this.database.get(writer.buffer.subarray(0, writer.position))
    return row === undefined ? undefined : this.decode(row)
  }

  /** All rows in the order of their encoded keys. Must be run to its end or `return`ed. */
  *rows(): IterableIterator<StoredRow<K, V>> {
    for (const { key, value } of this.database.range({ from: this.prefix, to: this.end })) {
      yield { key: this.key.decode(key, this.prefix.length, key.length), ...this.decode(value) }
    }
  }

  close(): Promise<void> {
    return this.database.close()
  }

  private decode(row: Buffer): Timestamped<V> {
    return { value: rowValue(this.value, row), timestampMs: rowTimestamp(row) }
  }
}

function unreadable(name: string): StreamsError {
  return new StreamsError(
    'STATE_FORMAT_UNSUPPORTED',
    `database "${name}" was written in a format of another version: look into it with that one`,
    { details: { name } },
  )
}
