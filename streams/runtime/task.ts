/**
 * A task: one sub-topology for one partition. It owns its inputs, its state, its outputs and its transaction.
 *
 * Invariants:
 * 1. Opening goes in this order: fence the predecessor, read what was committed, restore, start. Nothing is trusted that was
 *    read before the fence.
 * 2. The task awaits only to open, to read state ahead, to fetch a schema, and to commit. Operators run synchronously
 *    over decoded records in between, so no two pieces of its work interleave.
 * 3. Records are taken in timestamp order over the input partitions; one that may have more records is waited for.
 * 4. After an error the task is not used again: close it, which aborts, and open a new one.
 */
import { StreamsError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, LogReader, PartitionOffset, TransactionalProducer } from '../ports/log.ts'
import type { Counter, Gauge, Histogram, Logger, Metrics } from '../ports/observability.ts'
import type { StoreProvider } from '../ports/store.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import type { FlushFailure } from '../state/table-store.ts'
import { TaskDatabase } from '../state/task-database.ts'
import { internalTopics, type SubTopology, type Topology } from '../topology/topology.ts'
import type { CheckpointView } from './checkpoint-view.ts'
import type { OpenCodecs } from './codecs.ts'
import { type CommitStep, type CommitTarget, commitTask } from './commit.ts'
import { CompiledTask, type CompileEnvironment } from './compiled-task.ts'
import { DeadLetters, dispose } from './dead-letters.ts'
import { type CommitDecision, decideCommit } from './decide-commit.ts'
import { checkpointTopic, deadLetterTopic } from './internal-topics.ts'
import { PartitionInput } from './partition-input.ts'
import { restoreTask } from './restore.ts'
import type { RuntimeSettings } from './settings.ts'

/** Told what tasks do; for tests, progress and the control plane. May throw or wait: the task then fails or waits. */
export interface TaskObserver {
  onCommitStep?(taskId: string, step: CommitStep): void | Promise<void>
  onCommitted?(checkpoint: Checkpoint): void
}

/** What the tasks of one topology in one instance share. */
export interface TaskEnvironment {
  readonly topology: Topology
  readonly groupId: string
  readonly instanceId: string
  readonly log: Log
  readonly stores: StoreProvider
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly settings: RuntimeSettings
  readonly codecs: OpenCodecs
  readonly checkpoints: CheckpointView
  readonly partitionCounts: ReadonlyMap<string, number>
  readonly globalRows: CompileEnvironment['globalRows']
  readonly observer: TaskObserver
}

export function taskIdOf(subTopology: SubTopology, partition: number): string {
  return `${subTopology.name}_${partition}`
}

export class Task {
  readonly id: string
  readonly compiled: CompiledTask
  private readonly environment: TaskEnvironment
  private readonly inputs: readonly PartitionInput[]
  private readonly commitTarget: CommitTarget
  private readonly producer: TransactionalProducer | undefined
  private readonly database: TaskDatabase | undefined
  private readonly reader: LogReader
  private readonly deadLetters: DeadLetters
  private readonly meters: TaskMeters
  private commitNumber: number
  private lastCommitMs: number
  private recordsSinceCommit = 0
  private committedOffsets: readonly PartitionOffset[]
  private readerFailure: StreamsError | undefined

  /** @throws PRODUCER_FENCED, OFFSET_OUT_OF_RANGE, STATE_CORRUPT, and whatever the ports throw */
  static async open(
    environment: TaskEnvironment,
    subTopology: SubTopology,
    partition: number,
    onReady: () => void,
  ): Promise<Task> {
    const { log, settings, stores, topology } = environment
    const id = taskIdOf(subTopology, partition)
    const closers: (() => Promise<void>)[] = []
    try {
      let producer: TransactionalProducer | undefined
      if (settings.processingGuarantee === 'exactly-once') {
        producer = await log.openTransactionalProducer({
          transactionalId: `${environment.groupId}-${id}`,
          timeoutMs: settings.transactionTimeoutMs,
        })
        closers.push(() => producer?.close() ?? Promise.resolve())
      }
      await environment.checkpoints.refresh()
      const checkpoint = environment.checkpoints.of(id)

      let database: TaskDatabase | undefined
      if (subTopology.stores.length > 0) {
        const names = subTopology.stores.map(({ name }) => name)
        database = await TaskDatabase.open(stores, databaseName(topology.name, id), names)
        closers.push(() => database?.close() ?? Promise.resolve())
      }
      const flushFailures: FlushFailureHandler = { handle: undefined }
      const compiled = compile(environment, subTopology, partition, database, checkpoint, flushFailures)
      closers.push(() => compiled.sinkWriter.close())
      if (database !== undefined) {
        const logger = environment.logger.child({ task: id })
        await restoreTask({
          ...environment,
          logger,
          topologyName: topology.name,
          partition,
          database,
          stores: compiled.stores,
        })
      }

      const start = await startingPoint(environment, subTopology, partition, id, compiled)
      const parts: TaskParts = {
        id,
        subTopology,
        environment,
        compiled,
        producer,
        database,
        checkpoint,
        start,
        flushFailures,
        onReady,
      }
      return new Task(parts)
    } catch (error) {
      for (const close of closers.reverse()) await close().catch(() => {})
      throw error
    }
  }

  private constructor(parts: TaskParts) {
    const { environment, compiled, start, id } = parts
    const { topology, settings, clock } = environment
    this.id = id
    this.environment = environment
    this.compiled = compiled
    this.producer = parts.producer
    this.database = parts.database
    this.meters = new TaskMeters(environment.metrics, topology.name, id)
    this.commitNumber = Math.max(
      parts.checkpoint?.commit_number ?? 0,
      parts.database?.position.commitNumber ?? 0,
    )
    this.lastCommitMs = clock.now()
    this.committedOffsets = start.offsets
    const letters = deadLetterTopic(topology.name)
    this.deadLetters = new DeadLetters(
      {
        topic: letters.name,
        partitionCount: environment.partitionCounts.get(letters.name) ?? 1,
        codec: environment.codecs.of(letters).value,
        topology: topology.name,
        subTopology: parts.subTopology.name,
        publishedUpTo: new Map(start.committed.map(({ topic, offset }) => [topic, offset])),
      },
      compiled.outputs,
    )
    parts.flushFailures.handle = (failure, error) => this.flushFailed(failure, error)
    this.reader = environment.log.openReader({
      onReady: parts.onReady,
      onError: (_partition, error) => {
        this.readerFailure = error
        parts.onReady()
      },
      maxBufferedBytes: settings.inputMaxBufferedBytes,
    })
    this.inputs = start.offsets.map(({ topic, partition, offset }) => {
      const processor = compiled.processors.get(topic)
      if (processor === undefined)
        throw new StreamsError('INVARIANT_VIOLATED', `no source reads topic ${topic}`)
      return new PartitionInput({ topic, partition }, processor, this.reader, offset)
    })
    this.commitTarget = {
      taskId: id,
      topologyName: topology.name,
      groupId: environment.groupId,
      instanceId: environment.instanceId,
      guarantee: settings.processingGuarantee,
      log: environment.log,
      producer: parts.producer,
      compiled,
      database: parts.database,
      deadLetters: this.deadLetters,
      checkpointTopic: checkpointTopic(topology.name).name,
      checkpointCodec: environment.codecs.of(checkpointTopic(topology.name)).value,
      now: () => clock.now(),
      step: (step) => environment.observer.onCommitStep?.(id, step),
    }
  }

  /** Processes what is there, up to a slice of time. Answers whether anything was. */
  async advance(): Promise<boolean> {
    if (this.readerFailure !== undefined) throw this.readerFailure
    const before = this.position()
    for (const input of this.inputs) {
      if (!input.isEmpty) continue
      if (input.missingSchema !== undefined) await this.fetchSchema(input, input.missingSchema)
      if (input.refill(this.environment.settings.batchMaxRecords)) await this.readAhead(input)
    }
    const records = this.processSlice()
    if (records > 0) {
      this.recordsSinceCommit += records
      this.meters.recordsIn.add(records)
    }
    return (
      records > 0 ||
      this.position() !== before ||
      this.inputs.some((input) => input.missingSchema !== undefined)
    )
  }

  /** Whether to commit now, or in how long. */
  decideCommit(requested: boolean): CommitDecision {
    const { settings, clock } = this.environment
    const { outputs, sinkWriter, stores } = this.compiled
    let changedKeys = 0
    for (const store of stores.values()) changedKeys += store.dirtyCount
    return decideCommit(
      {
        nowMs: clock.now(),
        lastCommitMs: this.lastCommitMs,
        hasWork: this.inputs.some(
          ({ nextOffset }, index) => nextOffset !== this.committedOffsets[index]!.offset,
        ),
        transactionBytes: outputs.bytes,
        changedKeys,
        sinkRows: sinkWriter.waitingRows,
        requested,
      },
      settings,
    )
  }

  async commit(): Promise<void> {
    const inputOffsets = this.inputs.map(({ partition, nextOffset }) => ({
      ...partition,
      offset: nextOffset,
    }))
    const { checkpoint, outputRecords } = await commitTask(this.commitTarget, {
      commitNumber: this.commitNumber + 1,
      inputOffsets,
      expiryMaxRows: this.environment.settings.expiryMaxRowsPerCommit,
    })
    this.commitNumber = checkpoint.commit_number
    this.committedOffsets = inputOffsets
    this.lastCommitMs = this.environment.clock.now()
    this.recordsSinceCommit = 0
    this.meters.committed({ checkpoint, outputRecords, deadLetters: this.deadLetters.count, lag: this.lag })
    this.environment.observer.onCommitted?.(checkpoint)
  }

  /** Records known to wait in its inputs. */
  get lag(): number {
    return this.inputs.reduce((sum, input) => sum + input.lag, 0)
  }

  /** Drops what is not committed and lets go of everything. */
  async close(): Promise<void> {
    await this.reader.close()
    await this.compiled.sinkWriter.close()
    await this.producer?.close()
    await this.database?.close()
  }

  private position(): number {
    return this.inputs.reduce((sum, { nextOffset }) => sum + nextOffset, 0)
  }

  private async fetchSchema(input: PartitionInput, id: number): Promise<void> {
    try {
      await input.processor.loadSchema(id)
      input.missingSchema = undefined
    } catch (error) {
      if (!(error instanceof StreamsError) || error.code !== 'SCHEMA_UNKNOWN') throw error
      input.failMissingSchema(error)
    }
  }

  private async readAhead(input: PartitionInput): Promise<void> {
    const stores = this.compiled.readAheadStores.get(input.processor)
    if (stores === undefined) return
    const keys: unknown[] = []
    for (let slot = input.head; slot < input.count; slot++) {
      if (input.failureOf(slot) === undefined) keys.push(input.processor.keyOf(slot))
    }
    for (const store of stores) {
      const reading = store.readAhead(keys)
      if (reading !== undefined) await reading
    }
  }

  private processSlice(): number {
    const { clock, settings } = this.environment
    const endMs = clock.now() + settings.sliceMaxMs
    let records = 0
    for (let input = this.nextInput(); input !== undefined; input = this.nextInput()) {
      this.processHead(input)
      records++
      if (this.isFull(records) || ((records & 31) === 0 && clock.now() >= endMs)) break
    }
    return records
  }

  /** A transaction that has grown to its limits is committed before more is added. */
  private isFull(records: number): boolean {
    const { settings } = this.environment
    return (
      this.compiled.outputs.bytes >= settings.transactionMaxBytes ||
      this.compiled.sinkWriter.waitingRows >= settings.sinkMaxRows ||
      records >= settings.batchMaxRecords
    )
  }

  /** The input whose head is the earliest; undefined when one that may have more records has none at hand. */
  private nextInput(): PartitionInput | undefined {
    if (this.inputs.length === 1) {
      const only = this.inputs[0]!
      return only.isEmpty ? undefined : only
    }
    let earliest: PartitionInput | undefined
    for (const input of this.inputs) {
      if (input.isEmpty) {
        if (input.mayHaveMore) return undefined
      } else if (earliest === undefined || input.timestampOfHead() < earliest.timestampOfHead()) {
        earliest = input
      }
    }
    return earliest
  }

  private processHead(input: PartitionInput): void {
    const slot = input.head
    const batch = input.batchOf(slot)
    const index = input.indexOf(slot)
    const { record } = this.compiled
    const decodeFailure = input.failureOf(slot)
    if (decodeFailure === undefined) {
      record.moveTo(batch, index, input.processor.timestampOf(slot))
      try {
        input.processor.process(slot)
      } catch (error) {
        this.failed(
          input,
          slot,
          error,
          this.environment.settings.onProcessingError,
          this.compiled.operatorName,
        )
      }
    } else {
      this.failed(input, slot, decodeFailure, this.environment.settings.onDecodeError, 'source')
    }
    input.advance()
  }

  private failed(
    input: PartitionInput,
    slot: number,
    error: unknown,
    policy: RuntimeSettings['onProcessingError'],
    operator: string,
  ): void {
    const batch = input.batchOf(slot)
    const index = input.indexOf(slot)
    const place = { ...input.partition, offset: batch.offsets[index]!, operator }
    const disposal = dispose(error, policy, place, this.id)
    if (disposal !== true) throw disposal
    this.deadLetters.add({ batch, index, operator, error }, this.environment.clock.now())
  }

  private flushFailed({ store, ...row }: FlushFailure, error: unknown): void {
    const { settings, topology, clock } = this.environment
    const { operatorName: operator, partition } = this.compiled
    const changelog = internalTopics.changelog(topology.name, store)
    const place = { topic: changelog, partition, offset: -1, operator }
    const disposal = dispose(error, settings.onProcessingError, place, this.id)
    if (disposal !== true) throw disposal
    this.deadLetters.addRow({ ...row, changelog, partition, operator, error }, clock.now())
  }
}

interface StartingPoint {
  /** Where to read on: what the sink holds, else what the group committed, else the beginning. */
  readonly offsets: readonly PartitionOffset[]
  /** What the group committed, for partitions that it did. */
  readonly committed: readonly PartitionOffset[]
}

interface TaskParts {
  readonly id: string
  readonly subTopology: SubTopology
  readonly environment: TaskEnvironment
  readonly compiled: CompiledTask
  readonly producer: TransactionalProducer | undefined
  readonly database: TaskDatabase | undefined
  readonly checkpoint: Checkpoint | undefined
  readonly start: StartingPoint
  readonly flushFailures: FlushFailureHandler
  readonly onReady: () => void
}

/** Stores are made before the dead letters that their failures go to. */
interface FlushFailureHandler {
  handle: ((failure: FlushFailure, error: unknown) => void) | undefined
}

/** Where the databases of a topology's tasks are found, by name. */
export function databaseName(topologyName: string, taskId: string): string {
  return `${topologyName}/${taskId.replaceAll('+', '.')}`
}

function compile(
  environment: TaskEnvironment,
  subTopology: SubTopology,
  partition: number,
  database: TaskDatabase | undefined,
  checkpoint: Checkpoint | undefined,
  flushFailures: FlushFailureHandler,
): CompiledTask {
  const { topology, metrics } = environment
  const onFlushFailure: CompileEnvironment['onFlushFailure'] = (failure, error) =>
    flushFailures.handle?.(failure, error)
  const onDropped: CompileEnvironment['onDropped'] = (node, reason) => {
    const labels = { topology: topology.name, operator: node.name, reason }
    metrics.counter('streams_records_dropped_total', 'Records left out by an operator.', labels).add(1)
  }
  return new CompiledTask(
    subTopology,
    partition,
    { ...environment, onDropped, onFlushFailure },
    database,
    checkpoint?.watermark ?? 0,
  )
}

async function startingPoint(
  { log, groupId, partitionCounts }: TaskEnvironment,
  subTopology: SubTopology,
  partition: number,
  id: string,
  { sinkWriter }: CompiledTask,
): Promise<StartingPoint> {
  const partitions = subTopology.sources
    .map(({ topic }) => ({ topic: topic.name, partition }))
    .filter(({ topic }) => partition < (partitionCounts.get(topic) ?? 0))
  const [committed, held, ranges] = await Promise.all([
    log.committedOffsets(groupId, partitions),
    sinkWriter.open(`${groupId}/${id}`, partitions),
    log.offsetRanges(partitions),
  ])
  const offsets = partitions.map((input, index) => {
    const { start, end } = ranges[index]!
    // A sink that holds nothing yet is filled from the beginning, also when the group has committed: it is a new one.
    const known = sinkWriter.isUsed ? held[index] : committed[index]
    const offset = known ?? start
    if (offset < start || offset > end) throw outOfRange(id, input.topic, partition, offset, start, end)
    return { ...input, offset }
  })
  return {
    offsets,
    committed: partitions.flatMap((input, index) => {
      const offset = committed[index]
      return offset === null || offset === undefined ? [] : [{ ...input, offset }]
    }),
  }
}

function outOfRange(
  task: string,
  topic: string,
  partition: number,
  offset: number,
  start: number,
  end: number,
) {
  return new StreamsError(
    'OFFSET_OUT_OF_RANGE',
    `task ${task} continues at offset ${offset} of ${topic}-${partition}, which has ${start} to ${end}: records were ` +
      'deleted before they were processed, or the log was replaced; reset the offsets of the topology to go on',
    { details: { task, topic, partition, offset, start, end } },
  )
}

class TaskMeters {
  readonly recordsIn: Counter
  private deadLettersCounted = 0
  private readonly recordsOut: Counter
  private readonly deadLetters: Counter
  private readonly commits: Counter
  private readonly commitDuration: Histogram
  private readonly lag: Gauge

  constructor(metrics: Metrics, topology: string, task: string) {
    const labels = { topology, task }
    this.recordsIn = metrics.counter('streams_records_in_total', 'Records processed.', labels)
    this.recordsOut = metrics.counter(
      'streams_records_out_total',
      'Records written, with their commit.',
      labels,
    )
    this.deadLetters = metrics.counter(
      'streams_dead_letters_total',
      'Records sent to the dead letters.',
      labels,
    )
    this.commits = metrics.counter('streams_commits_total', 'Commits.', labels)
    this.commitDuration = metrics.histogram('streams_commit_duration_ms', 'How long commits took.', labels)
    this.lag = metrics.gauge('streams_input_lag_records', 'Records known to wait in the input.', labels)
  }

  /** `deadLetters` counts from the opening of the task. */
  committed(facts: {
    checkpoint: Checkpoint
    outputRecords: number
    deadLetters: number
    lag: number
  }): void {
    const newDeadLetters = facts.deadLetters - this.deadLettersCounted
    this.deadLettersCounted = facts.deadLetters
    this.recordsOut.add(facts.outputRecords - newDeadLetters)
    this.deadLetters.add(newDeadLetters)
    this.commits.add(1)
    this.commitDuration.observe(facts.checkpoint.duration_ms)
    this.lag.set(facts.lag)
  }
}
