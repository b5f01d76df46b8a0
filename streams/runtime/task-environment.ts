/** What the tasks of one topology in one instance share, and how tasks are named. */
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Logger, Metrics } from '../ports/observability.ts'
import type { StoreProvider } from '../ports/store.ts'
import type { Tracer } from '../ports/tracing.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import type { SubTopology, Topology } from '../topology/topology.ts'
import type { CheckpointView } from './checkpoint-view.ts'
import type { OpenCodecs } from './codecs.ts'
import type { CommitStep } from './commit.ts'
import type { CompileEnvironment } from './compiled-task.ts'
import type { GlobalEntry } from './global-tables.ts'
import type { RuntimeSettings } from './settings.ts'
import type { StageCommands } from './stages/command-follower.ts'

/** Told what tasks do; for tests, progress and the control plane. May throw or wait: the task then fails or waits. */
export interface TaskObserver {
  onCommitStep?(taskId: string, step: CommitStep): void | Promise<void>
  onCommitted?(checkpoint: Checkpoint): void
}

export interface TaskEnvironment {
  readonly topology: Topology
  readonly groupId: string
  readonly instanceId: string
  readonly log: Log
  readonly stores: StoreProvider
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  /** Undefined while tracing is off. */
  readonly tracer?: Tracer
  readonly settings: RuntimeSettings
  readonly codecs: OpenCodecs
  readonly checkpoints: CheckpointView
  readonly stages: StageCommands
  readonly partitionCounts: ReadonlyMap<string, number>
  readonly timedTopics: ReadonlySet<string>
  readonly globalRows: CompileEnvironment['globalRows']
  /** All rows of a global table, for whoever looks in from outside. */
  readonly globalEntries: (store: string) => readonly GlobalEntry[]
  readonly observer: TaskObserver
}

export function taskIdOf(subTopology: Pick<SubTopology, 'name'>, partition: number): string {
  return `${subTopology.name}_${partition}`
}

/** Where the databases of a topology's tasks are found, by name. */
export function databaseName(topologyName: string, taskId: string): string {
  return `${topologyName}/${taskId.replaceAll('+', '.')}`
}
