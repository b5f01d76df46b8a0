/**
 * Where each task belongs once every state is where it has to be: balanced exactly, and of all balanced answers one that
 * moves the fewest tasks, the fewest of these to where the state has to be fetched first, and fetches the least.
 *
 * A cheapest flow, each task one unit:
 *
 *   task ─> a member's share of its sub-topology ─> the member's share of stateful (or stateless) tasks ─> its share of all
 *
 * A share takes the whole part of the average for nothing and one task more at a price above everything else. The averages
 * themselves would be a flow, so whole numbers next to them are one too: all three kinds of share are balanced at once,
 * always. Below that price is what moving a task from its runner costs, below that moving it to a member that has not
 * caught up, and below that the state to be fetched.
 *
 * Repeated calls do not play ping-pong: a warm-up that progresses and a task that moves make this answer cheaper by at
 * least as much as any other, so it stays a cheapest one until it is reached; then nothing else costs as little.
 */
import { CheapestFlow } from './cheapest-flow.ts'
import { lagLevel, nothingHeld, type PlacementFacts } from './placement-facts.ts'

/** The tasks of a sub-topology on their way to its shares. */
interface SubTopologyNetwork {
  /** To a member that runs the task or holds its state. */
  readonly byState: readonly { readonly task: number; readonly member: number; readonly edge: number }[]
  /** To any member with room: nothing tells one from the other, so tasks and members meet in one node. */
  readonly anywhere: readonly { readonly task: number; readonly edge: number }[]
  readonly room: readonly { readonly member: number; readonly edge: number }[]
}

interface Prices {
  /** The state has to be fetched before the task can move. */
  readonly unready: number
  /** The task is not where it runs. */
  readonly moved: number
  /** A member has one task more than the whole part of the average. */
  readonly overShare: number
}

/** By task: the member that should run it. */
export function balancedActive(facts: PlacementFacts, warmUpMaxLag: number): number[] {
  const { tasks, members } = facts
  const kinds = subTopologiesByKind(facts)
  const prices = pricesFor(Math.min(tasks.length, kinds.flat().length * (members.length + 1) + 1))
  const flow = new CheapestFlow()
  const source = flow.addNode()
  const sink = flow.addNode()

  const addShares = (taskCount: number, next: readonly number[]): number[] =>
    members.map((_, member) => {
      const share = flow.addNode()
      flow.addEdge(share, next[member]!, Math.floor(taskCount / members.length), 0)
      flow.addEdge(share, next[member]!, 1, prices.overShare)
      return share
    })

  const addSubTopology = (group: readonly number[], next: readonly number[]): SubTopologyNetwork => {
    const shares = addShares(group.length, next)
    const meeting = flow.addNode()
    const room = shares.map((share, member) => ({
      member,
      edge: flow.addEdge(meeting, share, group.length, 0),
    }))
    const byState: { task: number; member: number; edge: number }[] = []
    const anywhere: { task: number; edge: number }[] = []
    for (const task of group) {
      const node = flow.addNode()
      flow.addEdge(source, node, 1, 0)
      for (const [member, cost] of costsOf(facts, task, prices, warmUpMaxLag)) {
        byState.push({ task, member, edge: flow.addEdge(node, shares[member]!, 1, cost) })
      }
      const fetched = tasks[task]!.isStateful ? prices.unready + nothingHeld : 0
      anywhere.push({ task, edge: flow.addEdge(node, meeting, 1, prices.moved + fetched) })
    }
    return { byState, anywhere, room }
  }

  const sharesOfAll = addShares(
    tasks.length,
    members.map(() => sink),
  )
  const networks = kinds.flatMap((groups) => {
    const sharesOfKind = addShares(groups.flat().length, sharesOfAll)
    return groups.map((group) => addSubTopology(group, sharesOfKind))
  })
  flow.run(source, sink)
  return targetsIn(flow, networks)
}

/**
 * What an answer pays for: each price is above all that it can save on those below. Any answer becomes any other by steps
 * that each change `tasksAtOnce` tasks at most, as a step comes by each place where tasks end once.
 */
function pricesFor(tasksAtOnce: number): Prices {
  const unready = nothingHeld * tasksAtOnce + 1
  const moved = (unready + nothingHeld) * tasksAtOnce + 1
  const overShare = (moved + unready + nothingHeld) * tasksAtOnce + 1
  return { unready, moved, overShare }
}

/** What it costs to have the task on each member that runs it or holds its state. */
function costsOf(
  { runners, holders }: PlacementFacts,
  task: number,
  { moved, unready }: Prices,
  warmUpMaxLag: number,
): Map<number, number> {
  const costs = new Map<number, number>()
  for (const { member, lag } of holders[task]!) {
    costs.set(member, moved + (lag > warmUpMaxLag ? unready : 0) + lagLevel(lag))
  }
  for (const member of runners[task]!) costs.set(member, 0)
  return costs
}

/** The tasks of each sub-topology: those of the stateless ones, and those of the stateful ones. */
function subTopologiesByKind({ tasks }: PlacementFacts): [number[][], number[][]] {
  const groups = new Map<string, number[]>()
  for (const [task, { subTopology }] of tasks.entries()) {
    const group = groups.get(subTopology)
    if (group === undefined) groups.set(subTopology, [task])
    else group.push(task)
  }
  const isStateful = (group: readonly number[]): boolean => tasks[group[0]!]!.isStateful
  const all = [...groups.values()]
  return [all.filter((group) => !isStateful(group)), all.filter(isStateful)]
}

function targetsIn(flow: CheapestFlow, networks: readonly SubTopologyNetwork[]): number[] {
  const targets: number[] = []
  for (const { byState, anywhere, room } of networks) {
    for (const { task, member, edge } of byState) if (flow.unitsOn(edge) > 0) targets[task] = member
    const rooms = room.flatMap(({ member, edge }) => new Array<number>(flow.unitsOn(edge)).fill(member))
    const leaving = anywhere.filter(({ edge }) => flow.unitsOn(edge) > 0)
    for (const [place, { task }] of leaving.entries()) targets[task] = rooms[place]!
  }
  return targets
}
