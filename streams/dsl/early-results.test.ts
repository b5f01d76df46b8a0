import { describe, expect, it } from 'vitest'
import {
  into,
  jsonTopic,
  latest,
  nullableTopic,
  outcomeOf,
  shown,
  withDriver,
} from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { session } from '../time/session-windows.ts'
import { sliding } from '../time/sliding-windows.ts'
import { hopping, tumbling } from '../time/windows.ts'
import type { Windowed } from '../topology/store-spec.ts'
import { internalTopics } from '../topology/topology.ts'
import { summing } from './aggregators.ts'
import type { EarlyEmission } from './early-results.ts'
import type { KTable } from './ktable.ts'
import { defineTopology, type StreamBuilder } from './stream-builder.ts'
import type { EventWindows } from './windowed-plan.ts'

const input = jsonTopic<number>('in')
const out = nullableTopic<number>('out')

function at(timestampMs: number, key = 'a', value = 1) {
  return { key, value, timestampMs }
}

const summed = summing<number>((value) => value)
const every10: EarlyEmission = { everyMs: 10 }

function windowed(builder: StreamBuilder, windows: EventWindows, emit: EarlyEmission = every10) {
  const grouped = builder.stream(input, { idle: 'wait' }).groupByKey()
  // The overloads are by the kind of window.
  if ('gapMs' in windows) return grouped.windowedBy(windows).emit(emit)
  if ('differenceMs' in windows) return grouped.windowedBy(windows).emit(emit)
  return grouped.windowedBy(windows).emit(emit)
}

function write(table: KTable<Windowed<string>, number | null>): void {
  table.toStream(({ key, startMs, endMs }) => `${key}[${startMs},${endMs}]`).to(out)
}

function sums(windows: EventWindows, emit: EarlyEmission = every10) {
  return (builder: StreamBuilder) => write(windowed(builder, windows, emit).aggregate(summed, { store: 's' }))
}

async function resultsOf(windows: EventWindows, ...inputs: ReturnType<typeof at>[]) {
  const { records } = await outcomeOf(sums(windows), out, [into(input, ...inputs)])
  return shown(records)
}

describe('early results', () => {
  it('should come once an interval of what has changed, and be final when the window closes', async () => {
    expect(
      await resultsOf(
        tumbling(40).grace(5),
        at(1),
        at(2),
        at(9, 'b'),
        // Reaches 10, with this one already in.
        at(13),
        // Nothing has changed in b since; 20 is reached.
        at(21, 'b', 2),
        // 30 is reached, and a has not changed.
        at(32, 'c'),
        // Reaches the multiple in the grace, in which what is late still counts.
        at(40, 'd'),
        at(31),
        at(44, 'd'),
        at(45, 'd'),
      ),
    ).toEqual([
      'a[0,40]=3@13',
      'b[0,40]=1@9',
      'b[0,40]=3@21',
      'c[0,40]=1@32',
      // Closing: all of them, in the order of keys, also those that are as they were.
      'a[0,40]=4@31',
      'b[0,40]=3@21',
      'c[0,40]=1@32',
    ])
  })

  it('should not come when the window closes first', async () => {
    expect(await resultsOf(tumbling(8), at(1), at(2), at(50))).toEqual(['a[0,8]=2@2'])
    expect(await resultsOf(tumbling(40), at(1), at(50)), 'both due at once').toEqual(['a[0,40]=1@1'])
  })

  it('should be of each window that a record is in, earlier starts first', async () => {
    expect(await resultsOf(hopping(40, 20), at(25, 'b'), at(25, 'a'), at(30))).toEqual([
      'a[0,40]=2@30',
      'b[0,40]=1@25',
      'a[20,60]=2@30',
      'b[20,60]=1@25',
    ])
  })

  it('should be of sliding windows, too', async () => {
    expect(await resultsOf(sliding(20).grace(20), at(21), at(25), at(31), at(45))).toEqual([
      // Reaches 30.
      'a[1,21]=1@21',
      'a[5,25]=2@25',
      'a[22,42]=2@31',
      // Reaches 40, and closes the first.
      'a[11,31]=3@31',
      'a[26,46]=2@45',
      'a[1,21]=1@21',
    ])
  })

  it('should take sessions back that became others, right before those', async () => {
    const merging = [at(0), at(9, 'b'), at(13, 'z'), at(26), at(33, 'z'), at(14), at(42, 'z')]
    const results = await resultsOf(session(14).grace(20), ...merging)
    expect(results).toEqual([
      'a[0,0]=1@0',
      'b[9,9]=1@9',
      'z[13,13]=1@13',
      'a[26,26]=1@26',
      'a[0,0]=null@0',
      'a[26,26]=null@26',
      'a[0,26]=3@26',
      // Nobody has seen it as it was at 33.
      'z[33,42]=2@42',
    ])
  })

  it('should come of a session that each record prolongs, however long it lasts', async () => {
    const results = await resultsOf(session(20), at(0), at(15), at(30), at(45))
    expect(results).toEqual(['a[0,15]=2@15', 'a[0,15]=null@15', 'a[0,45]=4@45'])
  })

  it('should take a window back at once when its aggregate is no more', async () => {
    const declare = (builder: StreamBuilder) =>
      write(
        windowed(builder, tumbling(100)).aggregate<number | null>(
          { init: () => 0, add: (sum, value) => (value < 0 ? null : (sum ?? 0) + value) },
          { store: 's', value: serdes.json() },
        ),
      )
    const { records } = await outcomeOf(declare, out, [
      into(
        input,
        at(1),
        at(10),
        at(11, 'a', -1),
        at(12, 'b', -1),
        at(13, 'c'),
        at(14, 'c', -1),
        at(15),
        at(20),
      ),
    ])
    expect(shown(records)).toEqual(['a[0,100]=2@10', 'a[0,100]=null@11', 'a[0,100]=2@20'])
  })

  it('should be replaced in what is computed of them', async () => {
    for (const windows of [tumbling(50), sliding(30), session(15)]) {
      const declare = (builder: StreamBuilder) =>
        windowed(builder, windows)
          .aggregate(summed, { store: 's' })
          .groupBy((_window, sum) => ['all', sum] as const, {
            key: serdes.string,
            value: serdes.json<number>(),
          })
          .aggregate(summed, { store: 'all' })
          .toStream()
          .to(out)
      const inputs = [3, 11, 14, 29, 26, 40, 33, 49, 60, 75].map((timestampMs, value) =>
        at(timestampMs, 'a', value),
      )
      await withDriver(defineTopology('t', declare), {}, async (driver) => {
        await driver.pipe(input, ...inputs)
        await driver.endInput()
        const final = [...driver.store<string, number>('all').range()]
        const table = await outcomeOf(sums(windows), out, [into(input, ...inputs), (own) => own.endInput()])
        const total = [...latest(table.records).values()].reduce<number>(
          (sum, value) => sum + (value ?? 0),
          0,
        )
        expect(final).toEqual([['all', total]])
      })
    }
  })

  it('should not change in place what was passed on and somebody keeps', async () => {
    const declare = (builder: StreamBuilder) =>
      windowed(builder, tumbling(100))
        .aggregate<number[]>(
          {
            init: () => [],
            add: (list, value) => {
              list.push(value)
              return list
            },
          },
          { store: 's', value: serdes.json() },
        )
        .groupBy((_window, list) => ['all', list.length] as const, {
          key: serdes.string,
          value: serdes.json<number>(),
        })
        .aggregate(summed, { store: 'lengths' })
        .toStream()
        .to(out)
    const { records } = await outcomeOf(declare, out, [into(input, at(1), at(11), at(12), at(25))])
    expect(latest(records).get('all')).toBe(4)
  })

  it('should come by the wall clock, whether or not records do', async () => {
    const declare = sums(tumbling(1_000), { everyMs: 60_000, by: 'wall-clock' })
    await withDriver(defineTopology('t', declare), {}, async (driver) => {
      await driver.pipe(input, at(1), at(2))
      expect(shown(await driver.read(out))).toEqual([])
      await driver.advanceWallClock(60_000)
      expect(shown(await driver.read(out))).toEqual(['a[0,1000]=2@2'])
      await driver.advanceWallClock(120_000)
      expect(shown(await driver.read(out)), 'nothing has changed').toEqual([])
      await driver.pipe(input, at(3), at(1_000, 'b'))
      expect(shown(await driver.read(out)), 'closed').toEqual(['a[0,1000]=3@3'])
      await driver.advanceWallClock(60_000)
      expect(shown(await driver.read(out))).toEqual(['b[1000,2000]=1@1000'])
      await driver.endInput()
      expect(shown(await driver.read(out))).toEqual(['b[1000,2000]=1@1000'])
    })
  })

  it('should make the row a dead letter that an operator behind fails on, and go on', async () => {
    const { records, deadLetters } = await outcomeOf(
      (builder) =>
        write(
          windowed(builder, tumbling(100))
            .aggregate(summed, { store: 's' })
            .mapValues((sum) => {
              if (sum === 2) throw new Error('no good')
              return sum
            }),
        ),
      out,
      [into(input, at(1), at(2), at(3, 'b'), at(10, 'c'), at(11), at(20, 'c', 4))],
    )
    expect(shown(records)).toEqual(['b[0,100]=1@3', 'a[0,100]=3@11', 'c[0,100]=5@20'])
    expect(deadLetters.map(({ topic, message }) => [topic, message])).toEqual([
      [internalTopics.changelog('test', 's'), 'no good'],
    ])
  })

  it('should still be taken by windows behind them that have the same end', async () => {
    const declare = (builder: StreamBuilder) =>
      windowed(builder, tumbling(20))
        .aggregate(summed, { store: 's' })
        .toStream(({ key }) => key)
        .groupByKey({ key: serdes.string, value: serdes.json<number>() })
        .windowedBy(tumbling(20))
        .emit('on-close')
        .aggregate(summed, { store: 'behind' })
        .toStream(({ key, startMs, endMs }) => `${key}[${startMs},${endMs}]`)
        .to(out)
    const { records, dropped } = await outcomeOf(declare, out, [
      into(input, at(1), at(12), at(15), at(20), at(45)),
    ])
    // 2 at 10, and 3 when it closed.
    expect(shown(records)).toEqual(['a[0,20]=5@15', 'a[20,40]=1@20'])
    expect(dropped('late')).toBe(0)
  })

  it('should be of a cogroup', async () => {
    const other = jsonTopic<number>('other')
    const declare = (builder: StreamBuilder) =>
      write(
        builder
          .stream(input)
          .groupByKey()
          .cogroup<number>((sum, value) => sum + value)
          .cogroup(builder.stream(other).groupByKey(), (sum, value) => sum - value)
          .windowedBy(tumbling(100))
          .emit(every10)
          .aggregate({ init: () => 0, serde: serdes.json<number>() }, { store: 's' }),
      )
    const { records } = await outcomeOf(declare, out, [
      into(input, at(1, 'a', 5)),
      into(other, at(2, 'a', 2)),
      into(input, at(30, 'b', 1)),
      into(other, at(30, 'b', 1)),
    ])
    expect(shown(records)).toContain('a[0,100]=3@2')
  })

  it('should be refused at intervals that are none', () => {
    for (const everyMs of [0, -5, 1.5, Number.NaN]) {
      expect(() => defineTopology('t', sums(tumbling(100), { everyMs }))).toThrow(
        expect.objectContaining({ code: 'TOPOLOGY_INVALID', message: expect.stringContaining(`${everyMs}`) }),
      )
    }
  })

  it('should leave nothing behind of windows that have closed', async () => {
    for (const windows of [tumbling(40), sliding(30), session(15)]) {
      await withDriver(defineTopology('t', sums(windows)), {}, async (driver) => {
        await driver.pipe(input, ...[1, 12, 25, 47, 60].map((timestampMs) => at(timestampMs)))
        expect([...driver.store('s-early').range()].length).toBeGreaterThan(0)
        await driver.endInput()
        expect([...driver.store('s-early').range()]).toEqual([])
        expect([...driver.store('s-early-due').range()]).toEqual([])
      })
    }
  })
})
