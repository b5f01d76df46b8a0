/** Commands for the stages of a topology, and what stands for them. Any instance that runs the topology may give them. */
import type { Stage, StandingCommand } from '../runtime/stages/stage.ts'

export interface StageOrder {
  readonly stage: Stage
  /** Why, for people to read. */
  readonly reason: string
  /** Who commands it. */
  readonly by: string
}

/**
 * Each call resolves once the command is committed and this instance follows it; others follow a moment later: their tasks say by
 * their flow's revision whether they have.
 *
 * All throw STAGE_NOT_FOUND, LOG_UNAVAILABLE.
 */
export interface TopologyStages {
  /** Lets a stage take no more records. Of steps that were under way nothing is left. */
  pause(order: StageOrder & { readonly untilMs?: number }): Promise<StandingCommand>
  /** Takes back a pause or a drain of exactly this stage. */
  resume(
    order: StageOrder,
  ): Promise<{ readonly wanted: StandingCommand; readonly stillHeldBy: readonly StandingCommand[] }>
  /**
   * Lets each task, or the one named, process so many records more, beside what earlier steps have left.
   * @throws STAGE_NOT_PAUSED
   */
  step(
    order: Omit<StageOrder, 'reason'> & { readonly records: number; readonly task?: string },
  ): Promise<StandingCommand>
  /**
   * @param order for a topology or a sub-topology; `recordsPerSecond` of all its tasks together, 0 for no limit
   * @throws CONFIGURATION_INVALID
   */
  limit(
    order: StageOrder & { readonly recordsPerSecond: number; readonly untilMs?: number },
  ): Promise<StandingCommand>
  /** Lets a topology or a sub-topology process what is there now, and then no more. */
  drain(order: StageOrder): Promise<StandingCommand>
  /** The newest command for the flow and for the rate of each stage, those that are over too, by the names of the stages. */
  list(): Promise<readonly StandingCommand[]>
  /** Revision of the newest command that this instance has read. */
  readonly revision: number
}
