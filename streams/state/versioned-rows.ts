/**
 * A store of rows that remembers what they were.
 *
 * Invariants:
 * 1. A write is too old by the watermark of the input that it came by, so that replays agree. What may be asked for goes by the
 *    task's, which is never ahead of it: a record of any input that is not late finds the row as it was at its time.
 * 2. The newest version stays for ever; those before it as long as one of them was valid within the history.
 */
import type { Serde } from '../serde/serde.ts'
import type { LiveEntry, StoreSpec, TableStore, Timestamped } from '../topology/store-spec.ts'
import type { StoreView } from '../topology/store-view.ts'
import type { TaskContext } from '../topology/task-context.ts'
import { type Version, type Versions, versionAt, versionsSerde, withVersion } from './versions.ts'

export interface VersionedStoreSpec<K = unknown, V = unknown> extends StoreSpec<K, Versions<V>> {
  readonly historyMs: number
}

/** Declares a store for a processor that remembers what each row was for so long. */
export function versionedStore<K, V>(options: {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly historyMs: number
}): VersionedStoreSpec<K, V> {
  const { name, key, value, historyMs } = options
  const view: StoreView = { layout: 'versions', key, value, isByKey: false }
  return { name, key, value: versionsSerde(value), historyMs, view }
}

/** Where a write lies among the versions of its row. */
export type VersionPlace = 'latest' | 'older' | 'too-old'

export class VersionedRows<K, V> {
  readonly store: TableStore<K, Versions<V>>
  private readonly task: TaskContext
  private readonly historyMs: number

  constructor(task: TaskContext, spec: VersionedStoreSpec<K, V>) {
    this.task = task
    this.historyMs = spec.historyMs
    this.store = task.store(spec)
  }

  /** The row as it is. */
  latest(key: K): Timestamped<V> | undefined {
    return row(this.store.entry(key).value?.at(-1))
  }

  /** The row as it was at a time; what lies behind the history is only known of a row that has not changed since. */
  asOf(key: K, timeMs: number): Timestamped<V> | undefined {
    const versions = this.store.entry(key).value
    if (versions === null) return undefined
    if (timeMs >= this.askedFromMs) return row(versionAt(versions, timeMs))
    const latest = versions.at(-1)
    return latest !== undefined && latest.timestampMs <= timeMs ? row(latest) : undefined
  }

  /** Adds a version; null is a deletion. One that is too old is left out. */
  put(entry: LiveEntry<K, Versions<V>>, value: V | null, timestampMs: number): VersionPlace {
    if (timestampMs < this.task.time.recordWatermarkMs - this.historyMs) return 'too-old'
    const before = entry.value ?? []
    const isLatest = timestampMs >= (before.at(-1)?.timestampMs ?? timestampMs)
    const versions = withVersion(before, { timestampMs, value }, this.askedFromMs)
    this.store.update(entry, versions, isLatest ? timestampMs : entry.timestampMs)
    return isLatest ? 'latest' : 'older'
  }

  private get askedFromMs(): number {
    return this.task.time.watermarkMs - this.historyMs
  }
}

function row<V>(version: Version<V> | undefined): Timestamped<V> | undefined {
  if (version === undefined || version.value === null) return undefined
  return { value: version.value, timestampMs: version.timestampMs }
}
