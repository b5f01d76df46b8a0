/** Stages of a topology, what is commanded for them, and how a task stands with that. */
import type { StageCommand } from '../../schemas/generated/records.ts'

/** A part of a topology that can be held by itself: all of it, a sub-topology, or an operator of one. */
export interface Stage {
  readonly topology: string
  /** Null for all of them. */
  readonly subTopology: string | null
  /** Null for all of them. One with an operator names its sub-topology, too. */
  readonly operator: string | null
}

/** A command as it stands in the log. */
export interface StandingCommand extends StageCommand {
  /** Grows with each command of the topology: an instance that has read so far acts on it. */
  readonly revision: number
}

/**
 * - `pausing`: it is held, but has not committed yet what it had processed
 * - `paused`: it is held, and all that it processed is committed
 * - `stepping`: it is held but for some records
 * - `draining`: it processes what was there when it was told to, or others of the stage do
 * - `drained`: all of the stage has done that and committed it
 */
export type FlowState = 'running' | 'pausing' | 'paused' | 'stepping' | 'draining' | 'drained'

/** Whether and how stage commands hold a task, as it is now. */
export interface TaskFlowView {
  readonly state: FlowState
  /** Records that it may still let through. */
  readonly stepRemaining: number
  /** Null when there is no limit. */
  readonly recordsPerSecondMax: number | null
  readonly heldBy: readonly Stage[]
  /** Topics that it does not read on. */
  readonly heldTopics: ReadonlySet<string>
  /** Of the newest command that it acts on; 0 when there never was one. */
  readonly revision: number
}

/** `cleanse`, `cleanse/order-raw` or `cleanse/order-raw/parse`. */
export function stageName({ topology, subTopology, operator }: Stage): string {
  return [topology, subTopology, operator].filter((part) => part !== null).join('/')
}
