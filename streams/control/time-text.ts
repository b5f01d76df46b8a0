/** Times and durations as people read them. */

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
]

/** In UTC, with milliseconds only where there are some: `2026-11-23T10:31:00Z`. */
export function timeText(timeMs: number): string {
  // Beyond what a Date holds.
  if (!(Math.abs(timeMs) <= 8.64e15)) return `${timeMs} ms`
  return new Date(timeMs).toISOString().replace('.000Z', 'Z')
}

/** In the two largest units that it has: `2 h 5 min`. */
export function durationText(durationMs: number): string {
  let restMs = Math.abs(Math.round(durationMs))
  if (restMs < 1000) return `${restMs} ms`
  const parts: string[] = []
  for (const [unit, sizeMs] of units) {
    const count = Math.floor(restMs / sizeMs)
    restMs -= count * sizeMs
    if (count > 0) parts.push(`${count} ${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join(' ')
}

/** `1 record`, `12,034 records`. */
export function countText(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`
}
