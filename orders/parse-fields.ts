/**
 * Conversions of single JSON values. Each answers the converted value or a problem's code, and never throws: whether
 * a problem is worth a rejection is for the rules to say.
 *
 * Amounts are converted as text, digit by digit: no floating-point arithmetic touches money.
 */
import type { ParseProblemCode } from './parse-problems.ts'

/** Ids, as text. Integers are taken when JSON carries them exactly. */
export function toIdText(value: unknown): { readonly text: string } | ParseProblemCode {
  if (typeof value === 'string') return wellFormed(value)
  if (typeof value !== 'number' || !Number.isInteger(value)) return 'ID_NOT_TEXT'
  return Number.isSafeInteger(value) ? { text: String(value) } : 'ID_NOT_EXACT'
}

/** Codes such as a status or a currency: text only. */
export function toText(value: unknown): { readonly text: string } | ParseProblemCode {
  return typeof value === 'string' ? wellFormed(value) : 'TEXT_EXPECTED'
}

/** Half a surrogate pair has no UTF-8: writing it would make different ids the same. */
function wellFormed(text: string): { readonly text: string } | ParseProblemCode {
  return /\p{Surrogate}/u.test(text) ? 'TEXT_NOT_WELL_FORMED' : { text }
}

/** From here on a double no longer carries two decimals exactly. */
const largestExactAmount = 1e13

/** An amount in hundredths, from decimal text or from a JSON number by the shortest text that denotes it. */
export function toHundredths(value: unknown): number | ParseProblemCode {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return 'AMOUNT_OUT_OF_RANGE'
    if (Math.abs(value) >= largestExactAmount) return 'AMOUNT_NOT_EXACT'
    return decimalToHundredths(String(value))
  }
  if (typeof value !== 'string') return 'AMOUNT_NOT_A_NUMBER'
  return decimalToHundredths(value.trim())
}

const decimalPattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/

function decimalToHundredths(text: string): number | ParseProblemCode {
  const plain = plainHundredths(text)
  if (plain !== undefined) return plain
  const match = decimalPattern.exec(text)
  if (match === null) return 'AMOUNT_NOT_A_NUMBER'
  const whole = match[2]!
  const fraction = match[3] ?? ''
  if (whole === '' && fraction === '') return 'AMOUNT_NOT_A_NUMBER'
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  if (digits === '') return 0
  // The value in hundredths is `digits` × 10^scale.
  const scale = Number(match[4] ?? '0') - fraction.length + 2
  if (scale > 16) return 'AMOUNT_OUT_OF_RANGE'
  const kept = scale >= 0 ? digits + '0'.repeat(scale) : digits.slice(0, scale)
  if (scale < 0 && /[^0]/.test(digits.slice(scale))) return 'AMOUNT_TOO_PRECISE'
  if (kept.length > 16) return 'AMOUNT_OUT_OF_RANGE'
  const hundredths = Number(kept)
  if (!Number.isSafeInteger(hundredths)) return 'AMOUNT_OUT_OF_RANGE'
  return match[1] === '-' && hundredths !== 0 ? -hundredths : hundredths
}

const zero = 48
const dot = 46

/** The common shape, digits with at most two decimals, without a regular expression; undefined for any other. */
function plainHundredths(text: string): number | undefined {
  const length = text.length
  if (length === 0 || length > 13) return undefined
  let hundredths = 0
  let decimals = -1
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code === dot && decimals < 0 && i > 0) {
      decimals = 0
    } else if (code >= zero && code <= zero + 9) {
      hundredths = hundredths * 10 + (code - zero)
      if (decimals >= 0) decimals++
    } else {
      return undefined
    }
  }
  if (decimals === 2) return hundredths
  if (decimals === 1) return hundredths * 10
  if (decimals < 0) return hundredths * 100
  return undefined
}

/** An integer within Avro's `long` as JavaScript holds it, from a number or from digits. */
export function toInteger(value: unknown): number | 'NOT_AN_INTEGER' | 'OUT_OF_RANGE' {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value === 0 ? 0 : value
    return Number.isInteger(value) || !Number.isFinite(value) ? 'OUT_OF_RANGE' : 'NOT_AN_INTEGER'
  }
  if (typeof value !== 'string') return 'NOT_AN_INTEGER'
  const text = value.trim()
  if (!/^[+-]?\d+(?:\.0+)?$/.test(text)) return 'NOT_AN_INTEGER'
  const number = Number(text)
  if (!Number.isSafeInteger(number)) return 'OUT_OF_RANGE'
  return number === 0 ? 0 : number
}
