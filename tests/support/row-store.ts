/** A store of rows over a database in memory, committed and opened anew as a task does. */
import type { StreamsError } from '../../streams/errors.ts'
import { keyAt, type RecordBatch, RecordBatchBuilder, valueAt } from '../../streams/records/record-batch.ts'
import type { Codec } from '../../streams/serde/serde.ts'
import { serdes } from '../../streams/serde/serdes.ts'
import type { FlushFailure } from '../../streams/state/committable-store.ts'
import { RowStore } from '../../streams/state/table-store.ts'
import { nothingCommitted, TaskDatabase } from '../../streams/state/task-database.ts'
import { MemoryRegistry, MemoryStoreProvider } from '../../streams/testing/index.ts'
import type { StoreSpec } from '../../streams/topology/store-spec.ts'

export interface RowStoreHome<K = string, V = string> {
  readonly database: TaskDatabase
  readonly store: RowStore<K, V>
  readonly time: { timestampMs: number; streamTimeMs: number }
  /** Every changelog record so far. */
  readonly changelog: RecordBatch[]
  readonly failures: { readonly failure: FlushFailure; readonly error: unknown }[]
  commit(): void
  /** Drops what is not committed. */
  reopen(): Promise<RowStoreHome<K, V>>
}

export interface RowStoreOptions {
  readonly ttlMs?: number
  readonly cacheMaxBytes?: number
  readonly expiryMaxRows?: number
}

export function openRowStore(options: RowStoreOptions = {}): Promise<RowStoreHome> {
  return openRowStoreOf({ name: 'rows', key: serdes.string, value: serdes.string }, options)
}

export function openRowStoreOf<K, V>(
  spec: StoreSpec<K, V>,
  options: RowStoreOptions = {},
): Promise<RowStoreHome<K, V>> {
  const { ttlMs } = options
  const withTtl = { ...spec, ...(ttlMs === undefined ? {} : { ttlMs }) }
  return openOn(new MemoryStoreProvider(), withTtl, options, { timestampMs: 0, streamTimeMs: 0 }, [])
}

async function openOn<K, V>(
  provider: MemoryStoreProvider,
  spec: StoreSpec<K, V>,
  options: RowStoreOptions,
  time: RowStoreHome['time'],
  changelog: RecordBatch[],
): Promise<RowStoreHome<K, V>> {
  const { cacheMaxBytes = 1_000_000, expiryMaxRows = 1_000 } = options
  const database = await TaskDatabase.open(provider, 'task', [spec])
  const context = { registry: new MemoryRegistry(), subject: 'rows' }
  const failures: { failure: FlushFailure; error: StreamsError | unknown }[] = []
  const store = new RowStore<K, V>({
    spec,
    // Stores hold no nulls.
    keyCodec: (await spec.key.open(context)) as Codec<K>,
    valueCodec: (await spec.value.open(context)) as Codec<V>,
    database,
    cacheMaxBytes,
    rowMaxBytes: 10_000,
    time,
    onFlushFailure: (failure, error) => failures.push({ failure, error }),
  })
  return {
    database,
    store,
    time,
    changelog,
    failures,
    commit: () => {
      store.expire(expiryMaxRows)
      store.flush()
      const batch = database.batch()
      const records = new RecordBatchBuilder('changelog', 0)
      store.encode(records, batch)
      changelog.push(records.build())
      database.apply(batch, nothingCommitted)
      store.committed()
    },
    reopen: async () => {
      await database.close()
      return openOn(provider, spec, options, time, changelog)
    },
  }
}

/** What changelog records amount to: the newest row of each key. */
export function foldOf(changelog: readonly RecordBatch[]): Map<string, string> {
  const rows = new Map<string, string>()
  for (const batch of changelog) {
    for (let index = 0; index < batch.length; index++) {
      const key = keyAt(batch, index)!.toString()
      const row = valueAt(batch, index)
      if (row === null) rows.delete(key)
      else rows.set(key, row.toString('hex'))
    }
  }
  return rows
}

/** The rows of a database, and the keys in its index of what expires when. */
export function contentOf(database: TaskDatabase): { rows: Map<string, string>; indexed: string[] } {
  const rows = new Map<string, string>()
  const indexed: string[] = []
  const indexPrefix = database.prefix('rows', 1)
  for (const { key, value } of database.store.range({ from: database.prefix('rows', 0) })) {
    if (key.subarray(0, 3).equals(indexPrefix)) indexed.push(key.subarray(3 + 8).toString())
    else rows.set(key.subarray(3).toString(), value.toString('hex'))
  }
  return { rows, indexed: indexed.sort() }
}
