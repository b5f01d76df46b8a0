import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JoinRecord, type JoinResult, windowJoin } from '../../tests/support/window-join-oracle.ts'
import {
  defineTopology,
  nullable,
  type RuntimeSettings,
  serdes,
  type Topology,
  topic,
  type WindowJoinOptions,
} from '../index.ts'
import { TopologyTestDriver } from '../testing/index.ts'

const lefts = topic('lefts', { key: nullable(serdes.string), value: nullable(serdes.string) })
const rights = topic('rights', { key: nullable(serdes.string), value: nullable(serdes.string) })
const output = topic('output', { key: nullable(serdes.string), value: serdes.string })

type Value = string | null
type Options = WindowJoinOptions<Value, Value, Value>

const pair = (left: Value, right: Value): string => `${left ?? '-'} ${right ?? '-'}`

function topologyOf(
  type: 'inner' | 'left' | 'outer',
  options: Options,
  { disorderMs = 0, joiner = pair } = {},
): Topology {
  return defineTopology('pairs', (builder) => {
    const [left, right] = [builder.stream(lefts, { disorderMs }), builder.stream(rights, { disorderMs })]
    const joined = {
      inner: () => left.join(right, joiner, options),
      left: () => left.leftJoin(right, joiner, options),
      outer: () => left.outerJoin(right, joiner, options),
    }[type]()
    joined.to(output)
  })
}

interface Given {
  readonly side: 'left' | 'right'
  readonly key: string | null
  readonly value: Value
  readonly timestampMs: number
}

const given = (side: 'left' | 'right', key: string | null, value: Value, timestampMs: number): Given => {
  return { side, key, value, timestampMs }
}

async function withDriver<T>(
  topology: Topology,
  use: (driver: TopologyTestDriver, pipe: (...records: readonly Given[]) => Promise<string[]>) => Promise<T>,
  settings: Partial<RuntimeSettings> = {},
): Promise<T> {
  const driver = await TopologyTestDriver.open(topology, { settings })
  const pipe = async (...records: readonly Given[]): Promise<string[]> => {
    for (const { side, ...record } of records) await driver.pipe(side === 'left' ? lefts : rights, record)
    return (await driver.read(output)).map(({ value, timestampMs }) => `${value} ${timestampMs}`)
  }
  try {
    return await use(driver, pipe)
  } finally {
    await driver.close()
  }
}

const hour = { store: 'pairs', withinMs: 100 }

describe('join of two streams', () => {
  it('should pair records of a key within the window, with the newer time', async () => {
    await withDriver(topologyOf('inner', { store: 'pairs', beforeMs: 10, afterMs: 100 }), async (_, pipe) => {
      const results = await pipe(
        given('left', 'a', 'l1', 1_000),
        given('right', 'a', 'r1', 990),
        given('right', 'a', 'too old', 989),
        given('right', 'a', 'r2', 1_100),
        given('right', 'a', 'too new', 1_101),
        given('right', 'b', 'other', 1_000),
        given('left', 'a', 'l2', 1_000),
      )
      expect(results).toEqual(['l1 r1 1000', 'l1 r2 1100', 'l2 r1 1000', 'l2 r2 1100'])
    })
  })

  it('should pass a record on without a partner once its window and the grace have closed, and not before', async () => {
    const topology = topologyOf('left', { ...hour, graceMs: 20 })
    await withDriver(topology, async (driver, pipe) => {
      expect(await pipe(given('left', 'a', 'l1', 1_000), given('left', 'b', 'l2', 1_001))).toEqual([])
      expect(await pipe(given('right', 'b', 'r2', 1_001))).toEqual(['l2 r2 1001'])
      // The watermark is the earlier of both inputs.
      expect(await pipe(given('left', 'x', 'l3', 5_000))).toEqual([])
      expect(await pipe(given('right', 'x', 'r3', 1_120))).toEqual([])
      expect(await pipe(given('right', 'x', 'r4', 1_121))).toEqual(['l1 - 1000'])
      await driver.endInput()
      expect(await pipe()).toEqual(['l3 - 5000'])
    })
  })

  it('should pair a record that comes as late as it may with one that everything else has passed', async () => {
    const topology = topologyOf('inner', { store: 'pairs', beforeMs: 100, afterMs: 0, graceMs: 5 })
    await withDriver(topology, async (driver, pipe) => {
      await pipe(
        given('left', 'a', 'l1', 1_000),
        given('right', 'x', 'r1', 1_105),
        given('left', 'x', 'l2', 1_105),
      )
      expect(await pipe(given('right', 'a', 'r2', 1_000))).toEqual(['l1 r2 1000'])
      await pipe(given('right', 'x', 'r3', 1_106))
      expect(await pipe(given('right', 'a', 'late', 1_000))).toEqual([])
      expect(driver.droppedCount('late')).toBe(1)
    })
  })

  it('should take no partner that came when the window had closed, though the other input is behind', async () => {
    await withDriver(topologyOf('left', hour), async (driver, pipe) => {
      await pipe(given('left', 'a', 'l1', 1_000), given('right', 'x', 'r1', 1_101))
      // For its own window this one is in time.
      expect(await pipe(given('right', 'a', 'r2', 1_050))).toEqual([])
      expect(driver.droppedCount('late')).toBe(0)
      expect(await pipe(given('left', 'x', 'l2', 1_101))).toEqual(['l2 r1 1101', 'l1 - 1000'])
    })
  })

  it('should give what comes too late to whom wants it, with its own type', async () => {
    const late = topic('late', { key: nullable(serdes.string), value: nullable(serdes.string) })
    const topology = defineTopology('late', (builder) => {
      const options: Options = { ...hour, lateTo: (stream) => stream.to(late) }
      const numbers = builder.stream(rights).mapValues((value) => Number(value))
      builder
        .stream(lefts)
        .join(numbers, (left, right) => `${left} ${right}`, {
          ...options,
          otherValue: serdes.long,
          otherLateTo: (stream) => stream.mapValues((n) => `${n + 1}`).to(late),
        })
        .to(output)
    })
    await withDriver(topology, async (driver, pipe) => {
      await pipe(
        given('left', 'a', 'l1', 1_000),
        given('left', 'a', 'l2', 899),
        given('left', 'a', 'l3', 900),
      )
      await pipe(given('right', 'b', '1', 1_000), given('right', 'b', '2', 899))
      expect((await driver.read(late)).map(({ key, value }) => [key, value])).toEqual([
        ['a', 'l2'],
        ['b', '3'],
      ])
    })
  })

  it('should drop what has no value, and what has no key but where unmatched records are results', async () => {
    await withDriver(topologyOf('left', hour), async (driver, pipe) => {
      const results = await pipe(
        given('left', null, 'l1', 1_000),
        given('right', null, 'r1', 1_000),
        given('left', 'a', null, 1_000),
      )
      expect(results).toEqual(['l1 - 1000'])
      expect([driver.droppedCount('null-key'), driver.droppedCount('null-value')]).toEqual([1, 1])
    })
  })

  it('should make a dead letter of an unmatched record that its joiner throws on, and pass the others on', async () => {
    const joiner = (left: Value, right: Value): string => {
      if (left === 'bad') throw new Error('no')
      return pair(left, right)
    }
    const topology = topologyOf('left', hour, { joiner })
    await withDriver(topology, async (driver, pipe) => {
      await pipe(given('left', 'a', 'bad', 1_000), given('left', 'b', 'good', 1_000))
      await driver.endInput()
      expect(await pipe()).toEqual(['good - 1000'])
      expect((await driver.deadLetters()).map(({ operator }) => operator)).toEqual(['pairs'])
    })
  })

  it('should send streams whose keys were changed through topics of its own', async () => {
    const topology = defineTopology('keyed', (builder) => {
      const byValue = (source: typeof lefts) =>
        builder.stream(source).selectKey((value) => value?.at(-1) ?? null, { key: nullable(serdes.string) })
      byValue(lefts).outerJoin(byValue(rights), pair, { store: 'by-digit', withinMs: 100 }).to(output)
    })
    expect(topology.repartitionTopics.map(({ name }) => name)).toEqual([
      'keyed-by-digit-left-repartition',
      'keyed-by-digit-right-repartition',
    ])
    const driver = await TopologyTestDriver.open(topology, { partitions: 3 })
    await driver.pipe(lefts, { key: 'a', value: 'l1', timestampMs: 1_000 })
    await driver.pipe(rights, { key: 'b', value: 'r1', timestampMs: 1_050 })
    await driver.pipe(rights, { key: 'c', value: 'r2', timestampMs: 1_060 })
    await driver.endInput()
    expect((await driver.read(output)).map(({ value }) => value).sort()).toEqual(['- r2', 'l1 r1'])
    await driver.close()
  })

  it.each([
    ['a window that ends before it begins', { store: 'pairs', beforeMs: -10, afterMs: 5 }],
    ['a negative grace', { store: 'pairs', withinMs: 10, graceMs: -1 }],
    ['half milliseconds', { store: 'pairs', withinMs: 0.5 }],
  ])('should refuse %s', (_what, options) => {
    expect(() => topologyOf('inner', options)).toThrow('join "pairs": the window from')
  })
})

const side = fc.constantFrom('left' as const, 'right' as const)
const records = fc.array(
  fc.record({
    side,
    key: fc.constantFrom('a', 'b', 'c'),
    gapMs: fc.oneof(fc.constant(0), fc.nat({ max: 40 }), fc.nat({ max: 500 })),
    behindMs: fc.oneof(fc.constant(0), fc.nat({ max: 200 })),
  }),
  { maxLength: 50 },
)

/** Each record with the watermark of its input. */
function judged(all: readonly Given[], of: 'left' | 'right', disorderMs: number): JoinRecord<string>[] {
  let newestMs = Number.NEGATIVE_INFINITY
  return all
    .filter((record) => record.side === of)
    .map(({ key, value, timestampMs }) => {
      newestMs = Math.max(newestMs, timestampMs)
      return { key: key!, value: value!, timestampMs, watermarkMs: newestMs - disorderMs }
    })
}

const line = ({ left, right, timestampMs }: JoinResult<string, string>) =>
  `${pair(left, right)} ${timestampMs}`

describe('join of two streams with random records', () => {
  it('should come to what a plain oracle says, in whatever order the inputs are read', async () => {
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.record({
          type: fc.constantFrom('inner' as const, 'left' as const, 'outer' as const),
          beforeMs: fc.integer({ min: -50, max: 150 }),
          lengthMs: fc.nat({ max: 200 }),
          graceMs: fc.constantFrom(0, 30, 5_000),
          disorderMs: fc.constantFrom(0, 60),
          wakeMaxRows: fc.integer({ min: 1, max: 5 }),
          cacheMaxBytesPerTask: fc.constantFrom(500, 1_000_000),
          runEvery: fc.integer({ min: 1, max: 20 }),
        }),
        async (made, { type, beforeMs, lengthMs, graceMs, disorderMs, runEvery, ...settings }) => {
          const afterMs = lengthMs - beforeMs
          const newestMs = { left: 1_000, right: 1_000 }
          const all = made.map(({ side: of, key, gapMs, behindMs }, index): Given => {
            newestMs[of] += gapMs
            return given(of, key, `${of[0]}${index}`, Math.max(0, newestMs[of] - behindMs))
          })
          const bounds = { beforeMs, afterMs, graceMs }
          const topology = topologyOf(type, { store: 'pairs', ...bounds }, { disorderMs })
          await withDriver(
            topology,
            async (driver, pipe) => {
              for (const [index, { side: of, ...record }] of all.entries()) {
                await driver.write(of === 'left' ? lefts : rights, record)
                if (index % runEvery === 0) await driver.run()
              }
              await driver.run()
              await driver.endInput()
              const left = judged(all, 'left', disorderMs)
              const right = judged(all, 'right', disorderMs)
              const outcome = windowJoin({ type, ...bounds }, left, right)
              expect((await pipe()).sort()).toEqual(outcome.results.map(line).sort())
              expect(driver.droppedCount('late')).toBe(outcome.lateLeft + outcome.lateRight)
            },
            settings,
          )
        },
      ),
      { numRuns: 150 },
    )
  })
})
