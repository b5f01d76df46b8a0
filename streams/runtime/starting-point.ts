/**
 * Where a task begins to read: what its external sink holds, else what its group committed, else the beginning. A log may
 * forget what a group without members committed long ago; the task's checkpoint, of the same transaction, does not.
 * Asked only after the task has fenced its predecessor, so nobody moves these offsets any more.
 */
import { StreamsError } from '../errors.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import type { SubTopology } from '../topology/topology.ts'
import type { SinkWriter } from './sink-writer.ts'
import { type TaskEnvironment, taskIdOf } from './task-environment.ts'

export interface StartingPoint {
  /** For each input partition, where to read on. */
  readonly offsets: readonly PartitionOffset[]
  /**
   * What the group or the checkpoint says was committed, or else the partition's beginning. A sink may stand behind it, when the process died between
   * the log's commit and the sink's; at-least-once also before it. Dead letters are published up to here.
   */
  readonly committed: readonly PartitionOffset[]
  /**
   * For each input partition, the offset below which records were committed before, and are read anew since the sink does not have
   * them: it has lost them in a crash, or it is a new one.
   */
  readonly repeatsTo: readonly number[]
  /** Whether the group does not know where the task stands: a sink is ahead of it, or it has forgotten. */
  readonly groupIsBehind: boolean
}

/** @throws OFFSET_OUT_OF_RANGE, SINK_UNAVAILABLE */
export async function startingPoint(
  { log, logger, groupId, partitionCounts }: TaskEnvironment,
  subTopology: SubTopology,
  partition: number,
  sinkWriter: SinkWriter,
  checkpoint: Pick<Checkpoint, 'input_offsets'> | undefined,
): Promise<StartingPoint> {
  const id = taskIdOf(subTopology, partition)
  const partitions = subTopology.sources
    .map(({ topic }) => ({ topic: topic.name, partition }))
    .filter(({ topic }) => partition < (partitionCounts.get(topic) ?? 0))
  const [ofGroup, held, ranges] = await Promise.all([
    log.committedOffsets(groupId, partitions),
    sinkWriter.open(`${groupId}/${id}`, partitions),
    log.offsetRanges(partitions),
  ])
  const committed = ofGroup.map((offset, index) => offset ?? offsetIn(checkpoint, partitions[index]!))
  const offsets = partitions.map((input, index) => {
    const { start, end } = ranges[index]!
    // A sink that holds nothing yet is filled from the beginning, also when the group has committed: it is a new one.
    const known = sinkWriter.isUsed ? held[index] : committed[index]
    const offset = known ?? start
    if (offset < start || offset > end) throw outOfRange(id, input.topic, partition, offset, start, end)
    const before = committed[index] ?? start
    if (sinkWriter.isUsed && known === null && before > start)
      logger.warn({ task: id, ...input, from: start, before }, emptySink)
    return { ...input, offset }
  })
  const repeatsTo = offsets.map(({ offset }, index) => Math.max(offset, committed[index] ?? offset))
  return {
    offsets,
    committed: partitions.map((input, index) => ({
      ...input,
      offset: committed[index] ?? ranges[index]!.start,
    })),
    repeatsTo,
    groupIsBehind: repeatsTo.some((offset, index) => (ofGroup[index] ?? ranges[index]!.start) < offset),
  }
}

/** Lawful for a new database; of one that was emptied nobody may know. */
const emptySink =
  'the sink has nothing of the task, which committed up to the offset "before": it is filled from the first record that the topic still has'

function offsetIn(
  checkpoint: Pick<Checkpoint, 'input_offsets'> | undefined,
  input: TopicPartition,
): number | null {
  const found = checkpoint?.input_offsets.find(
    ({ topic, partition }) => topic === input.topic && partition === input.partition,
  )
  return found?.offset ?? null
}

function outOfRange(
  task: string,
  topic: string,
  partition: number,
  offset: number,
  start: number,
  end: number,
) {
  return new StreamsError(
    'OFFSET_OUT_OF_RANGE',
    `task ${task} continues at offset ${offset} of ${topic}-${partition}, which has ${start} to ${end}: records were ` +
      'deleted before they were processed, or the log was replaced; reset the offsets of the topology to go on',
    { details: { task, topic, partition, offset, start, end } },
  )
}
