/** Durations, times and stages as they are written on the command line. */
import { Duration } from '../../../control/generated/google/protobuf/duration.ts'
import { Stage } from '../../../control/generated/orderstreams/control/v1/common.ts'
import { UsageError } from '../../failure.ts'

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `90s`, `10m`, `1h30m`, `250ms`, `2d` in milliseconds; undefined when it is none of that kind. */
export function durationMsOf(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  let sumMs = 0
  for (const [, value, unit] of text.matchAll(/([\d.]+)(ms|s|m|h|d)/g))
    sumMs += Number(value) * unitsMs[unit!]!
  return sumMs
}

/** The parser of an option that takes a duration. @throws UsageError */
export function duration(flag: string, leastMs = 0): (text: string) => number {
  return (text) => {
    const valueMs = durationMsOf(text)
    if (valueMs !== undefined && valueMs >= leastMs) return valueMs
    const least = leastMs === 0 ? '' : ` of at least ${leastMs}ms`
    throw new UsageError(`${flag} is "${text}"; it must be a duration${least}, such as 90s, 10m or 1h30m`)
  }
}

/** The parser of an option that takes a time to come: a time, or a duration from now. @throws UsageError */
export function timeAhead(flag: string): (text: string) => Date {
  return (text) => time(flag, text, 1)
}

/** The parser of an option that takes a time that has passed: a time, or so long ago. @throws UsageError */
export function timeAgo(flag: string): (text: string) => Date {
  return (text) => time(flag, text, -1)
}

const isoTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?)?(?<zone>Z|[+-]\d\d:?\d\d)?$/

function time(flag: string, text: string, direction: 1 | -1): Date {
  const distanceMs = durationMsOf(text)
  if (distanceMs !== undefined) return new Date(Date.now() + direction * distanceMs)
  const iso = isoTime.exec(text)
  // Times are printed in UTC, so they are read so, too, where they name no zone; a day without a time is in UTC anyway.
  const hasNoZone = iso?.groups?.['zone'] === undefined && text.includes('T')
  const parsed = new Date(hasNoZone ? `${text}Z` : text)
  if (iso !== null && !Number.isNaN(parsed.getTime())) return parsed
  const relative = direction === 1 ? '10m for in ten minutes' : '10m for ten minutes ago'
  throw new UsageError(
    `${flag} is "${text}"; it must be a time such as 2017-01-01T10:00Z, or a duration such as ${relative}`,
  )
}

/** The parser of an option that takes a number of records a second. @throws UsageError */
export function rate(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= 0 && value < Number.POSITIVE_INFINITY) return value
    throw new UsageError(`${flag} is "${text}"; it must be a number of records a second, such as 500 or 0.5`)
  }
}

/** `cleanse`, `cleanse/order-raw`, `cleanse/order-raw/assess`, or `cleanse//assess` where the sub-topology goes without saying. */
export function stageOf(text: string): Stage {
  const [topology = '', subTopology = '', ...operator] = text.split('/')
  if (topology === '')
    throw new UsageError(
      `the stage is "${text}"; write <topology>, <topology>/<sub-topology> or <topology>/<sub-topology>/<operator>`,
    )
  return Stage.create({ topology, subTopology, operator: operator.join('/') })
}

export function protoDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000)
  return Duration.create({ seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) })
}

export function msOfDuration({ seconds, nanos }: Duration): number {
  return seconds * 1000 + nanos / 1e6
}
