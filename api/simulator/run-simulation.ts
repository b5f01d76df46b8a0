/** Sends simulated events, as fast as the sink takes them or at the pace at which they arrive. */
import type { Clock } from '../../streams/index.ts'
import { pause } from '../pause.ts'
import type { EventSink, SendResult } from './event-sinks.ts'
import type { SimulatedEvent } from './simulate-orders.ts'

export interface SimulationRun {
  readonly clock: Clock
  /** `arrival`: an event is sent when as much time has passed as lies between its arrival and that of the first one. */
  readonly pace: 'arrival' | 'unlimited'
  readonly batchEvents?: number
  /** Called after every batch. */
  readonly onProgress?: (progress: SimulationProgress) => void
  /** Ends the run after the batch at hand. */
  readonly signal?: AbortSignal
}

export interface SimulationProgress extends SendResult {
  readonly events: number
  /** Arrival time of the newest event sent; epoch milliseconds, simulated. */
  readonly timeMs: number
}

export async function runSimulation(
  events: Iterable<SimulatedEvent>,
  sink: EventSink,
  run: SimulationRun,
): Promise<SimulationProgress> {
  const { clock, signal } = run
  const batchEvents = run.batchEvents ?? 500
  let progress: SimulationProgress = { events: 0, accepted: 0, duplicates: 0, refused: 0, timeMs: 0 }
  let batch: SimulatedEvent[] = []
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    const sent = await sink.send(batch)
    progress = {
      events: progress.events + batch.length,
      accepted: progress.accepted + sent.accepted,
      duplicates: progress.duplicates + sent.duplicates,
      refused: progress.refused + sent.refused,
      timeMs: batch.at(-1)!.arrivalTimeMs,
    }
    batch = []
    run.onProgress?.(progress)
  }

  let aheadMs: number | undefined
  for (const event of events) {
    aheadMs ??= event.arrivalTimeMs - clock.now()
    const waitMs = run.pace === 'unlimited' ? 0 : event.arrivalTimeMs - aheadMs - clock.now()
    if (waitMs > 0) {
      await flush()
      await pause(clock, event.arrivalTimeMs - aheadMs - clock.now(), signal)
    }
    if (signal?.aborted === true) break
    batch.push(event)
    if (batch.length >= batchEvents) await flush()
  }
  await flush()
  return progress
}
