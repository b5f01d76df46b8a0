/**
 * What a task is made of, put together from what it is opened with.
 */
import type { TransactionalProducer } from '../ports/log.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import type { TaskDatabase } from '../state/task-database.ts'
import { repartitions, type SubTopology } from '../topology/topology.ts'
import type { CommitTarget } from './commit.ts'
import type { CompiledTask } from './compiled-task.ts'
import { DeadLetters } from './dead-letters.ts'
import { checkpointTopic, deadLetterTopic } from './internal-topics.ts'
import { TaskFlow } from './stages/task-flow.ts'
import type { StartingPoint } from './starting-point.ts'
import type { TaskEnvironment } from './task-environment.ts'
import type { TaskInputs } from './task-inputs.ts'
import { TaskTracing } from './task-tracing.ts'
import { WatermarkAnnouncer } from './watermark-announcer.ts'

export interface TaskParts {
  readonly id: string
  readonly environment: TaskEnvironment
  readonly subTopology: SubTopology
  readonly compiled: CompiledTask
  /** Undefined when the guarantee is at-least-once. */
  readonly producer: TransactionalProducer | undefined
  /** Undefined when the sub-topology keeps no state. */
  readonly database: TaskDatabase | undefined
  /** The last one before the task was opened. */
  readonly checkpoint: Checkpoint | undefined
  readonly start: StartingPoint
  /** Called when there may be something to do. */
  readonly onReady: () => void
}

export function flowOf(
  { id: taskId, environment, subTopology, compiled, checkpoint }: TaskParts,
  inputs: TaskInputs,
): TaskFlow {
  const { topology, partitionCounts, stages, clock } = environment
  const task = { taskId, topology, subTopology, partition: compiled.partition, partitionCounts }
  const { time } = compiled
  return new TaskFlow({ task, commands: stages, inputs, time, checkpoint, nowMs: clock.now() })
}

export function tracingOf({ id, environment, compiled }: TaskParts): TaskTracing | undefined {
  const { tracer, topology, groupId } = environment
  if (tracer === undefined) return undefined
  const { record, sinkWriter } = compiled
  return new TaskTracing({ tracer, topology: topology.name, groupId, taskId: id, record, sinkWriter })
}

export function deadLettersOf(
  { environment, subTopology, compiled, start }: TaskParts,
  tracing: TaskTracing | undefined,
): DeadLetters {
  const topic = deadLetterTopic(environment.topology.name)
  return new DeadLetters(
    {
      topic: topic.name,
      partitionCount: environment.partitionCounts.get(topic.name) ?? 1,
      codec: environment.codecs.of(topic).value,
      recordMaxBytes: environment.settings.recordMaxBytes,
      topology: environment.topology.name,
      subTopology: subTopology.name,
      publishedUpTo: new Map(start.committed.map(({ topic: input, offset }) => [input, offset])),
    },
    compiled.outputs,
    tracing === undefined ? undefined : (batch, index) => tracing.letterHeaders(batch, index),
  )
}

export function announcerOf({ id, environment, subTopology, compiled }: TaskParts): WatermarkAnnouncer {
  const { timedTopics, partitionCounts, settings } = environment
  const targets = repartitions(subTopology)
    .filter((topic) => timedTopics.has(topic))
    .map((topic) => ({ topic, partitionCount: partitionCounts.get(topic) ?? 0 }))
  return new WatermarkAnnouncer(id, compiled.time, targets, settings.watermarkIntervalMs)
}

export function commitTargetOf(
  parts: TaskParts,
  deadLetters: DeadLetters,
  announcer: WatermarkAnnouncer,
  tracing: TaskTracing | undefined,
): CommitTarget {
  const { id, environment, compiled, producer, database } = parts
  const { topology, groupId, instanceId, log, clock, codecs, observer } = environment
  const checkpoints = checkpointTopic(topology.name)
  return {
    taskId: id,
    topologyName: topology.name,
    groupId,
    instanceId,
    log,
    producer,
    compiled,
    database,
    deadLetters,
    announcer,
    checkpointTopic: checkpoints.name,
    checkpointCodec: codecs.of(checkpoints).value,
    now: () => clock.now(),
    step: (step) => {
      tracing?.committing(step)
      return observer.onCommitStep?.(id, step)
    },
  }
}
