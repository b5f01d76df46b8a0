/** A log reader that hands out what a test put there, and processors that take it. */
import type { LogReader, TopicPartition } from '../../streams/ports/log.ts'
import { type RecordBatch, valueAt } from '../../streams/records/record-batch.ts'
import { SchemaNotLoaded } from '../../streams/serde/serde.ts'
import type { SourceProcessor } from '../../streams/topology/source.ts'

interface Scripted {
  readonly batches: RecordBatch[]
  position: number
  /** Undefined: nothing was fetched yet. */
  end: number | undefined
}

export class ScriptedReader implements LogReader {
  readonly isSilent = false
  private readonly partitions = new Map<string, Scripted>()

  follow({ topic }: TopicPartition, offset: number): void {
    this.partitions.set(topic, { batches: [], position: offset, end: undefined })
  }

  /** Makes a batch arrive; `end` is where the partition ends as far as the reader knows, by default behind the batch. */
  deliver(batch: RecordBatch, end = batch.nextOffset): void {
    const scripted = this.of(batch)
    scripted.batches.push(batch)
    scripted.end = end
  }

  setEnd(partition: TopicPartition, end: number): void {
    this.of(partition).end = end
  }

  take(partition: TopicPartition): RecordBatch | null {
    const scripted = this.of(partition)
    const batch = scripted.batches.shift()
    if (batch !== undefined) scripted.position = batch.nextOffset
    return batch ?? null
  }

  position(partition: TopicPartition): number {
    return this.of(partition).position
  }

  end(partition: TopicPartition): number | undefined {
    return this.of(partition).end
  }

  unfollow(): void {}

  async close(): Promise<void> {}

  private of({ topic }: TopicPartition): Scripted {
    const found = this.partitions.get(topic)
    if (found === undefined) throw new Error(`${topic} is not followed`)
    return found
  }
}

/** Decodes text; `bad` cannot be decoded, and `schema-7` needs schema 7 first. */
export class TextProcessor implements SourceProcessor {
  readonly processed: string[] = []
  readonly loaded = new Set<number>()
  private readonly values: string[] = []
  private readonly timestampsMs: number[] = []

  decode(batch: RecordBatch, index: number, slot: number): void {
    const value = valueAt(batch, index)?.toString() ?? ''
    if (value === 'bad') throw new Error('not text')
    const schema = /^schema-(\d+)$/.exec(value)?.[1]
    if (schema !== undefined && !this.loaded.has(Number(schema))) throw new SchemaNotLoaded(Number(schema))
    this.values[slot] = value
    this.timestampsMs[slot] = batch.timestampsMs[index]!
  }

  timestampOf(slot: number): number {
    return this.timestampsMs[slot]!
  }

  process(slot: number): void {
    this.processed.push(this.values[slot]!)
  }

  keyOf(slot: number): unknown {
    return this.values[slot]
  }

  async loadSchema(id: number): Promise<void> {
    this.loaded.add(id)
  }
}
