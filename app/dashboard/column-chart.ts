/** Values as upright bars of block characters, in eighths of a line. */

const eighths = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/**
 * The lines of a chart, the topmost first; the largest value takes the whole height, and what is not nothing shows.
 * @param barColumns how many columns wide each bar is
 */
export function columnChart(values: readonly number[], lines: number, barColumns: number): string[] {
  const largest = Math.max(0, ...values)
  const heights = values.map((value) => heightOf(value, largest, lines * 8))
  return Array.from({ length: lines }, (_, line) => {
    const below = (lines - 1 - line) * 8
    return heights.map((height) => blockOf(height - below).repeat(barColumns)).join('')
  })
}

function heightOf(value: number, largest: number, most: number): number {
  return value <= 0 ? 0 : Math.max(1, Math.round((value / largest) * most))
}

function blockOf(height: number): string {
  return eighths[Math.min(8, Math.max(0, height))]!
}
