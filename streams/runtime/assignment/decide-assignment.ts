/**
 * Who runs which task, who keeps copies of its state, and who fetches a state to take a task over: facts in, decision out.
 *
 * Invariants, for any input:
 * - Every task is active on exactly one member, and no instance has two roles for one task.
 * - A stateful task is active where its state lacks no more than `warmUpMaxLag` records, if any such member lives; else where
 *   it lacks least; else where balance says.
 * - Once no state is waited for, members differ by at most one task in each sub-topology, in all stateful tasks, in all
 *   stateless ones, and in all together.
 * - While members and their states stay, calls that carry out each other's answers come to the balanced one in the fewest
 *   moves there are from a placement that has all runners alive, and then never change an active task again.
 * - The order of tasks and candidates, and the member ids, do not matter; instance ids break ties.
 *
 * The idea is that of Kafka Streams' high-availability assignor (KIP-441) with rack awareness (KIP-708, KIP-925). Different
 * here, and why:
 * - There the balanced target deals tasks out in the order of the instances' ids, wherever they run: a new instance shifts
 *   the targets of most tasks, and their states are fetched for it. Here the target is the balanced answer with the fewest moves.
 * - There a state that is half fetched counts for nothing, so that the next rebalance may drop the work (the successor has
 *   the same fault, KAFKA-21001). Here a state counts by what it lacks, and what was begun is finished first.
 * - There instances are balanced, but a heavy sub-topology can end on few of them (KAFKA-4969; KIP-925 makes it an option).
 *   Here both hold at once, exactly: `balance-active.ts` says why that is always possible.
 * - There a task without a caught-up instance was once restored from nothing beside a nearly complete state (KAFKA-13600),
 *   and a restarted process was a stranger to its own state (KAFKA-10716).
 * - Here all instances weigh the same: a process runs one event loop, there are no threads to count. Zones matter to copies
 *   only; traffic between zones is not counted.
 *
 * Two members of one instance id have both just joined, or they would not be candidates, and nothing tells which of them is
 * dead or set up wrongly. Each counts as a member and gets its share: so neither a zombie nor a mistake can starve the other
 * or have tasks flap between them, and the share of a dead one waits until it times out. They may stand on one disk, so
 * neither keeps a copy nor warms up for the other.
 */
import { balancedActive } from './balance-active.ts'
import { balancedStandbys } from './balance-standbys.ts'
import type { Candidate, Placement, PlacementSettings, TaskToPlace } from './placement.ts'
import { factsOf, type PlacementFacts } from './placement-facts.ts'

/**
 * Decides the placement of each member, by member id. Either all tasks of a sub-topology keep state or none does. Lists are
 * in the order of sub-topology and partition. Without candidates the answer is empty.
 */
export function decideAssignment(
  tasks: readonly TaskToPlace[],
  candidates: readonly Candidate[],
  settings: PlacementSettings,
): ReadonlyMap<string, Placement> {
  if (candidates.length === 0) return new Map()
  const facts = factsOf(tasks, candidates)
  const targets = balancedActive(facts, settings.warmUpMaxLag)
  const active = activeForNow(facts, targets, settings.warmUpMaxLag)
  const warmUp = warmUpsFor(facts, targets, active, settings.maxWarmUps)
  const standbys = balancedStandbys(facts, active, warmUp, settings)
  const placements = facts.members.map(() => ({
    active: [] as string[],
    standby: [] as string[],
    warmUp: [] as string[],
  }))
  for (const [task, { id }] of facts.tasks.entries()) {
    placements[active[task]!]!.active.push(id)
    for (const member of standbys[task]!) placements[member]!.standby.push(id)
    const target = warmUp.get(task)
    if (target !== undefined) placements[target]!.warmUp.push(id)
  }
  return new Map(facts.members.map(({ memberId }, member) => [memberId, placements[member]!]))
}

/** By task: the target where the state allows it; the other tasks stay, or go to who can run them soonest. */
function activeForNow(facts: PlacementFacts, targets: readonly number[], warmUpMaxLag: number): number[] {
  const able = facts.tasks.map((_, task) => ableToRun(facts, task, targets[task]!, warmUpMaxLag))
  const active = able.map((members) => members[0]!)
  const loads = facts.members.map(() => 0)
  for (const [task, member] of active.entries()) if (able[task]!.length === 1) loads[member]!++
  // Where there is a choice, the members that have the least otherwise.
  for (const [task, members] of able.entries()) {
    if (members.length === 1) continue
    active[task] = members.reduce((least, member) => (loads[member]! < loads[least]! ? member : least))
    loads[active[task]!]!++
  }
  return active
}

/**
 * The members that may run the task now, the better first: its target alone if that may; else its runner; else those whose
 * state is as good as complete; else those whose state lacks least.
 */
function ableToRun(
  { runners, holders }: PlacementFacts,
  task: number,
  target: number,
  warmUpMaxLag: number,
): readonly number[] {
  const best = holders[task]![0]
  if (best === undefined) return [target]
  const acceptableLag = Math.max(warmUpMaxLag, best.lag)
  const able = holders[task]!.filter(({ lag }) => lag <= acceptableLag).map(({ member }) => member)
  if (able.includes(target)) return [target]
  return runners[task]!.length > 0 ? runners[task]! : able
}

/** By task: who fetches its state. Those closest to the end come first: what was begun is finished before more is begun. */
function warmUpsFor(
  facts: PlacementFacts,
  targets: readonly number[],
  active: readonly number[],
  maxWarmUps: number,
): Map<number, number> {
  const { members, holders } = facts
  const waiting = targets
    .map((target, task) => ({
      task,
      target,
      lag: holders[task]!.find(({ member }) => member === target)?.lag ?? Number.POSITIVE_INFINITY,
    }))
    .filter(({ task, target }) => members[target]!.instanceId !== members[active[task]!]!.instanceId)
    .sort((a, b) => (a.lag === b.lag ? a.task - b.task : a.lag - b.lag))
  return new Map(waiting.slice(0, Math.max(0, maxWarmUps)).map(({ task, target }) => [task, target]))
}
