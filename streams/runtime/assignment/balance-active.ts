/**
 * Where each task belongs once every state is where it has to be: balanced exactly, and of all balanced answers one that
 * moves the fewest tasks and, for those that move, fetches the least state.
 *
 * A cheapest flow, each task one unit:
 *
 *   task ─> a member's share of its sub-topology ─> the member's share of stateful (or stateless) tasks ─> its share of all
 *
 * A share takes the whole part of the average for nothing and one task more at a price above everything else. The averages
 * themselves would be a flow, so whole numbers next to them are one too: all three kinds of share are balanced at once,
 * always. Below that price is what moving a task from its runner costs, and below that the state to be fetched.
 *
 * Repeated calls do not play ping-pong: a warm-up that progresses and a task that moves make this answer cheaper by more
 * than any other, so it stays the cheapest until it is reached.
 */
import { CheapestFlow } from './cheapest-flow.ts'
import { lagLevel, nothingHeld, type PlacementFacts } from './placement-facts.ts'

/** Where the tasks of one sub-topology go: to a member for a reason of theirs, or by `anywhere` to whoever has room. */
interface SubTopologyShares {
  readonly byMember: readonly number[]
  readonly anywhere: number
  readonly fromAnywhere: readonly number[]
  /** Tasks, in order, and the edge by which they go anywhere. */
  readonly leaving: { readonly task: number; readonly edge: number }[]
}

/** By task: the member that should run it. */
export function balancedActive(facts: PlacementFacts): number[] {
  const { tasks, runners, holders } = facts
  const network = new ShareNetwork(facts)
  const offers: { task: number; member: number; edge: number }[] = []
  for (const task of tasks.keys()) {
    for (const member of runners[task]!) {
      offers.push({ task, member, edge: network.offer(task, member, 0) })
    }
    for (const { member, lag } of holders[task]!) {
      if (runners[task]!.includes(member)) continue
      offers.push({ task, member, edge: network.offer(task, member, network.moved + lagLevel(lag)) })
    }
  }
  const target = network.solve()
  for (const { task, member, edge } of offers) if (network.isTaken(edge)) target[task] = member
  return target
}

class ShareNetwork {
  /** What it costs that a task is not where it runs: more than the states of all tasks. */
  readonly moved: number
  readonly #overShare: number
  readonly #facts: PlacementFacts
  readonly #flow = new CheapestFlow()
  readonly #source = this.#flow.addNode()
  readonly #sink = this.#flow.addNode()
  readonly #taskNodes: number[]
  readonly #ofAll: number[]
  readonly #ofKind = new Map<boolean, number[]>()
  readonly #ofSubTopology = new Map<string, SubTopologyShares>()

  constructor(facts: PlacementFacts) {
    const { tasks } = facts
    this.#facts = facts
    this.moved = (nothingHeld + 1) * (tasks.length + 1)
    this.#overShare = (this.moved + nothingHeld) * (tasks.length + 1)
    this.#ofAll = this.#addShares(tasks.length, () => this.#sink)
    for (const isStateful of [true, false]) {
      const ofKind = tasks.filter((task) => task.isStateful === isStateful).length
      this.#ofKind.set(
        isStateful,
        this.#addShares(ofKind, (member) => this.#ofAll[member]!),
      )
    }
    this.#taskNodes = tasks.map((_, task) => this.#addTask(task))
  }

  /** Lets the task go to the member at a cost. */
  offer(task: number, member: number, cost: number): number {
    const share = this.#ofSubTopology.get(this.#facts.tasks[task]!.subTopology)!.byMember[member]!
    return this.#flow.addEdge(this.#taskNodes[task]!, share, 1, cost)
  }
}
