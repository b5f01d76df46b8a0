/**
 * Why the time of a task stands where it does: which input holds it back and why, through the tasks in front of it to the cause that
 * lies deepest. Pure: facts of all instances in, decisions out; explain-text.ts puts them into words.
 */
import type { InputView } from '../runtime/task-view.ts'
import { timedTopics } from '../runtime/timed-inputs.ts'
import { defaultTiming, type SourceTiming } from '../topology/source.ts'
import { repartitions, type SubTopology, type Topology } from '../topology/topology.ts'

/** A task as its instance tells of it. */
export interface TaskFacts {
  readonly task: string
  readonly subTopology: string
  /** Null when nobody runs it. */
  readonly instanceId: string | null
  /** How it stands when it does not process records, with the reason; null while it does. */
  readonly away: string | null
  readonly watermarkMs: number | null
  readonly recordsPerSecond: number
  readonly inputs: readonly InputView[]
  /** The stages whose commands hold it, by their names. */
  readonly heldBy: readonly string[]
}

export interface ExplainFacts {
  readonly nowMs: number
  readonly topology: Topology
  /** By task. */
  readonly tasks: ReadonlyMap<string, TaskFacts>
}

/**
 * - `never-read`: nothing has been read of it that tells the time
 * - `at-end`: it was read to its end: only a newer record, or the policy of its source for idle partitions, moves the time on
 * - `unread`: it has records that wait to be processed
 * - `paused`: stage commands hold it
 * - `upstream`: a task that writes to it has told no later time
 */
export type HeldBackReason = 'never-read' | 'at-end' | 'unread' | 'paused' | 'upstream'

export interface HeldBack {
  readonly input: InputView
  readonly reason: HeldBackReason
  /** Since when nothing was read of it; null when that is not known. */
  readonly sinceMs: number | null
  /** Of its source; null for a topic that tasks of the topology tell their time in. */
  readonly timing: SourceTiming | null
  /** The task that has told the earliest time, or none; null for all other reasons. */
  readonly upstreamTask: string | null
}

/** A task in the chain of those that wait for one another. */
export interface Link {
  readonly task: string
  /** Undefined when nobody runs it, or it could not be asked. */
  readonly facts: TaskFacts | undefined
  /** Undefined when nothing holds it back that is known: it does not run, or it waits for nothing. */
  readonly heldBack: HeldBack | undefined
  /** It has come further than it has told the one behind it: it tells so with its next commits. */
  readonly hasMoved: boolean
}

/** The task itself, and each time the one in front that it waits for; the last has the cause. */
export function explainTask(task: string, facts: ExplainFacts): readonly Link[] {
  const links: Link[] = []
  let next: string | null = task
  let toldMs: number | null | undefined
  while (next !== null) {
    const own = facts.tasks.get(next)
    const hasMoved =
      toldMs !== undefined && own !== undefined && timeOf(own) > timeOf({ watermarkMs: toldMs })
    const isRunning = own !== undefined && own.away === null
    const heldBack = isRunning && !hasMoved ? heldBackOf(own, facts) : undefined
    links.push({ task: next, facts: own, heldBack, hasMoved })
    const upstream: string | null = heldBack?.upstreamTask ?? null
    toldMs = heldBack?.input.upstream.find((one) => one.task === upstream)?.watermarkMs ?? null
    next = links.some((link) => link.task === upstream) ? null : upstream
  }
  return links
}

/** The input that a task's time waits for; when all are idle, the one that had come the furthest. */
export function heldBackOf(task: TaskFacts, facts: ExplainFacts): HeldBack | undefined {
  const part = facts.topology.subTopologies.find(({ name }) => name === task.subTopology)
  const waiting = task.inputs.filter(({ hasEnded }) => !hasEnded)
  const input = decisive(waiting)
  return part === undefined || input === undefined ? undefined : { input, ...reasonOf(input, part, facts) }
}

/** The earliest of those that are not idle; the latest of all, once all are: as task-time.ts has it. */
function decisive<T extends { readonly watermarkMs: number | null; readonly isIdle: boolean }>(
  all: readonly T[],
): T | undefined {
  const active = all.filter(({ isIdle }) => !isIdle)
  const [first, ...rest] = active.length > 0 ? active : all
  if (first === undefined) return undefined
  const sign = active.length > 0 ? 1 : -1
  return rest.reduce((found, one) => (sign * timeOf(one) < sign * timeOf(found) ? one : found), first)
}

function timeOf({ watermarkMs }: { readonly watermarkMs: number | null }): number {
  return watermarkMs ?? Number.NEGATIVE_INFINITY
}

function reasonOf(input: InputView, part: SubTopology, facts: ExplainFacts): Omit<HeldBack, 'input'> {
  const isTold = timedTopics(facts.topology).has(input.topic)
  const timing = isTold ? null : timingOf(part, input.topic)
  const common = { sinceMs: input.atEndSinceMs, timing, upstreamTask: null }
  if (input.isHeld) return { ...common, reason: 'paused' }
  if (input.end === null) return { ...common, reason: 'never-read' }
  // What was told may lie among what was not read yet.
  if (input.position < input.end) return { ...common, reason: 'unread' }
  if (isTold) return { ...common, reason: 'upstream', upstreamTask: furthestBehind(input, facts) }
  return { ...common, reason: input.watermarkMs === null ? 'never-read' : 'at-end' }
}

/** The task that has told nothing yet, or else the one that the time of all goes by. */
function furthestBehind({ topic, upstream }: InputView, { topology, tasks }: ExplainFacts): string | null {
  const writers = topology.subTopologies.filter((part) => repartitions(part).includes(topic))
  const isWriter = (part: string): boolean => writers.some(({ name }) => name === part)
  const heard = new Set(upstream.map(({ task }) => task))
  for (const { task, subTopology } of tasks.values()) {
    if (isWriter(subTopology) && !heard.has(task)) return task
  }
  return decisive(upstream)?.task ?? null
}

function timingOf({ sources }: SubTopology, topic: string): SourceTiming {
  return sources.find((source) => source.topic.name === topic)?.timing ?? defaultTiming
}
