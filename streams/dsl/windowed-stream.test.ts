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
import { nullable } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import { hopping, tumbling } from '../time/windows.ts'
import type { Windowed } from '../topology/store-spec.ts'
import { internalTopics } from '../topology/topology.ts'
import { summing } from './aggregators.ts'
import type { KGroupedStream } from './kgrouped-stream.ts'
import type { KTable } from './ktable.ts'
import { defineTopology, type StreamBuilder } from './stream-builder.ts'

const input = jsonTopic<number>('in')
const out = nullableTopic<number>('out')

function at(timestampMs: number, key = 'a', value = 1) {
  return { key, value, timestampMs }
}

/** Windows in keys: `a@100` is the one of `a` that begins at 100. */
function windowsInto(table: KTable<Windowed<string>, number>): void {
  table.toStream(({ key, startMs }) => `${key}@${startMs}`).to(out)
}

function perKey(builder: StreamBuilder) {
  return builder.stream(input).groupByKey()
}

describe('a windowed aggregate', () => {
  it('should pass on what changed once a commit, and each change where that is asked for', async () => {
    const count = (builder: StreamBuilder) =>
      windowsInto(perKey(builder).windowedBy(tumbling(100)).count({ store: 'counts' }))
    const inputs = [at(10), at(20), at(110), at(30)]
    await withDriver(defineTopology('t', count), { settings: { emission: 'per-commit' } }, async (driver) => {
      await driver.write(input, ...inputs)
      await driver.run()
      expect(shown(await driver.read(out))).toEqual(['a@0=2@20', 'a@100=1@110'])
    })
    const { records, dropped } = await outcomeOf(count, out, [into(input, ...inputs)])
    expect(shown(records)).toEqual(['a@0=1@10', 'a@0=2@20', 'a@100=1@110'])
    expect(dropped('late')).toBe(1)
  })

  it('should pass windows on once when they close, in the order of start and key', async () => {
    const { records } = await outcomeOf(
      (builder) =>
        windowsInto(
          perKey(builder).windowedBy(tumbling(100).grace(20)).emit('on-close').count({ store: 'counts' }),
        ),
      out,
      [into(input, at(110, 'b'), at(10, 'b'), at(50, 'a'), at(119, 'c'), at(120, 'a'), at(500, 'z'))],
    )
    expect(shown(records)).toEqual(['a@0=1@50', 'b@0=1@10', 'a@100=1@120', 'b@100=1@110', 'c@100=1@119'])
  })

  it('should count null values and leave them out when reducing', async () => {
    const nulls = nullableTopic<number>('in')
    const windowed = (builder: StreamBuilder) => builder.stream(nulls).groupByKey().windowedBy(tumbling(100))
    const inputs = [into(nulls, { ...at(1), value: null }, at(2, 'a', 5), at(3, 'a', 4))]
    const counted = await outcomeOf(
      (builder) => windowsInto(windowed(builder).count({ store: 's' })),
      out,
      inputs,
    )
    expect(latest(counted.records).get('a@0')).toBe(3)
    const reduced = await outcomeOf(
      (builder) => windowsInto(windowed(builder).reduce(Math.min, { store: 's', value: serdes.json() })),
      out,
      inputs,
    )
    expect([latest(reduced.records).get('a@0'), reduced.dropped('null-value')]).toEqual([4, 1])
  })

  it('should not change in place what somebody behind it still looks at', async () => {
    const { records } = await outcomeOf(
      (builder) => {
        const lists = perKey(builder)
          .windowedBy(tumbling(100))
          .aggregate<number[]>(
            {
              init: () => [],
              add: (list, value) => {
                list.push(value)
                return list
              },
            },
            { store: 'lists', value: serdes.json() },
          )
        windowsInto(
          lists
            .groupBy((key, list) => [key, list.length] as const, {
              key: lists.traits.keySerde!,
              value: serdes.json<number>(),
            })
            .aggregate(
              summing((length) => length),
              { store: 'lengths' },
            ),
        )
      },
      out,
      [into(input, at(1), at(2), at(3))],
    )
    expect(shown(records).at(-1)).toBe('a@0=3@3')
  })

  it('should be kept and seen for as long as it says', async () => {
    const topology = defineTopology('kept', (builder) => {
      perKey(builder).windowedBy(tumbling(100)).count({ store: 'counts', retentionMs: 200 })
    })
    await withDriver(topology, {}, async (driver) => {
      const store = driver.store<Windowed<string>, number>('counts')
      const seen = () =>
        [...store.range()].map(([{ key, startMs, endMs }, count]) => [key, startMs, endMs, count])
      await driver.pipe(input, at(10), at(299))
      expect(seen()).toEqual([
        ['a', 0, 100, 1],
        ['a', 200, 300, 1],
      ])
      await driver.pipe(input, at(300))
      expect(seen().map(([, startMs]) => startMs)).toEqual([200, 300])
      expect(store.get({ key: 'a', startMs: 0, endMs: 100 })).toBeUndefined()
      expect(store.get({ key: 'a', startMs: 200, endMs: 300 })).toBe(1)
    })
  })

  it('should make the row a dead letter that an operator behind it fails on when the window closes', async () => {
    const { records, deadLetters } = await outcomeOf(
      (builder) => {
        perKey(builder)
          .windowedBy(tumbling(100))
          .emit('on-close')
          .count({ store: 'counts' })
          .toStream(({ key }) => key)
          .mapValues((count, key) => {
            if (key === 'bad') throw new Error('no good')
            return count
          })
          .to(out)
      },
      out,
      [into(input, at(10, 'bad'), at(10, 'good'), at(100))],
    )
    expect(shown(records)).toEqual(['good=1@10'])
    expect(deadLetters.map(({ topic: place, message }) => [place, message])).toEqual([
      [internalTopics.changelog('test', 'counts'), 'no good'],
    ])
  })
})

describe('late records', () => {
  it('should be given to whom wants them, when no window is open to them, and counted by windows', async () => {
    const late = jsonTopic<number>('late')
    const inputs = [at(100), at(195, 'a', 7), at(40, 'a', 8), at(90, 'a', 9)]
    const declare = (by: 'key' | 'new key') => (builder: StreamBuilder) => {
      const stream = builder.stream(input)
      const grouped = by === 'key' ? stream.groupByKey() : stream.groupBy(() => 'a', serdes.string)
      windowsInto(
        grouped
          .windowedBy(hopping(100, 50))
          .lateTo((stream) => stream.to(late))
          .count({ store: 'counts' }),
      )
    }
    for (const by of ['key', 'new key'] as const) {
      const { records, dropped } = await outcomeOf(declare(by), late, [into(input, ...inputs)])
      // 40 lies in a window that closed at 100; 90 in that one, and in one that closes at 150.
      expect(shown(records)).toEqual(['a=8@40', 'a=9@90'])
      expect(dropped('late')).toBe(3)
    }
  })

  it('should be late by their own partition, however far others are', async () => {
    const topology = defineTopology('own', (builder) =>
      windowsInto(
        builder
          .stream(input, { idle: 'wait' })
          .groupBy(() => 'all', serdes.string)
          .windowedBy(tumbling(100))
          .emit('on-close')
          .count({ store: 'counts' }),
      ),
    )
    await withDriver(topology, { partitions: 2 }, async (driver) => {
      await driver.pipe(
        input,
        { ...at(990), partition: 0 },
        { ...at(10), partition: 1 },
        { ...at(20), partition: 0 },
      )
      expect(shown(await driver.read(out)), 'partition 1 has just begun').toEqual([])
      await driver.pipe(input, { ...at(700), partition: 1 })
      expect(shown(await driver.read(out))).toEqual(['all@0=1@10'])
      expect(driver.droppedCount('late')).toBe(1)
    })
  })

  it('should be allowed as much disorder as their source says', async () => {
    const { records, dropped } = await outcomeOf(
      (builder) => {
        const grouped = builder.stream(input, { disorderMs: 30 }).groupByKey()
        windowsInto(grouped.windowedBy(tumbling(100)).count({ store: 'counts' }))
      },
      out,
      [into(input, at(129), at(50), at(130), at(50))],
    )
    expect(shown(records)).toEqual(['a@100=1@129', 'a@0=1@50', 'a@100=2@130'])
    expect(dropped('late')).toBe(1)
  })
})

describe('windows behind a repartition topic', () => {
  const other = jsonTopic<number>('other')
  const byParity = (builder: StreamBuilder) =>
    builder.stream(input).groupBy((value) => (value % 2 === 0 ? 'even' : 'odd'), serdes.string)

  it('should get one partial result per key, window and commit', async () => {
    const topology = defineTopology('combined', (builder) => {
      windowsInto(
        byParity(builder)
          .windowedBy(tumbling(100))
          .aggregate(
            summing((value) => value),
            { store: 'sums' },
          ),
      )
      builder.stream(other).to(jsonTopic('elsewhere'))
    })
    await withDriver(topology, { settings: { emission: 'per-commit' }, partitions: 3 }, async (driver) => {
      const records = Array.from({ length: 40 }, (_, value) => ({
        ...at(value * 5, `${value}`, value),
        partition: 0,
      }))
      await driver.write(input, ...records)
      await driver.run()
      const between = topic(internalTopics.repartition('combined', 'sums'), {
        key: serdes.string,
        value: nullable(serdes.bytes),
      })
      expect((await driver.read(between)).map(({ key }) => key).sort()).toEqual([
        'even',
        'even',
        'odd',
        'odd',
      ])
      const sum = (parity: number, from: number) =>
        records
          .filter(
            ({ value, timestampMs }) => value % 2 === parity && Math.floor(timestampMs / 100) === from / 100,
          )
          .reduce((total, { value }) => total + value, 0)
      expect(latest(await driver.read(out))).toEqual(
        new Map(
          ['even', 'odd'].flatMap((key, parity) =>
            [0, 100].map((from) => [`${key}@${from}`, sum(parity, from)]),
          ),
        ),
      )
    })
  })

  it('should not lose partial results that are sent early, because there are many', async () => {
    const topology = defineTopology('many', (builder) => {
      windowsInto(
        builder
          .stream(input)
          .groupBy((value) => `${value}`, serdes.string)
          .windowedBy(hopping(1_000, 20))
          .count({ store: 'counts' }),
      )
    })
    await withDriver(
      topology,
      { settings: { emission: 'per-commit', batchMaxRecords: 2_000 } },
      async (driver) => {
        // Each is in 50 windows; the last one closes all of them, and makes too many to be held.
        const keys = 999
        await driver.write(
          input,
          ...Array.from({ length: keys }, (_, value) => at(10_000, 'a', value)),
          at(12_000),
        )
        await driver.run()
        expect(driver.droppedCount('late')).toBe(0)
        expect((await driver.read(out)).length).toBe(50 * (keys + 1))
      },
    )
  })

  it('should close when all tasks in front are past them, or have nothing to read', async () => {
    const topology = defineTopology('idle', (builder) => {
      windowsInto(byParity(builder).windowedBy(tumbling(100)).emit('on-close').count({ store: 'counts' }))
    })
    await withDriver(topology, { partitions: 3 }, async (driver) => {
      await driver.pipe(input, { ...at(10), partition: 0 }, { ...at(500), partition: 0 })
      expect(await driver.read(out), 'two partitions have said nothing').toEqual([])
      driver.clock.advance(4_999)
      await driver.run()
      expect(await driver.read(out)).toEqual([])
      driver.clock.advance(1)
      await driver.run()
      expect(shown(await driver.read(out)), 'all are idle: the furthest tells the time').toEqual([
        'odd@0=1@10',
      ])
      await driver.pipe(input, { ...at(30), partition: 1 }, { ...at(650), partition: 0 })
      expect(shown(await driver.read(out)), 'partition 1 is there again').toEqual([])
      expect(driver.droppedCount('late'), 'too late for a window that was closed without it').toBe(1)
    })
  })
})

describe('the end of input', () => {
  const closing = (idle: 'wait' | 'wall-clock' = 'wait') =>
    defineTopology('ending', (builder) => {
      windowsInto(
        builder
          .stream(input, { idle })
          .groupBy((value) => `${value}`, serdes.string)
          .windowedBy(tumbling(100).grace(50))
          .emit('on-close')
          .count({ store: 'counts' }),
      )
    })

  it('should close what is open, for good, and leave what comes after its own time', async () => {
    await withDriver(closing(), {}, async (driver) => {
      await driver.pipe(input, at(10), at(220))
      await driver.endInput()
      expect(shown(await driver.read(out))).toEqual(['1@0=1@10', '1@200=1@220'])
      expect(driver.watermarkMs(input.name)).toBe(220)
      await driver.pipe(input, at(230), at(300))
      expect(shown(await driver.read(out))).toEqual([])
      expect(driver.droppedCount('late')).toBe(1)
      await driver.endInput()
      expect(shown(await driver.read(out))).toEqual(['1@300=1@300'])
    })
  })

  it('should not be needed where time follows the clock', async () => {
    await withDriver(closing('wall-clock'), { startMs: 1_000 }, async (driver) => {
      await driver.pipe(input, at(1_010))
      driver.clock.advance(5_000)
      await driver.run()
      expect(shown(await driver.read(out))).toEqual(['1@1000=1@1010'])
      expect(driver.watermarkMs(input.name)).toBe(6_000)
    })
  })
})

describe('windows behind windows', () => {
  function coarsely<K>(grouped: KGroupedStream<K, number | null>): void {
    grouped
      .windowedBy(tumbling(200))
      .emit('on-close')
      .aggregate(
        summing((count: number | null) => count ?? 0),
        { store: 'coarse' },
      )
      .toStream(({ startMs }) => `${startMs}`)
      .to(out)
  }

  it.each(['in one task', 'repartitioned'])(
    'should still take results of windows with the same end, %s',
    async (how) => {
      const { records, dropped } = await outcomeOf(
        (builder) => {
          const fine = perKey(builder)
            .windowedBy(tumbling(100))
            .emit('on-close')
            .count({ store: 'fine' })
            .toStream()
          const counts = nullable(serdes.long)
          if (how === 'in one task') coarsely(fine.groupByKey({ value: counts }))
          else coarsely(fine.groupBy((_count, { key }) => key, serdes.string, counts))
        },
        out,
        [into(input, at(10), at(150), at(160), at(950), at(1_200))],
      )
      const sums = new Map<string | null, number>()
      for (const { key, value } of records) sums.set(key, (sums.get(key) ?? 0) + (value ?? 0))
      expect(sums).toEqual(
        new Map([
          ['0', 3],
          ['800', 1],
        ]),
      )
      expect(dropped('late')).toBe(0)
    },
  )
})

describe('what a windowed aggregate needs', () => {
  it('should be said when it is missing', () => {
    const declare = (use: (builder: StreamBuilder) => void) => () => defineTopology('t', use)
    const fails = (message: string) =>
      expect.objectContaining({ code: 'TOPOLOGY_INVALID', message: expect.stringContaining(message) })
    expect(
      declare((builder) =>
        perKey(builder).windowedBy(tumbling(10).grace(5)).count({ store: 's', retentionMs: 4 }),
      ),
    ).toThrow(fails('at least the grace of 5'))
    expect(
      declare((builder) =>
        builder
          .stream(input)
          .selectKey(() => 1)
          .groupByKey()
          .windowedBy(tumbling(10))
          .count({ store: 's' }),
      ),
    ).toThrow(fails('store "s" needs a serde'))
    expect(declare((builder) => builder.stream(input, { disorderMs: -1 }))).toThrow(fails('disorderMs is -1'))
  })

  it('should be described', () => {
    const topology = defineTopology('t', (builder) => {
      perKey(builder).windowedBy(tumbling(10).grace(5)).count({ store: 's' })
    })
    expect(topology.subTopologies[0]!.stores[0]!.windows).toEqual({
      sizeMs: 10,
      retentionMs: 5,
      closes: false,
    })
    expect(topology.subTopologies[0]!.usesTime).toBe(true)
  })
})
