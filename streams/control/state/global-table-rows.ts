/**
 * The rows of a global table, which this instance has whole in memory: as far as it has read the table's topic. They are sorted for
 * each look, which suits tables of rules and catalogues.
 */
import type { GlobalEntry } from '../../runtime/global-tables.ts'
import { indexOfKey } from '../../state/table-store.ts'
import type { ReadableRows, StoredRowBytes } from './readable-rows.ts'
import type { StoreCodec } from './store-codec.ts'

export class GlobalTableRows implements ReadableRows {
  readonly task = ''
  readonly standbyLag = undefined
  readonly commitNumber = 0
  readonly watermarkMs = Number.NEGATIVE_INFINITY
  private readonly rows: readonly StoredRowBytes[]

  constructor(entries: readonly GlobalEntry[], codec: StoreCodec) {
    this.rows = entries
      .map(({ key, value, timestampMs }) => codec.stored(key, value, timestampMs))
      .sort((a, b) => a.key.compare(b.key))
  }

  get(key: Buffer): StoredRowBytes | undefined {
    const row = this.rows[indexOfKey(this.rows, key)]
    return row?.key.equals(key) === true ? row : undefined
  }

  *range(from: Buffer, to: Buffer | undefined): IterableIterator<StoredRowBytes> {
    for (let index = indexOfKey(this.rows, from); index < this.rows.length; index++) {
      const row = this.rows[index]!
      if (to !== undefined && row.key.compare(to) >= 0) return
      yield row
    }
  }
}
