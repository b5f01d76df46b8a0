/**
 * A task: one sub-topology for one partition. It owns its inputs, its state, its outputs and its transaction.
 *
 * Invariants:
 * 1. It awaits only to read state ahead, to fetch a schema, and to commit. Operators run synchronously over decoded
 *    records in between, so no two pieces of its work interleave.
 * 2. `advance` and `commit` must not overlap.
 * 3. After an error it is not used again: close it, which aborts, and open a new one (open-task.ts).
 */
import { messageOf, type StreamsError } from '../errors.ts'
import type { LogReader, PartitionOffset, TransactionalProducer } from '../ports/log.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import type { FlushFailure } from '../state/committable-store.ts'
import { DatabaseSnapshot } from '../state/database-snapshot.ts'
import type { TaskDatabase } from '../state/task-database.ts'
import { internalTopics } from '../topology/topology.ts'
import { closeAll } from './close-all.ts'
import { type CommitTarget, commitTask } from './commit.ts'
import type { CompiledTask } from './compiled-task.ts'
import { type DeadLetters, dispose } from './dead-letters.ts'
import { type CommitDecision, decideCommit } from './decide-commit.ts'
import type { PartitionInput } from './partition-input.ts'
import type { ErrorPolicy } from './settings.ts'
import type { TaskFlow } from './stages/task-flow.ts'
import type { TaskEnvironment } from './task-environment.ts'
import { TaskInputs } from './task-inputs.ts'
import { TaskMeters } from './task-meters.ts'
import {
  announcerOf,
  commitTargetOf,
  deadLettersOf,
  flowOf,
  type TaskParts,
  tracingOf,
} from './task-parts.ts'
import type { TaskTracing } from './task-tracing.ts'
import { knownMs, type TaskView } from './task-view.ts'
import { timedInputs } from './timed-inputs.ts'
import type { WatermarkAnnouncer } from './watermark-announcer.ts'

/** The clock is looked at once in this many records, a power of two. */
const recordsPerClockCheck = 32

export class Task {
  readonly id: string
  readonly compiled: CompiledTask
  private readonly environment: TaskEnvironment
  private readonly producer: TransactionalProducer | undefined
  private readonly database: TaskDatabase | undefined
  private readonly reader: LogReader
  private readonly inputs: TaskInputs
  /** Whether and how stage commands hold it. */
  readonly flow: TaskFlow
  private readonly deadLetters: DeadLetters
  /** Undefined while tracing is off. */
  private readonly tracing: TaskTracing | undefined
  private readonly announcer: WatermarkAnnouncer
  private readonly meters: TaskMeters
  private readonly commitTarget: CommitTarget
  /** Whether an operator needs to know the time: else it is told once a slice, for whoever looks at the task. */
  private readonly usesTime: boolean
  private readonly hasAlarms: boolean
  private commitNumber: number
  private checkpoint: Checkpoint | undefined
  private lastCommitMs: number
  private readerFailure: StreamsError | undefined
  /** Those that somebody may still read; few, and let go with the task. */
  private readonly snapshots = new Set<DatabaseSnapshot>()

  constructor(parts: TaskParts) {
    const { environment, compiled } = parts
    this.id = parts.id
    this.environment = environment
    this.compiled = compiled
    this.producer = parts.producer
    this.database = parts.database
    this.meters = new TaskMeters(
      environment.metrics,
      { topology: environment.topology.name, task: parts.id, hasSink: compiled.sinkWriter.isUsed },
      environment.clock.now(),
    )
    this.checkpoint = parts.checkpoint
    this.commitNumber = Math.max(
      parts.checkpoint?.commit_number ?? 0,
      parts.database?.position.commitNumber ?? 0,
    )
    this.lastCommitMs = environment.clock.now()
    this.tracing = tracingOf(parts)
    this.deadLetters = deadLettersOf(parts, this.tracing)
    this.usesTime = parts.subTopology.usesTime
    this.hasAlarms = !compiled.time.isUnused
    this.announcer = announcerOf(parts)
    this.commitTarget = commitTargetOf(parts, this.deadLetters, this.announcer, this.tracing)
    this.reader = environment.log.openReader({
      onReady: parts.onReady,
      onError: (_partition, error) => {
        this.readerFailure = error
        parts.onReady()
      },
      maxBufferedBytes: environment.settings.inputMaxBufferedBytes,
    })
    this.inputs = new TaskInputs(compiled, this.reader, parts.start, timedInputs(parts))
    this.flow = flowOf(parts, this.inputs)
    compiled.time.follow(this.inputs.times)
  }

  /** Processes what is there, up to a slice of time. Answers whether there was anything. */
  async advance(): Promise<boolean> {
    if (this.readerFailure !== undefined) throw this.readerFailure
    const { clock, settings } = this.environment
    const before = this.inputs.progress
    this.flow.look(clock.now())
    await this.inputs.fill(settings.batchMaxRecords)
    const nowMs = clock.now()
    this.inputs.look(nowMs)
    this.compiled.time.refresh()
    this.compiled.time.clock.look(nowMs)
    const { records, woken, lastInput } = this.processSlice(this.flow.limit(settings.batchMaxRecords, nowMs))
    this.flow.passed(records, lastInput)
    if (!this.usesTime) this.inputs.observeProcessed(this.compiled.time)
    if (records > 0) this.meters.processed(records, nowMs)
    return woken > 0 || this.inputs.progress !== before || this.inputs.awaitsSchema
  }

  /**
   * Nothing comes any more from outside: what waits for time to pass is due once all that is there was processed.
   * @param clockToo also what waits for the wall clock
   */
  endInput(clockToo = false): void {
    this.compiled.time.clock.isCutShort = clockToo
    for (const time of this.inputs.times) time.end()
  }

  /** Whether nothing comes any more, all that waited was woken, and what came of it is committed. */
  get hasEnded(): boolean {
    return this.compiled.time.hasEnded && this.decideCommit(true).kind === 'nothing'
  }

  /** No record older than this is expected; -Infinity while nothing is known. */
  get watermarkMs(): number {
    return this.compiled.time.watermarkMs
  }

  /** How long until something is due by the wall clock; Infinity when nothing is. */
  get clockDueInMs(): number {
    const nowMs = this.environment.clock.now()
    return Math.min(this.compiled.time.clock.dueMs - nowMs, this.flow.wakeInMs(nowMs))
  }

  /** Whether there was nothing more to process when the log was last heard of. */
  get isAtEnd(): boolean {
    return this.inputs.isAtEnd
  }

  /** Whether to commit now, or in how long. */
  decideCommit(requested: boolean): CommitDecision {
    const decision = this.decideByContent(requested || this.flow.wantsCommit)
    if (decision.kind !== 'nothing' || this.flow.isFree) return decision
    return this.flow.rested() ? { kind: 'commit', reason: 'requested' } : decision
  }

  private decideByContent(requested: boolean): CommitDecision {
    const { settings, clock } = this.environment
    const { outputs, sinkWriter, stores } = this.compiled
    let changedKeys = 0
    for (const store of stores.values()) changedKeys += store.dirtyCount
    const nowMs = clock.now()
    return decideCommit(
      {
        nowMs,
        lastCommitMs: this.lastCommitMs,
        hasMoved: this.inputs.hasMoved || this.announcer.isDue(nowMs, requested),
        transactionBytes: outputs.bytes,
        changedKeys,
        sinkRows: sinkWriter.waitingRows,
        requested,
      },
      settings,
    )
  }

  /** @param requested somebody waits for it, and for the watermark that may come with it */
  async commit(requested = false): Promise<void> {
    const inputOffsets = this.inputs.offsets()
    const hasNews = !this.flow.isFree && this.decideByContent(true).kind !== 'nothing'
    const atOnce = requested || this.flow.wantsCommit
    const { checkpoint, outputRecords, sinkRows, sinkMs } = await commitTask(this.commitTarget, {
      commitNumber: this.commitNumber + 1,
      inputOffsets,
      groupOffsets: this.inputs.groupOffsets(),
      inputWatermarks: this.inputs.watermarks(),
      requested: atOnce,
      holds: this.flow.checkpointHolds(hasNews),
      expiryMaxRows: this.environment.settings.expiryMaxRowsPerCommit,
    })
    this.tracing?.committed({ number: checkpoint.commit_number, records: outputRecords, rows: sinkRows })
    this.commitNumber = checkpoint.commit_number
    this.checkpoint = checkpoint
    this.inputs.markCommitted(inputOffsets)
    this.flow.committed(checkpoint.holds)
    this.lastCommitMs = this.environment.clock.now()
    this.meters.committed({
      checkpoint,
      outputRecords,
      sinkRows,
      sinkMs,
      deadLetters: this.deadLetters.count,
      lag: this.inputs.lag,
    })
    this.environment.observer.onCommitted?.(checkpoint)
  }

  /** What it does right now, for whoever looks into it. */
  view(): TaskView {
    const { compiled, meters, inputs, database, environment } = this
    const size = database?.store.size() ?? null
    let estimatedBytes = 0
    for (const { cachedBytes } of compiled.stores.values()) estimatedBytes += cachedBytes
    // Some stores reckon with averages.
    const liveBytes = Math.round(estimatedBytes)
    const { streamTimeMs } = compiled.record
    return {
      inputs: inputs.views(),
      watermarkMs: knownMs(this.watermarkMs),
      streamTimeMs: streamTimeMs > 0 ? streamTimeMs : null,
      lag: inputs.lag,
      recordsIn: meters.recordsIn,
      recordsPerSecond: meters.rate.perSecond(environment.clock.now()),
      commitNumber: this.commitNumber,
      committedMs: meters.committedMs,
      timerCount: compiled.timerCount,
      stateDiskBytes: size?.diskBytes ?? 0,
      stateMemoryBytes: (size?.memoryBytes ?? 0) + liveBytes,
      stateCacheBytes: liveBytes,
      database: size,
    }
  }

  /**
   * Its committed rows, and the time as of the last commit, for whoever looks in from outside between two of its turns; undefined
   * when it keeps none.
   */
  get committed():
    | { readonly database: TaskDatabase; readonly checkpoint: Checkpoint | undefined }
    | undefined {
    const { database, checkpoint } = this
    return database === undefined ? undefined : { database, checkpoint }
  }

  /** Where its last commit stands: with an external sink, what the sink holds. */
  get committedOffsets(): readonly PartitionOffset[] {
    return this.inputs.committedOffsets
  }

  /** Whether the log has not answered for long. */
  get isSilent(): boolean {
    return this.reader.isSilent
  }

  /**
   * Its state as of the last commit that its database has, for whoever reads it beside the task; undefined when it keeps none. To be
   * given back by `releaseSnapshot`; a task that is closed takes it back by itself.
   */
  snapshot(): DatabaseSnapshot | undefined {
    if (this.database === undefined) return undefined
    const snapshot = new DatabaseSnapshot(this.database, [...this.compiled.stores.keys()])
    this.snapshots.add(snapshot)
    return snapshot
  }

  releaseSnapshot(snapshot: DatabaseSnapshot): void {
    this.snapshots.delete(snapshot)
    snapshot.release()
  }

  /** Drops what is not committed and lets go of everything. @throws the first error, after all was tried */
  async close(): Promise<void> {
    this.tracing?.close()
    await closeAll([
      () => this.reader.close(),
      () => this.compiled.sinkWriter.close(),
      async () => this.producer?.close(),
      async () => {
        for (const snapshot of this.snapshots) this.releaseSnapshot(snapshot)
      },
      async () => this.database?.close(),
    ])
  }

  /** An operator threw on a change that a store passed on at commit: there is no record at hand to blame. */
  flushFailed({ store, ...row }: FlushFailure, error: unknown): void {
    const { settings, topology, clock } = this.environment
    const { operatorName: operator, partition } = this.compiled
    const changelog = internalTopics.changelog(topology.name, store)
    const place = { topic: changelog, partition, offset: -1, operator }
    const disposal = dispose(error, settings.onProcessingError, place, this.id)
    if (disposal !== true) throw disposal
    this.deadLetters.addRow({ ...row, changelog, partition, operator, error }, clock.now())
  }

  private processSlice(maxRecords: number): SliceOutcome {
    const { clock, settings } = this.environment
    const { time } = this.compiled
    const endMs = clock.now() + settings.sliceMaxMs
    let records = 0
    let woken = 0
    let lastInput: PartitionInput | undefined
    for (;;) {
      if (this.hasAlarms && time.isDue) {
        this.compiled.wake(settings.wakeMaxRows)
        woken++
        if (this.isFull() || clock.now() >= endMs) break
        continue
      }
      const input = this.inputs.next()
      if (input === undefined) break
      if (this.processHead(input)) {
        records++
        lastInput = input
      }
      if (records >= maxRecords || this.isFull()) break
      if ((records & (recordsPerClockCheck - 1)) === 0 && clock.now() >= endMs) break
    }
    return { records, woken, lastInput }
  }

  /** A transaction that has grown to its limits is committed before more is added. */
  private isFull(): boolean {
    const { outputs, sinkWriter } = this.compiled
    const { transactionMaxBytes, sinkMaxRows } = this.environment.settings
    return outputs.bytes >= transactionMaxBytes || sinkWriter.waitingRows >= sinkMaxRows
  }

  /** Answers whether it was a record, not a watermark. */
  private processHead(input: PartitionInput): boolean {
    const slot = input.head
    const { time } = this.compiled
    const watermark = input.watermarkAt(slot)
    if (watermark !== undefined) {
      input.time.hear(watermark)
      time.refresh()
      input.advance()
      return false
    }
    const span = this.tracing?.begin(input.batchOf(slot), input.indexOf(slot))
    if (span === undefined) this.processRecord(input, slot)
    else this.tracing?.process(span, () => this.processRecord(input, slot))
    input.advance()
    return true
  }

  private processRecord(input: PartitionInput, slot: number): void {
    const { record, time } = this.compiled
    const { settings } = this.environment
    const decodeFailure = input.failureOf(slot)
    if (decodeFailure === undefined) {
      const timestampMs = input.processor.timestampOf(slot)
      record.moveTo(input.batchOf(slot), input.indexOf(slot), timestampMs)
      if (this.usesTime) time.observe(input.time, timestampMs, input.carriedBy(slot))
      try {
        input.processor.process(slot)
      } catch (error) {
        this.recordFailed(input, slot, error, settings.onProcessingError, this.compiled.operatorName)
      }
    } else {
      this.recordFailed(input, slot, decodeFailure, settings.onDecodeError, 'source')
    }
  }

  private recordFailed(
    input: PartitionInput,
    slot: number,
    error: unknown,
    policy: ErrorPolicy,
    operator: string,
  ): void {
    const batch = input.batchOf(slot)
    const index = input.indexOf(slot)
    const place = { ...input.partition, offset: batch.offsets[index]!, operator }
    this.tracing?.failed(operator, error)
    const disposal = dispose(error, policy, place, this.id)
    if (disposal !== true) throw disposal
    this.environment.logger.debug({ ...place, task: this.id, error: messageOf(error) }, 'a dead letter')
    this.deadLetters.add({ batch, index, operator, error }, this.environment.clock.now())
  }
}

interface SliceOutcome {
  readonly records: number
  readonly woken: number
  /** Where the last record came from. */
  readonly lastInput: PartitionInput | undefined
}
