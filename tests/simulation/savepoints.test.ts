/**
 * Savepoints: whatever was processed after one was made, and whatever is left of it, a topology that is put back to it gives the results
 * of one that saw the input once.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { openLogRegistry } from '../../streams/adapters/registry/log-registry.ts'
import { Checkpoints } from '../../streams/control/checkpoints.ts'
import {
  createSavepoint,
  type SavepointPorts,
  stopped,
} from '../../streams/control/savepoint/create-savepoint.ts'
import { restoreSavepoint } from '../../streams/control/savepoint/restore-savepoint.ts'
import {
  SavepointDirectory,
  type SavepointManifest,
} from '../../streams/control/savepoint/savepoint-directory.ts'
import {
  defineTopology,
  internalTopics,
  keyValueStore,
  type Log,
  nullable,
  output,
  StreamsError,
  serdes,
  session,
  summing,
  topic,
  tumbling,
} from '../../streams/index.ts'
import { type ManualClock, MemoryStoreProvider } from '../../streams/testing/index.ts'
import { type Case, countIntoSink, input, inputRecords, sortOut } from './cases.ts'
import {
  allEvents,
  type Event,
  Feed,
  finish,
  more,
  type Phase,
  phase,
  places,
  runPhase,
  settings,
  worldOfInputs,
} from './phases.ts'
import { sessionWrites, takenBackSession, withoutTakenBack } from './taken-back.ts'
import { append, newProcess, openLog, run, World, worldWithInput } from './world.ts'

const disorderMs = 200
const out = (name: string) => topic(name, { key: serdes.string, value: nullable(serdes.long) })
const outputs = ['counts', 'by-digit', 'windows', 'closed', 'sessions', 'sums'] as const

const sums = keyValueStore({ name: 'sums', key: serdes.string, value: serdes.long, ttlMs: 1_000_000 })

/** State of each kind, behind repartition topics and in front of them. */
const stateful: Case = {
  name: 'stateful',
  topology: () =>
    defineTopology('saved', (builder) => {
      const events = builder.stream(input, { disorderMs, idle: 'wait' })
      const others = builder.stream(more, { disorderMs, idle: 'wait' })
      events.groupByKey().count({ store: 'counts' }).toStream().to(out('counts'))
      events
        .groupBy((value) => `digit-${value % 3}`, serdes.string)
        .count({ store: 'by-digit' })
        .toStream()
        .to(out('by-digit'))
      events
        .merge(others)
        .groupBy((value) => `digit-${value % 4}`, serdes.string)
        .windowedBy(tumbling(100).grace(disorderMs))
        .aggregate(
          summing((value) => value),
          { store: 'windows' },
        )
        .toStream(({ key, startMs }) => `${key}@${startMs}`)
        .to(out('windows'))
      events
        .groupByKey()
        .windowedBy(tumbling(70).grace(disorderMs))
        .emit('on-close')
        .count({ store: 'closed' })
        .toStream(({ key, startMs }) => `${key}@${startMs}`)
        .to(out('closed'))
      others
        .groupByKey()
        .windowedBy(session(50).grace(disorderMs))
        .count({ store: 'sessions' })
        .toStream(({ key, startMs, endMs }) => `${key}@${startMs}-${endMs}`)
        // One that was merged into another.
        .mapValues((sessions) => sessions ?? 0)
        .to(out('sessions'))
      others
        .process('sum', {
          stores: { sums },
          outputs: { all: output<string, number | null>() },
          create:
            ({ stores, outputs: to }) =>
            (key, value) => {
              const sum = (stores.sums.get(key) ?? 0) + value
              stores.sums.put(key, sum)
              to.all(key, sum)
            },
        })
        .all.to(out('sums'))
    }),
  output: undefined,
  store: undefined,
  expected: () => [],
  emits: 'last',
}

const folder = mkdtempSync(join(tmpdir(), 'savepoints-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

function newDirectory(): SavepointDirectory {
  return new SavepointDirectory(join(folder, String(++count)))
}

/** As `run`, for work that waits for a disk too, which takes turns of its own. */
async function runWithFiles<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let settled = false
  const settle = (): void => {
    settled = true
  }
  work.then(settle, settle)
  while (!settled) {
    await new Promise((resolve) => setImmediate(resolve))
    if (!settled && clock.nextTimerMs !== undefined) clock.advanceTo(clock.nextTimerMs)
  }
  return work
}

async function portsOf(log: Log, clock: ManualClock, { tasks }: World): Promise<SavepointPorts> {
  return { log, clock, stores: tasks, registry: await run(clock, openLogRegistry({ log, clock })) }
}

/** Nobody runs the topology in this world. */
async function save(world: World, testCase: Case, directory: SavepointDirectory): Promise<SavepointManifest> {
  const { log, clock } = await openLog(world)
  const topology = testCase.topology(world.sink)
  const ports = {
    log,
    clock,
    stores: world.tasks,
    registry: await run(clock, openLogRegistry({ log, clock })),
  }
  const request = { topology, directory, savepoint: 'one', reason: 'a test', createdBy: 'test' }
  const manifest = await runWithFiles(clock, createSavepoint(ports, request, stopped(ports, topology.name)))
  await log.close()
  return manifest
}

const restoreRequest = {
  savepoint: 'one',
  instanceId: 'restorer',
  transactionTimeoutMs: 60_000,
  transactionMaxBytes: 300,
} as const

async function restore(
  world: World,
  testCase: Case,
  directory: SavepointDirectory,
  transactionMaxBytes: number = restoreRequest.transactionMaxBytes,
  inputsFrom: 'savepoint' | 'beginning' = 'savepoint',
): Promise<World> {
  const { log, clock } = await openLog(world)
  const topology = testCase.topology(world.sink)
  const ports = {
    log,
    clock,
    stores: world.tasks,
    registry: await run(clock, openLogRegistry({ log, clock })),
  }
  const request = {
    ...restoreRequest,
    topologyName: topology.name,
    topology,
    directory,
    inputsFrom,
    transactionMaxBytes,
  }
  await runWithFiles(clock, restoreSavepoint(ports, request))
  await log.close()
  return world.snapshot()
}

type Reset = 'nothing' | 'local state' | 'local state and changelogs'

/** What is lost between the savepoint and its use. */
async function reset(world: World, testCase: Case, what: Reset): Promise<World> {
  if (what === 'nothing') return world.snapshot()
  const left = new World({ log: world.log.snapshot(), tasks: new MemoryStoreProvider(), sink: world.sink })
  if (what === 'local state') return left.snapshot()
  const { log } = await openLog(left)
  const { name, subTopologies, repartitionTopics } = testCase.topology(world.sink)
  const gone = [
    internalTopics.checkpoint(name),
    ...repartitionTopics.map((one) => one.name),
    ...subTopologies.flatMap(({ stores }) =>
      stores.map((store) => internalTopics.changelog(name, store.name)),
    ),
  ]
  const topics = (await log.describeTopics()).filter((one) => gone.includes(one.name))
  const ranges = await log.offsetRanges(
    topics.flatMap(({ name: of, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic: of, partition })),
    ),
  )
  await log.deleteRecords(
    ranges.map(({ topic: of, partition, end }) => ({ topic: of, partition, offset: end })),
  )
  await log.close()
  return left.snapshot()
}

/** The last result of each key: what a reader that keeps one row a key has in the end. */
function lastByKey(results: Readonly<Record<string, readonly (readonly [string, number])[]>>) {
  return Object.fromEntries(
    Object.entries(results).map(([name, rows]) => [
      name,
      [...new Map(rows)]
        .filter(([, value]) => name !== 'sessions' || value > 0)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ]),
  )
}

async function resultsOnceSeen(events: readonly (readonly Event[])[], tasksSettings: Phase['settings']) {
  return lastByKey(await finish(stateful, outputs, await worldOfInputs(), new Feed(events), tasksSettings))
}

const resets: readonly Reset[] = ['nothing', 'local state', 'local state and changelogs']

describe('a topology that is put back to a savepoint', () => {
  it('should give the results of one that saw its input once', async () => {
    await fc.assert(
      fc.asyncProperty(
        allEvents,
        phase,
        fc.array(phase, { maxLength: 2 }),
        fc.constantFrom(...resets),
        settings,
        async (events, before, after, what, last) => {
          const feed = new Feed(events)
          const directory = newDirectory()
          // Also one that was killed: then records lie between its sub-topologies.
          let world = await runPhase(stateful, await worldOfInputs(), feed, before)
          world = world.snapshot()
          const manifest = await save(world, stateful, directory).catch((error: unknown) => {
            // It was killed before anything of it was there.
            if (error instanceof Error && /has never run|does not exist/.test(error.message)) return undefined
            throw error
          })
          fc.pre(manifest !== undefined)
          const atSavepoint = await sessionWrites(world)
          for (const one of after) world = await runPhase(stateful, world.snapshot(), feed, one)
          const atRestore = await sessionWrites(world)
          world = await reset(world, stateful, what)
          world = await restore(world, stateful, directory)
          const results = await finish(stateful, outputs, world, feed, last)
          const kept = withoutTakenBack(results, atSavepoint, atRestore)
          expect(lastByKey(kept)).toEqual(await resultsOnceSeen(events, last))
        },
      ),
      { numRuns: 25, examples: [takenBackSession] },
    )
    // On a busy machine it takes several times its 8 to 21 s.
  }, 180_000)

  it('should go on in another log that has only what came after the savepoint', async () => {
    await fc.assert(
      fc.asyncProperty(allEvents, phase, settings, async (events, { given }, last) => {
        const feed = new Feed(events)
        const directory = newDirectory()
        const stop: Phase = { given, settings: last, end: { kind: 'stop', instances: 1 } }
        const old = await runPhase(stateful, await worldOfInputs(), feed, stop)
        await save(old.snapshot(), stateful, directory)
        // Another log has offsets of its own.
        const other = await worldOfInputs()
        const refused = restore(other.snapshot(), stateful, directory)
        if (given.some((count, index) => count > 0 && events[index]!.length > 0))
          await expect(refused).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
        else await refused
        const moved = await restore(other, stateful, directory, 300, 'beginning')
        const nothingMore = new Feed(places.map(() => []))
        const before = await finish(stateful, outputs, old.snapshot(), nothingMore, last)
        const after = await finish(stateful, outputs, moved, feed, last)
        const all = Object.fromEntries(outputs.map((name) => [name, [...before[name], ...after[name]]]))
        expect(lastByKey(all)).toEqual(await resultsOnceSeen(events, last))
      }),
      { numRuns: 25 },
    )
  })

  it('should be the same whenever putting it back is broken off and done once more, and not start before', async () => {
    const events = [0, 1, 0, 1].map((partition) =>
      Array.from({ length: 30 }, (_, index): Event => {
        const key = `${partition}-${'abc'[index % 3]}`
        return { key, value: index * 7, timestampMs: index * 20 + (index % 4 === 0 ? 0 : 15) }
      }),
    )
    const [last] = fc.sample(settings, { numRuns: 1, seed: 12 })
    const expected = await resultsOnceSeen(events, last!)
    const feed = () => new Feed(events)
    const stop: Pick<Phase, 'settings' | 'end'> = { settings: last!, end: { kind: 'stop', instances: 1 } }
    const first: Phase = { ...stop, given: [7, 7, 7, 7] }
    const second: Phase = { ...stop, given: [6, 9, 6, 9] }
    const directory = newDirectory()
    const given = feed()
    let world = await runPhase(stateful, await worldOfInputs(), given, first)
    await save(world, stateful, directory)
    world = await runPhase(stateful, world.snapshot(), given, second)
    let crashes = 0
    for (let nth = 1; ; nth++) {
      const left = await restoreUntilWrite(world.snapshot(), directory, nth)
      if (left === undefined) break
      crashes++
      const outcome = await startOutcome(left.snapshot())
      if (outcome === 'started')
        expect(await savepointsInCheckpoints(left), `after ${nth} writes`).toEqual([])
      else expect(outcome).toBe('RESTORE_UNFINISHED')
      if (nth % 3 !== 0) continue
      const again = await restore(left.snapshot(), stateful, directory)
      const rest = feed()
      await skip(rest, [13, 16, 13, 16])
      expect(lastByKey(await finish(stateful, outputs, again, rest, last!)), `after ${nth} writes`).toEqual(
        expected,
      )
    }
    expect(crashes).toBeGreaterThan(20)
  })

  it('should write nothing when putting it back is cancelled while files are checked', async () => {
    const world = await processed(await worldWithInput(inputRecords(20)))
    const directory = newDirectory()
    await save(world.snapshot(), countIntoSink, directory)
    let writes = 0
    const { log, clock } = await openLog(
      new World({
        log: world.log.snapshot({ beforeWrite: () => void writes++ }),
        tasks: world.tasks,
        sink: world.sink,
      }),
    )
    const writesToOpen = writes
    const cancelled = new AbortController()
    const topologyName = countIntoSink.topology(world.sink).name
    const request = { ...restoreRequest, topologyName, directory }
    const restoring = restoreSavepoint(await portsOf(log, clock, world), request, {
      signal: cancelled.signal,
      onProgress: ({ step }) => step === 'checking files' && cancelled.abort(),
    })
    await expect(runWithFiles(clock, restoring)).rejects.toMatchObject({
      code: 'CLOSED',
      message: expect.stringContaining('nothing was written'),
    })
    expect(writes).toBe(writesToOpen)
    await log.close()
  })

  it('should have windows again that were over, and that databases had dropped without a word', async () => {
    const times = [0, 5_000, 5_500, 6_000, 6_500]
    const events = [0, 1, 0, 1].map((partition) =>
      times.map((timestampMs): Event => ({ key: `${partition}-a`, value: 1, timestampMs })),
    )
    const [last] = fc.sample(settings, { numRuns: 1, seed: 12 })
    const stop: Pick<Phase, 'settings' | 'end'> = { settings: last!, end: { kind: 'stop', instances: 1 } }
    const feed = new Feed(events)
    const directory = newDirectory()
    let world = await runPhase(stateful, await worldOfInputs(), feed, { ...stop, given: [1, 1, 1, 1] })
    await save(world, stateful, directory)
    world = await runPhase(stateful, world.snapshot(), feed, { ...stop, given: [3, 3, 3, 3] })
    world = await restore(world.snapshot(), stateful, directory)
    const { closed } = await finish(stateful, outputs, world, feed, last!)
    for (const key of ['0-a@0', '1-a@0']) expect(closed.filter(([of]) => of === key)).toHaveLength(2)
  })

  it('should give an external sink each result once more, and leave the sink its positions', async () => {
    const records = inputRecords(20)
    const { valid } = sortOut([...records, ...records])
    const counts = countIntoSink.expectedState!(valid)
    const directory = newDirectory()
    let world = await processed(await worldWithInput(records))
    await save(world.snapshot(), countIntoSink, directory)
    world = await processed(world.snapshot(), records)
    world = await restore(world.snapshot(), countIntoSink, directory)
    world = await processed(world)
    const newest = new Map(world.sink.rows.map(({ id, value }) => [id.split('-').at(-1), value]))
    for (const [key, total] of counts)
      if (total % 5 !== 0) expect([key, newest.get(key)]).toEqual([key, total])
  })
})

/** Feeds a world that nobody looks at, so that the feed stands behind what others were given. */
async function skip(feed: Feed, given: readonly number[]): Promise<void> {
  const { log } = await openLog(await worldOfInputs())
  await feed.next(log, given)
  await log.close()
}

/** What a process leaves that is killed right before the nth write to the log; undefined when it was done before. */
async function restoreUntilWrite(
  world: World,
  directory: SavepointDirectory,
  nth: number,
): Promise<World | undefined> {
  let left: World | undefined
  let writes = 0
  const watched = new World({
    log: world.log.snapshot({
      beforeWrite: () => {
        if (++writes === nth) left = watched.snapshot()
      },
    }),
    tasks: world.tasks.snapshot(),
    sink: world.sink,
  })
  await restore(watched, stateful, directory, 60)
  return left
}

async function startOutcome(world: World): Promise<string> {
  const open = await openLog(world)
  const { app } = await newProcess(open, world, stateful)
  const outcome = app
    .start()
    .then(() => app.drained())
    .then(
      () => 'started',
      (error: unknown) => (error instanceof StreamsError ? error.code : String(error)),
    )
  const what = await run(open.clock, outcome)
  await run(open.clock, app.stop())
  await open.log.close()
  return what
}

/** The savepoints that tasks are marked with. */
async function savepointsInCheckpoints(world: World): Promise<string[]> {
  const { log, clock } = await openLog(world.snapshot())
  const checkpoints = await run(clock, Checkpoints.open(await portsOf(log, clock, world), 'saved'))
  const newest = await run(clock, checkpoints!.newest())
  await log.close()
  return newest.flatMap(({ restoring }) => restoring ?? [])
}

/** Counts into the sink what is there, after more was added. */
async function processed(world: World, records: ReturnType<typeof inputRecords> = []): Promise<World> {
  const open = await openLog(world)
  if (records.length > 0) await append(open.log, input.name, records)
  const { app } = await newProcess(open, world, countIntoSink)
  await run(
    open.clock,
    app
      .start()
      .then(() => app.drained())
      .then(() => app.stop()),
  )
  await open.log.close()
  return world.snapshot()
}
