import { describe, expect, it } from 'vitest'
import { into, jsonTopic, nullableTopic, outcomeOf, shown } from '../../tests/support/topologies.ts'
import { RecordError } from '../errors.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import type { KStream } from './kstream.ts'
import { output } from './process.ts'
import type { StreamBuilder } from './stream-builder.ts'

const numbers = jsonTopic<number>('numbers')
const results = nullableTopic<number>('results')

/** Throws for 13, as operators under test do. */
function lucky(n: number): number {
  if (n === 13) throw new Error('13 brings bad luck')
  return n
}

const threeNumbers = into(
  numbers,
  { key: 'a', value: 1, timestampMs: 1 },
  { key: 'a', value: 13, timestampMs: 2, headers: [{ key: 'h', value: Buffer.from('x') }] },
  { key: 'a', value: 2, timestampMs: 3 },
)

type Operator = (stream: KStream<string, number>, builder: StreamBuilder) => KStream<string, number | null>

const operators: readonly [operator: string, Operator][] = [
  ['bad-map', (s) => s.map((k, n) => [k, lucky(n)], 'bad-map')],
  ['bad-map-values', (s) => s.mapValues(lucky, 'bad-map-values')],
  ['bad-flat-map', (s) => s.flatMap((k, n) => [[k, lucky(n)]], 'bad-flat-map')],
  ['bad-flat-map-values', (s) => s.flatMapValues((n) => [lucky(n)], 'bad-flat-map-values')],
  ['bad-filter', (s) => s.filter((n) => lucky(n) > 0, 'bad-filter')],
  ['bad-filter-not', (s) => s.filterNot((n) => lucky(n) < 0, 'bad-filter-not')],
  ['bad-peek', (s) => s.peek((n) => lucky(n), 'bad-peek')],
  ['bad-select-key', (s) => s.selectKey((n) => `k${lucky(n)}`, { name: 'bad-select-key' })],
  ['bad-split', (s) => s.split({ any: (n) => lucky(n) > 0 }, 'bad-split').any],
  [
    'aggregate-sums',
    (s) =>
      s
        .groupByKey()
        .aggregate({ init: () => 0, add: (_, n) => lucky(n) }, { store: 'sums', value: serdes.long })
        .toStream(),
  ],
  [
    'aggregate-sums',
    (s) =>
      s
        .groupByKey()
        .reduce((_, n) => lucky(n), { store: 'sums' })
        .toStream(),
  ],
  ['table-map-values-1', (s) => s.toTable({ store: 'rows' }).mapValues(lucky).toStream()],
  [
    'table-filter-1',
    (s) =>
      s
        .toTable({ store: 'rows' })
        .filter((n) => lucky(n) > 0)
        .toStream(),
  ],
  [
    'table-group-1',
    (s) =>
      s
        .toTable({ store: 'rows' })
        .groupBy((k, n) => [k, lucky(n)], { key: serdes.string, value: serdes.long })
        .reduce(
          (_, n) => n,
          (n) => n,
          { store: 'groups' },
        )
        .toStream(),
  ],
  [
    'bad-join',
    (s, builder) =>
      s.leftJoin(builder.table(jsonTopic<number>('rows')), (n) => lucky(n), { name: 'bad-join' }),
  ],
  [
    'bad-process',
    (s) =>
      s.process('bad-process', {
        outputs: { out: output<string, number>() },
        create:
          ({ outputs }) =>
          (key, n) =>
            outputs.out(key, lucky(n)),
      }).out,
  ],
]

describe('an operator that throws', () => {
  it.each(operators)(
    'should send its record to the dead letters under its name: %s',
    async (name, operator) => {
      const { records, deadLetters } = await outcomeOf(
        (builder) => operator(builder.stream(numbers), builder).to(results),
        results,
        [threeNumbers],
      )
      expect(records.map(({ value }) => value)).toEqual([1, 2])
      expect(deadLetters).toHaveLength(1)
      expect(deadLetters[0]).toMatchObject({
        operator: name,
        code: 'OPERATOR_FAILED',
        message: '13 brings bad luck',
        topic: 'numbers',
        offset: 1,
        attempt: 1,
      })
      expect(Buffer.from(deadLetters[0]?.value ?? []).toString()).toBe('13')
    },
  )

  it('should keep the original bytes, key, headers and timestamp in the letter', async () => {
    const { deadLetters } = await outcomeOf(
      (builder) => builder.stream(numbers).mapValues(lucky).to(results),
      results,
      [threeNumbers],
    )
    expect(deadLetters[0]).toMatchObject({
      timestamp: 2,
      partition: 0,
      topology: 'test',
      sub_topology: 'numbers',
    })
    expect(Buffer.from(deadLetters[0]?.key ?? []).toString()).toBe('a')
    expect(deadLetters[0]?.headers.map(({ key, value }) => `${key}=${value}`)).toEqual(['h=x'])
  })

  it('should give the letter the code that the application threw', async () => {
    const { deadLetters } = await outcomeOf(
      (builder) =>
        builder
          .stream(numbers)
          .filter((n) => {
            if (n === 13) throw new RecordError('NUMBER_UNLUCKY', 'no 13')
            return true
          })
          .to(results),
      results,
      [threeNumbers],
    )
    expect(deadLetters).toMatchObject([{ code: 'NUMBER_UNLUCKY', message: 'no 13', operator: 'filter-1' }])
  })

  it('should keep what was forwarded before it threw', async () => {
    const { records, deadLetters } = await outcomeOf(
      (builder) =>
        builder
          .stream(numbers)
          .flatMapValues(function* (n) {
            yield -n
            yield lucky(n)
          })
          .filter(() => true)
          .to(results),
      results,
      [threeNumbers],
    )
    expect(records.map(({ value }) => value)).toEqual([-1, 1, -13, -2, 2])
    expect(deadLetters).toMatchObject([{ operator: 'flat-map-values-1' }])
  })

  it('should not hold back the deletion of a row that it threw on in between', async () => {
    const { records, deadLetters } = await outcomeOf(
      (builder) =>
        builder
          .table(numbers, { store: 'rows' })
          .filter((n) => lucky(n) > 0)
          .toStream()
          .to(results),
      results,
      [into(numbers, ...[1, 13, -1].map((value, i) => ({ key: 'a', value, timestampMs: i })))],
    )
    expect(shown(records)).toEqual(['a=1@0', 'a=null@2'])
    expect(deadLetters).toHaveLength(1)
  })

  it('should stop the task where the policy says so, naming the record and the remedy', async () => {
    const stopped = outcomeOf(
      (builder) => builder.stream(numbers).mapValues(lucky).to(results),
      results,
      [threeNumbers],
      { settings: { onProcessingError: 'stop' } },
    )
    await expect(stopped).rejects.toMatchObject({
      code: 'PROCESSING_STOPPED',
      details: { topic: 'numbers', partition: 0, offset: 1, operator: 'map-values-1' },
    })
    await expect(stopped).rejects.toThrow(/mend the operator, or set onProcessingError .* to dead-letter/)
  })
})

describe('a value that its topic does not take', () => {
  it('should send its record to the dead letters under the name of the sink', async () => {
    const longs = topic('longs', { key: serdes.string, value: serdes.long })
    const { records, deadLetters } = await outcomeOf(
      (builder) => {
        const stream = builder.stream(numbers)
        stream.mapValues((n) => n * 2)
        stream.to(longs)
      },
      longs,
      [into(numbers, { key: 'a', value: 0.5 }, { key: 'a', value: 2, timestampMs: 5 })],
    )
    expect(shown(records)).toEqual(['a=2@5'])
    expect(deadLetters).toMatchObject([{ code: 'RECORD_NOT_ENCODABLE', operator: 'longs-sink-1' }])
  })
})

describe('a table that passes changes on at commit', () => {
  it.each<[operator: string, Operator]>([
    ['table-map-values-1', (s) => s.toTable({ store: 'rows' }).mapValues(lucky).toStream()],
    [
      'table-join-1',
      (s, builder) =>
        s
          .toTable({ store: 'rows' })
          .leftJoin(builder.table(jsonTopic<number>('others')), (n) => lucky(n))
          .toStream(),
    ],
  ])(
    'should send the row to the dead letters when an operator behind it throws: %s',
    async (name, operator) => {
      const { records, deadLetters } = await outcomeOf(
        (builder) => operator(builder.stream(numbers), builder).to(results),
        results,
        [
          into(
            numbers,
            { key: 'a', value: 1, timestampMs: 1 },
            { key: 'b', value: 13, timestampMs: 2 },
            { key: 'c', value: 3, timestampMs: 3 },
          ),
        ],
        { settings: { emission: 'per-commit' } },
      )
      expect(shown(records)).toEqual(['a=1@1', 'c=3@3'])
      expect(deadLetters).toMatchObject([
        {
          operator: name,
          topic: 'test-rows-changelog',
          offset: -1,
          timestamp: 2,
          message: '13 brings bad luck',
        },
      ])
      expect(Buffer.from(deadLetters[0]?.key ?? []).toString()).toBe('b')
    },
  )
})
