/** The join of a stream with a versioned table as plainly as can be: all versions are kept, and all of them looked through. */

export interface VersionedJoin {
  readonly type: 'inner' | 'left'
  readonly historyMs: number
  /** Null: records do not wait. */
  readonly graceMs: number | null
}

/** Records of both inputs, in the order in which they are processed. */
export interface VersionedJoinInput<V> {
  readonly from: 'stream' | 'table'
  readonly key: string | null
  readonly value: V | null
  readonly timestampMs: number
}

export interface VersionedJoinResult<V> {
  readonly key: string | null
  readonly value: V
  readonly row: V | null
  readonly timestampMs: number
  /** Whose processing emitted it. */
  readonly inputIndex: number
}

interface Held<V> {
  readonly key: string
  readonly value: V
  readonly timestampMs: number
}

/** @param droppedTellTime whether records without key or value, which are dropped, tell the time of their input, too */
export function versionedJoin<V>(
  { type, historyMs, graceMs }: VersionedJoin,
  inputs: readonly VersionedJoinInput<V>[],
  droppedTellTime = true,
): VersionedJoinResult<V>[] {
  const watermarksMs = { stream: Number.NEGATIVE_INFINITY, table: Number.NEGATIVE_INFINITY }
  const versions: { key: string; value: V | null; timestampMs: number }[] = []
  const results: VersionedJoinResult<V>[] = []
  let held: Held<V>[] = []

  const rowAsOf = (key: string, timeMs: number): V | null => {
    const ofKey = versions
      .filter((version) => version.key === key)
      .sort((a, b) => a.timestampMs - b.timestampMs)
    const isForgotten = timeMs < Math.min(watermarksMs.stream, watermarksMs.table) - historyMs
    const known = isForgotten ? ofKey.slice(-1) : ofKey
    return known.filter(({ timestampMs }) => timestampMs <= timeMs).at(-1)?.value ?? null
  }
  const join = (
    { key, value, timestampMs }: { key: string | null; value: V; timestampMs: number },
    at: number,
  ) => {
    const row = key === null ? null : rowAsOf(key, timestampMs)
    if (row !== null || type === 'left') results.push({ key, value, row, timestampMs, inputIndex: at })
  }
  const takeVersion = (key: string, value: V | null, timestampMs: number) => {
    if (timestampMs < watermarksMs.table - historyMs) return
    const same = versions.find((version) => version.key === key && version.timestampMs === timestampMs)
    if (same === undefined) versions.push({ key, value, timestampMs })
    else same.value = value
  }
  const takeRecord = (key: string | null, value: V, timestampMs: number, at: number) => {
    const waits = graceMs !== null && key !== null && timestampMs + graceMs > watermarksMs.stream
    if (waits) held.push({ key, value, timestampMs })
    else if (key !== null || type === 'left') join({ key, value, timestampMs }, at)
  }

  for (const [at, { from, key, value, timestampMs }] of inputs.entries()) {
    const isDropped = from === 'stream' ? value === null || (key === null && type === 'inner') : key === null
    if (!isDropped || droppedTellTime) watermarksMs[from] = Math.max(watermarksMs[from], timestampMs)
    if (from === 'table' && key !== null) takeVersion(key, value, timestampMs)
    if (from === 'stream' && value !== null) takeRecord(key, value, timestampMs, at)
    // What is due by both waits no longer, either, but a record of the table alone does not tell the stream's time.
    const reachedMs = watermarksMs.stream
    const due = held.filter((record) => record.timestampMs + (graceMs ?? 0) <= reachedMs)
    held = held.filter((record) => !due.includes(record))
    for (const record of due.sort((a, b) => a.timestampMs - b.timestampMs)) join(record, at)
  }
  return results
}
