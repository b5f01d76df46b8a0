import { describe, expect, it } from 'vitest'
import { into, jsonTopic, nullableTopic, outcomeOf, shown } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import type { KStream } from './kstream.ts'

const numbers = jsonTopic<number>('numbers')
const output = nullableTopic<number | string>('output')

const fourNumbers = into(
  numbers,
  { key: 'a', value: 1, timestampMs: 10 },
  { key: 'b', value: 2, timestampMs: 20 },
  { key: 'a', value: 3, timestampMs: 15 },
  { key: 'b', value: 4, timestampMs: 40 },
)

/** What an operator makes of the four numbers. */
async function through(
  operator: (stream: KStream<string, number>) => KStream<string | null, number | string | null>,
): Promise<string[]> {
  const { records, deadLetters } = await outcomeOf(
    (builder) => operator(builder.stream(numbers)).to(output),
    output,
    [fourNumbers],
  )
  expect(deadLetters).toEqual([])
  return shown(records)
}

describe('operators on single records', () => {
  it('should give each record a new key and value with map', async () => {
    expect(await through((stream) => stream.map((key, n) => [`${key}${n}`, n * 10]))).toEqual([
      'a1=10@10',
      'b2=20@20',
      'a3=30@15',
      'b4=40@40',
    ])
  })

  it('should keep keys with mapValues, and show them to the mapper', async () => {
    expect(await through((stream) => stream.mapValues((n, key) => `${key}${n}`))).toEqual([
      'a="a1"@10',
      'b="b2"@20',
      'a="a3"@15',
      'b="b4"@40',
    ])
  })

  it('should write null values as tombstones', async () => {
    expect(await through((stream) => stream.mapValues((n) => (n > 2 ? null : n)))).toEqual([
      'a=1@10',
      'b=2@20',
      'a=null@15',
      'b=null@40',
    ])
  })

  it('should make any number of records of one with flatMap, in their order', async () => {
    const copies = (key: string, n: number) =>
      Array.from({ length: n - 1 }, (_, i): [string, number] => [key, n * 10 + i])
    expect(await through((stream) => stream.flatMap(copies))).toEqual([
      'b=20@20',
      'a=30@15',
      'a=31@15',
      'b=40@40',
      'b=41@40',
      'b=42@40',
    ])
  })

  it('should make any number of values of one with flatMapValues', async () => {
    expect(await through((stream) => stream.flatMapValues((n) => (n % 2 === 0 ? [n, -n] : [])))).toEqual([
      'b=2@20',
      'b=-2@20',
      'b=4@40',
      'b=-4@40',
    ])
  })

  it('should keep what a predicate holds for with filter, and the others with filterNot', async () => {
    const even = (n: number) => n % 2 === 0
    expect(await through((stream) => stream.filter(even))).toEqual(['b=2@20', 'b=4@40'])
    expect(await through((stream) => stream.filterNot(even))).toEqual(['a=1@10', 'a=3@15'])
  })

  it('should show each record to peek and pass it on', async () => {
    const seen: string[] = []
    const records = await through((stream) => stream.peek((n, key) => seen.push(`${key}${n}`)))
    expect(seen).toEqual(['a1', 'b2', 'a3', 'b4'])
    expect(records).toHaveLength(4)
  })

  it('should give records a new key with selectKey', async () => {
    expect(await through((stream) => stream.selectKey((n, key) => key + n))).toEqual([
      'a1=1@10',
      'b2=2@20',
      'a3=3@15',
      'b4=4@40',
    ])
  })

  it('should give records the time that their value says with withTimestamp', async () => {
    expect(await through((stream) => stream.withTimestamp((n, recordMs) => recordMs + n))).toEqual([
      'a=1@11',
      'b=2@22',
      'a=3@18',
      'b=4@44',
    ])
  })

  it('should read the time of records from their value where the topic is read', async () => {
    const { records } = await outcomeOf(
      (builder) => builder.stream(numbers, { timestamp: (n) => n * 1000 }).to(output),
      output,
      [fourNumbers],
    )
    expect(shown(records)).toEqual(['a=1@1000', 'b=2@2000', 'a=3@3000', 'b=4@4000'])
  })

  it.each([Number.NaN, -1, 1.5])('should reject a timestamp of %s', async (timestampMs) => {
    const inOperator = await outcomeOf(
      (builder) =>
        builder
          .stream(numbers)
          .withTimestamp(() => timestampMs)
          .to(output),
      output,
      [fourNumbers],
    )
    const atSource = await outcomeOf(
      (builder) => builder.stream(numbers, { timestamp: () => timestampMs }).to(output),
      output,
      [fourNumbers],
    )
    for (const { records, deadLetters } of [inOperator, atSource]) {
      expect(records).toEqual([])
      expect(deadLetters.map(({ code }) => code)).toEqual(Array(4).fill('TIMESTAMP_INVALID'))
    }
  })
})

describe('split', () => {
  const small = jsonTopic<number>('small')
  const even = jsonTopic<number>('even')
  const others = jsonTopic<number>('others')

  it('should send each record to the first branch that takes it, or to the rest', async () => {
    const declare = (read: typeof small) =>
      outcomeOf(
        (builder) => {
          const branches = builder
            .stream(numbers)
            .split({ small: (n) => n < 3, even: (n, key) => n % 2 === 0 && key === 'b' })
          branches.small.to(small)
          branches.even.to(even)
          branches.rest.to(others)
        },
        read,
        [fourNumbers],
      )
    expect(shown((await declare(small)).records)).toEqual(['a=1@10', 'b=2@20'])
    expect(shown((await declare(even)).records)).toEqual(['b=4@40'])
    expect(shown((await declare(others)).records)).toEqual(['a=3@15'])
  })
})

describe('merge', () => {
  it('should give the records of both streams in the order of their processing', async () => {
    const words = jsonTopic<string>('words')
    const { records } = await outcomeOf(
      (builder) => builder.stream(numbers).merge(builder.stream(words)).to(output),
      output,
      [
        into(numbers, { key: 'a', value: 1, timestampMs: 1 }),
        into(words, { key: 'a', value: 'x', timestampMs: 2 }),
        into(numbers, { key: 'b', value: 2, timestampMs: 3 }),
      ],
    )
    expect(shown(records)).toEqual(['a=1@1', 'a="x"@2', 'b=2@3'])
  })
})

describe('fan-out', () => {
  it('should give every operator behind a stream each record, in the order they were added', async () => {
    expect(
      await through((stream) => {
        const doubled = stream.mapValues((n) => n * 2)
        return stream.filter((n) => n < 2).merge(doubled)
      }),
    ).toEqual(['a=2@10', 'a=1@10', 'b=4@20', 'a=6@15', 'b=8@40'])
  })
})

describe('headers', () => {
  it('should stay with a record through the topology', async () => {
    const trace = [{ key: 'trace', value: Buffer.from('t1') }]
    const { records } = await outcomeOf(
      (builder) =>
        builder
          .stream(numbers)
          .flatMapValues((n) => [n, n])
          .repartition({ name: 'again', value: serdes.json() })
          .to(output),
      output,
      [into(numbers, { key: 'a', value: 1, headers: trace }, { key: 'a', value: 2 })],
    )
    expect(records.map(({ headers }) => headers.map(({ key, value }) => `${key}=${value}`))).toEqual([
      ['trace=t1'],
      ['trace=t1'],
      [],
      [],
    ])
  })
})

describe('partitions', () => {
  it('should be those of the key, or what the partitioner says', async () => {
    const byKey = topic('by-key', { key: serdes.string, value: serdes.json<number>() }, { partitions: 4 })
    const chosen = topic('chosen', { key: serdes.string, value: serdes.json<number>() }, { partitions: 4 })
    const declare = (read: typeof byKey) =>
      outcomeOf(
        (builder) => {
          const stream = builder.stream(numbers)
          stream.to(byKey)
          stream.to(chosen, { partitioner: (key, count) => key.charCodeAt(0) % count })
        },
        read,
        [fourNumbers],
      )
    // As Kafka's default partitioner places these keys in four partitions.
    const placed = (await declare(byKey)).records.map(({ key, partition }) => `${key}${partition}`)
    expect(new Set(placed).size).toBe(2)
    const asked = (await declare(chosen)).records.map(({ key, partition }) => `${key}${partition}`)
    expect(new Set(asked)).toEqual(new Set(['a1', 'b2']))
  })

  it('should be the own one for a record without a key', async () => {
    const keyless = nullableTopic<number>('keyless')
    const { records } = await outcomeOf(
      (builder) => builder.stream(keyless).to(output),
      output,
      [
        into(
          keyless,
          { key: null, value: 0, partition: 0 },
          { key: null, value: 1, partition: 1 },
          { key: null, value: 2, partition: 2 },
        ),
      ],
      { partitions: 3 },
    )
    expect(records.map(({ value, partition }) => [value, partition])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ])
  })

  it('should reject a record for which the partitioner names one that is not there', async () => {
    const { records, deadLetters } = await outcomeOf(
      (builder) => builder.stream(numbers).to(output, { partitioner: () => 7 }),
      output,
      [into(numbers, { key: 'a', value: 1 })],
    )
    expect(records).toEqual([])
    expect(deadLetters[0]).toMatchObject({ code: 'OPERATOR_FAILED', operator: 'output-sink-1' })
    expect(deadLetters[0]?.message).toContain('answered 7')
  })
})

describe('repartition', () => {
  it('should bring equal keys together, nulls included', async () => {
    const { records, deadLetters } = await outcomeOf(
      (builder) =>
        builder
          .stream(nullableTopic<number>('values'))
          .map((_key, n): [string | null, number | null] => [n === null ? null : `k${n % 2}`, n])
          .repartition({ name: 'parity', key: serdes.string, value: serdes.json() })
          .to(output),
      output,
      [
        into(
          nullableTopic<number>('values'),
          ...[1, 2, 3, 4, null, 6].map((value, index) => ({ key: 'x', value, partition: index % 3 })),
        ),
      ],
      { partitions: 3 },
    )
    expect(deadLetters).toEqual([])
    const partitionsOf = (wanted: string) =>
      new Set(records.filter(({ key }) => key === wanted).map(({ partition }) => partition))
    expect(partitionsOf('k0').size).toBe(1)
    expect(partitionsOf('k1').size).toBe(1)
    expect(records.filter(({ key }) => key === null)).toMatchObject([{ value: null }])
  })
})
