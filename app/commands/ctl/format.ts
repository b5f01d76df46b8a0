/** Messages as people and programs read them. */
import type { Duration } from '../../../control/generated/google/protobuf/duration.ts'
import type { Stage } from '../../../control/generated/orderstreams/control/v1/common.ts'
import type { TaskFlow } from '../../../control/generated/orderstreams/control/v1/instance_service.ts'
import type { StageCommand } from '../../../control/generated/orderstreams/control/v1/stage_service.ts'
import { duration } from '../../dashboard/text.ts'
import { count, timeOf } from '../../output.ts'
import { msOfDuration } from './values.ts'

/** Fields that hold JSON of the application: what is in them is not ours to convert. */
const jsonFields = new Set(['key', 'keys', 'value', 'rebuiltValue', 'events'])

/**
 * A message as JSON, named as grpcurl names it: times as ISO 8601, durations such as `"1.5s"`, bytes in base64. Unlike there, numbers are
 * numbers, and fields that are zero or empty are there, so that scripts find one shape.
 */
export function jsonOf(value: unknown): unknown {
  if (value instanceof Date) return timeOf(value.getTime())
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(jsonOf)
  if (typeof value !== 'object' || value === null) return value
  if (isDuration(value)) return `${msOfDuration(value) / 1000}s`
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      jsonFields.has(name) && !(field instanceof Uint8Array) ? field : jsonOf(field),
    ]),
  )
}

function isDuration(value: object): value is Duration {
  return 'seconds' in value && 'nanos' in value
}

const nothing = '-'

export function timeText(time: Date | undefined): string {
  return time === undefined ? nothing : timeOf(time.getTime())
}

export function durationText(value: Duration | undefined): string {
  if (value === undefined) return nothing
  const ms = msOfDuration(value)
  if (ms < 0) return `-${shortText(-ms)}`
  return shortText(ms)
}

function shortText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms)
}

const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** 1536 as `1.5 KiB`. */
export function sizeText(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < sizeUnits.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${sizeUnits[unit]}`
}

/** Records a second. */
export function rateText(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : count(perSecond)
}

/** An enum's value without its prefix, as a word: `FLOW_STATE_PAUSED` as `paused`. */
export function wordOf(value: string, prefix: string): string {
  const word = value.startsWith(prefix) ? value.slice(prefix.length) : value
  return word === 'UNSPECIFIED' || word === 'UNRECOGNIZED' ? nothing : word.toLowerCase().replaceAll('_', ' ')
}

export function orNothing(text: string): string {
  return text === '' ? nothing : text
}

/** JSON of a key or value, in one line. */
export function plain(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? nothing)
}

const shownCharacters = 100

export function shortened(text: string): string {
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text
}

/** A stage as `stages` takes it. */
export function stageText(stage: Stage | undefined): string {
  if (stage === undefined) return nothing
  const { topology, subTopology, operator } = stage
  if (operator !== '') return `${topology}/${subTopology}/${operator}`
  return subTopology === '' ? topology : `${topology}/${subTopology}`
}

/** What a command says, without whom it is for: `pause`, `pause with 5 records let through`, `limit of 100 records/s`. */
export function commandText({ kind, recordsPerSecond, stepTotal }: StageCommand): string {
  const word = wordOf(kind, 'STAGE_COMMAND_KIND_')
  if (word === 'limit') return `limit of ${rateText(recordsPerSecond)} records/s`
  return stepTotal > 0 ? `${word}, ${count(stepTotal)} let through per task` : word
}

export function flowText(flow: TaskFlow | undefined): string {
  if (flow === undefined) return nothing
  const word = wordOf(flow.state, 'FLOW_STATE_')
  const limit =
    flow.recordsPerSecondMax > 0 ? [`at most ${rateText(flow.recordsPerSecondMax)} records/s`] : []
  const step = flow.stepRemaining > 0 ? [`${count(flow.stepRemaining)} to go`] : []
  return [word, ...step, ...limit].join(', ')
}
