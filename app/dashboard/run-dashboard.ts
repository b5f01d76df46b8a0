/** Reads the figures time and again, and shows each reading, until somebody asks to stop. */
import { setTimeout as delay } from 'node:timers/promises'
import { StreamsError } from '../../streams/index.ts'
import { FigureReader, type FiguresRequest } from './figures.ts'
import { mostPlaces } from './frame.ts'
import { type DashboardModel, modelOf } from './model.ts'
import type { Tables } from './tables.ts'
import type { View } from './views.ts'

export interface DashboardOptions extends Pick<FiguresRequest, 'unit' | 'currency' | 'sessionGapMs'> {
  readonly everyMs: number
  readonly isOnce: boolean
  /** The newest minutes or hours; as many as the view has room for by default. */
  readonly buckets: number | undefined
  readonly signal: AbortSignal
}

/**
 * Failures that pass are shown beside the last reading; a first reading that fails is none.
 * @throws SINK_UNAVAILABLE when the first reading fails, SINK_FAILED
 */
export async function runDashboard(tables: Tables, view: View, options: DashboardOptions): Promise<void> {
  const { everyMs, isOnce, signal } = options
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  const reading = readingOf(tables, view, options)
  let last: DashboardModel | undefined
  const readAndShow = async (): Promise<void> => {
    try {
      const model = await reading()
      if (signal.aborted) return
      last = model
      view.show(model, null)
    } catch (error) {
      if (signal.aborted) return
      if (isOnce || last === undefined || !passes(error)) throw error
      view.show(last, `not of now, and tried again: ${error.message}`)
    }
  }
  while (!signal.aborted) {
    const startMs = Date.now()
    await Promise.race([readAndShow(), stopped])
    if (isOnce) return
    const tookMs = Date.now() - startMs
    // A database that is slow gets as much rest as work.
    await delay(Math.max(everyMs - tookMs, tookMs), undefined, { signal }).catch(() => {})
  }
}

function readingOf(tables: Tables, view: View, { unit, currency, sessionGapMs, buckets }: DashboardOptions) {
  let reader: FigureReader | undefined
  return async (): Promise<DashboardModel> => {
    const request = { unit, currency, sessionGapMs, places: mostPlaces, buckets: buckets ?? view.bars() }
    if (reader === undefined) {
      const database = await tables.open()
      if (database !== null) reader = new FigureReader(database, Date.now)
    }
    const figures = reader === undefined ? 'database' : await reader.read(request)
    return modelOf(figures, { nowMs: Date.now(), place: tables.place, request })
  }
}

function passes(error: unknown): error is StreamsError {
  return error instanceof StreamsError && error.code === 'SINK_UNAVAILABLE'
}
