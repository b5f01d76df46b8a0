/** Which tasks partitions and ids stand for. */
import type { TopicPartition } from '../ports/log.ts'
import type { SubTopology, Topology } from '../topology/topology.ts'
import { taskIdOf } from './task-environment.ts'

export interface TaskPlace {
  readonly subTopology: SubTopology
  readonly partition: number
}

/** The topics that a topology's tasks read. */
export function sourceTopicsOf({ subTopologies }: Topology): string[] {
  return subTopologies.flatMap(({ sources }) => sources.map(({ topic }) => topic.name))
}

/** By id the tasks that read the partitions. */
export function tasksReading(
  { subTopologies }: Topology,
  partitions: readonly TopicPartition[],
): ReadonlyMap<string, TaskPlace> {
  const places = new Map<string, TaskPlace>()
  for (const { topic, partition } of partitions) {
    const subTopology = subTopologies.find(({ sources }) =>
      sources.some((source) => source.topic.name === topic),
    )
    if (subTopology !== undefined) places.set(taskIdOf(subTopology, partition), { subTopology, partition })
  }
  return places
}

/** By id the tasks of these ids; those that the topology does not have are left out. */
export function tasksNamed(
  { subTopologies }: Topology,
  ids: readonly string[],
): ReadonlyMap<string, TaskPlace> {
  const places = new Map<string, TaskPlace>()
  for (const id of ids) {
    const partition = Number(id.slice(id.lastIndexOf('_') + 1))
    const subTopology = subTopologies.find((sub) => taskIdOf(sub, partition) === id)
    if (subTopology !== undefined) places.set(id, { subTopology, partition })
  }
  return places
}
