/** What a topology does in this instance right now, as plain data. Taking it reads what is in memory and changes nothing. */
import type { TopicPartition } from '../ports/log.ts'
import type { TaskFlowView } from '../runtime/stages/stage.ts'
import type { StandbyState } from '../runtime/standby-driver.ts'
import type { DriverState, TaskDriver } from '../runtime/task-driver.ts'
import type { TaskView } from '../runtime/task-view.ts'
import type { RunnerState, RunningTopology } from '../runtime/topology-runner.ts'

export interface TopologyView {
  readonly topology: string
  readonly state: RunnerState
  /** Whether the group has said what this instance runs. */
  readonly isAssigned: boolean
  /** In the order of their names. */
  readonly tasks: readonly TaskStatusView[]
  /** Copies of the state of tasks that run elsewhere, in the order of their names. */
  readonly standbys: readonly StandbyView[]
  /** Of the newest stage command that this instance has read; 0 when there never was one. */
  readonly stageRevision: number
}

export interface TaskStatusView {
  readonly task: string
  readonly subTopology: string
  readonly partition: number
  readonly state: DriverState
  /** Whether and how stage commands hold it. */
  readonly flow: TaskFlowView
  /** Null while it does not run. */
  readonly running: TaskView | null
}

export interface StandbyView {
  readonly task: string
  readonly state: StandbyState
}

export function viewOf(running: RunningTopology): TopologyView {
  const { state, isAssigned } = running.status()
  return {
    topology: running.topology.name,
    state,
    isAssigned,
    tasks: [...running.drivers.values()].map(taskOf).sort(byTask),
    standbys: [...running.standbys].map(([task, driver]) => ({ task, state: driver.state })).sort(byTask),
    stageRevision: running.environment?.stages.revision ?? 0,
  }
}

function taskOf(driver: TaskDriver): TaskStatusView {
  const { taskId: task, place, state, openTask } = driver
  return {
    task,
    subTopology: place.subTopology.name,
    partition: place.partition,
    state,
    flow: driver.flow,
    running: openTask?.view() ?? null,
  }
}

function byTask(a: { readonly task: string }, b: { readonly task: string }): number {
  return a.task < b.task ? -1 : 1
}

/** How partitions are written for people. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
