import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRowStoreOf } from '../../../tests/support/row-store.ts'
import { KeyedProcessor } from '../../dsl/keyed-processor.ts'
import { defineTopology } from '../../dsl/stream-builder.ts'
import { OpenCodecs } from '../../runtime/codecs.ts'
import { serdes } from '../../serde/serdes.ts'
import { topic } from '../../serde/topic.ts'
import { MemoryRegistry } from '../../testing/index.ts'
import type { Timer, TimerKey } from '../../time/timer-key.ts'
import { tumbling } from '../../time/windows.ts'
import type { StoreSpec, Windowed } from '../../topology/store-spec.ts'
import type { Topology } from '../../topology/topology.ts'
import { type RowCursor, RowReader, type Slice } from './row-reader.ts'
import { StoreCodec } from './store-codec.ts'
import { storesOf } from './stores.ts'
import { TaskRows } from './task-rows.ts'

const numbers = topic('numbers', { key: serdes.string, value: serdes.long })

class Waits extends KeyedProcessor<string, number, never> {
  override process(): void {}
  override onTimer(): void {}
}

const timers = defineTopology('waiting', (builder) => {
  builder
    .stream(numbers)
    .groupByKey()
    .process('waits', () => new Waits())
})

const windows = defineTopology('windows', (builder) => {
  builder.stream(numbers).groupByKey().windowedBy(tumbling(10)).count({ store: 'per-ten' })
})

/** A store of a topology that has only this one, with rows put into it by hand. */
async function openOne<K, V>(topology: Topology) {
  const [store] = storesOf(topology)
  // The store's own keys and values, whose types its layout says.
  const { windows: _, ...spec } = store!.spec as StoreSpec<K, V>
  const home = await openRowStoreOf<K, V>(spec)
  const codec = new StoreCodec(store!, await OpenCodecs.open(new MemoryRegistry(), topology))
  const openTask = {
    committed: { database: home.database, checkpoint: undefined },
    compiled: { record: home.time, stores: new Map([[spec.name, home.store]]) },
    watermarkMs: 0,
  }
  const task = `${store!.subTopology.name}_0`
  const running = { drivers: new Map([[task, { openTask }]]), standbys: new Map() }
  return {
    home,
    codec,
    reader: (isolation: 'live' | 'committed') =>
      new RowReader(
        codec,
        TaskRows.open(running, { ...store!, spec }, 0, { isolation, standbyLagMax: undefined })!,
      ),
  }
}

async function allOf<T>(
  next: (cursor: RowCursor | undefined) => Promise<Slice<T>>,
  limit: number,
): Promise<T[]> {
  const all: T[] = []
  let cursor: RowCursor | undefined
  do {
    const slice = await next(cursor)
    expect(slice.items.length).toBeLessThanOrEqual(limit)
    all.push(...slice.items)
    cursor = slice.next
  } while (cursor !== undefined)
  return all
}

const keys = fc.constantFrom('a', 'b', 'c', 'cc')
const limits = fc.integer({ min: 1, max: 7 })

describe('RowReader', () => {
  it('should give timers of both kinds in the order of time, a slice at a time', async () => {
    const timer = fc.record({
      by: fc.constantFrom('event-time' as const, 'wall-clock' as const),
      timeMs: fc.integer({ min: 0, max: 30 }),
      key: keys,
      name: fc.constantFrom('', 'x', 'longer name'),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(timer, { maxLength: 40 }),
        limits,
        keys,
        fc.nat(40),
        async (set, limit, key, committed) => {
          const { home, codec, reader } = await openOne<TimerKey<string>, number>(timers)
          set.forEach((one, index) => {
            home.store.put(one, 0, 1)
            if (index === committed) home.commit()
          })
          const text = ({ by, timeMs, key: of, name }: Timer<unknown>) =>
            `${String(timeMs).padStart(3)} ${by} ${of} ${name}`
          const expected = [...new Set(set.map(text))].sort()
          const all = await allOf((cursor) => reader('live').timers(undefined, cursor, limit), limit)
          expect(all.map((one) => text(one).slice(0, 14))).toEqual(expected.map((one) => one.slice(0, 14)))
          expect(all.map(text).sort()).toEqual(expected)
          const own = await allOf(
            (cursor) => reader('live').timers(codec.keyBytes(key), cursor, limit),
            limit,
          )
          const ownExpected = [...new Set(set.filter((one) => one.key === key).map(text))].sort()
          expect(own.map(text).sort()).toEqual(ownExpected)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('should find the windows of a key in a span of time, whoever else has windows then', async () => {
    const window = fc.record({
      key: keys,
      startMs: fc.integer({ min: 0, max: 20 }).map((number) => number * 10),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(window, { maxLength: 40 }),
        limits,
        keys,
        fc.integer({ min: 0, max: 100 }),
        fc.integer({ min: 0, max: 250 }),
        async (set, limit, key, fromMs, toMs) => {
          const { home, codec, reader } = await openOne<Windowed<string>, number>(windows)
          set.forEach((one, index) => {
            home.store.put({ ...one, endMs: one.startMs + 10 }, index, one.startMs)
            if (index % 10 === 5) home.commit()
          })
          const found = await allOf(
            (cursor) => reader('live').windows(codec.keyBytes(key), fromMs, toMs, cursor, limit),
            limit,
          )
          const expected = new Map<number, number>()
          set.forEach((one, index) => {
            if (one.key === key && one.startMs >= fromMs && one.startMs < toMs)
              expected.set(one.startMs, index)
          })
          expect(found.map(({ key: of, value, window: at }) => [of, at?.startMs, at?.endMs, value])).toEqual(
            [...expected]
              .sort(([a], [b]) => a - b)
              .map(([startMs, value]) => [key, startMs, startMs + 10, value]),
          )
        },
      ),
      { numRuns: 100 },
    )
  })
})
