/** What waits for time to pass in a task. */
import type { RunningTopology } from '../runtime/topology-runner.ts'
import type { Waiting } from '../time/alarms.ts'
import { durationText, timeText } from './time-text.ts'

export interface WaitingView {
  readonly operator: string
  readonly byClock: boolean
  /** Null is at once. */
  readonly dueMs: number | null
  readonly text: string
}

/** Of each operator what is due next, by event time before what is due by the clock. Empty when the task does not run here. */
export function waitingIn(
  { drivers }: Pick<RunningTopology, 'drivers'>,
  task: string,
  nowMs: number,
): readonly WaitingView[] {
  const open = drivers.get(task)?.openTask
  if (open === undefined) return []
  const { time } = open.compiled
  const { watermarkMs } = time
  return [
    ...time.waiting().map((one) => viewOf(one, false, eventText(one, watermarkMs))),
    ...time.clock.waiting().map((one) => viewOf(one, true, clockText(one, nowMs))),
  ]
}

function viewOf({ operator, dueMs }: Waiting, byClock: boolean, text: string): WaitingView {
  return { operator, byClock, dueMs: Number.isFinite(dueMs) ? dueMs : null, text }
}

function eventText({ what, dueMs, isHeld }: Waiting, watermarkMs: number): string {
  const said = what(dueMs, timeText)
  if (isHeld) return `${said} once its stage is resumed`
  if (dueMs <= watermarkMs) return `${said} now`
  // What has never been done is due from the beginning of time.
  if (dueMs <= 0) return `${said} as soon as a time is known`
  const condition = `${said} when the watermark passes ${timeText(dueMs)}`
  if (!Number.isFinite(watermarkMs)) return `${condition}; no time is known yet`
  return `${condition}, ${durationText(dueMs - watermarkMs)} from now by event time`
}

function clockText({ what, dueMs, isHeld }: Waiting, nowMs: number): string {
  const said = what(dueMs, timeText)
  if (isHeld) return `${said} once its stage is resumed`
  if (dueMs <= nowMs) return `${said} now, by the clock`
  return `${said} at ${timeText(dueMs)} by the clock, in ${durationText(dueMs - nowMs)}`
}
