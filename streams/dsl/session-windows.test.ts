import { describe, expect, it } from 'vitest'
import { jsonTopic, nullableTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { session } from '../time/session-windows.ts'
import type { Windowed } from '../topology/store-spec.ts'
import { counting } from './aggregators.ts'
import type { KTable } from './ktable.ts'
import { defineTopology, type StreamBuilder } from './stream-builder.ts'

const input = nullableTopic<string>('input')
const output = nullableTopic<unknown>('output')
const perCommit = { settings: { emission: 'per-commit' as const } }

function write<A>(table: KTable<Windowed<string>, A>): void {
  table
    .toStream()
    .map(({ key, startMs, endMs }, value) => [`${key}[${startMs},${endMs}]`, value as unknown])
    .to(output)
}

/** The values of each session as one text, in the order in which they came to it. */
const texts = {
  init: () => '',
  add: (text: string, value: string | null) => text + value,
  merge: (left: string, right: string) => left + right,
}

function sessions(gapMs: number, graceMs: number, emit: 'on-change' | 'on-close') {
  return defineTopology('sessions', (builder) => {
    write(
      builder
        .stream(input)
        .groupByKey()
        .windowedBy(session(gapMs).grace(graceMs))
        .emit(emit)
        .aggregate(texts, { store: 'sessions', value: serdes.string }),
    )
  })
}

const at = (key: string, value: string, timestampMs: number) => ({ key, value, timestampMs })

describe('session windows', () => {
  it('should come to what the documentation of Kafka Streams shows', async () => {
    await withDriver(sessions(5, 100, 'on-change'), perCommit, async (driver) => {
      await driver.write(input, at('green', '1', 0), at('blue', '2', 2), at('green', '3', 6))
      await driver.run()
      expect(shown(await driver.read(output))).toEqual([
        'green[0,0]="1"@0',
        'blue[2,2]="2"@2',
        'green[6,6]="3"@6',
      ])
      await driver.write(input, at('green', '4', 4), at('blue', '5', 5), at('blue', '6', 11))
      await driver.run()
      expect(shown(await driver.read(output))).toEqual([
        'green[0,0]=null@0',
        'green[6,6]=null@6',
        'green[0,6]="134"@6',
        'blue[2,2]=null@2',
        'blue[2,5]="25"@5',
        'blue[11,11]="6"@11',
      ])
    })
  })

  it('should pass on what a session has become once a commit', async () => {
    await withDriver(sessions(10, 0, 'on-change'), perCommit, async (driver) => {
      await driver.write(input, at('a', '1', 0), at('a', '2', 5), at('a', '3', 9), at('a', '4', 9))
      await driver.run()
      expect(shown(await driver.read(output))).toEqual(['a[0,9]="1234"@9'])
    })
  })

  it('should pass sessions on that came and were forgotten between two commits', async () => {
    await withDriver(sessions(10, 0, 'on-change'), perCommit, async (driver) => {
      await driver.write(input, at('a', '1', 0), at('b', '2', 5_000))
      await driver.run()
      expect(shown(await driver.read(output))).toEqual(['a[0,0]="1"@0', 'b[5000,5000]="2"@5000'])
      expect([...driver.store<string, unknown>('sessions').range()].map(([key]) => key)).toEqual(['b'])
    })
  })

  it('should be closed when more than gap and grace have passed, in the order of their ends', async () => {
    await withDriver(sessions(10, 5, 'on-close'), {}, async (driver) => {
      await driver.pipe(input, at('b', '1', 0), at('a', '2', 1), at('c', '3', 0), at('b', '4', 8))
      await driver.pipe(input, at('d', '5', 16))
      expect(shown(await driver.read(output))).toEqual(['c[0,0]="3"@0'])
      await driver.pipe(input, at('d', '6', 40))
      expect(shown(await driver.read(output))).toEqual(['a[1,1]="2"@1', 'b[0,8]="14"@8', 'd[16,16]="5"@16'])
    })
  })

  it('should give what comes for a session that has closed to whoever asks for it', async () => {
    const late = nullableTopic<string>('late')
    const topology = defineTopology('sessions', (builder) => {
      const windowed = builder
        .stream(input)
        .groupByKey()
        .windowedBy(session(10))
        .lateTo((stream) => stream.to(late))
      write(windowed.count({ store: 'sessions' }))
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(input, at('a', 'first', 0), at('a', 'next', 100), at('a', 'late', 5))
      expect(shown(await driver.read(late))).toEqual(['a="late"@5'])
      expect(driver.droppedCount('late')).toBe(1)
    })
  })

  it('should each be passed on once, also when there is more after the end of input', async () => {
    await withDriver(sessions(10, 0, 'on-close'), {}, async (driver) => {
      await driver.pipe(input, at('a', '1', 0), at('b', '2', 3))
      await driver.endInput()
      expect(shown(await driver.read(output))).toEqual(['a[0,0]="1"@0', 'b[3,3]="2"@3'])
      await driver.pipe(input, at('b', 'late', 3), at('b', '3', 4), at('c', '4', 500))
      expect(shown(await driver.read(output))).toEqual(['b[4,4]="3"@4'])
      expect(driver.droppedCount('late')).toBe(1)
      expect([...driver.store<string, unknown>('sessions').range()].map(([key]) => key)).toEqual(['c'])
      expect([...driver.store<unknown, unknown>('sessions-due').range()]).toHaveLength(1)
    })
  })

  it('should be rows that can be joined, for as long as they are kept', async () => {
    const topology = defineTopology('sessions', (builder) => {
      const windowed = builder.stream(input).groupByKey().windowedBy(session(10))
      const counts = windowed.count({ store: 'counts', retentionMs: 1_000 })
      const all = windowed.aggregate(texts, { store: 'texts', value: serdes.string, retentionMs: 1_000 })
      write(counts.join(all, (count, text) => `${count} ${text}`))
    })
    await withDriver(topology, perCommit, async (driver) => {
      await driver.pipe(input, at('a', 'x', 0), at('a', 'y', 4), at('b', 'z', 20))
      expect(shown(await driver.read(output)).filter((line) => !line.includes('null'))).toEqual([
        'a[0,0]="1 x"@0',
        'a[0,4]="2 xy"@4',
        'b[20,20]="1 z"@20',
      ])
    })
  })

  it('should go combined through a repartition topic, one record for each session and commit', async () => {
    const topology = defineTopology('sessions', (builder) => {
      const byText = builder
        .stream(jsonTopic<string>('lines'))
        .groupBy((value) => value.charAt(0), serdes.string)
      write(byText.windowedBy(session(10)).count({ store: 'sessions' }))
    })
    await withDriver(topology, perCommit, async (driver) => {
      const lines = jsonTopic<string>('lines')
      await driver.write(lines, at('1', 'ax', 0), at('2', 'ay', 5), at('3', 'b', 6), at('4', 'az', 30))
      await driver.run()
      const between = await driver.read(nullableTopic('sessions-sessions-repartition'))
      expect(between.map(({ timestampMs }) => timestampMs)).toEqual([5, 30, 6])
      expect(shown(await driver.read(output))).toEqual(['a[0,5]=2@5', 'a[30,30]=1@30', 'b[6,6]=1@6'])
    })
  })

  it('should be refused when nothing says how two become one', () => {
    const withoutMerge = (builder: StreamBuilder) => {
      const { merge: _none, ...counter } = counting()
      builder.stream(input).groupByKey().windowedBy(session(10)).aggregate(counter, { store: 'sessions' })
    }
    expect(() => defineTopology('sessions', withoutMerge)).toThrow(/give the aggregator a merge/)
    expect(() => session(0)).toThrow(/the gap of windows is 0/)
  })
})
