/** Order events of the simulator, written to the log so many a second, whatever becomes of the rest. */
import type { SimulatedEvent } from '../../api/simulator/simulate-orders.ts'
import { topics } from '../../schemas/topics.ts'
import { type Log, partitionForKey, RecordBatchBuilder } from '../../streams/index.ts'
import type { WrittenEvent } from './oracle.ts'

export interface SteadyLoadOptions {
  readonly log: Log
  readonly events: Iterator<SimulatedEvent>
  readonly partitions: number
  readonly eventsPerSecond: number
  readonly onWritten: (event: WrittenEvent) => void
}

const tickMs = 40

export class SteadyLoad {
  /** Rejects when events could not be written. */
  readonly ended: Promise<void>
  private readonly options: SteadyLoadOptions
  private stopping = false

  constructor(options: SteadyLoadOptions) {
    this.options = options
    this.ended = this.run()
    this.ended.catch(() => {})
  }

  /** Resolves when all that was begun is written. */
  stop(): Promise<void> {
    this.stopping = true
    return this.ended
  }

  private async run(): Promise<void> {
    const { events, eventsPerSecond } = this.options
    while (!this.stopping) {
      const next = new Promise((resolve) => setTimeout(resolve, tickMs))
      const chunk: SimulatedEvent[] = []
      while (chunk.length < (eventsPerSecond * tickMs) / 1000) chunk.push(events.next().value)
      await this.write(chunk)
      await next
    }
  }

  private async write(events: readonly SimulatedEvent[]): Promise<void> {
    const { log, partitions, onWritten } = this.options
    const byPartition = new Map<number, SimulatedEvent[]>()
    for (const event of events) {
      const placedBy = Buffer.from(userOf(event.bytes) ?? event.orderId)
      const partition = partitionForKey(placedBy, 0, placedBy.length, partitions)
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), event])
    }
    const chunks = [...byPartition]
    const batches = chunks.map(([partition, chunk]) => {
      const builder = new RecordBatchBuilder(topics.orderRaw.name, partition)
      for (const { bytes, arrivalTimeMs } of chunk) builder.append(keyOf(bytes), bytes, arrivalTimeMs)
      return builder.build()
    })
    const firstOffsets = await log.append(batches)
    for (const [index, [partition, chunk]] of chunks.entries()) {
      for (const [i, event] of chunk.entries()) {
        const [offset, timestampMs] = [firstOffsets[index]! + i, event.arrivalTimeMs]
        onWritten({ event, partition, offset, key: userOf(event.bytes), timestampMs })
      }
    }
  }
}

function keyOf(bytes: Buffer): Buffer | null {
  const user = userOf(bytes)
  return user === null ? null : Buffer.from(user)
}

/** Null where the event is no order, or names no user. */
function userOf(bytes: Buffer): string | null {
  try {
    return JSON.parse(bytes.toString('utf8')).user_id ?? null
  } catch {
    return null
  }
}
