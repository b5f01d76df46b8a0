/**
 * The checkpoints of a topology as its log has them: of every task, whoever ran it last and whether anybody runs it now.
 * The topic is compacted: of a task at least the newest checkpoint is there, and older ones as long as nobody cleaned them away.
 */
import type { Clock } from '../ports/clock.ts'
import type { Log, PartitionOffset } from '../ports/log.ts'
import type { SchemaRegistry } from '../ports/registry.ts'
import { type RecordBatch, valueAt } from '../records/record-batch.ts'
import { followToEnd } from '../runtime/follow-to-end.ts'
import { checkpointSubject, checkpointTopic } from '../runtime/internal-topics.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import { type Codec, SchemaNotLoaded } from '../serde/serde.ts'

export interface CheckpointPorts {
  readonly log: Log
  readonly clock: Clock
  readonly registry: SchemaRegistry
}

export class Checkpoints {
  readonly codec: Codec<Checkpoint>
  private readonly ports: CheckpointPorts
  private readonly topic: string
  private readonly newestOf = new Map<string, Checkpoint>()
  private nextOffset = 0
  private reading: Promise<void> = Promise.resolve()

  private constructor(ports: CheckpointPorts, topic: string, codec: Codec<Checkpoint>) {
    this.ports = ports
    this.topic = topic
    this.codec = codec
  }

  /** Undefined when the log has none of a topology of this name. @throws LOG_UNAVAILABLE, REGISTRY_UNAVAILABLE */
  static async open(ports: CheckpointPorts, topologyName: string): Promise<Checkpoints | undefined> {
    const { name, value } = checkpointTopic(topologyName)
    const topics = await ports.log.describeTopics()
    if (!topics.some((topic) => topic.name === name)) return undefined
    const codec = await value.open({ registry: ports.registry, subject: checkpointSubject(topologyName) })
    return new Checkpoints(ports, name, codec)
  }

  /** The newest checkpoint of each task that ever committed, in the order of their names, as of the call. */
  async newest(): Promise<Checkpoint[]> {
    const before = this.reading
    const read = before.then(() => this.readOn())
    this.reading = read.catch(() => {})
    await read
    return [...this.newestOf.values()].sort((a, b) => (a.task < b.task ? -1 : 1))
  }

  /** Those of a task that the log still has, the newest first: so many at most, of commits before a number. */
  async history(
    task: string,
    { before = Number.POSITIVE_INFINITY, limit }: { readonly before?: number; readonly limit: number },
  ): Promise<Checkpoint[]> {
    // Commit numbers ascend, so the last ones of those that fit are the newest.
    let found: Checkpoint[] = []
    await this.read(0, (checkpoint) => {
      const { task: of, commit_number, restoring } = checkpoint
      if (of !== task || commit_number >= before || restoring !== null) return
      found.push(checkpoint)
      if (found.length >= 2 * limit) found = found.slice(-limit)
    })
    return found.slice(-limit).reverse()
  }

  private async readOn(): Promise<void> {
    this.nextOffset = await this.read(this.nextOffset, (checkpoint) => {
      this.newestOf.set(checkpoint.task, checkpoint)
    })
  }

  /** Answers where to read on. */
  private async read(from: number, receive: (checkpoint: Checkpoint) => void): Promise<number> {
    const partition = { topic: this.topic, partition: 0 }
    const [range] = await this.ports.log.offsetRanges([partition])
    const start = { ...partition, offset: Math.max(from, range?.start ?? 0) }
    const [end] = await followToEnd(this.ports, [start], async (batch) => {
      for (let index = 0; index < batch.length; index++) {
        const checkpoint = await this.decode(batch, index)
        if (checkpoint !== undefined) receive(checkpoint)
      }
    })
    return end?.offset ?? start.offset
  }

  private async decode(batch: RecordBatch, index: number): Promise<Checkpoint | undefined> {
    const value = valueAt(batch, index)
    if (value === null) return undefined
    try {
      return this.codec.decode(value, 0, value.length)
    } catch (error) {
      // Another release wrote it.
      if (!(error instanceof SchemaNotLoaded)) throw error
      await this.codec.loadSchema?.(error.schemaId)
      return this.codec.decode(value, 0, value.length)
    }
  }
}

/** How many offsets wait behind each checkpoint now; topics that are gone count nothing. */
export async function lagsOf(log: Log, checkpoints: readonly Checkpoint[]): Promise<number[]> {
  const topics = new Set((await log.describeTopics()).map(({ name }) => name))
  const inputs = checkpoints.map(({ input_offsets }) =>
    input_offsets.filter(({ topic }) => topics.has(topic)),
  )
  const ranges = await log.offsetRanges(inputs.flat())
  let next = 0
  return inputs.map((positions) =>
    positions.reduce((lag, { offset }) => {
      const { start, end } = ranges[next++]!
      return lag + Math.max(0, end - Math.max(start, offset))
    }, 0),
  )
}

/** What a task did between two of its checkpoints. */
export interface CheckpointDifference {
  /** Offsets passed of each input partition, of which some may have held no record. */
  readonly inputs: readonly PartitionOffset[]
  /** The same of each changelog partition. */
  readonly changelogs: readonly PartitionOffset[]
  /** Null when one of them has no watermark. */
  readonly watermarkMovedMs: number | null
  readonly elapsedMs: number
  readonly timersAdded: number
}

export function differenceOf(from: Checkpoint, to: Checkpoint): CheckpointDifference {
  return {
    inputs: passed(from.input_offsets, to.input_offsets),
    changelogs: passed(from.changelog_offsets, to.changelog_offsets),
    watermarkMovedMs: from.watermark === null || to.watermark === null ? null : to.watermark - from.watermark,
    elapsedMs: to.committed_time - from.committed_time,
    timersAdded: to.timer_count - from.timer_count,
  }
}

/** A partition that the earlier one does not know was read from its beginning. */
function passed(from: readonly PartitionOffset[], to: readonly PartitionOffset[]): PartitionOffset[] {
  return to.map(({ topic, partition, offset }) => {
    const before = from.find((position) => position.topic === topic && position.partition === partition)
    return { topic, partition, offset: offset - (before?.offset ?? 0) }
  })
}
