/** How many partitions, and so tasks, the sub-topologies of a topology have. */
import { taskCount } from '../runtime/internal-topics.ts'
import type { RunningTopology } from '../runtime/topology-runner.ts'

/** By the name of the sub-topology; 0 while its topics are not known to this instance. */
export function partitionsOf({ topology, environment }: RunningTopology): ReadonlyMap<string, number> {
  const counts = environment?.partitionCounts ?? new Map<string, number>()
  return new Map(topology.subTopologies.map((part) => [part.name, taskCount(part, counts)]))
}

/** The names of all tasks, in their order. */
export function taskNamesOf(running: RunningTopology): readonly string[] {
  const names: string[] = []
  for (const [name, count] of partitionsOf(running)) {
    for (let partition = 0; partition < count; partition++) names.push(`${name}_${partition}`)
  }
  return names.sort()
}
