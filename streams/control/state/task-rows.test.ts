import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRowStore, type RowStoreHome } from '../../../tests/support/row-store.ts'
import { RecordBatchBuilder } from '../../records/record-batch.ts'
import { serdes } from '../../serde/serdes.ts'
import { rowTimestamp } from '../../state/row-codec.ts'
import type { SubTopology } from '../../topology/topology.ts'
import { keyBehind } from './row-reader.ts'
import { type Answering, type ReadMode, TaskRows } from './task-rows.ts'

const ttlMs = 100
const spec = { name: 'rows', key: serdes.string, value: serdes.string, ttlMs }
const subTopology: SubTopology = {
  name: 'input',
  nodes: [],
  sources: [],
  stores: [spec],
  hasExternalSink: false,
  usesTime: false,
}
const store = { spec, subTopology }

type Times = { stream_time: number | null; watermark: null }

function taskOf({ database, store: rows, time }: RowStoreHome, checkpoint: Times): Answering {
  const openTask = {
    committed: { database, checkpoint },
    compiled: { record: time, stores: new Map([['rows', rows]]) },
    watermarkMs: 0,
  }
  return { drivers: new Map([['input_0', { openTask }]]), standbys: new Map() }
}

function rowsIn(running: Answering, isolation: ReadMode['isolation']): TaskRows {
  return TaskRows.open(running, store, 0, { isolation, standbyLagMax: undefined })!
}

type Shown = readonly (readonly [key: string, value: string, timestampMs: number])[]

function shown(rows: Iterable<{ readonly key: Buffer; readonly row: Buffer }>): Shown {
  return [...rows].map(({ key, row }) => [key.toString(), row.toString('utf8', 8), rowTimestamp(row)])
}

type Held = Map<string, { readonly value: string; readonly timestampMs: number }>

function expected(held: Held, streamTimeMs: number, from = '', to = '\uffff'): Shown {
  return [...held]
    .filter(([key, { timestampMs }]) => key >= from && key < to && timestampMs + ttlMs > streamTimeMs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { value, timestampMs }]) => [key, value, timestampMs] as const)
}

const keys = fc.integer({ min: 0, max: 40 }).map((number) => `k${String(number).padStart(2, '0')}`)

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant('put' as const), keys, fc.integer({ min: 0, max: 150 })) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('delete' as const), keys) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('get' as const), keys) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('pass' as const), fc.integer({ min: 1, max: 120 })) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('begin commit' as const)) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('commit' as const)) },
    { weight: 4, arbitrary: fc.tuple(fc.constant('look' as const), keys, keys) },
  ),
  { maxLength: 80 },
)

describe('TaskRows', () => {
  it('should show committed and live rows as a plain map has them, and change nothing by looking', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        // Few rows fit into the cache, so that those of the database alone are shown too.
        const home = await openRowStore({ ttlMs, cacheMaxBytes: 1_500 })
        const times: Times = { stream_time: null, watermark: null }
        const running = taskOf(home, times)
        const live: Held = new Map()
        let committed: Held = new Map()
        list.forEach((step, index) => {
          if (step[0] === 'put') {
            const timestampMs = Math.max(0, home.time.streamTimeMs - 50 + step[2])
            home.time.streamTimeMs = Math.max(home.time.streamTimeMs, timestampMs)
            home.store.put(step[1], `v${index}`, timestampMs)
            live.set(step[1], { value: `v${index}`, timestampMs })
          } else if (step[0] === 'delete') {
            home.store.delete(step[1], home.time.streamTimeMs)
            live.delete(step[1])
          } else if (step[0] === 'get') home.store.get(step[1])
          else if (step[0] === 'pass') home.time.streamTimeMs += step[1]
          else if (step[0] === 'begin commit') {
            home.store.flush()
            home.store.encode(new RecordBatchBuilder('changelog', 0), home.database.batch())
          } else if (step[0] === 'commit') {
            home.commit()
            committed = new Map(live)
            times.stream_time = home.time.streamTimeMs
          } else {
            const [from, to] = [step[1], step[2]].sort() as [string, string]
            const { cachedRows, dirtyCount } = home.store
            for (const [isolation, held, nowMs] of [
              ['live', live, home.time.streamTimeMs],
              ['committed', committed, times.stream_time ?? Number.NEGATIVE_INFINITY],
            ] as const) {
              const rows = rowsIn(running, isolation)
              expect(shown(rows.range(Buffer.alloc(0), undefined))).toEqual(expected(held, nowMs))
              const span = rows.range(Buffer.from(from), Buffer.from(to))
              expect(shown(span)).toEqual(expected(held, nowMs, from, to))
              const one = rows.get(Buffer.from(from))
              const wanted = expected(held, nowMs, from, `${from}\0`)
              expect(shown(one === undefined ? [] : [one])).toEqual(wanted)
            }
            expect([home.store.cachedRows, home.store.dirtyCount]).toEqual([cachedRows, dirtyCount])
          }
        })
      }),
      { numRuns: 200 },
    )
  })

  it('should leave a range before its end without leaving it open in the database', async () => {
    const home = await openRowStore()
    for (const key of ['a', 'b', 'c']) home.store.put(key, key, 1)
    home.commit()
    const rows = rowsIn(taskOf(home, { stream_time: null, watermark: null }), 'live')
    for (const { key } of rows.range(Buffer.from('a'), undefined)) {
      expect(key.toString()).toBe('a')
      break
    }
    for (const { key } of rows.range(keyBehind(Buffer.from('a')), undefined)) {
      expect(key.toString()).toBe('b')
      break
    }
    await expect(home.database.close()).resolves.toBeUndefined()
  })

  it('should answer from a copy only when that is allowed, with its lag, and never live', async () => {
    const home = await openRowStore()
    home.store.put('a', '1', 1)
    home.commit()
    const standbys = new Map([['input_0', { copy: home.database, lag: 7 }]])
    const running: Answering = { drivers: new Map(), standbys }
    const open = (mode: ReadMode) => TaskRows.open(running, store, 0, mode)
    expect(open({ isolation: 'committed', standbyLagMax: undefined })).toBeUndefined()
    expect(open({ isolation: 'committed', standbyLagMax: 6 })).toBeUndefined()
    expect(open({ isolation: 'live', standbyLagMax: 7 })).toBeUndefined()
    const copy = open({ isolation: 'committed', standbyLagMax: 7 })!
    expect([copy.standbyLag, copy.commitNumber]).toEqual([7, 0])
    expect(shown(copy.range(Buffer.alloc(0), undefined))).toEqual([['a', '1', 1]])
  })
})
