/** Whether a topology can be put back to a savepoint as the log and the topology are now. Looked at before anything is written. */
import { StreamsError } from '../../errors.ts'
import type { Log } from '../../ports/log.ts'
import type { Topology } from '../../topology/topology.ts'
import { tasksOf } from './cut.ts'
import type { SavepointManifest } from './savepoint-directory.ts'

/**
 * @param inputsFrom where the log holds records of its own, no position of the savepoint has to be there
 * @throws TOPOLOGY_MIXED, PARTITIONS_CHANGED, TOPIC_UNKNOWN, OFFSET_OUT_OF_RANGE
 */
export async function assertFits(
  log: Log,
  manifest: SavepointManifest,
  topology: Topology | undefined,
  inputsFrom: 'savepoint' | 'beginning',
): Promise<void> {
  const counts = new Map((await log.describeTopics()).map(({ name, partitions }) => [name, partitions]))
  if (topology !== undefined) assertSameTasks(manifest, topology, counts)
  for (const { name, partitions } of manifest.topics) {
    const now = counts.get(name)
    if (now !== undefined && now !== partitions) throw otherPartitions(manifest, name, partitions, now)
  }
  await assertReadable(log, manifest, counts, inputsFrom)
}

function assertSameTasks(
  manifest: SavepointManifest,
  topology: Topology,
  existing: ReadonlyMap<string, number>,
): void {
  const saved = new Map(manifest.topics.map(({ name, partitions }) => [name, partitions]))
  const wanted = new Map(
    tasksOf(topology, new Map([...saved, ...existing])).map(({ task, subTopology }) => [task, subTopology]),
  )
  for (const { task, stores } of manifest.tasks) {
    const subTopology = wanted.get(task)
    if (subTopology === undefined) throw misfit(manifest, `task ${task}, which the topology does not have`)
    const unknown = stores.find(({ store }) => !subTopology.stores.some(({ name }) => name === store))
    if (unknown !== undefined)
      throw misfit(manifest, `store ${unknown.store} in task ${task}, which the topology does not have`)
  }
  const added = [...wanted.keys()].find((task) => !manifest.tasks.some((one) => one.task === task))
  if (added !== undefined) throw misfit(manifest, `no task ${added}, which the topology has`)
}

/** What is to be read again must still be there. */
async function assertReadable(
  log: Log,
  manifest: SavepointManifest,
  counts: ReadonlyMap<string, number>,
  inputsFrom: 'savepoint' | 'beginning',
): Promise<void> {
  const inputs = manifest.tasks
    .filter(({ hasExternalSink }) => !hasExternalSink)
    .flatMap((task) => task.inputs)
    .filter(({ unread }) => unread === null)
  const gone = inputs.find(({ topic, partition }) => partition >= (counts.get(topic) ?? 0))
  if (gone !== undefined) {
    throw new StreamsError(
      'TOPIC_UNKNOWN',
      `savepoint ${manifest.savepoint} reads on from ${gone.topic}-${gone.partition}, which does not exist`,
      { details: { topic: gone.topic, partition: gone.partition } },
    )
  }
  if (inputsFrom === 'beginning') return
  const ranges = await log.offsetRanges(inputs)
  for (const [index, { topic, partition, offset }] of inputs.entries()) {
    const { start, end } = ranges[index]!
    if (offset >= start && offset <= end) continue
    throw new StreamsError(
      'OFFSET_OUT_OF_RANGE',
      `savepoint ${manifest.savepoint} reads on at offset ${offset} of ${topic}-${partition}, which has ${start} to ${end}: records that ` +
        'it needs were deleted, or the log is another one; where it is meant to be another one, put it back with inputs from their beginning',
      { details: { topic, partition, offset, start, end } },
    )
  }
}

function misfit({ savepoint, topology }: SavepointManifest, what: string): StreamsError {
  return new StreamsError(
    'TOPOLOGY_MIXED',
    `savepoint ${savepoint} does not fit topology ${topology} as it is now: it has ${what}; put it back with the release that made it`,
    { details: { savepoint, topology } },
  )
}

function otherPartitions(
  { savepoint, topology }: SavepointManifest,
  topic: string,
  partitions: number,
  now: number,
): StreamsError {
  return new StreamsError(
    'PARTITIONS_CHANGED',
    `savepoint ${savepoint} of topology ${topology} was made when ${topic} had ${partitions} partitions, and it has ${now} now`,
    { details: { topic, partitions, now } },
  )
}
