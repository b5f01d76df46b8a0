import { describe, expect, it } from 'vitest'
import { into, jsonTopic, outcomeOf, shown } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { keyValueStore } from '../topology/store-spec.ts'
import { output } from './process.ts'

const numbers = jsonTopic<number>('numbers')
const results = jsonTopic<number>('results')
const labels = jsonTopic<string>('labels')

const seen = keyValueStore({ name: 'seen', key: serdes.string, value: serdes.long })

describe('a processor', () => {
  it('should forward to any number of typed outputs', async () => {
    const declare = (read: typeof results | typeof labels) =>
      outcomeOf<string, number | string>(
        (builder) => {
          const { halves, odd } = builder.stream(numbers).process('halve', {
            outputs: { halves: output<string, number>(), odd: output<string, string>() },
            create:
              ({ outputs }) =>
              (key, n) =>
                n % 2 === 0 ? outputs.halves(key, n / 2) : outputs.odd(`odd-${key}`, String(n)),
          })
          halves.to(results)
          odd.to(labels)
        },
        read,
        [into(numbers, { key: 'a', value: 4, timestampMs: 1 }, { key: 'b', value: 3, timestampMs: 2 })],
      )
    expect(shown((await declare(results)).records)).toEqual(['a=2@1'])
    expect(shown((await declare(labels)).records)).toEqual(['odd-b="3"@2'])
  })

  it('should keep state by key in its stores, one for each partition', async () => {
    const { records } = await outcomeOf(
      (builder) => {
        const { sums } = builder.stream(numbers).processValues('sum', {
          stores: { seen },
          outputs: { sums: output<string, number>() },
          create:
            ({ stores, outputs }) =>
            (key, n) => {
              const sum = (stores.seen.get(key) ?? 0) + n
              if (sum > 5) stores.seen.delete(key)
              else stores.seen.put(key, sum)
              outputs.sums(key, sum)
            },
        })
        sums.to(results)
      },
      results,
      [into(numbers, ...[1, 2, 3, 4].map((value, i) => ({ key: 'a', value, timestampMs: i })))],
      { partitions: 2 },
    )
    expect(shown(records)).toEqual(['a=1@0', 'a=3@1', 'a=6@2', 'a=4@3'])
  })

  it('should forward and store with the time that it was called with, unless it says another', async () => {
    const { records } = await outcomeOf(
      (builder) => {
        const { out } = builder
          .stream(numbers)
          .withTimestamp((n) => n * 1000)
          .process('stamp', {
            stores: { seen },
            outputs: { out: output<string, number>() },
            create:
              ({ stores, outputs }) =>
              (key, n) => {
                stores.seen.put(key, n)
                outputs.out(key, stores.seen.getTimestamped(key)?.timestampMs ?? -1)
                outputs.out(key, n, 7)
              },
          })
        out.to(results)
      },
      results,
      [into(numbers, { key: 'a', value: 5, timestampMs: 1 })],
    )
    expect(shown(records)).toEqual(['a=5000@5000', 'a=5@7'])
  })

  it('should see where its record lies, its headers and its own time', async () => {
    const { records } = await outcomeOf(
      (builder) => {
        const { out } = builder.stream(numbers).process('where', {
          outputs: { out: output<string, string>() },
          create:
            ({ outputs, record }) =>
            (key) =>
              outputs.out(
                key,
                `${record.topic}-${record.partition}@${record.offset} ${record.timestampMs} ${record.headers[0]?.key}`,
              ),
        })
        out.to(labels)
      },
      labels,
      [
        into(
          numbers,
          { key: 'a', value: 1, timestampMs: 9 },
          { key: 'a', value: 1, timestampMs: 8, headers: [{ key: 'h', value: null }] },
        ),
      ],
    )
    expect(records.map(({ value }) => value)).toEqual(['numbers-0@0 9 undefined', 'numbers-0@1 8 h'])
  })

  it('should share a store with another processor of its name', async () => {
    const { records } = await outcomeOf(
      (builder) => {
        const stream = builder.stream(numbers)
        stream.process('write', {
          stores: { seen },
          outputs: {},
          create:
            ({ stores }) =>
            (key, n) =>
              stores.seen.put(key, n),
        })
        const { out } = stream.process('read', {
          stores: { seen },
          outputs: { out: output<string, number>() },
          create:
            ({ stores, outputs }) =>
            (key) =>
              outputs.out(key, stores.seen.get(key) ?? -1),
        })
        out.to(results)
      },
      results,
      [into(numbers, { key: 'a', value: 4 }, { key: 'b', value: 5 })],
    )
    expect(records.map(({ value }) => value)).toEqual([4, 5])
  })

  it('should range over a store in the order of its keys, uncommitted changes included', async () => {
    const { records } = await outcomeOf(
      (builder) => {
        const { out } = builder.stream(numbers).process('range', {
          stores: { seen },
          outputs: { out: output<string, string>() },
          create:
            ({ stores, outputs }) =>
            (key, n) => {
              stores.seen.put(key, n)
              outputs.out(key, [...stores.seen.range('a', 'c')].map(([k, v]) => k + v).join(' '))
            },
        })
        out.to(labels)
      },
      labels,
      [
        into(
          numbers,
          { key: 'b', value: 1 },
          { key: 'a', value: 2 },
          { key: 'c', value: 3 },
          { key: 'b', value: 4 },
        ),
      ],
    )
    expect(records.map(({ value }) => value)).toEqual(['b1', 'a2 b1', 'a2 b1', 'a2 b4'])
  })
})

describe('a processor of values', () => {
  it('should reject a record for which it forwards another key, and say what to do', async () => {
    const { records, deadLetters } = await outcomeOf(
      (builder) => {
        const { out } = builder.stream(numbers).processValues('rename', {
          outputs: { out: output<string, number>() },
          create:
            ({ outputs }) =>
            (key, n) =>
              outputs.out(n === 1 ? key : 'other', n),
        })
        out.to(results)
      },
      results,
      [into(numbers, { key: 'a', value: 1, timestampMs: 1 }, { key: 'a', value: 2, timestampMs: 2 })],
    )
    expect(shown(records)).toEqual(['a=1@1'])
    expect(deadLetters).toMatchObject([{ code: 'KEY_CHANGED', operator: 'rename', offset: 1 }])
    expect(deadLetters[0]?.message).toContain('use process instead')
  })

  it('should need no repartition topic behind it, unlike one that may change keys', async () => {
    const counted = (how: 'process' | 'processValues') =>
      outcomeOf(
        (builder) => {
          const { out } = builder.stream(numbers)[how]('pass', {
            outputs: { out: output<string, number>({ key: serdes.string }) },
            create:
              ({ outputs }) =>
              (key, n) =>
                outputs.out(key, n),
          })
          out
            .groupByKey()
            .count({ store: 'counts' })
            .toStream()
            .mapValues((n) => n ?? 0)
            .to(results)
          expect(builder).toBeDefined()
        },
        results,
        [into(numbers, { key: 'a', value: 1 }, { key: 'a', value: 2 })],
      )
    expect((await counted('process')).records.map(({ value }) => value)).toEqual([1, 2])
    expect((await counted('processValues')).records.map(({ value }) => value)).toEqual([1, 2])
  })
})
