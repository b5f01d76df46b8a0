/**
 * Finds out when all of a stage has done a drain, from the log alone: so every instance comes to the same end.
 *
 * A task that finds nothing more to do says so in a checkpoint of its own, behind all that it wrote. The stage is done when
 * the newest checkpoint of each of its tasks says so, and the topics that it writes itself end where these checkpoints stand.
 * The ends are read after the checkpoints, and a task that said so acts only on records behind its checkpoint: if there are none, there
 * is nobody who could write the first. A checkpoint that follows its task's last records in a transaction of its own is seen only
 * after they are.
 */
import { messageOf } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Logger } from '../../ports/observability.ts'
import type { Checkpoint } from '../../schemas/generated/records.ts'
import type { Topology } from '../../topology/topology.ts'
import type { CheckpointView } from '../checkpoint-view.ts'
import { taskCount } from '../internal-topics.ts'
import { Signal } from '../signal.ts'
import { taskIdOf } from '../task-environment.ts'
import type { CommandFollower } from './command-follower.ts'
import { isInForce, stageOf } from './decide-flow.ts'
import type { Stage } from './stage.ts'
import { inputsOf, subTopologiesOf } from './stage-topics.ts'

export interface DrainWatchParts {
  readonly topology: Topology
  readonly log: Log
  readonly clock: Clock
  readonly logger: Logger
  readonly commands: CommandFollower
  readonly checkpoints: CheckpointView
  readonly partitionCounts: ReadonlyMap<string, number>
}

const pollMs = 100

export class DrainWatch {
  private readonly parts: DrainWatchParts
  private readonly signal: Signal
  private readonly watching: Promise<void>
  private isClosed = false

  constructor(parts: DrainWatchParts) {
    this.parts = parts
    this.signal = new Signal(parts.clock)
    parts.commands.onChange(() => this.signal.notify())
    this.watching = this.watch()
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.signal.notify()
    await this.watching
  }

  private async watch(): Promise<void> {
    while (!this.isClosed) {
      const drains = this.pending()
      for (const drain of drains) await this.look(drain)
      if (this.isClosed) return
      await this.signal.wait(this.pending().length > 0 ? pollMs : undefined)
    }
  }

  /** Drains that stand and are not done. */
  private pending(): { readonly hold: string; readonly stage: Stage }[] {
    const { topology, commands, clock } = this.parts
    return [...commands.all()]
      .filter((command) => command.kind === 'DRAIN' && isInForce(command, clock.now()))
      .filter(({ hold }) => !commands.isDrained(hold))
      .map((command) => ({ hold: command.hold, stage: stageOf(command, topology.name) }))
  }

  private async look({ hold, stage }: { readonly hold: string; readonly stage: Stage }): Promise<void> {
    const { commands, logger } = this.parts
    try {
      if (await this.isDone(hold, stage)) commands.setDrained(hold)
    } catch (error) {
      // The log is away: it is looked again.
      logger.warn({ reason: messageOf(error) }, 'how far a drain has come cannot be found out')
    }
  }

  private async isDone(hold: string, stage: Stage): Promise<boolean> {
    const { topology, log, checkpoints, partitionCounts } = this.parts
    await checkpoints.refresh()
    const reached = new Map<string, number>()
    for (const sub of subTopologiesOf(topology, stage)) {
      for (let partition = 0; partition < taskCount(sub, partitionCounts); partition++) {
        const checkpoint = checkpoints.of(taskIdOf(sub, partition))
        if (checkpoint === undefined || !isSettled(checkpoint, hold)) return false
        for (const { topic, partition: of, offset } of checkpoint.input_offsets)
          reached.set(`${topic}-${of}`, offset)
      }
    }
    const own = [...inputsOf(topology, stage).own].flatMap((topic) =>
      Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    )
    const ends = await log.offsetRanges(own)
    return ends.every(({ topic, partition, end }) => (reached.get(`${topic}-${partition}`) ?? 0) >= end)
  }
}

function isSettled({ holds }: Checkpoint, id: string): boolean {
  return holds.some(({ hold, settled }) => settled && hold === id)
}
