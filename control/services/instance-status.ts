/** What an instance does, as its control service tells it. */
import {
  assertNever,
  type DriverState,
  type RunnerState as EngineRunnerState,
  type InputView,
  messageOf,
  type StandbyView,
  type TaskStatusView,
  type TopologyView,
} from '../../streams/index.ts'
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
    stageRevision: 0,
  }
}

export function dateOf(timeMs: number | null): Date | undefined {
  return timeMs === null ? undefined : new Date(timeMs)
}

function taskStatus({ task, subTopology, partition, state, running }: TaskStatusView): TaskStatus {
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
    flow: flowOf(),
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

function flowOf(): TaskFlow {
  return {
    state: FlowState.FLOW_STATE_RUNNING,
    stepRemaining: 0,
    recordsPerSecondMax: 0,
    heldBy: [],
    stageRevision: 0,
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
