/** Texts of the dashboard, measured as a terminal shows them: ids come from outside, in any script and with any bytes. */
import { styleText } from 'node:util'

/** How parts of a frame are told apart where the terminal has colours. */
export interface Paint {
  readonly title: (text: string) => string
  readonly quiet: (text: string) => string
  readonly orders: (text: string) => string
  readonly amounts: (text: string) => string
  readonly warning: (text: string) => string
}

const unpainted = (text: string): string => text

export const noColours: Paint = {
  title: unpainted,
  quiet: unpainted,
  orders: unpainted,
  amounts: unpainted,
  warning: unpainted,
}

export const colours: Paint = {
  title: painter('bold'),
  quiet: painter('gray'),
  orders: painter('cyan'),
  amounts: painter('green'),
  warning: painter('yellow'),
}

type Style = Parameters<typeof styleText>[0]

/** Whether there are colours is decided where the frame is written, so not here once more. */
function painter(style: Style): (text: string) => string {
  return (text) => styleText(style, text, { validateStream: false })
}

const unprintable = /\p{C}/gu
const combining = /^\p{M}$/u
const wide =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})$/u

function widthOfLetter(letter: string): number {
  if (letter <= '~') return 1
  if (combining.test(letter)) return 0
  return wide.test(letter) ? 2 : 1
}

/** The columns that a text takes in a terminal. */
export function widthOf(text: string): number {
  let width = 0
  for (const letter of text) width += widthOfLetter(letter)
  return width
}

/** The text in so many columns at most: without what would move the cursor, and with … for what does not fit. */
export function cut(text: string, width: number): string {
  const clean = text.replaceAll(unprintable, '�')
  if (widthOf(clean) <= width) return clean
  let kept = ''
  let left = width - 1
  for (const letter of clean) {
    left -= widthOfLetter(letter)
    if (left < 0) break
    kept += letter
  }
  return width > 0 ? `${kept}…` : ''
}

/** The text in exactly so many columns. */
export function padded(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const shown = cut(text, width)
  const blank = ' '.repeat(width - widthOf(shown))
  return align === 'left' ? shown + blank : blank + shown
}

/** Both at the ends of a line, or the left one alone where they do not fit beside each other. */
export function between(left: string, right: string, width: number): string {
  const [shownLeft, shownRight] = [cut(left, width), cut(right, width)]
  const room = width - widthOf(shownLeft) - widthOf(shownRight)
  return room >= 1 ? shownLeft + ' '.repeat(room) + shownRight : padded(left, width)
}

/** A line across the frame that opens a section, with a word on its right if there is room for it. */
export function rule(title: string, width: number, right = '', paint: Paint = noColours): string {
  const [shownTitle, shownRight] = [cut(title, Math.max(0, width - 4)), cut(right, width)]
  const room = width - widthOf(shownTitle) - 4
  const roomBeside = room - widthOf(shownRight) - 4
  const line = (columns: number): string => paint.quiet('─'.repeat(Math.max(0, columns)))
  const start = `${line(2)} ${paint.title(shownTitle)} `
  return shownRight === '' || roomBeside < 1
    ? start + line(room)
    : `${start}${line(roomBeside)} ${shownRight} ${line(2)}`
}

const twoPlaces = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/** 1475.4 as 1,475.40. */
export function money(amount: number): string {
  return twoPlaces.format(amount)
}

/** Epoch milliseconds as 2017-01-31 23:56:23, in UTC. */
export function secondText(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')
}

/** Epoch milliseconds as 2017-01-31 23:56, in UTC. */
export function minuteText(epochMs: number): string {
  return secondText(epochMs).slice(0, 16)
}

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const yearMs = 365.25 * dayMs

/** A length of time in the two units that matter: `12 s`, `4 min 10 s`, `3 h 20 min`, `5 d 3 h`, `9.8 years`. */
export function duration(ms: number): string {
  if (ms >= 2 * yearMs) return `${(ms / yearMs).toFixed(1)} years`
  const units = [
    ['d', dayMs],
    ['h', hourMs],
    ['min', minuteMs],
    ['s', secondMs],
  ] as const
  const largest = units.findIndex(([, sizeMs]) => ms >= sizeMs)
  if (largest < 0) return '0 s'
  let leftMs = ms
  const parts: string[] = []
  for (const [name, sizeMs] of units.slice(largest, largest + 2)) {
    const whole = Math.floor(leftMs / sizeMs)
    leftMs -= whole * sizeMs
    if (whole > 0) parts.push(`${whole} ${name}`)
  }
  return parts.join(' ')
}
