/**
 * Who runs which task, who keeps copies of its state, and who fetches a state to take a task over: facts in, decision out.
 *
 * Invariants, for any input:
 * - Every task is active on exactly one member, and no instance has two roles for one task.
 * - A stateful task is active where its state lacks no more than `warmUpMaxLag` records, if any such member lives; else where
 *   it lacks least; else where balance says.
 * - Once no state is waited for, members differ by at most one task in each sub-topology, in all stateful tasks, in all
 *   stateless ones and in all together, and no fewer tasks could have moved to come there.
 * - Called again with what it decided, it decides the same; called while warm-ups make way, it comes to the balanced
 *   answer in as many moves as the first answer named, and stays there.
 * - The order of tasks and candidates, and the member ids, do not matter; instance ids break ties.
 *
 * The idea is Kafka Streams' high-availability assignor (KIP-441) with rack awareness (KIP-708, KIP-925). What is different:
 * - Its balanced target deals tasks out in the order of the instances' ids, without regard to where they run, so that one new instance
 *   gives nearly all tasks another target; and it fetches states for each of them. Here the target is the balanced answer
 *   that moves the fewest tasks.
 * - Its target knows nothing of states that are half fetched, so that a further rebalance can name another target and the
 *   work is lost (KAFKA-21001 is the same fault in its successor). Here a state counts by how much it lacks.
 * - It balances instances, not sub-topologies: a heavy one can end on one instance (KAFKA-4969, KIP-925's answer is an option). Here both
 *   hold at once, exactly; `balance-active.ts` says why that is always possible.
 * - Without a caught-up instance it once restored from nothing (KAFKA-13600), and it knew a restarted process only since its
 *   id is kept with its state (KAFKA-10716). Both hold here from the start.
 * - All instances weigh the same: one process runs one event loop, so there are no threads to count. Rack awareness is about
 *   standbys only; traffic between zones is not minded when tasks are placed.
 *
 * Two members with one instance id: both rejoined, or they would not be candidates, and nothing says which of them is
 * dead, or misconfigured. Each counts as a member and gets its share, so that neither a zombie nor a mistake can starve the other or have
 * tasks flap between the two; the share of a dead one waits until it times out. As they stand on the same
 * disk, one never keeps a copy for the other.
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
  const targets = balancedActive(facts)
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
  // Where nothing is to be chosen, nothing is; the rest fills up what these leave.
  const loads = new Loads(facts)
  for (const [task, members] of able.entries()) if (members.length === 1) loads.add(task, members[0]!)
  for (const [task, members] of able.entries()) {
    if (members.length === 1) continue
    active[task] = loads.leastLoaded(task, members)
    loads.add(task, active[task]!)
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

/** How many active tasks each member has been given, of each sub-topology and of all. */
class Loads {
  readonly #tasks: PlacementFacts['tasks']
  readonly #ofAll: number[]
  readonly #ofSubTopology = new Map<string, number[]>()

  constructor({ tasks, members }: PlacementFacts) {
    this.#tasks = tasks
    this.#ofAll = members.map(() => 0)
    for (const { subTopology } of tasks) {
      if (!this.#ofSubTopology.has(subTopology))
        this.#ofSubTopology.set(
          subTopology,
          members.map(() => 0),
        )
    }
  }

  add(task: number, member: number): void {
    this.#ofAll[member]!++
    this.#of(task)[member]!++
  }

  /** The first of the members that has no more tasks of the sub-topology, then of all, than another. */
  leastLoaded(task: number, members: readonly number[]): number {
    const own = this.#of(task)
    return members.reduce((least, member) =>
      (own[member]! - own[least]! || this.#ofAll[member]! - this.#ofAll[least]!) < 0 ? member : least,
    )
  }

  #of(task: number): number[] {
    return this.#ofSubTopology.get(this.#tasks[task]!.subTopology)!
  }
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
