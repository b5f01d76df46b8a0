/** Explanations in sentences, for somebody who was woken by an alarm: what, since when, why, and what to do. */

import { assertNever } from '../errors.ts'
import type { InputView } from '../runtime/task-view.ts'
import type { ExplainFacts, HeldBack, Link, TaskFacts } from './explain.ts'
import { countText, durationText, timeText } from './time-text.ts'
import { partitionName } from './views.ts'

/** Where the time of a task stands, and why, to the cause that lies deepest. */
export function explanationText(links: readonly Link[], { nowMs }: Pick<ExplainFacts, 'nowMs'>): string {
  const sentences: string[] = []
  links.forEach((link, index) => {
    sentences.push(index === 0 ? standing(link, nowMs) : standingBehind(link, nowMs))
    if (link.facts?.away === null) sentences.push(causeText(link, nowMs))
  })
  return sentences.filter((sentence) => sentence !== '').join(' ')
}

function standing({ task, facts }: Link, nowMs: number): string {
  if (facts === undefined || facts.away !== null) return awayText(task, facts)
  const { watermarkMs } = facts
  if (watermarkMs === null) return `Task ${task}${place(facts)} knows no time yet.`
  return `The time of task ${task}${place(facts)} stands at ${timeText(watermarkMs)}, ${distance(watermarkMs, nowMs)}.`
}

function standingBehind(link: Link, nowMs: number): string {
  const { task, facts, hasMoved } = link
  if (facts === undefined || facts.away !== null || !hasMoved) return standing(link, nowMs)
  const { watermarkMs } = facts
  return (
    `Task ${task}${place(facts)} has come to ${timeText(watermarkMs ?? 0)} meanwhile, and tells so with its next commits: ` +
    'look again in a moment.'
  )
}

function awayText(task: string, facts: TaskFacts | undefined): string {
  if (facts === undefined)
    return `There is no task ${task} any more: another release had more partitions or other sub-topologies.`
  if (facts.instanceId === null)
    return `Task ${task} is run by nobody: the group is sharing its tasks out, or no instance of the topology is up.`
  return `Task ${task}${place(facts)} processes nothing: ${facts.away}.`
}

function causeText(link: Link, nowMs: number): string {
  const { facts, heldBack, hasMoved } = link
  if (facts === undefined || hasMoved) return ''
  if (heldBack === undefined)
    return 'Nothing comes any more of any input, so that all that waits for event time is due.'
  const name = partitionName(heldBack.input)
  switch (heldBack.reason) {
    case 'paused': {
      const stages = facts.heldBy.length === 0 ? 'a stage' : facts.heldBy.join(', ')
      return `Input ${name} is held by a stage command for ${stages}: resume it to let the time go on.`
    }
    case 'unread':
      return `Input ${name} has ${waitingRecords(heldBack.input)} that ${facts.recordsPerSecond > 0 ? `wait to be processed${remaining(heldBack.input, facts)}` : 'wait, and none is being processed'}.`
    case 'upstream':
      return upstreamText(heldBack)
    case 'never-read':
    case 'at-end':
      return endText(heldBack, facts, nowMs)
    default:
      return assertNever(heldBack.reason)
  }
}

function upstreamText({ input, upstreamTask }: HeldBack): string {
  const name = partitionName(input)
  if (upstreamTask === null) return `It waits for the tasks that write to ${name}, of which none is known.`
  const told = input.upstream.find(({ task }) => task === upstreamTask)?.watermarkMs ?? null
  const said = told === null ? 'has not told its time yet' : `has told no later time than ${timeText(told)}`
  return `It waits for task ${upstreamTask}, which writes to ${name} and ${said}.`
}

function endText({ input, reason, sinceMs, timing }: HeldBack, facts: TaskFacts, nowMs: number): string {
  const name = partitionName(input)
  if (input.end === null)
    return `The log has not told the end of input ${name} yet: the task has just been opened, or the log does not answer.`
  const since = sinceMs === null ? '' : ` since ${timeText(sinceMs)} (${durationText(nowMs - sinceMs)} ago)`
  const what =
    reason === 'never-read'
      ? `Of input ${name} no record has been read that tells the time; it is at its end${since}.`
      : `Input ${name} was read to its end at offset ${input.end}${since}, and stands at ${timeText(input.watermarkMs ?? 0)}.`
  return `${what} ${remedy(timing, input, facts, sinceMs, nowMs)}`.trimEnd()
}

/** What moves the time on, by the policy for partitions that are idle. */
function remedy(
  timing: HeldBack['timing'],
  input: InputView,
  facts: TaskFacts,
  sinceMs: number | null,
  nowMs: number,
): string {
  if (timing === null) return ''
  const leftMs = sinceMs === null ? timing.idleAfterMs : sinceMs + timing.idleAfterMs - nowMs
  switch (timing.idle) {
    case 'wait':
      return (
        'Its source waits for it (idle policy "wait"): only a newer record moves the time on. Send one, or give the source the policy ' +
        '"ignore" or "wall-clock".'
      )
    case 'wall-clock':
      if (leftMs > 0)
        return `In ${durationText(leftMs)} its time begins to follow the clock (idle policy "wall-clock").`
      return `Its time follows the clock now, ${durationText(timing.disorderMs)} behind it (idle policy "wall-clock").`
    case 'ignore':
      break
  }
  if (!input.isIdle && leftMs > 0 && facts.inputs.length > 1)
    return `In ${durationText(leftMs)} it counts as idle, and leaves the time to the other inputs (idle policy "ignore").`
  const all =
    facts.inputs.length > 1
      ? 'All inputs of the task are at their ends, so'
      : 'It is the only input of the task, so'
  return (
    `${all} no time passes by events (idle policy "ignore"): only a newer record moves it on. Send one, or, where records tell of what ` +
    'happens now, give the source the policy "wall-clock".'
  )
}

function waitingRecords({ position, end }: InputView): string {
  return `${countText((end ?? position) - position, 'record')} (offset ${position} of ${end})`
}

function remaining({ position, end }: InputView, { recordsPerSecond }: TaskFacts): string {
  const seconds = ((end ?? position) - position) / recordsPerSecond
  return `; at ${countText(Math.round(recordsPerSecond), 'record')} a second that takes about ${durationText(seconds * 1000)}`
}

function place({ instanceId }: TaskFacts): string {
  return instanceId === null ? '' : ` at ${instanceId}`
}

function distance(watermarkMs: number, nowMs: number): string {
  const behindMs = nowMs - watermarkMs
  return behindMs >= 0
    ? `${durationText(behindMs)} behind the clock`
    : `${durationText(behindMs)} ahead of the clock`
}
