/** What has to be written to a changelog, so that what it amounts to becomes what a savepoint has. */
import type { StoreEntry } from '../../ports/store.ts'
import type { FileRecord } from './record-file.ts'

export interface RowChange {
  readonly key: Buffer
  /** Null deletes it. */
  readonly row: Buffer | null
}

/**
 * Both in the order of their keys; read side by side, a row of each at a time.
 * @param writesAll also the rows that are the same
 */
export async function* changesBetween(
  current: Iterator<StoreEntry>,
  saved: Iterable<FileRecord> | AsyncIterable<FileRecord>,
  writesAll: boolean,
): AsyncGenerator<RowChange, void, undefined> {
  try {
    let row = current.next()
    for await (const { key, value } of saved) {
      if (key === null || value === null) continue
      for (; row.done !== true && row.value.key.compare(key) < 0; row = current.next())
        yield { key: row.value.key, row: null }
      const same = row.done !== true && row.value.key.equals(key)
      if (writesAll || !same || !row.value.value.equals(value)) yield { key, row: value }
      if (same) row = current.next()
    }
    for (; row.done !== true; row = current.next()) yield { key: row.value.key, row: null }
  } finally {
    current.return?.()
  }
}
