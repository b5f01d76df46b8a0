/**
 * Windows give the same final results whatever happens on the way: however the partitions interleave, the input comes in parts, tasks
 * batch, commit and yield, instances share them, stop and crash. Only the order within each partition decides.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  commitSteps,
  defineTopology,
  hopping,
  type KTable,
  keyAt,
  type Log,
  nullable,
  type RuntimeSettings,
  serdes,
  summing,
  topic,
  tumbling,
  valueAt,
  type Windowed,
} from '../../streams/index.ts'
import { crashAt } from '../../streams/testing/index.ts'
import {
  type Bounds,
  judge,
  type Timed,
  WindowContents,
  type WindowResult,
} from '../support/window-oracle.ts'
import { type Case, input } from './cases.ts'
import {
  append,
  newProcess,
  newWorld,
  type OpenLog,
  openLog,
  readTopic,
  run,
  startProcess,
  type World,
} from './world.ts'

const disorderMs = 25
const sourcePartitions = 2
const more = topic('more', { key: serdes.string, value: serdes.long })

/** All that is read: each partition of both topics has an order of its own. */
const places = [input, more].flatMap(({ name }) =>
  Array.from({ length: sourcePartitions }, (_, partition) => ({ topic: name, partition })),
)

/** What the topology computes, in the terms of the oracle. */
const bounds = {
  own: { sizeMs: 100, advanceMs: 100, graceMs: 10, disorderMs },
  combined: { sizeMs: 100, advanceMs: 40, graceMs: 0, disorderMs },
  single: { sizeMs: 70, advanceMs: 70, graceMs: 30, disorderMs },
  /** Over the results of `own`. */
  behind: { sizeMs: 200, advanceMs: 200, graceMs: 10, disorderMs },
} satisfies Record<string, Bounds>

const outputs = ['own', 'combined', 'single', 'behind', 'late'] as const

function out(name: (typeof outputs)[number]) {
  return topic(name, { key: serdes.string, value: nullable(serdes.long) })
}

function written(table: KTable<Windowed<string>, number>, name: (typeof outputs)[number]): void {
  table.toStream(({ key, startMs }) => `${key}@${startMs}`).to(out(name))
}

const windows: Case = {
  name: 'windows',
  topology: () =>
    defineTopology('windows', (builder) => {
      const events = builder.stream(input, { disorderMs, idle: 'wait' })
      const own = events
        .groupByKey()
        .windowedBy(tumbling(100).grace(10))
        .lateTo((late) => late.to(out('late')))
        .emit('on-close')
        .count({ store: 'own' })
      written(own, 'own')
      const behind = own
        .toStream()
        .groupBy((_count, { key }) => letterOf(key), serdes.string, nullable(serdes.long))
        .windowedBy(tumbling(200).grace(10))
        .emit('on-close')
        .aggregate(
          summing((count) => count ?? 0),
          { store: 'behind' },
        )
      written(behind, 'behind')
      const combined = events
        .merge(builder.stream(more, { disorderMs, idle: 'wait' }))
        .groupBy((value) => digitOf(value), serdes.string)
        .windowedBy(hopping(100, 40))
        .emit('on-close')
        .aggregate(
          summing((value) => value),
          { store: 'combined' },
        )
      written(combined, 'combined')
      const single = events
        .groupBy((value) => digitOf(value), serdes.string, serdes.long)
        .windowedBy(tumbling(70).grace(30))
        .aggregate(
          { init: () => 0, add: (sum, value) => sum + value },
          { store: 'single', value: serdes.long },
        )
      written(single, 'single')
    }),
  output: undefined,
  store: undefined,
  expected: () => [],
  emits: 'last',
}

const letterOf = (key: string): string => key.at(-1)!
const digitOf = (value: number): string => `digit-${value % 3}`

type Event = Timed<number>

const event = fc.record({
  gapMs: fc.oneof(
    { weight: 9, arbitrary: fc.nat({ max: 30 }) },
    { weight: 1, arbitrary: fc.nat({ max: 400 }) },
  ),
  behindMs: fc.oneof(fc.constant(0), fc.nat({ max: 25 }), fc.nat({ max: 150 })),
  letter: fc.constantFrom('a', 'b', 'c'),
  value: fc.nat({ max: 99 }),
})

/** The events of a partition, in its order, with keys of its own. */
const partitionEvents = ({ partition }: { readonly partition: number }) =>
  fc.array(event, { maxLength: 40 }).map((made) => {
    let newestMs = 0
    return made.map(({ gapMs, behindMs, letter, value }): Event => {
      newestMs += gapMs
      return { key: `${partition}-${letter}`, value, timestampMs: Math.max(0, newestMs - behindMs) }
    })
  })

const allEvents = fc.tuple(...places.map(partitionEvents))

const settings = fc.record({
  batchMaxRecords: fc.integer({ min: 1, max: 10 }),
  wakeMaxRows: fc.integer({ min: 1, max: 4 }),
  commitIntervalMs: fc.integer({ min: 1, max: 20 }),
  watermarkIntervalMs: fc.constantFrom(1, 10, 200),
  transactionMaxBytes: fc.constantFrom(50, 1_000_000),
  transactionMaxKeys: fc.constantFrom(2, 6, 100),
  cacheMaxBytesPerTask: fc.constantFrom(500, 2_000, 1_000_000),
  emission: fc.constantFrom('per-commit' as const, 'every-update' as const),
})

/** A part of the input, and how the process that gets it ends. */
const phase = fc.record({
  given: fc.tuple(...places.map(() => fc.nat({ max: 20 }))),
  settings,
  end: fc.oneof(
    fc.constant({ kind: 'stop' as const, instances: 1 }),
    fc.constant({ kind: 'stop' as const, instances: 2 }),
    fc.record({
      kind: fc.constant('crash' as const),
      step: fc.constantFrom(...commitSteps),
      nth: fc.integer({ min: 1, max: 12 }),
    }),
  ),
})

type Phase = typeof phase extends fc.Arbitrary<infer P> ? P : never

/** Gives the partitions their events part by part. */
class Feed {
  private readonly events: readonly (readonly Event[])[]
  private readonly given: number[] = places.map(() => 0)

  constructor(events: readonly (readonly Event[])[]) {
    this.events = events
  }

  async next(log: Log, counts: readonly number[]): Promise<void> {
    for (const [index, { topic, partition }] of places.entries()) {
      const from = this.given[index]!
      const part = this.events[index]!.slice(from, from + counts[index]!)
      this.given[index] = from + part.length
      const records = part.map(({ key, value, timestampMs }) => ({
        partition,
        key,
        value: longBytes(value),
        timestampMs,
      }))
      await append(log, topic, records)
    }
  }
}

function longBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

/** Answers the world that is left. */
async function runPhase(world: World, feed: Feed, { given, settings, end }: Phase): Promise<World> {
  const open = await openLog(world)
  await feed.next(open.log, given)
  if (end.kind === 'crash') return runToCrash(open, world, settings, end)
  const others = await Promise.all(
    Array.from({ length: end.instances - 1 }, (_, index) =>
      startProcess(open, { tasks: newWorld().tasks, sink: world.sink }, windows, {
        settings,
        instanceId: `other-${index}`,
      }),
    ),
  )
  const { app } = await startProcess(open, world, windows, { settings, instanceId: 'first' })
  for (const one of [app, ...others.map((other) => other.app)]) await run(open.clock, one.drained())
  for (const one of [app, ...others.map((other) => other.app)]) await run(open.clock, one.stop())
  await open.log.close()
  return world.snapshot()
}

async function runToCrash(
  open: OpenLog,
  world: World,
  settings: Partial<RuntimeSettings>,
  { step, nth }: Extract<Phase['end'], { kind: 'crash' }>,
): Promise<World> {
  let left: World | undefined
  const crash = crashAt(step, nth, () => {
    left = world.snapshot()
  })
  const { app } = await newProcess(open, world, windows, { observer: crash.observer, settings })
  await run(open.clock, Promise.race([crash.reached, app.start().then(() => app.drained())]))
  if (left !== undefined) return left
  await run(open.clock, app.stop())
  await open.log.close()
  return world.snapshot()
}

/** Processes what is left, says that nothing more comes, and reads what was written. */
async function finish(world: World, feed: Feed, settings: Partial<RuntimeSettings>) {
  const open = await openLog(world)
  await feed.next(
    open.log,
    places.map(() => 1_000),
  )
  const { app } = await newProcess(open, world, windows, { settings })
  const all = app.start().then(() => app.drained({ endOfInput: true }))
  await run(
    open.clock,
    all.then(() => app.stop()),
  )
  const read = async (name: (typeof outputs)[number]): Promise<[string, number][]> => {
    const batches = await run(open.clock, readTopic(open.log, open.clock, name))
    return batches.flatMap((batch) =>
      Array.from({ length: batch.length }, (_, index): [string, number] => [
        keyAt(batch, index)!.toString(),
        Number(valueAt(batch, index)!.readBigInt64BE()),
      ]),
    )
  }
  return Object.fromEntries(await Promise.all(outputs.map(async (name) => [name, await read(name)] as const)))
}

/** All windows in the end: what each partition's own order lets in. */
function expected<A>(
  partitions: readonly (readonly Event[])[],
  window: Bounds,
  keyOf: (event: Event) => string,
  fold: (values: readonly number[]) => A,
): WindowResult<A>[] {
  const contents = new WindowContents<number, A>(window.sizeMs, fold)
  for (const events of partitions) {
    for (const one of judge(events, window)) {
      contents.add({ ...one, record: { ...one.record, key: keyOf(one.record) } })
    }
  }
  return contents.all()
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

function asPairs(results: readonly WindowResult<number>[]): [string, number][] {
  return sorted(results.map(({ key, startMs, value }) => [`${key}@${startMs}`, value]))
}

function sorted(pairs: readonly [string, number][]): [string, number][] {
  return [...pairs].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y))
}

describe('windows', () => {
  it('should come to the same whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        allEvents,
        fc.array(phase, { maxLength: 4 }),
        settings,
        async (partitions, phases, lastSettings) => {
          let world = newWorld()
          const { log } = await openLog(world)
          await log.createTopics(
            [input, more].map(({ name, settings: own }) => ({ name, partitions: sourcePartitions, ...own })),
          )
          await log.close()
          const feed = new Feed(partitions)
          for (const one of phases) world = await runPhase(world.snapshot(), feed, one)
          const results = await finish(world.snapshot(), feed, lastSettings)

          const ofInput = partitions.filter((_, index) => places[index]!.topic === input.name)
          const own = expected(
            ofInput,
            bounds.own,
            ({ key }) => key!,
            (values) => values.length,
          )
          expect(sorted(results['own']!), 'own keys, on close').toEqual(asPairs(own))
          const byDigit = ({ value }: Event) => digitOf(value)
          expect(sorted(results['combined']!), 'combined, on close').toEqual(
            asPairs(expected(partitions, bounds.combined, byDigit, sum)),
          )
          expect(sorted([...new Map(results['single']!)]), 'record by record, the last of each').toEqual(
            asPairs(expected(ofInput, bounds.single, byDigit, sum)),
          )
          const closed = own.map(({ key, value, timestampMs }) => ({
            key: letterOf(key),
            value,
            timestampMs,
          }))
          const inTime = { ...bounds.behind, graceMs: Number.MAX_SAFE_INTEGER }
          expect(sorted(results['behind']!), 'windows of windows').toEqual(
            asPairs(expected([closed], inTime, ({ key }) => key!, sum)),
          )
          const late = ofInput.flatMap((events) =>
            judge(events, bounds.own).filter(({ inTime: open }) => open.length === 0),
          )
          expect(sorted(results['late']!), 'late').toEqual(
            sorted(late.map(({ record: { key, value } }) => [key!, value])),
          )
        },
      ),
      { numRuns: 60 },
    )
  }, 120_000)
})
