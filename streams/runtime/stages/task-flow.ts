/**
 * Holds a task as stage commands say: tells its inputs and its time what may pass, and counts what did.
 *
 * Invariants:
 * 1. While nothing is commanded, a slice costs a comparison of two numbers and a look at a flag.
 * 2. What a step has let through is committed in the transaction that lets it through: neither crash nor move loses or doubles it.
 * 3. A task says that it has done a drain in a commit that has nothing else in it.
 */
import type { Checkpoint } from '../../schemas/generated/records.ts'
import type { TaskTime } from '../../time/task-time.ts'
import type { PartitionInput } from '../partition-input.ts'
import type { TaskInputs } from '../task-inputs.ts'
import type { StageCommands } from './command-follower.ts'
import {
  decideGates,
  decideOrders,
  type Gates,
  openGates,
  type StagedTask,
  stepsLeft,
  type TaskOrders,
} from './decide-flow.ts'
import type { FlowState, TaskFlowView } from './stage.ts'
import { TokenBucket } from './token-bucket.ts'

export interface TaskFlowParts {
  readonly task: StagedTask
  readonly commands: StageCommands
  readonly inputs: TaskInputs
  readonly time: TaskTime
  readonly checkpoint: Pick<Checkpoint, 'holds'> | undefined
  readonly nowMs: number
}

export class TaskFlow {
  /** Whether nothing is commanded for the task. */
  isFree = true
  private readonly parts: TaskFlowParts
  private readonly stepsUsed = new Map<string, number>()
  /** Drains that the newest checkpoint says are done. */
  private settled: ReadonlySet<string>
  private orders: TaskOrders
  private gates: Gates = openGates
  private version = -1
  private bucket: TokenBucket | undefined
  private closed: ReadonlySet<string> = new Set()
  private isFinishingStep = false
  private awaitsCommit = false

  constructor(parts: TaskFlowParts) {
    this.parts = parts
    const holds = parts.checkpoint?.holds ?? []
    for (const { hold, steps_used } of holds) this.stepsUsed.set(hold, steps_used)
    this.settled = new Set(holds.filter(({ settled }) => settled).map(({ hold }) => hold))
    this.orders = { holds: [], recordsPerSecond: null, untilMs: Number.POSITIVE_INFINITY }
    this.look(parts.nowMs)
  }

  /** Before a slice: follows the commands, and lets pass what may. */
  look(nowMs: number): void {
    if (this.version !== this.parts.commands.version || nowMs >= this.orders.untilMs) this.reorder(nowMs)
    if (!this.isFree) this.openGates(nowMs)
  }

  /** How many records the next slice may process, of those that have been decoded. */
  limit(batchMaxRecords: number, nowMs: number): number {
    if (this.isFree) return batchMaxRecords
    // What was decoded since may be behind the end of a drain.
    this.openGates(nowMs)
    let most = Math.min(batchMaxRecords, this.gates.maxRecords)
    if (this.bucket !== undefined && !this.gates.isRepeating)
      most = Math.min(most, this.bucket.available(nowMs))
    for (const input of this.parts.inputs.all) most = Math.min(most, this.recordsBeforeStop(input))
    // Of none at all, for what comes first is a watermark then.
    return most
  }

  /** After a slice. @param lastInput where the last record came from; undefined when there was none */
  passed(records: number, lastInput: PartitionInput | undefined): void {
    if (this.isFree) return
    if (this.gates.isRepeating) return
    this.bucket?.take(records)
    if (lastInput === undefined) return
    const { all } = this.parts.inputs
    for (const hold of this.orders.holds) {
      if (hold.kind !== 'pause' || stepsLeft(hold, this.stepsUsed) === 0) continue
      const isWhole = all.every(({ partition }) => hold.topics.has(partition.topic))
      if (!isWhole && !hold.topics.has(lastInput.partition.topic)) continue
      this.stepsUsed.set(hold.id, (this.stepsUsed.get(hold.id) ?? 0) + records)
      this.isFinishingStep = true
    }
  }

  /** How long until the clock lets something pass; Infinity when it does not by itself. */
  wakeInMs(nowMs: number): number {
    if (this.isFree) return Number.POSITIVE_INFINITY
    return Math.min(this.orders.untilMs - nowMs, this.bucket?.waitMs || Number.POSITIVE_INFINITY)
  }

  /** Whether the task is to commit at once what it has. */
  get wantsCommit(): boolean {
    return this.awaitsCommit
  }

  /** Nothing is left to commit. Answers whether to say in a commit that a drain is done. */
  rested(): boolean {
    this.awaitsCommit = this.doneDrains().some((hold) => !this.settled.has(hold))
    return this.awaitsCommit
  }

  /** What a checkpoint keeps of the commands. @param hasNews whether the commit has anything in it */
  checkpointHolds(hasNews: boolean): Checkpoint['holds'] {
    if (this.isFree) return []
    const settled = new Set(hasNews ? [] : this.doneDrains())
    return this.orders.holds.flatMap(({ id: hold }) => {
      const used = this.stepsUsed.get(hold) ?? 0
      return used === 0 && !settled.has(hold) ? [] : [{ hold, steps_used: used, settled: settled.has(hold) }]
    })
  }

  committed(holds: Checkpoint['holds']): void {
    this.awaitsCommit = false
    this.settled = new Set(holds.filter(({ settled }) => settled).map(({ hold }) => hold))
  }

  view(): TaskFlowView {
    const { orders, gates, parts } = this
    const left = orders.holds
      .filter(({ kind }) => kind === 'pause')
      .map((hold) => stepsLeft(hold, this.stepsUsed))
    return {
      state: this.state(),
      stepRemaining: left.length === 0 ? 0 : Math.min(...left),
      recordsPerSecondMax: orders.recordsPerSecond,
      heldBy: orders.holds.map(({ stage }) => stage),
      heldTopics: gates.held,
      revision: parts.commands.revision,
    }
  }

  private state(): FlowState {
    const { holds } = this.orders
    if (holds.length === 0) return 'running'
    const pauses = holds.filter(({ kind }) => kind === 'pause')
    const isPaused = pauses.some((hold) => stepsLeft(hold, this.stepsUsed) === 0)
    const isBusy = this.awaitsCommit || this.isFinishingStep || this.gates.isRepeating
    if (isPaused) return isBusy ? 'pausing' : 'paused'
    if (pauses.length > 0) return 'stepping'
    return holds.every(({ id }) => this.parts.commands.isDrained(id)) ? 'drained' : 'draining'
  }

  private reorder(nowMs: number): void {
    const { commands, task, inputs, time } = this.parts
    this.version = commands.version
    const before = this.orders.recordsPerSecond
    this.orders = decideOrders(commands.all(), task, nowMs)
    const { holds, recordsPerSecond } = this.orders
    if (recordsPerSecond !== before)
      this.bucket = recordsPerSecond === null ? undefined : new TokenBucket(recordsPerSecond, nowMs)
    this.isFree = holds.length === 0 && recordsPerSecond === null
    const standing = new Set(holds.map(({ id }) => id))
    for (const id of this.stepsUsed.keys()) if (!standing.has(id)) this.stepsUsed.delete(id)
    if (!this.isFree) return
    this.gates = openGates
    this.closed = openGates.closed
    this.isFinishingStep = false
    this.awaitsCommit = false
    inputs.hold(openGates)
    time.hold(openGates.eventTimeHeld)
    time.clock.hold(openGates.clockHeld)
  }

  private openGates(nowMs: number): void {
    const { inputs, time, commands } = this.parts
    // Those who are to be woken for the records of a step are, as long as there are any.
    if (this.isFinishingStep && !time.isDue) this.isFinishingStep = false
    this.gates = decideGates(this.orders.holds, {
      inputs: inputs.all,
      stepsUsed: this.stepsUsed,
      isFinishingStep: this.isFinishingStep,
      isDrained: (hold) => commands.isDrained(hold),
      mayTake: this.bucket === undefined || this.bucket.available(nowMs) > 0,
    })
    for (const hold of this.gates.closed) if (!this.closed.has(hold)) this.awaitsCommit = true
    this.closed = this.gates.closed
    inputs.hold(this.gates)
    time.hold(this.gates.eventTimeHeld)
    time.clock.hold(this.gates.clockHeld)
  }

  /** Decoded records of an input that are not behind the end of a drain, or of what is repeated. */
  private recordsBeforeStop(input: PartitionInput): number {
    const { topic } = input.partition
    if (this.gates.stopped.has(topic)) return Number.POSITIVE_INFINITY
    if (this.gates.isRepeating) return input.recordsBefore(input.repeatsTo)
    const ends = this.orders.holds.flatMap(({ ends: of }) => of.get(topic) ?? [])
    return ends.length === 0 ? Number.POSITIVE_INFINITY : input.recordsBefore(Math.min(...ends))
  }

  /** Drains that the task has nothing more to do for, as far as it knows, once all is committed. */
  private doneDrains(): string[] {
    const { inputs, time } = this.parts
    if (this.gates.isRepeating || time.isDue) return []
    return this.orders.holds
      .filter(
        ({ kind, id, topics }) => kind === 'drain' && this.gates.closed.has(id) && inputs.isAtRest(topics),
      )
      .map(({ id }) => id)
  }
}
