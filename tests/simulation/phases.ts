/**
 * Inputs whose records are out of order within their partitions, given part by part to processes that stop and crash: for
 * results that must not depend on any of that.
 */
import fc from 'fast-check'
import {
  commitSteps,
  type Log,
  type Logger,
  type RuntimeSettings,
  serdes,
  silentLogger,
  topic,
} from '../../streams/index.ts'
import { crashAt } from '../../streams/testing/index.ts'
import type { Timed } from '../support/window-oracle.ts'
import { type Case, input } from './cases.ts'
import {
  append,
  newProcess,
  newWorld,
  type OpenLog,
  openLog,
  readNumbers,
  run,
  startProcess,
  type World,
} from './world.ts'

export const sourcePartitions = 2
/** A second input beside that of all cases. */
export const more = topic('more', { key: serdes.string, value: serdes.long })

/** All that is read: each partition of both topics has an order of its own. */
export const places = [input, more].flatMap(({ name }) =>
  Array.from({ length: sourcePartitions }, (_, partition) => ({ topic: name, partition })),
)

export type Event = Timed<number>

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

export const allEvents = fc.tuple(...places.map(partitionEvents))

export const settings = fc.record({
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
export const phase = fc.record({
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

export type Phase = typeof phase extends fc.Arbitrary<infer P> ? P : never

/** Gives the partitions their events part by part. */
export class Feed {
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
export async function runPhase(
  testCase: Case,
  world: World,
  feed: Feed,
  { given, settings, end }: Phase,
): Promise<World> {
  const open = await openLog(world)
  await feed.next(open.log, given)
  if (end.kind === 'crash') return runToCrash(testCase, open, world, settings, end)
  const others = await Promise.all(
    Array.from({ length: end.instances - 1 }, (_, index) =>
      startProcess(open, { tasks: newWorld().tasks, sink: world.sink }, testCase, {
        settings,
        instanceId: `other-${index}`,
      }),
    ),
  )
  const { app } = await startProcess(open, world, testCase, { settings, instanceId: 'first' })
  for (const one of [app, ...others.map((other) => other.app)]) await run(open.clock, one.drained())
  for (const one of [app, ...others.map((other) => other.app)]) await run(open.clock, one.stop())
  await open.log.close()
  return world.snapshot()
}

async function runToCrash(
  testCase: Case,
  open: OpenLog,
  world: World,
  settings: Partial<RuntimeSettings>,
  { step, nth }: Extract<Phase['end'], { kind: 'crash' }>,
): Promise<World> {
  let left: World | undefined
  const crash = crashAt(step, nth, () => {
    left = world.snapshot()
  })
  const { app } = await newProcess(open, world, testCase, { observer: crash.observer, settings })
  await run(open.clock, Promise.race([crash.reached, app.start().then(() => app.drained())]))
  if (left !== undefined) return left
  await run(open.clock, app.stop())
  await open.log.close()
  return world.snapshot()
}

/** Processes what is left, says that nothing more comes, and reads what was written. Tasks must leave nothing open when they are closed. */
export async function finish<N extends string>(
  testCase: Case,
  outputs: readonly N[],
  world: World,
  feed: Feed,
  settings: Partial<RuntimeSettings>,
): Promise<Record<N, readonly [key: string, value: number][]>> {
  const open = await openLog(world)
  await feed.next(
    open.log,
    places.map(() => 1_000),
  )
  const left: unknown[] = []
  const logger: Logger = {
    ...silentLogger,
    child: () => logger,
    warn: ({ reason }, message) => {
      if (message === 'closing the task failed') left.push(reason)
    },
  }
  const { app } = await newProcess(open, world, testCase, { settings, logger })
  const processed = app.start().then(() => app.drained({ endOfInput: true }))
  await run(
    open.clock,
    processed.then(() => app.stop()),
  )
  if (left.length > 0) throw new Error(`closing a task failed: ${left.join('; ')}`)
  const all = await Promise.all(outputs.map(async (name) => [name, await readNumbers(open, name)] as const))
  // Of each output there is an entry.
  return Object.fromEntries(all) as Record<N, [string, number][]>
}

/** A world with the inputs' topics. */
export async function worldOfInputs(): Promise<World> {
  const world = newWorld()
  const { log } = await openLog(world)
  await log.createTopics(
    [input, more].map(({ name, settings: own }) => ({ name, partitions: sourcePartitions, ...own })),
  )
  await log.close()
  return world.snapshot()
}
