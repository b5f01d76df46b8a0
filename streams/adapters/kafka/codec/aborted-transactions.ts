/**
 * Which batches of a fetch belong to aborted transactions.
 *
 * Invariants:
 * 1. A producer's records are hidden from the first offset of its aborted transaction to its abort marker, and no further.
 * 2. Only a control batch is looked at as a marker: a user's key of the same four bytes is a key (K4).
 */
import type { BatchHeader } from './batch-header.ts'
import { DamagedBytes } from './damaged-bytes.ts'
import { VarintReader } from './varint.ts'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

const abortMarker = 0

export class AbortedTransactions {
  /** By first offset, descending: the next one is the last. */
  private readonly ahead: AbortedTransaction[]
  private readonly open = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.ahead = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset)
  }

  /** Whether the batch is to be hidden: a marker, or a part of an aborted transaction. Asked in offset order. */
  hides(header: BatchHeader, bytes: Buffer): boolean {
    for (let next = this.ahead.at(-1); next !== undefined; next = this.ahead.at(-1)) {
      if (next.firstOffset >= header.nextOffset) break
      this.open.add(next.producerId)
      this.ahead.pop()
    }
    if (header.control) {
      if (this.open.has(header.producerId) && markerType(header, bytes) === abortMarker) {
        this.open.delete(header.producerId)
      }
      return true
    }
    return header.transactional && this.open.has(header.producerId)
  }
}

/** The type in the key of the one record of a control batch; the key is a version and a type, two bytes each. */
function markerType(header: BatchHeader, bytes: Buffer): number | undefined {
  if (header.recordCount === 0) return undefined
  const reader = new VarintReader(bytes)
  reader.at = header.recordsStart
  reader.end = header.end
  reader.next()
  reader.at++
  reader.next()
  reader.next()
  const keyBytes = reader.next()
  if (reader.failed || keyBytes < 4 || reader.at + 4 > header.end) {
    throw new DamagedBytes('a control record whose key is too short')
  }
  return bytes.readInt16BE(reader.at + 2)
}
