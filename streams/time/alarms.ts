/** Operators that want to be woken at a time, be it of events or of the wall clock. */
import type { Alarm, DueText, Wake } from '../topology/task-context.ts'

/** Who wants to be woken, and what for. */
export interface Sleeping {
  readonly operator: string
  readonly what: DueText
}

/** What waits for a time. */
export interface Waiting extends Sleeping {
  /** -Infinity is at once. */
  readonly dueMs: number
  readonly isHeld: boolean
}

interface Sleeper extends Alarm {
  readonly nodeId: number
  readonly wake: Wake
  readonly sleeping: Sleeping | undefined
  dueMs: number
  isHeld: boolean
}

/** Nobody wants to be woken. */
export const never = Number.POSITIVE_INFINITY

/** Operators that are not to be woken, by their nodes. */
export type HeldNodes = ReadonlySet<number> | 'all'

export class Alarms {
  /** The earliest time that somebody wants to be woken at who may be. */
  dueMs = never
  private readonly sleepers: Sleeper[] = []
  private held: HeldNodes = new Set()

  add(nodeId: number, wake: Wake, sleeping?: Sleeping): Alarm {
    const sleeper: Sleeper = {
      nodeId,
      wake,
      sleeping,
      dueMs: never,
      isHeld: isAmong(this.held, nodeId),
      at: (timeMs) => {
        if (timeMs < sleeper.dueMs) sleeper.dueMs = timeMs
        if (timeMs < this.dueMs && !sleeper.isHeld) this.dueMs = timeMs
      },
    }
    this.sleepers.push(sleeper)
    this.sleepers.sort((a, b) => a.nodeId - b.nodeId)
    return sleeper
  }

  /** What waits, for whoever looks into it. */
  waiting(): Waiting[] {
    return this.sleepers.flatMap(({ sleeping, dueMs, isHeld }) =>
      sleeping === undefined || dueMs === never ? [] : [{ ...sleeping, dueMs, isHeld }],
    )
  }

  get isEmpty(): boolean {
    return this.sleepers.length === 0
  }

  /** Whether somebody is to be woken at a time; Infinity is the end of time, at which all are. */
  isDue(reachedMs: number): boolean {
    return this.dueMs <= reachedMs && this.dueMs < never
  }

  /** Whether somebody would be woken at a time who is held. */
  isHeldDue(reachedMs: number): boolean {
    return this.sleepers.some(({ isHeld, dueMs }) => isHeld && dueMs <= reachedMs && dueMs < never)
  }

  /** Those sleep on, whatever time it is, until others are held instead. */
  hold(held: HeldNodes): void {
    this.held = held
    for (const sleeper of this.sleepers) sleeper.isHeld = isAmong(held, sleeper.nodeId)
    this.lookForEarliest()
  }

  /** Wakes the first that is due, in the order of the operators. */
  wakeNext(reachedMs: number, maxRows: number): void {
    const due = this.sleepers.find(({ isHeld, dueMs }) => !isHeld && dueMs <= reachedMs && dueMs < never)
    if (due !== undefined) {
      due.dueMs = never
      const nextMs = due.wake(reachedMs, maxRows)
      if (nextMs < due.dueMs) due.dueMs = nextMs
    }
    this.lookForEarliest()
  }

  private lookForEarliest(): void {
    this.dueMs = never
    for (const { isHeld, dueMs } of this.sleepers) if (!isHeld && dueMs < this.dueMs) this.dueMs = dueMs
  }
}

function isAmong(held: HeldNodes, nodeId: number): boolean {
  return held === 'all' || held.has(nodeId)
}
