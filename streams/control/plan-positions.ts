/** Whether what tasks go on from is still there: the records of their inputs, the state in their changelogs, their checkpoints. */
import type { OffsetRange, PartitionOffset } from '../ports/log.ts'
import { internalTopics, type Topology } from '../topology/topology.ts'
import type { PlanItem } from './plan.ts'

export interface KnownPosition extends PartitionOffset {
  /** What the log has of the partition; null when it has no such partition any more. */
  readonly range: Pick<OffsetRange, 'start' | 'end'> | null
}

export interface PlanPositions {
  /** Where tasks read on that have committed. */
  readonly inputs: readonly KnownPosition[]
  /** Up to where tasks have committed their state. Of a topology that runs none: the log may not tell the newest ends yet. */
  readonly changelogs: readonly KnownPosition[]
  /** Whether the group has committed anything. */
  readonly groupHasAny: boolean
  /** Whether there is state in any changelog. */
  readonly hasState: boolean
}

type Finding = Pick<PlanItem, 'verdict' | 'text' | 'remedy'>

/** Why tasks cannot read an input on from where they stand; undefined when they can. */
export function planInput(topology: Topology, topic: string, { inputs }: PlanPositions): Finding | undefined {
  const lost = inputs.find(
    ({ topic: of, offset, range }) =>
      of === topic && (range === null ? offset > 0 : offset < range.start || offset > range.end),
  )
  if (lost === undefined) return undefined
  const { partition, offset, range } = lost
  const has =
    range === null ? 'it is gone, and would be made anew without records' : rangeText(partition, range)
  const isOfSink = topology.subTopologies.some(
    (part) => part.hasExternalSink && part.sources.some((source) => source.topic.name === topic),
  )
  return {
    verdict: 'incompatible',
    text: `${has}, but a task goes on at offset ${offset} of partition ${partition}: the release does not start`,
    remedy:
      `put topic ${topic} back with its records; or give up what was not processed: ${range === null ? 'make it anew, and ' : ''}set ` +
      `the positions of group ${topology.name} in it to its beginning (kafka-consumer-groups.sh --reset-offsets --to-earliest)` +
      (isOfSink ? ', and delete those that the external sink holds' : ''),
  }
}

/** Why the state of a store cannot be had from its changelog; undefined when it can, or there is none. */
export function planChangelog(changelog: string, { changelogs }: PlanPositions): Finding | undefined {
  const lost = changelogs.find(
    ({ topic, offset, range }) => topic === changelog && offset > (range?.end ?? 0),
  )
  if (lost === undefined) return undefined
  const { partition, offset, range } = lost
  const is =
    range === null
      ? 'is gone'
      : `was deleted or put back to an older state, and ends at ${range.end} in partition ${partition}`
  return {
    verdict: 'incompatible',
    text: `its changelog ${changelog} ${is}: a task has committed its state up to offset ${offset}, the release does not start`,
    remedy: 'put back a savepoint, and delete the state directories of all instances',
  }
}

/** What is lost with the checkpoint topic of a topology that has run. */
export function planLostCheckpoints(topology: Topology, { groupHasAny }: PlanPositions): Finding {
  const anew =
    `put back a savepoint; or, to begin anew, delete the offsets of group ${topology.name}, its changelogs and repartition topics, ` +
    `${internalTopics.record(topology.name)} and the state directories of all instances, too`
  if (!groupHasAny)
    return {
      verdict: 'incompatible',
      text: 'it is gone, and its group has no positions either: tasks would begin at the beginning of their topics, with the state that they have',
      remedy: anew,
    }
  if (topology.subTopologies.some(({ usesTime }) => usesTime))
    return {
      verdict: 'incompatible',
      text: 'it is gone, and with it the time of all tasks: windows, timers and patterns would not go on where they were',
      remedy: anew,
    }
  return {
    verdict: 'lost',
    text: 'it is gone: positions are taken from the group and state from the changelogs; watermarks, and what state is verified by, are lost',
    remedy: 'put back a savepoint where they matter; else nothing',
  }
}

function rangeText(partition: number, { start, end }: Pick<OffsetRange, 'start' | 'end'>): string {
  return `it was deleted or put back to an older state, or has lost records that were not processed: it has ${start} to ${end} in partition ${partition}`
}
