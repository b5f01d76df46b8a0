/** Sessions, sliding and count windows, plain and slow: what their aggregates are held against. */
import type { Timed } from './window-oracle.ts'

/** A record that was not left out. */
export interface Taken<V> extends Timed<V> {
  readonly key: string
}

export interface Content<V> {
  readonly key: string
  readonly startMs: number
  readonly endMs: number
  /** In the order of their arrival. */
  readonly records: readonly Taken<V>[]
}

/**
 * What is in time where the records of a key come by several inputs, or combined: not older than the newest of its own input by
 * more than the disorder and the grace.
 */
export function takenOf<V>(
  records: readonly Timed<V>[],
  { graceMs, disorderMs = 0 }: { readonly graceMs: number; readonly disorderMs?: number },
  inputOf: (record: Timed<V>) => unknown = () => 'one',
): { readonly taken: Taken<V>[]; readonly late: Timed<V>[] } {
  const newestMs = new Map<unknown, number>()
  const taken: Taken<V>[] = []
  const late: Timed<V>[] = []
  for (const record of records) {
    const input = inputOf(record)
    const newest = Math.max(newestMs.get(input) ?? 0, record.timestampMs)
    newestMs.set(input, newest)
    const { key } = record
    if (key === null) continue
    if (record.timestampMs + graceMs + disorderMs < newest) late.push(record)
    else taken.push({ ...record, key })
  }
  return { taken, late }
}

/** Records of a key that follow each other within the gap. */
export function sessionsOf<V>(records: readonly Taken<V>[], gapMs: number): Content<V>[] {
  return ofEachKey(records, (key, own) => {
    const times = own.map(({ timestampMs }) => timestampMs).sort((a, b) => a - b)
    const starts = times.filter((time, index) => index === 0 || time - times[index - 1]! > gapMs)
    return starts.map((startMs, index) => {
      const nextMs = starts[index + 1] ?? Number.POSITIVE_INFINITY
      const inside = own.filter(({ timestampMs }) => timestampMs >= startMs && timestampMs < nextMs)
      return { key, startMs, endMs: newestOf(inside), records: inside }
    })
  })
}

/** One window for each record that ends there, and one that starts a millisecond behind it, if it holds any. */
export function slidingWindowsOf<V>(records: readonly Taken<V>[], differenceMs: number): Content<V>[] {
  return ofEachKey(records, (key, own) => {
    const starts = new Set<number>()
    for (const { timestampMs } of own)
      starts.add(Math.max(0, timestampMs - differenceMs)).add(timestampMs + 1)
    return [...starts].flatMap((startMs) => {
      const endMs = startMs + differenceMs
      const inside = own.filter(({ timestampMs }) => timestampMs >= startMs && timestampMs <= endMs)
      return inside.length === 0 ? [] : [{ key, startMs, endMs, records: inside }]
    })
  })
}

/** Every `advance` records of a key the last `size`, once there are as many. */
export function countWindowsOf<V>(records: readonly Taken<V>[], size: number, advance: number): Content<V>[] {
  return ofEachKey(records, (key, own) => {
    const windows: Content<V>[] = []
    for (let first = 0; first + size <= own.length; first += advance) {
      const inside = own.slice(first, first + size)
      const startMs = Math.min(...inside.map(({ timestampMs }) => timestampMs))
      windows.push({ key, startMs, endMs: newestOf(inside), records: inside })
    }
    return windows
  })
}

export function newestOf(records: readonly Taken<unknown>[]): number {
  return Math.max(...records.map(({ timestampMs }) => timestampMs))
}

function ofEachKey<V, R>(
  records: readonly Taken<V>[],
  work: (key: string, own: readonly Taken<V>[]) => R[],
): R[] {
  const keys = [...new Set(records.map(({ key }) => key))]
  return keys.flatMap((key) =>
    work(
      key,
      records.filter((record) => record.key === key),
    ),
  )
}

/**
 * Sessions where a key's records come in one order: a record joins what is open, and is late when what it would be in has closed.
 */
export function sessionsInOrder<V>(
  records: readonly Timed<V>[],
  { gapMs, graceMs, disorderMs = 0 }: { gapMs: number; graceMs: number; disorderMs?: number },
): { readonly sessions: Content<V>[]; readonly late: Timed<V>[] } {
  let sessions: Content<V>[] = []
  const late: Timed<V>[] = []
  let watermarkMs = Number.NEGATIVE_INFINITY
  const isClosed = ({ endMs }: { readonly endMs: number }) => endMs + gapMs + graceMs < watermarkMs
  for (const record of records) {
    const { key, timestampMs } = record
    watermarkMs = Math.max(watermarkMs, timestampMs - disorderMs)
    if (key === null) continue
    const near = sessions.filter(
      (one) =>
        one.key === key &&
        !isClosed(one) &&
        one.startMs - gapMs <= timestampMs &&
        timestampMs <= one.endMs + gapMs,
    )
    const joined = [...near.flatMap((one) => one.records), { ...record, key }]
    const startMs = Math.min(...joined.map((one) => one.timestampMs))
    const session = { key, startMs, endMs: newestOf(joined), records: joined }
    if (isClosed(session)) late.push(record)
    else sessions = [...sessions.filter((one) => !near.includes(one)), session]
  }
  return { sessions, late }
}
