/** A stage as it is wanted, by the commands that stand in the log, beside what it is, by what each instance says of its tasks. */
import {
  assertNever,
  type Stage as EngineStage,
  isInForce,
  overlaps,
  type RunningTopology,
  resolveStage,
  type StandingCommand,
  stageName,
  stageOf,
  taskNamesOf,
} from '../../streams/index.ts'
import type { ControlContext } from '../context.ts'
import { invalidField } from '../errors.ts'
import type { Stage } from '../generated/orderstreams/control/v1/common.ts'
import {
  FlowState,
  type Instance,
  TaskState,
  type TaskStatus,
} from '../generated/orderstreams/control/v1/instance_service.ts'
import {
  type StageCommand,
  StageCommandKind,
  type StageStatus,
} from '../generated/orderstreams/control/v1/stage_service.ts'
import { topologyNamed } from './instance-service.ts'
import { stageMessage } from './instance-status.ts'

/** A stage that there is, and its topology here. */
export interface NamedStage {
  readonly stage: EngineStage
  readonly running: RunningTopology
}

/** @throws ControlError REQUEST_INVALID, TOPOLOGY_NOT_FOUND; StreamsError STAGE_NOT_FOUND */
export function namedStage(context: ControlContext, asked: Stage | undefined): NamedStage {
  if (asked === undefined || asked.topology === '') {
    const known = context.topologies.map(({ name }) => name).join(', ')
    throw invalidField('stage.topology', `is empty; name one of ${known}`)
  }
  const topology = topologyNamed(context.topologies, asked.topology)
  const stage = resolveStage(topology, {
    topology: topology.name,
    subTopology: asked.subTopology === '' ? null : asked.subTopology,
    operator: asked.operator === '' ? null : asked.operator,
  })
  return { stage, running: context.streams.running(topology.name) }
}

/** The names of the tasks that a stage is run by. */
export function tasksOfStage({ stage, running }: NamedStage): string[] {
  const { subTopology } = stage
  const ofOthers = running.topology.subTopologies.filter(
    ({ name }) => subTopology !== null && name !== subTopology,
  )
  return taskNamesOf(running).filter(
    (task) => !ofOthers.some(({ name }) => name === task.slice(0, task.lastIndexOf('_'))),
  )
}

/** @param stage whose topology the command is of */
export function commandMessage({ topology }: EngineStage, command: StandingCommand): StageCommand {
  return {
    stage: stageMessage(stageOf(command, topology)),
    kind: kindOf(command.kind),
    reason: command.reason,
    commandedBy: command.commanded_by,
    commandTime: new Date(command.commanded_time),
    until: command.until === null ? undefined : new Date(command.until),
    revision: command.revision,
    recordsPerSecond: command.records_per_second,
    stepTotal: command.step_total,
    drainTo: command.drain_to.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
  }
}

/** @param commands all of the topology */
export function stageStatus(
  named: NamedStage,
  commands: readonly StandingCommand[],
  instances: readonly Instance[],
  nowMs: number,
): StageStatus {
  const { stage } = named
  const name = stageName(stage)
  const isOwn = (command: StandingCommand): boolean => stageName(stageOf(command, stage.topology)) === name
  const own = commands.filter(isOwn)
  const key = { sub_topology: stage.subTopology, operator: stage.operator }
  const others = commands.filter(
    (command) =>
      !isOwn(command) && command.kind !== 'LIMIT' && isInForce(command, nowMs) && overlaps(command, key),
  )
  const statuses = new Map(
    instances.flatMap(({ instanceId, topologies }) =>
      topologies
        .filter(({ topology }) => topology === stage.topology)
        .flatMap(({ tasks }) => tasks.map((status) => [status.task, { instanceId, status }] as const)),
    ),
  )
  const tasks = tasksOfStage(named).map((task) => ({ task, found: statuses.get(task) }))
  return {
    stage: stageMessage(stage),
    wanted: own
      .flatMap((command) => wantedNow(command, nowMs))
      .map((command) => commandMessage(stage, command)),
    alsoHeldBy: others.map((command) => commandMessage(stage, command)),
    tasks: tasks.map(({ task, found }) => ({
      task,
      instanceId: found?.instanceId ?? '',
      flow: found?.status.flow,
    })),
    settled: tasks.every(({ found }) => found !== undefined && isSettled(found.status, name, own, nowMs)),
  }
}

/** A hold whose time is up is as good as taken back, a limit as if there was none. */
function wantedNow(command: StandingCommand, nowMs: number): StandingCommand[] {
  if (command.kind === 'RUN' || isInForce(command, nowMs)) return [command]
  return command.kind === 'LIMIT' ? [] : [{ ...command, kind: 'RUN' }]
}

/** Whether a task has read what is commanded for a stage, and is as it is commanded. */
function isSettled(
  { state, flow, lag }: TaskStatus,
  name: string,
  own: readonly StandingCommand[],
  nowMs: number,
): boolean {
  if (flow === undefined || state !== TaskState.TASK_STATE_RUNNING) return false
  return own.every((command) => {
    if (flow.stageRevision < command.revision) return false
    const isHeld = flow.heldBy.some(
      ({ topology, subTopology, operator }) =>
        [topology, subTopology, operator].filter((part) => part !== '').join('/') === name,
    )
    if (command.kind === 'LIMIT') return !isInForce(command, nowMs) || flow.recordsPerSecondMax > 0
    if (!isInForce(command, nowMs)) return !isHeld
    if (command.kind === 'DRAIN') return flow.state === FlowState.FLOW_STATE_DRAINED
    const isIdle = flow.state === FlowState.FLOW_STATE_STEPPING && lag === 0
    return flow.state === FlowState.FLOW_STATE_PAUSED || isIdle
  })
}

function kindOf(kind: StandingCommand['kind']): StageCommandKind {
  switch (kind) {
    case 'RUN':
      return StageCommandKind.STAGE_COMMAND_KIND_RUN
    case 'PAUSE':
      return StageCommandKind.STAGE_COMMAND_KIND_PAUSE
    case 'DRAIN':
      return StageCommandKind.STAGE_COMMAND_KIND_DRAIN
    case 'LIMIT':
      return StageCommandKind.STAGE_COMMAND_KIND_LIMIT
    default:
      return assertNever(kind)
  }
}
