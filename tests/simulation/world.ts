/**
 * Everything that outlives a process, in memory, and processes over it. A crash forks the world at that moment: the old
 * process goes on in the old world, where nobody looks any more.
 */
import { type EmbeddedLog, openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { openLogRegistry } from '../../streams/adapters/registry/log-registry.ts'
import {
  type CommitStep,
  commitSteps,
  keyAt,
  type ProcessingGuarantee,
  valueAt,
} from '../../streams/index.ts'
import type { Clock } from '../../streams/ports/clock.ts'
import type { GroupMember, Log } from '../../streams/ports/log.ts'
import { type Logger, silentLogger } from '../../streams/ports/observability.ts'
import { type RecordBatch, RecordBatchBuilder } from '../../streams/records/record-batch.ts'
import { followToEnd } from '../../streams/runtime/follow-to-end.ts'
import type { RuntimeSettings } from '../../streams/runtime/settings.ts'
import { StreamsApp } from '../../streams/runtime/streams-app.ts'
import type { TaskObserver } from '../../streams/runtime/task-environment.ts'
import { type Faults, faultyLog, faultySink } from '../../streams/testing/faults.ts'
import { ManualClock, MemoryMetrics, MemorySink, MemoryStoreProvider } from '../../streams/testing/index.ts'
import { type Case, input, isRejected, partitions, type Row, type TestRecord } from './cases.ts'

export class World {
  readonly log: MemoryStoreProvider
  readonly tasks: MemoryStoreProvider
  readonly sink: MemorySink<Row>

  constructor(parts: { log: MemoryStoreProvider; tasks: MemoryStoreProvider; sink: MemorySink<Row> }) {
    this.log = parts.log
    this.tasks = parts.tasks
    this.sink = parts.sink
  }

  /** What a killed process leaves; after a power failure, at worst: nothing of a database that was not synced. */
  snapshot(lose: 'nothing' | 'unsynced' = 'nothing'): World {
    return new World({
      log: this.log.snapshot({ lose }),
      tasks: this.tasks.snapshot({ lose }),
      sink: this.sink.snapshot(),
    })
  }
}

export function newWorld(): World {
  const sink = new MemorySink<Row>({
    rejects: (row) => (isRejected(row) ? { code: 'MULTIPLE_OF_5', message: `${row.value}` } : undefined),
  })
  return new World({ log: new MemoryStoreProvider(), tasks: new MemoryStoreProvider(), sink })
}

/** Time passes with every turn, so that commits come by their interval, too. */
export class TickingClock extends ManualClock {
  override async yieldTurn(): Promise<void> {
    this.advance(1)
  }
}

export const simulationSettings: Partial<RuntimeSettings> = {
  defaultPartitions: partitions,
  commitIntervalMs: 3,
  batchMaxRecords: 5,
  transactionMaxKeys: 6,
  sinkMaxRows: 4,
  cacheMaxBytesPerTask: 2_000,
  transactionTimeoutMs: 10_000_000,
  taskRetryInitialMs: 5,
  // Processes here hang on purpose, for as long as the test likes.
  taskDeadlineMs: 10_000_000,
  // Zombies here never hear that they are out of the group.
  fencedTaskReopenMs: 10_000_000,
}

export interface ProcessOptions {
  readonly logger?: Logger
  readonly observer?: TaskObserver
  readonly settings?: Partial<RuntimeSettings>
  readonly faults?: Faults
  readonly instanceId?: string
  readonly zone?: string
}

/** A log that is open, and the clock that it goes by. */
export interface OpenLog {
  readonly clock: TickingClock
  readonly log: EmbeddedLog
}

export async function openLog(world: World): Promise<OpenLog> {
  const clock = new TickingClock(1_000)
  const log = await openEmbeddedLog({ store: await world.log.open('log'), clock, cleaningIntervalMs: null })
  return { clock, log }
}

export interface Process {
  readonly app: StreamsApp
  readonly clock: TickingClock
  readonly log: Log
  /** Ends its memberships as a coordinator does that hears nothing more of it: it is not told. */
  expel(): Promise<void>
}

/** Starts a case's topology over an open log, and lets it come as far as it does without time passing. */
export async function startProcess(
  open: OpenLog,
  world: Pick<World, 'tasks' | 'sink'>,
  testCase: Case,
  options: ProcessOptions = {},
): Promise<Process> {
  const process = await newProcess(open, world, testCase, options)
  await run(open.clock, process.app.start())
  return process
}

/** A process that has not started its application yet. */
export async function newProcess(
  { clock, log }: OpenLog,
  world: Pick<World, 'tasks' | 'sink'>,
  { topology, emits }: Case,
  { observer, settings, faults, instanceId, zone, logger = silentLogger }: ProcessOptions = {},
): Promise<Process> {
  const members: GroupMember[] = []
  const ownLog = withMembers(faults === undefined ? log : faultyLog(log, faults), members)
  const app = new StreamsApp({
    topologies: [topology(faults === undefined ? world.sink : faultySink(world.sink, faults))],
    log: ownLog,
    stores: world.tasks,
    registry: await openLogRegistry({ log, clock }),
    clock,
    logger,
    metrics: new MemoryMetrics(),
    settings: {
      ...simulationSettings,
      emission: emits === 'each' ? 'every-update' : 'per-commit',
      ...settings,
    },
    ...(observer === undefined ? {} : { observer }),
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(zone === undefined ? {} : { zone }),
  })
  return {
    app,
    clock,
    log: ownLog,
    expel: async () => {
      for (const member of members) await member.leave()
    },
  }
}

function withMembers(log: Log, members: GroupMember[]): Log {
  const own: Log = Object.create(log)
  own.joinGroup = async (options) => {
    const member = await log.joinGroup(options)
    members.push(member)
    return member
  }
  return own
}

/** Moves the clock from timer to timer until the promise is settled; the system's clock moves by itself. */
export async function run<T>(clock: Clock, promise: Promise<T>): Promise<T> {
  if (!(clock instanceof ManualClock)) return promise
  let settled = false
  const settle = (): void => {
    settled = true
  }
  promise.then(settle, settle)
  for (let turns = 0; turns < 50_000; turns++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (settled) return promise
    if (clock.nextTimerMs !== undefined) clock.advanceTo(clock.nextTimerMs)
  }
  throw new Error(`nothing came of it until ${clock.now()} ms`)
}

/** Lets everything go on that is ready, without waiting for anything in particular. */
export async function settle(clock: ManualClock, turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (clock.nextTimerMs !== undefined && clock.nextTimerMs < clock.now() + 1_000)
      clock.advanceTo(clock.nextTimerMs)
  }
}

export async function append(log: Log, topic: string, records: readonly TestRecord[]): Promise<void> {
  const batches = new Map<number, RecordBatchBuilder>()
  for (const { partition, key, value, timestampMs } of records) {
    const batch = batches.get(partition) ?? new RecordBatchBuilder(topic, partition)
    batches.set(partition, batch)
    batch.append(key === null ? null : Buffer.from(key), value, timestampMs)
  }
  await log.append([...batches.values()].map((batch) => batch.build()))
}

/** All records of a topic that a reader may see, partition by partition. */
export async function readTopic(log: Log, clock: Clock, topic: string): Promise<RecordBatch[]> {
  const [settings] = await log.describeTopics([topic])
  const ranges = await log.offsetRanges(
    Array.from({ length: settings!.partitions }, (_, partition) => ({ topic, partition })),
  )
  const batches: RecordBatch[] = []
  await followToEnd(
    { log, clock },
    ranges.map(({ start, partition }) => ({ topic, partition, offset: start })),
    (batch) => batches.push(batch),
  )
  return batches.sort((a, b) => a.partition - b.partition)
}

/** The rows of a topic whose values are longs. */
export async function readNumbers(
  { log, clock }: Pick<OpenLog, 'log' | 'clock'>,
  topic: string,
): Promise<[key: string, value: number][]> {
  const batches = await run(clock, readTopic(log, clock, topic))
  return batches.flatMap((batch) =>
    Array.from({ length: batch.length }, (_, index): [string, number] => [
      keyAt(batch, index)!.toString(),
      Number(valueAt(batch, index)!.readBigInt64BE()),
    ]),
  )
}

/** A new world with the case's input in its log. */
export async function worldWithInput(records: readonly TestRecord[]): Promise<World> {
  const world = newWorld()
  const { log } = await openLog(world)
  await log.createTopics([{ name: input.name, partitions, ...input.settings }])
  await append(log, input.name, records)
  await log.close()
  return world.snapshot()
}

/** The steps that a commit of the case goes through. */
export function stepsOf({ sinkReads }: Case, guarantee: ProcessingGuarantee): CommitStep[] {
  return commitSteps.filter((step) => {
    if (step === 'committed') return guarantee === 'exactly-once'
    return !step.startsWith('sink-') || sinkReads !== undefined
  })
}
