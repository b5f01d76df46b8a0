/** Where the tasks of a topology stand in the log: what a savepoint is a cut through, and whether it has moved. */
import type { Log, PartitionOffset, TopicSettings } from '../../ports/log.ts'
import { keptTopics, taskCount } from '../../runtime/internal-topics.ts'
import { taskIdOf } from '../../runtime/task-environment.ts'
import type { Checkpoint } from '../../schemas/generated/records.ts'
import { internalTopics, type SubTopology, type Topology } from '../../topology/topology.ts'
import type { Checkpoints } from '../checkpoints.ts'
import { changelogsOf } from '../rebuild.ts'

export interface Cut {
  readonly tasks: readonly TaskCut[]
}

export interface TaskCut {
  readonly task: string
  readonly subTopology: SubTopology
  readonly partition: number
  readonly checkpoint: Checkpoint | undefined
  /** Where it reads on, and where what it reads ends. */
  readonly inputs: readonly (PartitionOffset & { readonly end: number; readonly isRepartition: boolean })[]
  /** By store, where its changelog ends. */
  readonly changelogEnds: Readonly<Record<string, number>>
}

/** A task that there would be, whether anybody ever ran it or not. */
export interface TaskName {
  readonly task: string
  readonly subTopology: SubTopology
  readonly partition: number
}

/** The tasks of a topology over topics as they are. @throws PARTITIONS_NOT_ALIKE */
export function tasksOf(topology: Topology, partitionCounts: ReadonlyMap<string, number>): TaskName[] {
  return topology.subTopologies.flatMap((subTopology) =>
    Array.from({ length: taskCount(subTopology, partitionCounts) }, (_, partition) => ({
      task: taskIdOf(subTopology, partition),
      subTopology,
      partition,
    })),
  )
}

/** As it is right now: of a topology that stands still. */
export async function readCut(
  log: Log,
  topology: Topology,
  tasks: readonly TaskName[],
  partitionCounts: ReadonlyMap<string, number>,
  checkpoints: Checkpoints,
): Promise<Cut> {
  const newest = new Map((await checkpoints.newest()).map((checkpoint) => [checkpoint.task, checkpoint]))
  const repartitions = new Set(topology.repartitionTopics.map(({ name }) => name))
  const cuts: TaskCut[] = []
  for (const { task, subTopology, partition } of tasks) {
    const checkpoint = newest.get(task)
    const inputs = subTopology.sources
      .map(({ topic }) => ({ topic: topic.name, partition }))
      .filter(({ topic }) => partition < (partitionCounts.get(topic) ?? 0))
    const stores = subTopology.stores.map(({ name }) => name)
    const changelogs = changelogsOf({ topology: topology.name, partition, stores })
    const [committed, ranges, changelogRanges] = await Promise.all([
      log.committedOffsets(topology.name, inputs),
      log.offsetRanges(inputs),
      log.offsetRanges(changelogs),
    ])
    cuts.push({
      task,
      subTopology,
      partition,
      checkpoint,
      inputs: inputs.map((input, index) => {
        const { start, end } = ranges[index]!
        const known = checkpoint?.input_offsets.find(({ topic }) => topic === input.topic)?.offset
        // As a task decides that is opened: a log may forget what a group without members committed.
        const offset = committed[index] ?? known ?? start
        return { ...input, offset, end, isRepartition: repartitions.has(input.topic) }
      }),
      changelogEnds: Object.fromEntries(stores.map((store, index) => [store, changelogRanges[index]!.end])),
    })
  }
  return { tasks: cuts }
}

/** Whether nothing was committed between two readings. What others write into topics from outside does not count. */
export function isSameCut(one: Cut, other: Cut): boolean {
  return JSON.stringify(one.tasks.map(markOf)) === JSON.stringify(other.tasks.map(markOf))
}

function markOf({ task, checkpoint, inputs, changelogEnds }: TaskCut): unknown {
  const positions = inputs.map(({ topic, offset, end, isRepartition }) => [
    topic,
    offset,
    isRepartition && end,
  ])
  return [task, checkpoint?.commit_number, positions, changelogEnds]
}

/** Topics that the engine makes for a topology, as they are. */
export async function ownTopics(log: Log, topology: Topology): Promise<TopicSettings[]> {
  const names = new Set([
    ...topology.repartitionTopics.map(({ name }) => name),
    ...keptTopics(topology.name).map(({ name }) => name),
    ...topology.subTopologies.flatMap(({ stores }) =>
      stores.map(({ name }) => internalTopics.changelog(topology.name, name)),
    ),
  ])
  return (await log.describeTopics()).filter(({ name }) => names.has(name))
}
