/** The tables of the Kafka Streams documentation that show, record by record, what each join answers. */
import { describe, expect, it } from 'vitest'
import { jsonTopic, nullableTopic, withDriver } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import type { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { Topology } from '../topology/topology.ts'
import { defineTopology, type StreamBuilder } from './stream-builder.ts'

type Value = string | null
/** What is in a row of the table: when it comes, on which side, and what each join answers. */
type Line = readonly [second: number, side: 'left' | 'right', value: Value, answers: Answers]
interface Answers {
  readonly inner?: string
  readonly left?: string
  readonly outer?: string
}

const left = nullableTopic<string>('left')
const right = nullableTopic<string>('right')
const output = nullableTopic<string>('output')

const pair = (one: Value, other: Value): string => `[${one}, ${other}]`
const all = (answer: string): Answers => ({ inner: answer, left: answer, outer: answer })
const outward = (answer: string): Answers => ({ left: answer, outer: answer })

async function answersOf(driver: TopologyTestDriver): Promise<string> {
  return (await driver.read(output)).map(({ value }) => `${value}`).join(', ')
}

async function expectTable(topology: Topology, type: keyof Answers, lines: readonly Line[]): Promise<void> {
  await withDriver(topology, {}, async (driver) => {
    for (const [second, side, value, answers] of lines) {
      const record = { key: 'key', value, timestampMs: second * 1_000 }
      await driver.pipe(side === 'left' ? left : right, record)
      expect(await answersOf(driver), `${type} join, second ${second}`).toBe(answers[type] ?? '')
    }
  })
}

describe('the documented join of two streams', () => {
  const types = ['inner', 'left', 'outer'] as const
  const topologyOf = (type: (typeof types)[number]) =>
    defineTopology('streams', (builder) => {
      const [one, other] = [builder.stream(left), builder.stream(right)]
      const options = { store: 'pairs', withinMs: 15_000 }
      const joined = {
        inner: () => one.join(other, pair, options),
        left: () => one.leftJoin(other, pair, options),
        outer: () => one.outerJoin(other, pair, options),
      }[type]()
      joined.to(output)
    })
  const together: readonly Line[] = [
    [1, 'left', null, {}],
    [2, 'right', null, {}],
    [3, 'left', 'A', {}],
    [4, 'right', 'a', all('[A, a]')],
    [5, 'left', 'B', all('[B, a]')],
    [6, 'right', 'b', all('[A, b], [B, b]')],
    [7, 'left', null, {}],
    [8, 'right', null, {}],
    [9, 'left', 'C', all('[C, a], [C, b]')],
    [10, 'right', 'c', all('[A, c], [B, c], [C, c]')],
    [11, 'right', null, {}],
    [12, 'left', null, {}],
    [13, 'right', null, {}],
    [14, 'right', 'd', all('[A, d], [B, d], [C, d]')],
    [15, 'left', 'D', all('[D, a], [D, b], [D, c], [D, d]')],
  ]

  it.each(types)('should be answered, record by record: %s', async (type) => {
    await expectTable(topologyOf(type), type, together)
  })

  it.each(types)(
    'should be answered for what has no partner, once both sides have passed it: %s',
    async (type) => {
      await expectTable(topologyOf(type), type, [
        ...together,
        [40, 'left', 'E', {}],
        [60, 'left', 'F', {}],
        // There E is answered by F, with the time of the stream that is ahead; here when the other has come so far, too.
        [80, 'right', 'f', outward('[E, null]')],
        [100, 'left', 'G', outward('[F, null]')],
        [100, 'right', null, { outer: '[null, f]' }],
      ])
    },
  )
})

describe('the documented join of two tables', () => {
  const lines: readonly Line[] = [
    [1, 'left', null, {}],
    [2, 'right', null, {}],
    [3, 'left', 'A', outward('[A, null]')],
    [4, 'right', 'a', all('[A, a]')],
    [5, 'left', 'B', all('[B, a]')],
    [6, 'right', 'b', all('[B, b]')],
    [7, 'left', null, { inner: 'null', left: 'null', outer: '[null, b]' }],
    [8, 'right', null, { outer: 'null' }],
    [9, 'left', 'C', outward('[C, null]')],
    [10, 'right', 'c', all('[C, c]')],
    [11, 'right', null, { inner: 'null', ...outward('[C, null]') }],
    [12, 'left', null, outward('null')],
    [13, 'right', null, {}],
    [14, 'right', 'd', { outer: '[null, d]' }],
    [15, 'left', 'D', all('[D, d]')],
  ]

  it.each(['inner', 'left', 'outer'] as const)('should be answered, record by record: %s', async (type) => {
    const topology = defineTopology('tables', (builder) => {
      const [one, other] = [builder.table(left), builder.table(right)]
      const joined = {
        inner: () => one.join(other, pair),
        left: () => one.leftJoin(other, pair),
        outer: () => one.outerJoin(other, pair),
      }[type]()
      joined.toStream().to(output)
    })
    await expectTable(topology, type, lines)
  })
})

describe('the documented join of a stream with a table', () => {
  const lines: readonly Line[] = [
    [1, 'left', null, {}],
    [2, 'right', null, {}],
    [3, 'left', 'A', { left: '[A, null]' }],
    [4, 'right', 'a', {}],
    [5, 'left', 'B', all('[B, a]')],
    [6, 'right', 'b', {}],
    [7, 'left', null, {}],
    [8, 'right', null, {}],
    [9, 'left', 'C', { left: '[C, null]' }],
    [10, 'right', 'c', {}],
    [11, 'right', null, {}],
    [12, 'left', null, {}],
    [13, 'right', null, {}],
    [14, 'right', 'd', {}],
    [15, 'left', 'D', all('[D, d]')],
  ]
  const joins = {
    table: {
      inner: (builder: StreamBuilder) => builder.stream(left).join(builder.table(right), pair),
      left: (builder: StreamBuilder) => builder.stream(left).leftJoin(builder.table(right), pair),
    },
    'versioned table': {
      inner: (builder: StreamBuilder) => builder.stream(left).join(versioned(builder), pair),
      left: (builder: StreamBuilder) => builder.stream(left).leftJoin(versioned(builder), pair),
    },
  }
  const versioned = (builder: StreamBuilder) =>
    builder.table(right, { store: 'rows', versioned: { historyMs: 60_000 } })

  it.each([
    ['table', 'inner'],
    ['table', 'left'],
    ['versioned table', 'inner'],
    ['versioned table', 'left'],
  ] as const)('should be answered, record by record: %s, %s', async (kind, type) => {
    const topology = defineTopology('lookup', (builder) => joins[kind][type](builder).to(output))
    await expectTable(topology, type, lines)
  })
})

describe('the documented join by foreign key', () => {
  interface Row {
    readonly ref: string | null
  }
  type Given = readonly [
    side: 'left' | 'right',
    key: string,
    value: string | null,
    inner: string,
    left: string,
  ]
  const rows = jsonTopic<Row>('rows')
  const others = jsonTopic<string>('others')
  const answers = nullableTopic<string>('answers')
  const lines: readonly Given[] = [
    ['right', '1', 'foo', '', ''],
    ['left', 'k', '1', '(k,1,foo)', '(k,1,foo)'],
    ['left', 'k', '2', '(k,null)', '(k,2,null)'],
    // There the deletion is said again.
    ['left', 'k', '3', '', '(k,3,null)'],
    ['right', '3', 'bar', '(k,3,bar)', '(k,3,bar)'],
    ['left', 'k', null, '(k,null)', '(k,null,null)'],
    ['left', 'k', '1', '(k,1,foo)', '(k,1,foo)'],
    ['left', 'q', '10', '', '(q,10,null)'],
    ['left', 'r', '10', '', '(r,10,null)'],
    ['right', '10', 'baz', '(q,10,baz), (r,10,baz)', '(q,10,baz), (r,10,baz)'],
  ]

  it.each(['inner', 'left'] as const)('should be answered, record by record: %s', async (type) => {
    const topology = defineTopology('by-reference', (builder) => {
      const [one, other] = [builder.table(rows), builder.table(others)]
      const join = (row: Row, found: string | null) => `${row.ref},${found}`
      const options = { store: 'joined', value: serdes.string }
      const joined =
        type === 'inner'
          ? one.joinOn(other, ({ ref }) => ref, join, options)
          : one.leftJoinOn(other, ({ ref }) => ref, join, options)
      joined.toStream().to(answers)
    })
    await withDriver(topology, {}, async (driver) => {
      for (const [index, [side, key, value, inner, outward]] of lines.entries()) {
        if (side === 'left') await driver.pipe(rows, { key, value: { ref: value }, timestampMs: index })
        else await driver.pipe(others, { key, value: `${value}`, timestampMs: index })
        const found = (await driver.read(answers)).map((record) => `(${record.key},${record.value})`)
        expect(found.sort().join(', '), `record ${index + 1}`).toBe(type === 'inner' ? inner : outward)
      }
    })
  })
})
