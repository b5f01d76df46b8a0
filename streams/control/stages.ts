/** Commands for the stages of a topology, and what stands for them. Any instance that runs the topology may give them. */
import { StreamsError } from '../errors.ts'
import type { PartitionOffset } from '../ports/log.ts'
import { controlTopic, taskCount } from '../runtime/internal-topics.ts'
import { type CommandLogParts, readCommands, writeCommand } from '../runtime/stages/command-log.ts'
import type { CommandTable } from '../runtime/stages/command-table.ts'
import { isInForce, stageOf } from '../runtime/stages/decide-flow.ts'
import { type Stage, type StandingCommand, stageName } from '../runtime/stages/stage.ts'
import { inputsOf, subTopologiesOf } from '../runtime/stages/stage-topics.ts'
import { type TaskEnvironment, taskIdOf } from '../runtime/task-environment.ts'
import type { RunningTopology } from '../runtime/topology-runner.ts'
import type { StageCommand } from '../schemas/generated/records.ts'
import { overlaps, resolveStage } from './stage-names.ts'

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
 * All throw STAGE_NOT_FOUND naming what there is, and LOG_UNAVAILABLE; CLOSED before the topology has started.
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
   * @throws STAGE_NOT_PAUSED, and STAGE_NOT_FOUND for a task that the stage does not have
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
  /** Lets a topology or a sub-topology process what is there now, and then no more. @throws CONFIGURATION_INVALID for an operator */
  drain(order: StageOrder & { readonly untilMs?: number }): Promise<StandingCommand>
  /** Moves the time at which a drain ends by itself; all else of it stays. @throws STAGE_NOT_PAUSED when it does not stand any more */
  prolong(drain: StandingCommand, untilMs: number): Promise<StandingCommand>
  /** The newest command for the flow and for the rate of each stage, those that are over too, by the names of the stages. */
  list(): Promise<readonly StandingCommand[]>
  /** Revision of the newest command that this instance has read. */
  readonly revision: number
}

/** The stages of a topology that runs here. */
export function stagesOf(running: RunningTopology): TopologyStages {
  return new CommandedStages(running)
}

/** A command but for what all have. */
type Content = Pick<StageCommand, 'kind' | 'reason'> & Partial<StageCommand>

class CommandedStages implements TopologyStages {
  private readonly running: RunningTopology

  constructor(running: RunningTopology) {
    this.running = running
  }

  get revision(): number {
    return this.running.environment?.stages.revision ?? 0
  }

  pause({
    stage,
    reason,
    by,
    untilMs,
  }: StageOrder & { readonly untilMs?: number }): Promise<StandingCommand> {
    return this.write(stage, by, (standing, nowMs) => ({
      kind: 'PAUSE',
      reason,
      until: untilMs ?? null,
      hold: newHold(standing, nowMs),
    }))
  }

  async resume({ stage, reason, by }: StageOrder): Promise<{
    readonly wanted: StandingCommand
    readonly stillHeldBy: readonly StandingCommand[]
  }> {
    const wanted = await this.write(stage, by, () => ({ kind: 'RUN', reason }))
    const nowMs = this.environment.clock.now()
    const standing = (await this.read()).all()
    const stillHeldBy = standing.filter(
      (command) => command.kind !== 'LIMIT' && isInForce(command, nowMs) && overlaps(command, wanted),
    )
    return { wanted, stillHeldBy }
  }

  step({
    stage,
    by,
    records,
    task,
  }: Omit<StageOrder, 'reason'> & {
    readonly records: number
    readonly task?: string
  }): Promise<StandingCommand> {
    if (!(Number.isSafeInteger(records) && records > 0))
      throw invalid('records', records, 'a whole number of at least 1')
    if (task !== undefined) this.checkTask(stage, task)
    return this.write(stage, by, (standing, nowMs, resolved) => {
      const paused = standing.of({ kind: 'PAUSE', ...keyParts(resolved) })
      if (paused?.kind !== 'PAUSE' || !isInForce(paused, nowMs)) throw notPaused(resolved, paused, nowMs)
      // Who paused it, and why, stays what there is to read.
      if (task === undefined) return { ...paused, step_total: paused.step_total + records }
      const before = paused.task_steps.find((steps) => steps.task === task)?.records ?? 0
      const others = paused.task_steps.filter((steps) => steps.task !== task)
      return { ...paused, task_steps: [...others, { task, records: before + records }] }
    })
  }

  limit({
    stage,
    reason,
    by,
    recordsPerSecond,
    untilMs,
  }: StageOrder & {
    readonly recordsPerSecond: number
    readonly untilMs?: number
  }): Promise<StandingCommand> {
    if (!(Number.isFinite(recordsPerSecond) && recordsPerSecond >= 0))
      throw invalid(
        'recordsPerSecond',
        recordsPerSecond,
        'a number of at least 0, where 0 takes the limit away',
      )
    if (stage.operator !== null) throw notForOperators('rate', stage)
    return this.write(stage, by, () => ({
      kind: 'LIMIT',
      reason,
      until: untilMs ?? null,
      records_per_second: recordsPerSecond,
    }))
  }

  drain({
    stage,
    reason,
    by,
    untilMs,
  }: StageOrder & { readonly untilMs?: number }): Promise<StandingCommand> {
    if (stage.operator !== null) throw notForOperators('drain', stage)
    return this.write(stage, by, async (standing, nowMs, resolved) => ({
      kind: 'DRAIN',
      reason,
      until: untilMs ?? null,
      hold: newHold(standing, nowMs),
      drain_to: await this.endsOf(resolved),
    }))
  }

  prolong(drain: StandingCommand, untilMs: number): Promise<StandingCommand> {
    const stage = stageOf(drain, this.running.topology.name)
    return this.write(stage, drain.commanded_by, (standing, nowMs, resolved) => {
      const now = standing.of({ kind: 'DRAIN', ...keyParts(resolved) })
      if (now?.kind === 'DRAIN' && now.hold === drain.hold && isInForce(now, nowMs))
        return { ...now, until: untilMs }
      throw new StreamsError(
        'STAGE_NOT_PAUSED',
        `the drain of stage ${stageName(resolved)} does not stand any more: it was taken back, or its time was up`,
        { details: { stage: stageName(resolved) } },
      )
    })
  }

  async list(): Promise<readonly StandingCommand[]> {
    const name = (command: StandingCommand) =>
      `${stageName(stageOf(command, this.running.topology.name))} ${command.kind === 'LIMIT' ? 'rate' : 'flow'}`
    return (await this.read()).all().sort((a, b) => (name(a) < name(b) ? -1 : 1))
  }

  private async write(
    stage: Stage,
    by: string,
    content: (standing: CommandTable, nowMs: number, resolved: Stage) => Content | Promise<Content>,
  ): Promise<StandingCommand> {
    const resolved = resolveStage(this.running.topology, stage)
    const { clock, stages } = this.environment
    const written = await writeCommand(this.log, async (standing) => {
      const nowMs = clock.now()
      return {
        ...keyParts(resolved),
        commanded_by: by,
        commanded_time: nowMs,
        until: null,
        hold: '',
        step_total: 0,
        task_steps: [],
        records_per_second: 0,
        drain_to: [],
        ...(await content(standing, nowMs, resolved)),
      }
    })
    await stages.catchUp()
    return written
  }

  private async read(): Promise<CommandTable> {
    return (await readCommands(this.log)).table
  }

  /** Where the inputs of a stage end now that it does not write itself. */
  private async endsOf(stage: Stage): Promise<PartitionOffset[]> {
    const { topology, log, partitionCounts } = this.environment
    const partitions = [...inputsOf(topology, stage).outside].flatMap((topic) =>
      Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    )
    const ranges = await log.offsetRanges(partitions)
    return ranges.map(({ topic, partition, end }) => ({ topic, partition, offset: end }))
  }

  private checkTask(stage: Stage, task: string): void {
    const { topology, partitionCounts } = this.environment
    const resolved = resolveStage(topology, stage)
    const names = subTopologiesOf(topology, resolved).flatMap((sub) =>
      Array.from({ length: taskCount(sub, partitionCounts) }, (_, partition) => taskIdOf(sub, partition)),
    )
    if (names.includes(task)) return
    throw new StreamsError(
      'STAGE_NOT_FOUND',
      `stage ${stageName(resolved)} has no task "${task}"; it has ${names.join(', ')}`,
      { details: { task } },
    )
  }

  private get log(): CommandLogParts {
    const { topology, codecs } = this.environment
    const { value: codec } = codecs.of(controlTopic(topology.name))
    return { ...this.environment, topologyName: topology.name, codec }
  }

  private get environment(): TaskEnvironment {
    const { environment, topology } = this.running
    if (environment === undefined)
      throw new StreamsError(
        'CLOSED',
        `topology ${topology.name} has not started here yet; ask again once it has`,
      )
    return environment
  }
}

function keyParts({ subTopology, operator }: Stage): Pick<StageCommand, 'sub_topology' | 'operator'> {
  return { sub_topology: subTopology, operator }
}

/** No two are alike: each command makes the revision grow, and a topology that is made anew has another time. */
function newHold({ revision }: CommandTable, nowMs: number): string {
  return `${revision + 1}-${nowMs}`
}

function notPaused(stage: Stage, standing: StandingCommand | undefined, nowMs: number): StreamsError {
  const isDrained = standing?.kind === 'DRAIN' && isInForce(standing, nowMs)
  return new StreamsError(
    'STAGE_NOT_PAUSED',
    `stage ${stageName(stage)} ${isDrained ? 'is drained, not paused' : 'is not paused'}: steps go through a paused stage; pause it first`,
    { details: { stage: stageName(stage) } },
  )
}

function notForOperators(what: string, stage: Stage): StreamsError {
  return invalid(
    'operator',
    stage.operator ?? '',
    `left out: a ${what} is for a topology or a sub-topology, whose inputs all its operators share`,
  )
}

function invalid(field: string, value: string | number, must: string): StreamsError {
  return new StreamsError('CONFIGURATION_INVALID', `${field}: ${value}; it must be ${must}`, {
    details: { field, value },
  })
}
