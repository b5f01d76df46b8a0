/**
 * From sent batches to the record batches that are written: what several sends have for one partition goes into one record
 * batch, and what is too large for one is split.
 *
 * Invariants:
 * 1. The units of a partition, in order, hold the records of its batches in order, each once.
 * 2. A unit is about `maxBytes` at most, unless a single record is larger.
 */
import type { RecordBatch } from '../../records/record-batch.ts'
import type { RecordRange } from './codec/encode-batch.ts'

/** Lengths, time and offset of a record that has no headers. */
const recordOverheadBytes = 24

export interface Unit {
  readonly topic: string
  readonly partition: number
  readonly ranges: readonly RecordRange[]
  readonly count: number
}

/** The units of each partition, in the order in which they must be written. Empty batches are in none. */
export function unitsOf(batches: readonly RecordBatch[], maxBytes: number): Unit[][] {
  const builders = new Map<string, UnitsBuilder>()
  for (const batch of batches) {
    if (batch.length === 0) continue
    const name = `${batch.topic}-${batch.partition}`
    const builder = builders.get(name) ?? new UnitsBuilder(maxBytes)
    builders.set(name, builder)
    builder.add(batch)
  }
  return [...builders.values()].map((builder) => builder.take())
}

/** The unit in two halves, of at least one record each. */
export function splitUnit(unit: Unit): [Unit, Unit] {
  const { topic, partition, ranges, count } = unit
  const middle = count >> 1
  const first: RecordRange[] = []
  const second: RecordRange[] = []
  let before = 0
  for (const { batch, from, to } of ranges) {
    const cut = Math.min(to, Math.max(from, from + middle - before))
    if (cut > from) first.push({ batch, from, to: cut })
    if (cut < to) second.push({ batch, from: cut, to })
    before += to - from
  }
  return [
    { topic, partition, ranges: first, count: middle },
    { topic, partition, ranges: second, count: count - middle },
  ]
}

class UnitsBuilder {
  private readonly maxBytes: number
  private readonly units: Unit[] = []
  private ranges: RecordRange[] = []
  private count = 0
  private bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  add(batch: RecordBatch): void {
    const atMost = batch.bytes.length + batch.length * recordOverheadBytes
    if (batch.headers === undefined && this.bytes + atMost <= this.maxBytes) {
      this.addRange(batch, 0, batch.length, atMost)
      return
    }
    let from = 0
    let bytes = 0
    for (let i = 0; i < batch.length; i++) {
      const size = recordBytes(batch, i)
      if (this.count + i - from > 0 && this.bytes + bytes + size > this.maxBytes) {
        this.addRange(batch, from, i, bytes)
        this.endUnit()
        from = i
        bytes = 0
      }
      bytes += size
    }
    this.addRange(batch, from, batch.length, bytes)
  }

  take(): Unit[] {
    if (this.count > 0) this.endUnit()
    return this.units
  }

  private addRange(batch: RecordBatch, from: number, to: number, bytes: number): void {
    if (to === from) return
    this.ranges.push({ batch, from, to })
    this.count += to - from
    this.bytes += bytes
  }

  private endUnit(): void {
    const { topic, partition } = this.ranges[0]!.batch
    this.units.push({ topic, partition, ranges: this.ranges, count: this.count })
    this.ranges = []
    this.count = 0
    this.bytes = 0
  }
}

function recordBytes(batch: RecordBatch, index: number): number {
  const keyBytes = batch.keyStarts[index]! < 0 ? 0 : batch.keyEnds[index]! - batch.keyStarts[index]!
  const valueBytes = batch.valueStarts[index]! < 0 ? 0 : batch.valueEnds[index]! - batch.valueStarts[index]!
  let bytes = recordOverheadBytes + keyBytes + valueBytes
  for (const { key, value } of batch.headers?.[index] ?? []) {
    bytes += key.length * 3 + (value?.length ?? 0) + 6
  }
  return bytes
}
