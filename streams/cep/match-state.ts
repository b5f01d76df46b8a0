/**
 * What one key has of a pattern: a live object that the matcher changes in place and the codec writes down.
 *
 *   HeldEvent   an event that some run has taken; kept once, however many runs share it
 *   TakenNode   "this event was taken by this stage, behind that node": runs that have a beginning in common share its nodes
 *   Run         a partial match: the state that it is in, and the last node that it took
 *   early       events for which time has not come yet
 *
 * Invariants:
 * 1. `references` of a node counts the runs, the waiting matches and the nodes that hold it; of an event, its nodes. What
 *    reaches 0 is released at once, so a key holds nothing that no run can use.
 * 2. Runs form one list, in the order of their first events; those of one first event in the order of the runs that they
 *    came from. New beginnings are at its end. Skipping discards from its head.
 * 3. Each run is in the list of its state: an event asks a state once, and touches the runs of those that it moves only.
 * 4. A key whose state `isEmpty` needs no row.
 */
import { DueQueue } from './due-queue.ts'

export interface HeldEvent<E> {
  readonly value: E
  readonly timestampMs: number
  /** Orders the events of the key. */
  readonly sequence: number
  references: number
}

export interface TakenNode<E> {
  readonly stage: number
  readonly event: HeldEvent<E>
  readonly previous: TakenNode<E> | undefined
  /** The first event of the chain. */
  readonly first: HeldEvent<E>
  references: number
}

export interface Run<E> {
  state: number
  node: TakenNode<E>
  /** Place in the list of its state; -1 once the run has ended. */
  slot: number
  before: Run<E> | undefined
  after: Run<E> | undefined
}

export interface TimedEvent<E> {
  readonly value: E
  readonly timestampMs: number
}

/** Compares events of equal time, as `Array.sort` wants it: below 0 when the left one is to be taken first. */
export type Ties<E> = (left: E, right: E) => number

const asTheyCame: Ties<unknown> = () => 0

/** When a run that stays as it is times out by its last event. */
interface NeighbourDue<E> {
  readonly dueMs: number
  readonly run: Run<E>
  readonly state: number
  readonly node: TakenNode<E>
}

/** Fewer void entries than this are not worth a look. */
const voidEntries = 64

export class MatchState<E> {
  firstRun: Run<E> | undefined
  lastRun: Run<E> | undefined
  runs = 0
  heldEvents = 0
  /** Grows with each change that has to be stored: time alone is none. */
  changes = 0
  /** In the order of time; of equal times as they are to be taken. */
  readonly early: TimedEvent<E>[] = []
  /** How far time has come; what is due by then has been judged. */
  timeMs = Number.NEGATIVE_INFINITY
  /** Matches that wait for runs that began earlier, in the order of their first events. */
  readonly waiting: TakenNode<E>[] = []
  private byState: (Run<E>[] | undefined)[] = []
  private due: DueQueue<NeighbourDue<E>> | undefined
  private nextSequence = 0

  get isEmpty(): boolean {
    return this.firstRun === undefined && this.waiting.length === 0 && this.early.length === 0
  }

  /** The runs of a state. */
  inState(state: number): readonly Run<E>[] {
    return this.byState[state] ?? []
  }

  /** Keeps an event until time has come to it. @param ties orders those of equal time; without, they stay as they came */
  expect(value: E, timestampMs: number, ties: Ties<E> = asTheyCame): TimedEvent<E> {
    const { early } = this
    const event = { value, timestampMs }
    let at = early.length
    for (; at > 0; at--) {
      const before = early[at - 1]!
      if (before.timestampMs < timestampMs) break
      if (before.timestampMs === timestampMs && ties(before.value, value) <= 0) break
    }
    if (at === early.length) early.push(event)
    else early.splice(at, 0, event)
    this.changes++
    return event
  }

  hold(value: E, timestampMs: number): HeldEvent<E> {
    this.heldEvents++
    return { value, timestampMs, sequence: this.nextSequence++, references: 0 }
  }

  /** A node that nobody holds yet; it holds its event and the one before. */
  node(stage: number, event: HeldEvent<E>, previous: TakenNode<E> | undefined): TakenNode<E> {
    event.references++
    if (previous !== undefined) previous.references++
    return { stage, event, previous, first: previous?.first ?? event, references: 0 }
  }

  release(node: TakenNode<E>): void {
    node.references--
    for (let at: TakenNode<E> | undefined = node; at !== undefined && at.references === 0; at = at.previous) {
      if (--at.event.references === 0) this.heldEvents--
      if (at.previous !== undefined) at.previous.references--
    }
  }

  /** A new run behind another in the list; undefined: at the end. */
  add(state: number, node: TakenNode<E>, behind: Run<E> | undefined = this.lastRun): Run<E> {
    node.references++
    const run: Run<E> = { state, node, slot: -1, before: behind, after: behind?.after }
    if (run.before === undefined) this.firstRun = run
    else run.before.after = run
    if (run.after === undefined) this.lastRun = run
    else run.after.before = run
    this.runs++
    this.enter(run)
    return run
  }

  move(run: Run<E>, state: number, node: TakenNode<E>): void {
    this.leave(run)
    node.references++
    this.release(run.node)
    run.state = state
    run.node = node
    this.enter(run)
  }

  remove(run: Run<E>): void {
    this.leave(run)
    if (run.before === undefined) this.firstRun = run.after
    else run.before.after = run.after
    if (run.after === undefined) this.lastRun = run.before
    else run.after.before = run.before
    this.runs--
    this.release(run.node)
  }

  /** Notes when a run is due by its last event, as long as it stays as it is. */
  watch(run: Run<E>, dueMs: number): void {
    this.due ??= new DueQueue()
    if (this.due.size > voidEntries + 2 * this.runs) this.due.compact(isCurrent)
    this.due.add({ dueMs, run, state: run.state, node: run.node })
  }

  /** When the first run is due by its last event; Infinity: none is. */
  neighbourDueMs(): number {
    const { due } = this
    let first = due?.first()
    while (first !== undefined && !isCurrent(first)) {
      due?.removeFirst()
      first = due?.first()
    }
    return first?.dueMs ?? Number.POSITIVE_INFINITY
  }

  /** Removes the run that is due first by its last event from those that are watched. */
  nextNeighbourDue(): Run<E> {
    const { run } = this.due!.first()!
    this.due!.removeFirst()
    return run
  }

  private enter(run: Run<E>): void {
    const list = this.byState[run.state]
    if (list === undefined) {
      this.byState[run.state] = [run]
      run.slot = 0
    } else run.slot = list.push(run) - 1
  }

  private leave(run: Run<E>): void {
    const list = this.byState[run.state]!
    const last = list.pop()!
    if (last !== run) {
      list[run.slot] = last
      last.slot = run.slot
    }
    run.slot = -1
  }
}

function isCurrent<E>({ run, state, node }: NeighbourDue<E>): boolean {
  return run.slot >= 0 && run.state === state && run.node === node
}
