/** Results go to standard output, everything else to standard error: so results can be piped. */
import { createLogUpdate } from 'log-update'

export function out(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function tell(text: string): void {
  if (live === undefined) process.stderr.write(`${text}\n`)
  else live.tell(text)
}

/** Text at the foot of the terminal that is redrawn in place; what is told meanwhile goes above it. */
export interface LiveText {
  show(text: string): void
  /** Leaves the text as it is. */
  done(): void
}

let live: { tell(text: string): void } | undefined

/** One at a time. Undefined where standard error is no terminal, or one without a size, as some containers have. */
export function liveText(): LiveText | undefined {
  if (process.stderr.isTTY !== true || !(process.stderr.rows > 0)) return undefined
  const redraw = createLogUpdate(process.stderr)
  let shown = ''
  live = {
    tell: (text) => {
      redraw.persist(text)
      redraw(shown)
    },
  }
  return {
    show: (text) => {
      shown = text
      redraw(text)
    },
    done: () => {
      live = undefined
      redraw.done()
    },
  }
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 12721 as 12,721. */
export function count(value: number): string {
  return grouped.format(value)
}

/** A count with its noun: `1 order`, `12,721 orders`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

/** Epoch milliseconds as 2017-01-01T11:53:26.000Z. */
export function timeOf(epochMs: number): string {
  const date = new Date(epochMs)
  return Number.isNaN(date.getTime()) ? String(epochMs) : date.toISOString()
}

const barCharacters = 30

/** @param share from 0 to 1 */
export function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barCharacters)
  return '█'.repeat(full) + '░'.repeat(barCharacters - full)
}

/** Rows of text in columns; the first row is the heading. Columns are right-aligned where it says so. */
export function columns(rows: readonly (readonly string[])[], alignRight: readonly boolean[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          alignRight[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
