/**
 * Who keeps copies of the states: as many copies as asked for, those of one task on different instances, first in as many
 * zones as there are, then balanced in number, then with members that hold the state already.
 *
 * A cheapest flow, each copy one unit:
 *
 *   task ─> zone, dear where the task or another copy is already ─> member, by what its state lacks ─> dearer with each copy
 *
 * A copy moves to a member that balance names without a warm-up: the member that gives it up still has the state on its
 * disk, and for as long as that lacks no more than `warmUpMaxLag` records it can take the task over.
 */
import { CheapestFlow } from './cheapest-flow.ts'
import type { PlacementSettings } from './placement.ts'
import { lagLevel, nothingHeld, type PlacementFacts } from './placement-facts.ts'

interface Offer {
  readonly member: number
  readonly edge: number
}

/**
 * By task: the members that keep a copy.
 * @param active by task, the member that runs it
 * @param warmUp the members that fetch a task's state to take it over, by task
 */
export function balancedStandbys(
  facts: PlacementFacts,
  active: readonly number[],
  warmUp: ReadonlyMap<number, number>,
  { standbyReplicas, warmUpMaxLag }: PlacementSettings,
): number[][] {
  const { tasks, members } = facts
  const copies = standbyReplicas * tasks.length
  const oneMore = nothingHeld * copies + 1
  const sameZone = oneMore * copies * copies + 1
  const flow = new CheapestFlow()
  const source = flow.addNode()
  const sink = flow.addNode()
  const seats = members.map(() => {
    const seat = flow.addNode()
    flow.addEdge(seat, sink, copies, 0, oneMore)
    return seat
  })
  const hostsByZone = oneHostPerInstance(facts)

  const offersOf = (task: number): Offer[] => {
    const node = flow.addNode()
    flow.addEdge(source, node, standbyReplicas, 0)
    const taken = [active[task]!, warmUp.get(task) ?? active[task]!].map(
      (place) => members[place]!.instanceId,
    )
    const fetched = new Map(facts.holders[task]!.map(({ member, lag }) => [member, lag]))
    const offers: Offer[] = []
    for (const [zone, hosts] of hostsByZone) {
      const inZone = flow.addNode()
      flow.addEdge(
        node,
        inZone,
        standbyReplicas,
        zone === members[active[task]!]!.zone ? sameZone : 0,
        sameZone,
      )
      for (const member of hosts) {
        if (taken.includes(members[member]!.instanceId)) continue
        const lag = fetched.get(member)
        const cost = lag === undefined ? nothingHeld : lag <= warmUpMaxLag ? 0 : lagLevel(lag)
        offers.push({ member, edge: flow.addEdge(inZone, seats[member]!, 1, cost) })
      }
    }
    return offers
  }

  const offers = tasks.map(({ isStateful }, task) =>
    isStateful && standbyReplicas > 0 ? offersOf(task) : [],
  )
  flow.run(source, sink)
  return offers.map((list) => list.filter(({ edge }) => flow.unitsOn(edge) > 0).map(({ member }) => member))
}

/** One member of each instance, by zone: two of one instance stand on the same disk. Members that named no zone share one. */
function oneHostPerInstance({ members }: PlacementFacts): Map<string | null, number[]> {
  const byZone = new Map<string | null, number[]>()
  const seen = new Set<string>()
  for (const [member, { instanceId, zone }] of members.entries()) {
    if (seen.has(instanceId)) continue
    seen.add(instanceId)
    byZone.set(zone, [...(byZone.get(zone) ?? []), member])
  }
  return byZone
}
