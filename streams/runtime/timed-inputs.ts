/** Which time each input of a task goes by, as of its last checkpoint. */
import type { Checkpoint } from '../schemas/generated/records.ts'
import { noTime, SourceTime, UpstreamTime } from '../time/input-time.ts'
import { defaultTiming } from '../topology/source.ts'
import { repartitions, type SubTopology, type Topology } from '../topology/topology.ts'
import { taskCount } from './internal-topics.ts'
import { recipientName } from './replay-headers.ts'
import { type TaskEnvironment, taskIdOf } from './task-environment.ts'
import type { TimedInput } from './task-inputs.ts'

/**
 * Topics between sub-topologies that need to be told the time of what is written there. Where they make a circle nobody could wait for
 * the time of the other: such topics are told nothing, and their records tell the time.
 */
export function timedTopics({ subTopologies }: Topology): ReadonlySet<string> {
  const written = new Set(
    subTopologies.flatMap((writer) =>
      repartitions(writer).filter((topic) => !leadsBack(subTopologies, topic, writer)),
    ),
  )
  const read = subTopologies
    .filter(({ usesTime }) => usesTime)
    .flatMap(({ sources }) => sources.map(({ topic }) => topic.name))
  return new Set(read.filter((name) => written.has(name)))
}

/** Whether what is written to a topic may come back to its writer. */
function leadsBack(all: readonly SubTopology[], topic: string, writer: SubTopology): boolean {
  const reached = new Set(all.filter((part) => readsFrom(part, [topic])))
  // What is added while it is walked is walked too.
  for (const part of reached) {
    for (const next of all) if (readsFrom(next, repartitions(part))) reached.add(next)
  }
  return reached.has(writer)
}

function readsFrom({ sources }: SubTopology, topics: readonly string[]): boolean {
  return sources.some(({ topic }) => topics.includes(topic.name))
}

/** The time of each input of a task, by its topic. */
export function timedInputs({
  environment,
  subTopology,
  checkpoint,
}: {
  readonly environment: Pick<TaskEnvironment, 'topology' | 'partitionCounts' | 'timedTopics'>
  readonly subTopology: SubTopology
  readonly checkpoint: Pick<Checkpoint, 'input_watermarks'> | undefined
}): (topic: string) => TimedInput {
  const recipient = recipientName(environment.topology.name, subTopology.name)
  return (topic) => {
    const { topology, timedTopics: timed } = environment
    const isRepartition = topology.repartitionTopics.some(({ name }) => name === topic)
    const known = checkpoint?.input_watermarks.find((input) => input.topic === topic)
    const watermarkMs = known?.watermark ?? noTime
    if (timed.has(topic)) {
      const heard = known?.upstream.map(({ task, watermark, idle, ended }) => ({
        task,
        watermarkMs: watermark ?? noTime,
        isIdle: idle,
        hasEnded: ended,
      }))
      return {
        time: new UpstreamTime(writersOf(environment, topic), heard, watermarkMs),
        isRepartition,
        recipient,
      }
    }
    // Where nobody needs to know the time, nobody tells it: then that of the records does.
    const timing = subTopology.sources.find((source) => source.topic.name === topic)?.timing ?? defaultTiming
    return { time: new SourceTime(timing, watermarkMs), isRepartition, recipient }
  }
}

/** The tasks that write to a repartition topic. */
function writersOf(
  { topology, partitionCounts }: Pick<TaskEnvironment, 'topology' | 'partitionCounts'>,
  topic: string,
): ReadonlySet<string> {
  return new Set(
    topology.subTopologies
      .filter((part) => repartitions(part).includes(topic))
      .flatMap((part) =>
        Array.from({ length: taskCount(part, partitionCounts) }, (_, partition) => taskIdOf(part, partition)),
      ),
  )
}
