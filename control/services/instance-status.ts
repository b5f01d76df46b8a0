/** What an instance does, as its control service tells it. */
import {
  assertNever,
  type DriverState,
  type FlowState as EngineFlowState,
  type RunnerState as EngineRunnerState,
  type Stage as EngineStage,
  type InputView,
  messageOf,
  type StandbyView,
  type TaskFlowView,
  type TaskStatusView,
  type TopologyView,
} from '../../streams/index.ts'
import type { Stage } from '../generated/orderstreams/control/v1/common.ts'
import {
  FlowState,
  type InputStatus,
  type InstanceTopology,
  type RestoreProgress,
  RunnerState,
  type StandbyStatus,
  type TaskFlow,
  TaskState,
  type TaskStatus,
} from '../generated/orderstreams/control/v1/instance_service.ts'

export function topologyStatus(view: TopologyView): InstanceTopology {
  return {
    topology: view.topology,
    state: runnerState(view.state),
    failure: view.state.kind === 'failed' ? messageOf(view.state.error) : '',
    tasks: view.tasks.map(taskStatus),
    standbys: view.standbys.map(standbyStatus),
    stageRevision: view.stageRevision,
  }
}

export function dateOf(timeMs: number | null): Date | undefined {
  return timeMs === null ? undefined : new Date(timeMs)
}

function taskStatus({ task, subTopology, partition, state, flow, running }: TaskStatusView): TaskStatus {
  return {
    task,
    subTopology,
    partition,
    state: taskState(state),
    failure: 'error' in state ? messageOf(state.error) : '',
    restore: restoreOf(state),
    inputs: running?.inputs.map(inputStatus) ?? [],
    watermark: dateOf(running?.watermarkMs ?? null),
    streamTime: dateOf(running?.streamTimeMs ?? null),
    lag: running?.lag ?? 0,
    recordsIn: running?.recordsIn ?? 0,
    recordsPerSecond: running?.recordsPerSecond ?? 0,
    commitNumber: running?.commitNumber ?? 0,
    commitTime: dateOf(running?.committedMs ?? null),
    timerCount: running?.timerCount ?? 0,
    stateDiskBytes: running?.stateDiskBytes ?? 0,
    stateMemoryBytes: running?.stateMemoryBytes ?? 0,
    flow: flowOf(flow),
  }
}

function inputStatus(input: InputView): InputStatus {
  return {
    topic: input.topic,
    partition: input.partition,
    position: input.position,
    committed: input.committed,
    end: input.end ?? undefined,
    watermark: dateOf(input.watermarkMs),
    idle: input.isIdle,
    held: input.isHeld,
    upstream: input.upstream.map(({ task, watermarkMs, isIdle }) => ({
      task,
      watermark: dateOf(watermarkMs),
      idle: isIdle,
    })),
    atEndSince: dateOf(input.atEndSinceMs),
    ended: input.hasEnded,
  }
}

function standbyStatus({ task, state }: StandbyView): StandbyStatus {
  const lag = state.kind === 'following' ? (state.lag ?? undefined) : undefined
  return { task, state: state.kind, lag }
}

function restoreOf(state: DriverState): RestoreProgress | undefined {
  if (state.kind !== 'restoring') return undefined
  const { done, total } = state.progress
  return { done, total }
}

function flowOf(view: TaskFlowView): TaskFlow {
  return {
    state: flowState(view.state),
    stepRemaining: view.stepRemaining,
    recordsPerSecondMax: view.recordsPerSecondMax ?? 0,
    heldBy: view.heldBy.map(stageMessage),
    stageRevision: view.revision,
  }
}

export function stageMessage({ topology, subTopology, operator }: EngineStage): Stage {
  return { topology, subTopology: subTopology ?? '', operator: operator ?? '' }
}

function flowState(state: EngineFlowState): FlowState {
  switch (state) {
    case 'running':
      return FlowState.FLOW_STATE_RUNNING
    case 'pausing':
      return FlowState.FLOW_STATE_PAUSING
    case 'paused':
      return FlowState.FLOW_STATE_PAUSED
    case 'stepping':
      return FlowState.FLOW_STATE_STEPPING
    case 'draining':
      return FlowState.FLOW_STATE_DRAINING
    case 'drained':
      return FlowState.FLOW_STATE_DRAINED
    default:
      return assertNever(state)
  }
}

function runnerState({ kind }: EngineRunnerState): RunnerState {
  switch (kind) {
    case 'new':
      return RunnerState.RUNNER_STATE_NEW
    case 'starting':
      return RunnerState.RUNNER_STATE_STARTING
    case 'running':
      return RunnerState.RUNNER_STATE_RUNNING
    case 'stopping':
      return RunnerState.RUNNER_STATE_STOPPING
    case 'stopped':
      return RunnerState.RUNNER_STATE_STOPPED
    case 'failed':
      return RunnerState.RUNNER_STATE_FAILED
    default:
      return assertNever(kind)
  }
}

function taskState({ kind }: DriverState): TaskState {
  switch (kind) {
    case 'opening':
      return TaskState.TASK_STATE_OPENING
    case 'restoring':
      return TaskState.TASK_STATE_RESTORING
    case 'running':
      return TaskState.TASK_STATE_RUNNING
    case 'waiting':
      return TaskState.TASK_STATE_WAITING
    case 'stopped':
      return TaskState.TASK_STATE_STOPPED
    case 'given-up':
      return TaskState.TASK_STATE_GIVEN_UP
    case 'failed':
      return TaskState.TASK_STATE_FAILED
    default:
      return assertNever(kind)
  }
}
