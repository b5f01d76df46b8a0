/** Times of orders: ISO 8601 with a zone, or seconds or milliseconds since 1970, as a number or as digits. */
import type { ParseProblemCode } from './parse-problems.ts'

/** Numbers below this are seconds (up to the year 5138), others milliseconds (from March 1973). */
const firstMilliseconds = 1e11
/** What a JavaScript Date can hold. */
const latestTimeMs = 8.64e15

/** Epoch milliseconds UTC. What is finer than a millisecond is cut off. */
export function toTimeMs(value: unknown): number | ParseProblemCode {
  if (typeof value === 'number') return epochToMs(value)
  if (typeof value !== 'string') return 'TIME_NOT_A_TIME'
  const text = value.trim()
  if (/^-?\d{1,17}(?:\.\d{1,9})?$/.test(text)) return epochToMs(Number(text))
  return isoToMs(text)
}

function epochToMs(value: number): number | ParseProblemCode {
  if (!Number.isFinite(value)) return 'TIME_OUT_OF_RANGE'
  // Rounding to the microsecond first keeps 1483271606.123 from becoming .122.
  const timeMs =
    Math.abs(value) < firstMilliseconds ? Math.floor(Math.round(value * 1e6) / 1e3) : Math.floor(value)
  return Math.abs(timeMs) <= latestTimeMs ? timeMs : 'TIME_OUT_OF_RANGE'
}

const isoPattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?$/

function isoToMs(text: string): number | ParseProblemCode {
  const match = isoPattern.exec(text)
  if (match === null) return /^\d{4}-\d\d-\d\d$/.test(text) ? 'TIME_WITHOUT_ZONE' : 'TIME_NOT_A_TIME'
  const year = Number(match[1])
  const month = Number(match[2])
  const day = Number(match[3])
  const hour = Number(match[4])
  const minute = Number(match[5])
  const second = Number(match[6] ?? 0)
  const inDay = hour <= 23 && minute <= 59 && second <= 59
  if (!inDay || month < 1 || month > 12 || day < 1 || day > daysOfMonth(year, month)) return 'TIME_NOT_A_TIME'
  if (match[8] === undefined && match[9] === undefined) return 'TIME_WITHOUT_ZONE'
  const zoneHours = Number(match[10] ?? 0)
  const zoneMinutes = Number(match[11] ?? 0)
  if (zoneHours > 18 || zoneMinutes > 59) return 'TIME_NOT_A_TIME'
  const offset = (match[9] === '-' ? -1 : 1) * (zoneHours * 60 + zoneMinutes)
  const millis = match[7] === undefined ? 0 : Number(match[7].slice(0, 3).padEnd(3, '0'))
  const minutes = daysSinceEpoch(year, month, day) * 1440 + hour * 60 + minute - offset
  return minutes * 60_000 + second * 1000 + millis
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days from 1970-01-01 in the Gregorian calendar; years begin in March here, so that leap days come last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400)
  return marchYear * 365 + leapDays + dayOfYear - 719_468
}
