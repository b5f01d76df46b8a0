/**
 * Watches that the topics of a topology keep their number of partitions: with more of them, keys would go to other partitions
 * than those that hold their state, and new partitions would have no task.
 */
import { StreamsError } from '../errors.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

const watchIntervalMs = 30_000

interface Ports {
  readonly log: Pick<Log, 'describeTopics'>
  readonly clock: Clock
}

export class PartitionWatch {
  private readonly ports: Ports
  private readonly topics: readonly string[]
  private readonly counts: ReadonlyMap<string, number>
  private readonly onChanged: (error: StreamsError) => void
  private timer: Timer | undefined
  private isClosed = false

  constructor(
    ports: Ports,
    topics: readonly string[],
    counts: ReadonlyMap<string, number>,
    onChanged: (error: StreamsError) => void,
  ) {
    this.ports = ports
    this.topics = topics
    this.counts = counts
    this.onChanged = onChanged
    this.schedule()
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
  }

  private schedule(): void {
    if (this.isClosed) return
    this.timer = this.ports.clock.setTimer(watchIntervalMs, () => void this.look(), { background: true })
  }

  private async look(): Promise<void> {
    try {
      const settings = await this.ports.log.describeTopics(this.topics)
      const changed = settings.find(({ name, partitions }) => partitions !== this.counts.get(name))
      if (changed === undefined) return this.schedule()
      if (!this.isClosed)
        this.onChanged(partitionsChanged(changed.name, this.counts.get(changed.name), changed.partitions))
    } catch {
      // The log is away, or the topic is gone: whoever reads it says so.
      this.schedule()
    }
  }
}

function partitionsChanged(topic: string, before: number | undefined, now: number): StreamsError {
  return new StreamsError(
    'PARTITIONS_CHANGED',
    `topic ${topic} has ${now} partitions and had ${before} when the topology started: keys would lie in other partitions than ` +
      'their state; a topology without state can be started again, one with state needs a new topic with as many partitions',
    { details: { topic, before: before ?? 0, now } },
  )
}
