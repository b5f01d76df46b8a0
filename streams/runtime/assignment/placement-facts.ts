/** Tasks and candidates in one fixed order, so that the decision is the same in whatever order they were named. */
import type { Candidate, TaskToPlace } from './placement.ts'

/** A member that holds a task's state: its place among the members, and how many records the state lacks. */
export interface Holder {
  readonly member: number
  readonly lag: number
}

/** Tasks and members are named by their places in `tasks` and `members`. */
export interface PlacementFacts {
  /** By sub-topology, then partition. */
  readonly tasks: readonly TaskToPlace[]
  /** By instance id, then member id. */
  readonly members: readonly Candidate[]
  /** By task: who says that it runs it. More than one only when one of them has lost it and does not know yet. */
  readonly runners: readonly (readonly number[])[]
  /** By task: whose state is worth something, the most complete first. Runners lack nothing; nobody holds a stateless task. */
  readonly holders: readonly (readonly Holder[])[]
}

export function factsOf(tasks: readonly TaskToPlace[], candidates: readonly Candidate[]): PlacementFacts {
  const orderedTasks = [...tasks].sort(
    (a, b) => compare(a.subTopology, b.subTopology) || a.partition - b.partition,
  )
  const members = [...candidates].sort(
    (a, b) => compare(a.instanceId, b.instanceId) || compare(a.memberId, b.memberId),
  )
  const placeOf = new Map(orderedTasks.map(({ id }, place) => [id, place]))
  const runners = orderedTasks.map((): number[] => [])
  const holders = orderedTasks.map((): Holder[] => [])
  for (const [member, { running, lags }] of members.entries()) {
    for (const id of running) {
      const task = placeOf.get(id)
      if (task === undefined) continue
      runners[task]!.push(member)
      if (orderedTasks[task]!.isStateful) holders[task]!.push({ member, lag: 0 })
    }
    for (const [id, lag] of lags) {
      const task = placeOf.get(id)
      if (task === undefined || running.has(id) || !orderedTasks[task]!.isStateful) continue
      holders[task]!.push({ member, lag: Math.max(0, lag) })
    }
  }
  for (const list of holders) list.sort((a, b) => a.lag - b.lag || a.member - b.member)
  return { tasks: orderedTasks, members, runners, holders }
}

/** More than any `lagLevel`: what it takes to fetch a state from nothing. */
export const nothingHeld = 64

/**
 * How much a state lacks, as a small whole number: one up for each doubling. Coarse, so that lags that differ by little do
 * not decide what moves; a state that is fetched still climbs down from `nothingHeld` and never back.
 */
export function lagLevel(lag: number): number {
  return lag < 1 ? 0 : Math.min(nothingHeld - 1, 1 + Math.floor(Math.log2(lag)))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
