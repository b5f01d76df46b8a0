/** Joins of two streams as plainly as can be: all records at once, every pair looked at. */

export interface JoinWindow {
  readonly type: 'inner' | 'left' | 'outer'
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
}

export interface JoinRecord<V> {
  readonly key: string
  readonly value: V
  readonly timestampMs: number
  /** The newest time of its input, less the disorder allowed there, once it has come. */
  readonly watermarkMs: number
}

export interface JoinResult<VL, VR> {
  readonly key: string
  readonly left: VL | null
  readonly right: VR | null
  readonly timestampMs: number
  /** Of a result without partner: the watermark behind which it is final. */
  readonly closesMs?: number
}

export interface JoinOutcome<VL, VR> {
  readonly results: readonly JoinResult<VL, VR>[]
  readonly lateLeft: number
  readonly lateRight: number
}

/** What a join of whole inputs comes to, once all windows have closed. */
export function windowJoin<VL, VR>(
  window: JoinWindow,
  lefts: readonly JoinRecord<VL>[],
  rights: readonly JoinRecord<VR>[],
): JoinOutcome<VL, VR> {
  const { type, beforeMs, afterMs, graceMs } = window
  const leftOpenMs = Math.max(0, afterMs) + graceMs
  const rightOpenMs = Math.max(0, beforeMs) + graceMs
  const left = lefts.filter((l) => l.watermarkMs <= l.timestampMs + leftOpenMs)
  const right = rights.filter((r) => r.watermarkMs <= r.timestampMs + rightOpenMs)
  const results: JoinResult<VL, VR>[] = []
  const matched = new Set<unknown>()
  for (const l of left) {
    for (const r of right) {
      const distanceMs = r.timestampMs - l.timestampMs
      if (l.key !== r.key || distanceMs < -beforeMs || distanceMs > afterMs) continue
      // A window that is to have an outcome takes nobody who came when it had closed.
      if (type !== 'inner' && r.watermarkMs > l.timestampMs + leftOpenMs) continue
      if (type === 'outer' && l.watermarkMs > r.timestampMs + rightOpenMs) continue
      matched.add(l).add(r)
      const timestampMs = Math.max(l.timestampMs, r.timestampMs)
      results.push({ key: l.key, left: l.value, right: r.value, timestampMs })
    }
  }
  for (const l of type === 'inner' ? [] : left) {
    if (matched.has(l)) continue
    const { key, value, timestampMs } = l
    results.push({ key, left: value, right: null, timestampMs, closesMs: timestampMs + leftOpenMs })
  }
  for (const r of type === 'outer' ? right : []) {
    if (matched.has(r)) continue
    const { key, value, timestampMs } = r
    results.push({ key, left: null, right: value, timestampMs, closesMs: timestampMs + rightOpenMs })
  }
  return { results, lateLeft: lefts.length - left.length, lateRight: rights.length - right.length }
}
