import { describe, expect, it } from 'vitest'
import type { Database } from '../../sql/index.ts'
import { StreamsError } from '../../streams/index.ts'
import type { DashboardModel } from './model.ts'
import { type DashboardOptions, runDashboard } from './run-dashboard.ts'
import type { Tables } from './tables.ts'
import type { View } from './views.ts'

interface Shown {
  readonly model: DashboardModel
  readonly notice: string | null
}

const away = new StreamsError('SINK_UNAVAILABLE', 'the database is away')

/** A database without tables, whose queries end as the outcomes say, one after the other, and then as the last one. */
function tablesWith(...outcomes: readonly (Error | 'well' | 'never')[]): Tables {
  let queries = 0
  const database: Database = {
    dialect: 'sqlite',
    label: 'test',
    statementLimitBytes: 1,
    query: async () => {
      const outcome = outcomes[Math.min(queries++, outcomes.length - 1)]
      if (outcome instanceof Error) throw outcome
      return outcome === 'never' ? new Promise(() => {}) : []
    },
    begin: () => Promise.reject(new Error('it writes')),
    changeSchema: () => Promise.reject(new Error('it writes')),
    close: async () => {},
  }
  return { place: 'here', open: async () => database, close: async () => {} }
}

/** Shows until it has been shown so many. */
async function shownBy(
  tables: Tables,
  until: number,
  changes: Partial<DashboardOptions> = {},
): Promise<Shown[]> {
  const shown: Shown[] = []
  const stop = new AbortController()
  const view: View = {
    bars: () => 10,
    show: (model, notice) => {
      shown.push({ model, notice })
      if (shown.length === until) stop.abort()
    },
    close: () => {},
  }
  const options = { unit: undefined, currency: undefined, buckets: undefined, sessionGapMs: 1 }
  await runDashboard(tables, view, { ...options, everyMs: 1, isOnce: false, signal: stop.signal, ...changes })
  return shown
}

describe('runDashboard', () => {
  it('should show one reading after the other until it is asked to stop', async () => {
    const shown = await shownBy(tablesWith('well'), 3)
    expect(shown.map(({ model, notice }) => [model.place, model.waitingFor, notice])).toEqual(
      Array(3).fill(['here', 'tables', null]),
    )
  })

  it('should show one only when asked for one', async () => {
    expect(await shownBy(tablesWith('well'), 9, { isOnce: true })).toHaveLength(1)
  })

  it('should wait for a database that is not there yet', async () => {
    let asked = 0
    const { open, ...rest } = tablesWith('well')
    const tables = { ...rest, open: async () => (asked++ < 2 ? null : open()) }
    const shown = await shownBy(tables, 3)
    expect(shown.map(({ model }) => model.waitingFor)).toEqual(['database', 'database', 'tables'])
  })

  it('should keep the last reading, with the reason, while the database is away', async () => {
    const shown = await shownBy(tablesWith('well', away, 'well'), 3)
    expect(shown.map(({ notice }) => notice)).toEqual([null, expect.stringContaining(away.message), null])
    expect(shown[1]?.model).toBe(shown[0]?.model)
  })

  it('should end with an error that does not pass, and when the first reading fails', async () => {
    const wrong = new StreamsError('SINK_FAILED', 'not a database')
    await expect(shownBy(tablesWith('well', wrong), 9)).rejects.toBe(wrong)
    await expect(shownBy(tablesWith(away), 9)).rejects.toBe(away)
  })

  it('should end when it is asked to, although the database does not answer', async () => {
    const stop = new AbortController()
    const ended = shownBy(tablesWith('never'), 9, { signal: stop.signal })
    stop.abort()
    expect(await ended).toEqual([])
  })
})
