/**
 * The way of order events into the log, for whoever receives them: HTTP, the simulator.
 *
 * 1. Events are appended as they came, good or bad: judging them is the topologies' work, where nothing is lost.
 * 2. An event is keyed by its user id and stamped with its own time, where it has them.
 * 3. An event whose order id and status were accepted before is not appended again, as long as it is among the recent
 *    ones. That spares the log from clients that retry; it is no guarantee: after a restart, or for two requests at the
 *    same moment, the event is appended twice, and `cleanse` drops the repeat.
 */
import { routeOrder } from '../orders/order-route.ts'
import type { ParseLimits } from '../orders/parse-order.ts'
import { type Clock, type Headers, type Log, noHeaders } from '../streams/index.ts'
import { OrderBatches } from './order-batches.ts'

export interface IngestionOptions {
  readonly log: Log
  readonly clock: Clock
  /** The topic of raw order events; it must exist. */
  readonly topic: string
  readonly parseLimits?: ParseLimits
  /** How many accepted events are remembered. */
  readonly maxRecent?: number
}

export interface AcceptedEvent {
  readonly order_id: string | null
  readonly status: string | null
}

export interface AcceptResult {
  /** In the order given. */
  readonly accepted: readonly AcceptedEvent[]
  readonly duplicates: number
}

export class OrderIngestion {
  private readonly options: IngestionOptions
  private readonly partitionCount: number
  private readonly recent: RecentKeys

  private constructor(options: IngestionOptions, partitionCount: number) {
    this.options = options
    this.partitionCount = partitionCount
    this.recent = new RecentKeys(options.maxRecent ?? 100_000)
  }

  /** @throws TOPIC_UNKNOWN, LOG_UNAVAILABLE */
  static async open(options: IngestionOptions): Promise<OrderIngestion> {
    const [topic] = await options.log.describeTopics([options.topic])
    return new OrderIngestion(options, topic!.partitions)
  }

  /**
   * Appends events, each the JSON of one order event, in the order given. When it fails, some may have been appended:
   * call again with the same.
   * @param fallbackTimeMs the time of events that have none of their own
   * @param headers of each record
   * @throws LOG_UNAVAILABLE, RECORD_TOO_LARGE
   */
  async accept(
    events: readonly Buffer[],
    fallbackTimeMs: number,
    headers: Headers = noHeaders,
  ): Promise<AcceptResult> {
    const batches = new OrderBatches(this.options.topic, this.partitionCount, headers)
    const keys = new Set<string>()
    const accepted: AcceptedEvent[] = []
    const nowMs = this.options.clock.now()
    for (const event of events) {
      const { key, orderId, status, timeMs } = routeOrder(event, nowMs, this.options.parseLimits)
      if (orderId !== null && status !== null) {
        const identity = `${orderId}\n${status}`
        if (this.recent.has(identity) || keys.has(identity)) continue
        keys.add(identity)
      }
      batches.add(event, key, timeMs ?? fallbackTimeMs)
      accepted.push({ order_id: orderId, status })
    }
    if (accepted.length > 0) await this.options.log.append(batches.take())
    // Only now: an event whose append failed must be accepted when it comes again.
    for (const identity of keys) this.recent.add(identity)
    return { accepted, duplicates: events.length - accepted.length }
  }
}

/** The newest keys, up to a limit. */
class RecentKeys {
  private readonly keys = new Set<string>()
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  has(key: string): boolean {
    return this.keys.has(key)
  }

  add(key: string): void {
    this.keys.add(key)
    if (this.keys.size <= this.limit) return
    // A set iterates in the order of insertion: the first is the oldest.
    for (const oldest of this.keys) {
      this.keys.delete(oldest)
      return
    }
  }
}
