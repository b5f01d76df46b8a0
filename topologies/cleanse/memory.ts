/**
 * What cleanse remembers of an order, and how an event changes it. Pure: memory and event in, decision out.
 *
 * 1. An event with the status and time of one that is remembered is a repeat, and changes nothing.
 * 2. The latest event is the one with the latest order_time, among equals the last to arrive; an older event that
 *    arrives late is counted, but never becomes the latest, and leaves the order's lines alone.
 * 3. The order was placed at the earliest order_time of its events, whenever that one arrives.
 * 4. Memory is bounded: events older than the retention, counted back from the latest, are forgotten, and so are the
 *    oldest of too many. The rest stays for as long as the order is remembered at all.
 */
import type { OrderMemory, SeenEvent } from '../../schemas/generated/records.ts'

export interface OrderEvent {
  readonly status: string
  readonly timeMs: number
  readonly lineNumbers: readonly number[]
}

export interface MemoryLimits {
  /** How long an event is remembered, so that its repeats are known. */
  readonly retentionMs: number
  readonly maxEvents: number
}

export const defaultMemoryLimits: MemoryLimits = { retentionMs: 7 * 24 * 60 * 60 * 1000, maxEvents: 100 }

export interface Decision {
  readonly outcome: 'repeat' | 'new' | 'update' | 'stale-update'
  readonly memory: OrderMemory
  /** 1 for the first event of the order; repeats do not count. */
  readonly eventNumber: number
  readonly latest: boolean
  /** Lines that the order had until now and no longer has, ascending. */
  readonly removedLineNumbers: readonly number[]
}

const noNumbers: readonly number[] = []

export function rememberEvent(
  memory: OrderMemory | null,
  event: OrderEvent,
  limits: MemoryLimits = defaultMemoryLimits,
): Decision {
  const seen = { status: event.status, time: event.timeMs }
  if (memory === null) {
    const first: OrderMemory = {
      placed_time: event.timeMs,
      latest_time: event.timeMs,
      event_count: 1,
      line_numbers: ascending(event.lineNumbers),
      events: [seen],
    }
    return { outcome: 'new', memory: first, eventNumber: 1, latest: true, removedLineNumbers: noNumbers }
  }
  const latest = event.timeMs >= memory.latest_time
  if (memory.events.some(({ status, time }) => status === event.status && time === event.timeMs)) {
    return {
      outcome: 'repeat',
      memory,
      eventNumber: memory.event_count,
      latest,
      removedLineNumbers: noNumbers,
    }
  }
  const eventNumber = memory.event_count + 1
  const latestTimeMs = latest ? event.timeMs : memory.latest_time
  const next: OrderMemory = {
    placed_time: Math.min(memory.placed_time, event.timeMs),
    latest_time: latestTimeMs,
    event_count: eventNumber,
    line_numbers: latest ? ascending(event.lineNumbers) : memory.line_numbers,
    events: remembered(memory.events, seen, latestTimeMs, limits),
  }
  if (!latest) {
    return { outcome: 'stale-update', memory: next, eventNumber, latest, removedLineNumbers: noNumbers }
  }
  const kept = new Set(event.lineNumbers)
  const removedLineNumbers = memory.line_numbers.filter((number) => !kept.has(number))
  return { outcome: 'update', memory: next, eventNumber, latest, removedLineNumbers }
}

/** Oldest first. The event at hand is kept even when it is too old, so that its immediate repeat is still known. */
function remembered(
  events: readonly SeenEvent[],
  event: SeenEvent,
  latestTimeMs: number,
  limits: MemoryLimits,
): SeenEvent[] {
  const earliestMs = latestTimeMs - limits.retentionMs
  const others = events.filter(({ time }) => time >= earliestMs).slice(-(limits.maxEvents - 1))
  const later = others.findIndex(({ time }) => time > event.time)
  others.splice(later < 0 ? others.length : later, 0, event)
  return others
}

function ascending(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b)
}
