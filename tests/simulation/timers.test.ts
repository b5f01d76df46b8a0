/**
 * Timers fire exactly once, and punctuations come once for each stretch of time, whatever happens on the way: however the input
 * comes in parts, tasks batch, commit and yield, instances share them, stop and crash.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  commitSteps,
  defineTopology,
  type KeyedContext,
  KeyedProcessor,
  keyValueStore,
  type Log,
  output,
  type RuntimeSettings,
  serdes,
  type TimerContext,
  topic,
} from '../../streams/index.ts'
import { crashAt } from '../../streams/testing/index.ts'
import { type PlainTimer, PlainTimers } from '../support/timer-oracle.ts'
import { type Case, input } from './cases.ts'
import {
  append,
  newProcess,
  newWorld,
  openLog,
  readNumbers,
  run,
  settle,
  startProcess,
  type World,
} from './world.ts'

const disorderMs = 25
const sourcePartitions = 2
const reportEveryMs = 100

const outputs = ['fired', 'reports', 'moved', 'clock'] as const

function out(name: (typeof outputs)[number]) {
  return topic(name, { key: serdes.string, value: serdes.long })
}

/** What a record does, by its value: sets a timer or two, or takes the last one of its key back. */
function timersOf(key: string, value: number, timestampMs: number): PlainTimer[] {
  const timeMs = Math.max(0, timestampMs + (value % 11) * 15 - 40)
  const timer = { timeMs, key, name: value % 2 === 0 ? '' : 'odd' }
  return value % 5 === 0 ? [timer, { ...timer, name: 'too' }] : [timer]
}

const takesBack = (value: number): boolean => value % 4 === 0

/** What a timer sets: nothing, or another one that sets none. */
function nextOf({ timeMs, key, name }: PlainTimer): PlainTimer | undefined {
  return name === 'next' || timeMs % 3 > 0 ? undefined : { timeMs: timeMs + 45, key, name: 'next' }
}

const lastSchema = serdes.json<{ readonly timeMs: number; readonly name: string }>()

class Scripted extends KeyedProcessor<string, number, number> {
  private readonly last = this.value('last', lastSchema)
  private readonly fired = this.list('fired', serdes.long)
  private readonly perName = this.map('per-name', { key: serdes.string, value: serdes.long })

  override process(value: number, { key, timestampMs, timers }: KeyedContext<string, number>): void {
    const last = this.last.get()
    if (takesBack(value) && last !== undefined) {
      timers.cancelEventTime(last.timeMs, last.name)
      return
    }
    for (const { timeMs, name } of timersOf(key, value, timestampMs)) {
      timers.eventTime(timeMs, name)
      this.last.set({ timeMs, name })
    }
  }

  override onTimer(timeMs: number, context: TimerContext<string, number>): void {
    const { key, name, timers } = context
    this.fired.add(timeMs)
    if (this.fired.values().length > 3) this.fired.removeOldest()
    this.perName.set(name, (this.perName.get(name) ?? 0) + 1)
    const next = nextOf({ timeMs, key, name })
    if (next !== undefined) timers.eventTime(next.timeMs, next.name)
    context.forward(result(timeMs, this.perName.get(name) ?? 0, this.fired.values()))
  }
}

function result(timeMs: number, countOfName: number, lastFired: readonly number[]): number {
  return lastFired.reduce((hash, time) => (hash * 31 + time) % 1_000_003, timeMs * 1000 + countOfName)
}

/** Each record sets a timer of its own, by event time and by the wall clock, and each fires once. */
class Echo extends KeyedProcessor<string, number, number> {
  readonly clock = this.output<number>()

  override process(value: number, { timestampMs, nowMs, timers }: KeyedContext<string, number>): void {
    timers.eventTime(timestampMs + 60, `${value}`)
    timers.wallClock(nowMs + 30, `${value}`)
  }

  override onTimer(_timeMs: number, context: TimerContext<string, number>): void {
    const value = Number(context.name)
    if (context.by === 'event-time') context.forward(value)
    else this.clock.forward(value)
  }
}

const seen = keyValueStore({ name: 'seen', key: serdes.string, value: serdes.string })

const timers: Case = {
  name: 'timers',
  topology: () =>
    defineTopology('timers', (builder) => {
      const events = builder.stream(input, { disorderMs, idle: 'wait' })
      events
        .groupByKey()
        .process('scripted', () => new Scripted())
        .main.to(out('fired'))
      const { moved, clock } = movedAndClock()
      moved.to(out('moved'))
      clock.to(out('clock'))
      events
        .process('report', {
          stores: { seen },
          outputs: { all: output<string, number>() },
          schedules: { all: { everyMs: reportEveryMs, by: 'event-time' } },
          create: ({ stores, outputs, schedules }) => {
            schedules.all((timeMs) => outputs.all(stores.seen.get('partition') ?? '', timeMs))
            return (key) => stores.seen.put('partition', key[0]!)
          },
        })
        .all.to(out('reports'))

      function movedAndClock() {
        const { main, clock } = events
          .groupBy((value) => `digit-${value % 3}`, serdes.string, serdes.long)
          .process('echo', () => new Echo())
        return { moved: main, clock }
      }
    }),
  output: undefined,
  store: undefined,
  expected: () => [],
  emits: 'last',
}

interface Event {
  readonly key: string
  readonly value: number
  readonly timestampMs: number
}

const event = fc.record({
  gapMs: fc.oneof(
    { weight: 9, arbitrary: fc.nat({ max: 30 }) },
    { weight: 1, arbitrary: fc.nat({ max: 400 }) },
  ),
  behindMs: fc.oneof(fc.constant(0), fc.nat({ max: 25 }), fc.nat({ max: 150 })),
  letter: fc.constantFrom('a', 'b', 'c'),
})

/** The events of each partition, in its order, with keys of its own; no value comes twice. */
const allEvents = fc.tuple(
  ...Array.from({ length: sourcePartitions }, (_, partition) =>
    fc.array(event, { maxLength: 40 }).map((made) => {
      let newestMs = 0
      return made.map(({ gapMs, behindMs, letter }, index): Event => {
        newestMs += gapMs
        const timestampMs = Math.max(0, newestMs - behindMs)
        return { key: `${partition}-${letter}`, value: index * sourcePartitions + partition, timestampMs }
      })
    }),
  ),
)

const settings = fc.record({
  batchMaxRecords: fc.integer({ min: 1, max: 10 }),
  wakeMaxRows: fc.integer({ min: 1, max: 4 }),
  commitIntervalMs: fc.integer({ min: 1, max: 20 }),
  watermarkIntervalMs: fc.constantFrom(1, 10, 200),
  transactionMaxBytes: fc.constantFrom(50, 1_000_000),
  transactionMaxKeys: fc.constantFrom(2, 6, 100),
  cacheMaxBytesPerTask: fc.constantFrom(500, 2_000, 1_000_000),
})

/** A part of the input, and how the processes that get it end. */
const phase = fc.record({
  given: fc.nat({ max: 20 }),
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
  private given = 0

  constructor(events: readonly (readonly Event[])[]) {
    this.events = events
  }

  async next(log: Log, count: number): Promise<void> {
    const records = this.events.flatMap((events, partition) =>
      events.slice(this.given, this.given + count).map(({ key, value, timestampMs }) => {
        const bytes = Buffer.alloc(8)
        bytes.writeBigInt64BE(BigInt(value))
        return { partition, key, value: bytes, timestampMs }
      }),
    )
    this.given += count
    await append(log, input.name, records)
  }
}

/** Answers the world that is left. */
async function runPhase(world: World, feed: Feed, { given, settings, end }: Phase): Promise<World> {
  const open = await openLog(world)
  await feed.next(open.log, given)
  if (end.kind === 'crash') {
    let left: World | undefined
    const crash = crashAt(end.step, end.nth, () => {
      left = world.snapshot()
    })
    const { app } = await newProcess(open, world, timers, { observer: crash.observer, settings })
    await run(open.clock, Promise.race([crash.reached, app.start().then(() => app.drained())]))
    if (left !== undefined) return left
    await run(open.clock, app.stop())
  } else {
    const apps = []
    for (let index = 0; index < end.instances; index++) {
      const places = { tasks: index === 0 ? world.tasks : newWorld().tasks, sink: world.sink }
      const identity = { settings, instanceId: `instance-${index}` }
      apps.push((await startProcess(open, places, timers, identity)).app)
    }
    for (const app of apps) await run(open.clock, app.drained())
    for (const app of apps) await run(open.clock, app.stop())
  }
  await open.log.close()
  return world.snapshot()
}

type Results = Readonly<Record<(typeof outputs)[number], readonly (readonly [key: string, value: number])[]>>

/** Processes what is left, says that nothing more comes, and reads what was written. */
async function finish(world: World, feed: Feed, settings: Partial<RuntimeSettings>): Promise<Results> {
  const open = await openLog(world)
  await feed.next(open.log, 1_000)
  const { app } = await newProcess(open, world, timers, { settings })
  await run(
    open.clock,
    app
      .start()
      .then(() => app.drained({ endOfInput: true, clockToo: true }))
      .then(() => app.stop()),
  )
  const [fired, reports, moved, clock] = await Promise.all(outputs.map((name) => readNumbers(open, name)))
  return { fired: fired!, reports: reports!, moved: moved!, clock: clock! }
}

/** What the processors of one partition do, one record after the other. */
function expectedOf(events: readonly Event[]) {
  const pending = new PlainTimers()
  const lastSet = new Map<string, PlainTimer>()
  const lastFired = new Map<string, number[]>()
  const counts = new Map<string, number>()
  const fired: [string, number][] = []
  const reports: number[] = []
  let watermarkMs = Number.NEGATIVE_INFINITY
  let nextReportMs = 0
  const onTimer = (timer: PlainTimer): void => {
    const { key, name, timeMs } = timer
    const last = [...(lastFired.get(key) ?? []), timeMs].slice(-3)
    const count = (counts.get(`${key} ${name}`) ?? 0) + 1
    lastFired.set(key, last)
    counts.set(`${key} ${name}`, count)
    const next = nextOf(timer)
    if (next !== undefined) pending.set(next)
    fired.push([key, result(timeMs, count, last)])
  }
  for (const { key, value, timestampMs } of events) {
    watermarkMs = Math.max(watermarkMs, timestampMs - disorderMs)
    const last = lastSet.get(key)
    if (takesBack(value) && last !== undefined) {
      pending.cancel(last)
    } else {
      for (const timer of timersOf(key, value, timestampMs)) {
        pending.set(timer)
        lastSet.set(key, timer)
      }
    }
    pending.fire(watermarkMs, onTimer)
    if (watermarkMs >= nextReportMs) {
      reports.push(watermarkMs)
      nextReportMs = (Math.floor(watermarkMs / reportEveryMs) + 1) * reportEveryMs
    }
  }
  pending.fire(Number.POSITIVE_INFINITY, onTimer)
  if (watermarkMs >= 0) reports.push(watermarkMs)
  return { fired, reports }
}

function byKey(pairs: readonly (readonly [key: string, value: number])[]): Record<string, number[]> {
  const lists: Record<string, number[]> = {}
  for (const [key, value] of pairs) {
    lists[key] ??= []
    lists[key].push(value)
  }
  return lists
}

const values = (pairs: Results['moved']): number[] => pairs.map(([, value]) => value).sort((a, b) => a - b)

describe('timers', () => {
  it('should fire once each and in order, and punctuations come once, whatever happens on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        allEvents,
        fc.array(phase, { maxLength: 4 }),
        settings,
        async (partitions, phases, lastSettings) => {
          let world = newWorld()
          const { log } = await openLog(world)
          await log.createTopics([{ name: input.name, partitions: sourcePartitions, ...input.settings }])
          await log.close()
          const feed = new Feed(partitions)
          for (const one of phases) world = await runPhase(world.snapshot(), feed, one)
          const results = await finish(world.snapshot(), feed, lastSettings)

          const expected = partitions.map(expectedOf)
          expect(byKey(results.fired)).toEqual(byKey(expected.flatMap(({ fired }) => fired)))
          expect(byKey(results.reports)).toEqual(
            byKey(
              expected.flatMap(({ reports }, partition) =>
                reports.map((timeMs): [string, number] => [`${partition}`, timeMs]),
              ),
            ),
          )
          const all = partitions.flatMap((events) => events.map(({ value }) => value)).sort((a, b) => a - b)
          expect(values(results.moved)).toEqual(all)
          expect(values(results.clock)).toEqual(all)
        },
      ),
      { numRuns: 60 },
    )
  }, 120_000)

  it('should fire at the next opening when the wall clock has reached them while nobody ran', async () => {
    const dayMs = 86_400_000
    class Tomorrow extends KeyedProcessor<string, number, number> {
      override process(value: number, { nowMs, timers: own }: KeyedContext<string, number>): void {
        own.wallClock(nowMs + dayMs, `${value}`)
      }

      override onTimer(_timeMs: number, { name, forward }: TimerContext<string, number>): void {
        forward(Number(name))
      }
    }
    const tomorrow: Case = {
      ...timers,
      topology: () =>
        defineTopology('tomorrow', (builder) => {
          builder
            .stream(input)
            .groupByKey()
            .process('tomorrow', () => new Tomorrow())
            .main.to(out('fired'))
        }),
    }
    let world = newWorld()
    const firedBy = async (lookAtMs: number): Promise<number[]> => {
      world = world.snapshot()
      const open = await openLog(world)
      if (lookAtMs === 0) {
        await open.log.createTopics([{ name: input.name, partitions: sourcePartitions, ...input.settings }])
        const events: Event[] = [1, 2].map((value) => ({ key: '0-a', value, timestampMs: 10 }))
        await new Feed([events, []]).next(open.log, 2)
      }
      open.clock.advance(lookAtMs)
      const { app } = await newProcess(open, world, tomorrow, {})
      await run(
        open.clock,
        app.start().then(() => app.drained()),
      )
      // Time to look at the clock, and to commit.
      await settle(open.clock)
      await run(open.clock, app.stop())
      const fired = await readNumbers(open, 'fired')
      await open.log.close()
      return fired.map(([, value]) => value)
    }
    expect(await firedBy(0)).toEqual([])
    expect(await firedBy(dayMs / 2)).toEqual([])
    expect(await firedBy(2 * dayMs)).toEqual([1, 2])
    expect(await firedBy(3 * dayMs)).toEqual([1, 2])
  })
})
