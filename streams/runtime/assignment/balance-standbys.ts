/**
 * Who keeps copies of the states: as many copies as asked for, those of one task on different instances, first in as many
 * zones as there are, then balanced in number, then with members that hold the state already.
 *
 * A cheapest flow, each copy one unit:
 *
 *   task ─> zone, dear where the task or another copy is already ─> member, by what its state lacks ─> dearer with each copy
 *
 * It is found in two steps, because a price that rises with each copy makes a flow slow. Tasks that run on the same member
 * may have their copies on the same members, so the first step takes them together and finds how many copies each member
 * keeps. Balanced answers differ by at most one copy for a member, so the second step, task by task, gives all but one away
 * for nothing. Both steps keep to the same prices, so zones and balance come out as well as they can, exactly.
 *
 * A copy moves to a member that balance names without a warm-up: the member that gives it up still has the state on its
 * disk, and for as long as that lacks no more than `warmUpMaxLag` records it can take the task over.
 */
import { CheapestFlow } from './cheapest-flow.ts'
import type { PlacementSettings } from './placement.ts'
import { lagLevel, nothingHeld, type PlacementFacts } from './placement-facts.ts'

/** Tasks whose copies may go to the same members at the same costs. */
interface Batch {
  readonly taskCount: number
  readonly active: number
  readonly warmUp: number | undefined
  readonly costOn: (member: number) => number
}

/** How many copies of a batch a member keeps. */
interface Copies {
  readonly member: number
  readonly count: number
}

/**
 * By task: the members that keep a copy.
 * @param active by task, the member that runs it
 * @param warmUp by task, the member that fetches its state to take it over
 */
export function balancedStandbys(
  facts: PlacementFacts,
  active: readonly number[],
  warmUp: ReadonlyMap<number, number>,
  { standbyReplicas, warmUpMaxLag }: PlacementSettings,
): number[][] {
  const standbys = facts.tasks.map((): number[] => [])
  const stateful = [...facts.tasks.keys()].filter((task) => facts.tasks[task]!.isStateful)
  if (standbyReplicas <= 0 || stateful.length === 0) return standbys

  const batches = stateful.map((task): Batch => {
    const lags = new Map(facts.holders[task]!.map(({ member, lag }) => [member, lag]))
    const costOn = (member: number): number => {
      const lag = lags.get(member)
      return lag === undefined ? nothingHeld : lag <= warmUpMaxLag ? 0 : lagLevel(lag)
    }
    return { taskCount: 1, active: active[task]!, warmUp: warmUp.get(task), costOn }
  })
  const loads = facts.members.map(() => 0)
  for (const copies of spread(facts, mergedByRoles(batches), standbyReplicas, loads)) {
    for (const { member, count } of copies) loads[member]! += count
  }
  const certain = loads.map((load) => Math.max(0, load - 1))
  for (const [place, copies] of spread(facts, batches, standbyReplicas, certain).entries()) {
    standbys[stateful[place]!] = copies.map(({ member }) => member)
  }
  return standbys
}

/** Batches of the same members with roles, as one. */
function mergedByRoles(batches: readonly Batch[]): Batch[] {
  const merged = new Map<string, Batch>()
  for (const { active, warmUp, taskCount } of batches) {
    const key = `${active} ${warmUp}`
    const before = merged.get(key)?.taskCount ?? 0
    merged.set(key, { active, warmUp, taskCount: before + taskCount, costOn: () => 0 })
  }
  return [...merged.values()]
}

/** By batch: who keeps its copies. `certain` says how many copies each member gets in every balanced answer. */
function spread(
  facts: PlacementFacts,
  batches: readonly Batch[],
  replicas: number,
  certain: readonly number[],
): Copies[][] {
  const { members } = facts
  const copyCount = replicas * batches.reduce((sum, { taskCount }) => sum + taskCount, 0)
  // A change of one rank outweighs all that it can entail in those below.
  const oneMore = nothingHeld * copyCount + 1
  const sameZone = oneMore * (copyCount + 3)
  const flow = new CheapestFlow()
  const source = flow.addNode()
  const sink = flow.addNode()
  const seats = certain.map((count) => {
    const seat = flow.addNode()
    flow.addEdge(seat, sink, count, 0)
    flow.addEdge(seat, sink, copyCount, (count + 1) * oneMore, oneMore)
    return seat
  })
  const hostsByZone = oneHostPerInstance(facts)

  const offers = batches.map(({ taskCount, active, warmUp, costOn }) => {
    const node = flow.addNode()
    flow.addEdge(source, node, replicas * taskCount, 0)
    const taken = [active, warmUp ?? active].map((member) => members[member]!.instanceId)
    return [...hostsByZone].flatMap(([zone, hosts]) => {
      const free = hosts.filter((member) => !taken.includes(members[member]!.instanceId))
      const inZone = flow.addNode()
      const before = zone === members[active]!.zone ? 1 : 0
      for (let nth = before; nth < before + Math.min(replicas, free.length); nth++) {
        flow.addEdge(node, inZone, taskCount, nth * sameZone)
      }
      return free.map((member) => ({
        member,
        edge: flow.addEdge(inZone, seats[member]!, taskCount, costOn(member)),
      }))
    })
  })
  flow.run(source, sink)
  return offers.map((list) =>
    list.map(({ member, edge }) => ({ member, count: flow.unitsOn(edge) })).filter(({ count }) => count > 0),
  )
}

/** One member of each instance, by zone: two of one instance stand on the same disk. Members that named no zone share one. */
function oneHostPerInstance({ members }: PlacementFacts): Map<string | null, number[]> {
  const byZone = new Map<string | null, number[]>()
  const seen = new Set<string>()
  for (const [member, { instanceId, zone }] of members.entries()) {
    if (seen.has(instanceId)) continue
    seen.add(instanceId)
    const hosts = byZone.get(zone)
    if (hosts === undefined) byZone.set(zone, [member])
    else hosts.push(member)
  }
  return byZone
}
