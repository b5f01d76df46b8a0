/**
 * The record of a deployed topology: what it is made of, written when it starts other than before. Topics say what state there is;
 * this says what it was for, so that `plan` can compare a release with it.
 */
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { RecordBatchBuilder, valueAt } from '../records/record-batch.ts'
import { topologyData } from '../topology/describe.ts'
import { internalTopics, type Topology } from '../topology/topology.ts'
import { followToEnd } from './follow-to-end.ts'
import type { TopologyRecord } from './internal-topics.ts'

interface Ports {
  readonly log: Log
  readonly clock: Clock
}

/** There is one record, under this key. */
const recordKey = Buffer.from('topology')

export function recordOf(topology: Topology): TopologyRecord {
  return { format: 1, ...topologyData(topology) }
}

/** Writes the record of a topology unless the newest one is the same. Its topic must exist. */
export async function recordTopology(ports: Ports, topology: Topology): Promise<void> {
  const text = JSON.stringify(recordOf(topology))
  if ((await newestText(ports, topology.name)) === text) return
  const batch = new RecordBatchBuilder(internalTopics.record(topology.name), 0)
  batch.append(recordKey, Buffer.from(text), ports.clock.now())
  await ports.log.append([batch.build()])
}

/** What was started last; null when nothing was recorded, or by a release that this one does not understand. Its topic must exist. */
export async function readTopologyRecord(ports: Ports, name: string): Promise<TopologyRecord | null> {
  const text = await newestText(ports, name)
  if (text === undefined) return null
  const record: Partial<TopologyRecord> = JSON.parse(text)
  // Of a format that is known, written by `recordTopology`.
  return record.format === 1 ? (record as TopologyRecord) : null
}

async function newestText(ports: Ports, name: string): Promise<string | undefined> {
  const partition = { topic: internalTopics.record(name), partition: 0 }
  const [range] = await ports.log.offsetRanges([partition])
  let newest: string | undefined
  await followToEnd(ports, [{ ...partition, offset: range?.start ?? 0 }], (batch) => {
    for (let index = 0; index < batch.length; index++) {
      const value = valueAt(batch, index)
      if (value !== null) newest = Buffer.from(value).toString()
    }
  })
  return newest
}
