/**
 * The commit of a task, step by step. docs/commit.md says for each step what a crash right after it leaves, and how
 * recovery mends it; the crash tests go through the same list.
 *
 * Invariants:
 * 1. Outputs, changelog, checkpoint and input offsets are one transaction of the log.
 * 2. The database is written only after that transaction is committed, and the external sink only becomes final after it.
 * 3. When any step fails the task is not used again: it is closed and opened anew from what was committed.
 */
import type { Log, PartitionOffset, TransactionalProducer } from '../ports/log.ts'
import type { StoreBatch } from '../ports/store.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { RecordBatchBuilder } from '../records/record-batch.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import type { Codec } from '../serde/serde.ts'
import type { TaskDatabase } from '../state/task-database.ts'
import { internalTopics } from '../topology/topology.ts'
import type { CompiledTask } from './compiled-task.ts'
import type { DeadLetters } from './dead-letters.ts'
import { finiteOrNull } from './task-inputs.ts'
import type { WatermarkAnnouncer } from './watermark-announcer.ts'

/**
 * The steps in their order. Observers are told when one is done; the crash tests kill the process there. At-least-once
 * has no `committed`, and its `offsets-sent` is the last.
 */
export const commitSteps = [
  'flushed',
  'sink-prepared',
  'encoded',
  'sent',
  'offsets-sent',
  'committed',
  'sink-committed',
  'state-applied',
] as const

export type CommitStep = (typeof commitSteps)[number]

export interface CommitTarget {
  readonly taskId: string
  readonly topologyName: string
  readonly groupId: string
  readonly instanceId: string
  readonly log: Log
  /** Undefined when the guarantee is at-least-once. */
  readonly producer: TransactionalProducer | undefined
  readonly compiled: CompiledTask
  readonly database: TaskDatabase | undefined
  readonly deadLetters: DeadLetters
  readonly announcer: WatermarkAnnouncer
  readonly checkpointTopic: string
  readonly checkpointCodec: Codec<Checkpoint>
  readonly now: () => number
  readonly step: (step: CommitStep) => void | Promise<void>
}

export interface CommitRequest {
  readonly commitNumber: number
  /** Where the task stands, as its sink and its checkpoint are told. */
  readonly inputOffsets: readonly PartitionOffset[]
  /** The same for the consumer group, but never below what it committed before. */
  readonly groupOffsets: readonly PartitionOffset[]
  readonly inputWatermarks: Checkpoint['input_watermarks']
  /** How the task stands with the stage commands that hold it. */
  readonly holds: Checkpoint['holds']
  readonly expiryMaxRows: number
  /** Whether somebody waits for this commit, and for the watermark that may come with it. */
  readonly requested: boolean
}

export interface CommitResult {
  readonly checkpoint: Checkpoint
  /** Records written to topics, dead letters included, changelogs and watermarks not. */
  readonly outputRecords: number
  /** Written to the sink. */
  readonly sinkRows: number
  /** How long the sink took; null without one. */
  readonly sinkMs: number | null
}

/** Commits everything the task did since the last commit. @throws whatever a step throws: rebuild the task. */
export async function commitTask(target: CommitTarget, request: CommitRequest): Promise<CommitResult> {
  const { compiled, step } = target
  const startedMs = target.now()
  for (const store of compiled.stores.values()) {
    // As many as may have come, and more: else a busy task would never be done forgetting.
    store.expire(Math.max(request.expiryMaxRows, 2 * store.dirtyCount))
  }
  compiled.flush()
  await step('flushed')

  let sinkRows = 0
  let sinkMs: number | null = null
  if (compiled.sinkWriter.isUsed) {
    sinkRows = compiled.sinkWriter.waitingRows
    const beginMs = target.now()
    const rejected = await compiled.sinkWriter.prepare(request.inputOffsets)
    sinkMs = target.now() - beginMs
    sinkRows -= rejected.length
    for (const failure of rejected) target.deadLetters.add(failure, target.now())
    await step('sink-prepared')
  }

  const { announcer } = target
  const watermarks = announcer.isDue(startedMs, request.requested)
    ? announcer.write(compiled.outputs, startedMs)
    : 0
  const encoded = encodeChanges(target)
  await step('encoded')
  const send = senderOf(target)
  const firstOffsets = await send([...encoded.outputs, ...encoded.changelogs])
  await step('sent')

  const changelogOffsets = endOffsets(encoded, firstOffsets, target.database)
  const checkpoint = describe(target, request, encoded, changelogOffsets, startedMs)
  await send([encodeCheckpoint(target, checkpoint)])
  const position = {
    commitNumber: request.commitNumber,
    changelogOffsets,
    completeAsOfMs: checkpoint.committed_time,
  }

  if (target.producer !== undefined) {
    await target.producer.sendOffsets(target.groupId, request.groupOffsets)
    await step('offsets-sent')
    await target.producer.commit()
    await step('committed')
  }
  if (compiled.sinkWriter.isUsed) {
    const beginMs = target.now()
    await compiled.sinkWriter.commit()
    sinkMs = (sinkMs ?? 0) + target.now() - beginMs
    await step('sink-committed')
  }
  if (target.database !== undefined && encoded.batch !== undefined)
    target.database.apply(encoded.batch, position)
  for (const store of compiled.stores.values()) store.committed()
  await step('state-applied')
  if (target.producer === undefined) {
    await target.log.commitOffsets(target.groupId, request.groupOffsets)
    await step('offsets-sent')
  }
  const written = encoded.outputs.reduce((sum, { length }) => sum + length, 0)
  return { checkpoint, outputRecords: written - watermarks, sinkRows, sinkMs }
}

interface EncodedChanges {
  readonly outputs: readonly RecordBatch[]
  readonly changelogs: readonly RecordBatch[]
  /** The store that each changelog batch is of. */
  readonly changelogStores: readonly string[]
  readonly batch: StoreBatch | undefined
  readonly bytes: number
  readonly keys: number
}

function encodeChanges({ compiled, database, topologyName }: CommitTarget): EncodedChanges {
  const batch = database?.batch()
  const changelogs: RecordBatch[] = []
  const changelogStores: string[] = []
  let keys = 0
  if (batch !== undefined) {
    for (const store of compiled.stores.values()) {
      if (store.dirtyCount === 0) continue
      keys += store.dirtyCount
      const changelog = new RecordBatchBuilder(
        internalTopics.changelog(topologyName, store.name),
        compiled.partition,
      )
      store.encode(changelog, batch)
      if (changelog.length === 0) continue
      changelogs.push(changelog.build())
      changelogStores.push(store.name)
    }
  }
  const outputs = compiled.outputs.take()
  const bytes = [...outputs, ...changelogs].reduce((sum, { bytes: { length } }) => sum + length, 0)
  return { outputs, changelogs, changelogStores, batch, bytes, keys }
}

/** With a transaction, batches join it; without, they are appended as they are. */
function senderOf({ producer, log }: CommitTarget): (batches: readonly RecordBatch[]) => Promise<number[]> {
  return async (batches) => {
    if (batches.length === 0) return []
    return producer === undefined ? log.append(batches) : producer.send(batches)
  }
}

function endOffsets(
  encoded: EncodedChanges,
  firstOffsets: readonly number[],
  database: TaskDatabase | undefined,
): Record<string, number> {
  const ends = { ...database?.position.changelogOffsets }
  encoded.changelogStores.forEach((store, index) => {
    const first = firstOffsets[encoded.outputs.length + index]!
    ends[store] = first + encoded.changelogs[index]!.length
  })
  return ends
}

function describe(
  target: CommitTarget,
  request: CommitRequest,
  encoded: EncodedChanges,
  changelogOffsets: Readonly<Record<string, number>>,
  startedMs: number,
): Checkpoint {
  const nowMs = target.now()
  const { record, time, timerCount, keptTimes } = target.compiled
  return {
    task: target.taskId,
    commit_number: request.commitNumber,
    input_offsets: request.inputOffsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
    changelog_offsets: Object.entries(changelogOffsets).map(([store, offset]) => ({
      topic: internalTopics.changelog(target.topologyName, store),
      partition: target.compiled.partition,
      offset,
    })),
    watermark: finiteOrNull(time.watermarkMs),
    timer_count: timerCount,
    bytes: encoded.bytes,
    keys: encoded.keys,
    duration_ms: nowMs - startedMs,
    instance: target.instanceId,
    committed_time: nowMs,
    stream_time: record.streamTimeMs > 0 ? record.streamTimeMs : null,
    input_watermarks: request.inputWatermarks,
    kept_times: [...keptTimes].flatMap(([name, { timeMs }]) =>
      timeMs === undefined ? [] : [{ name, time: timeMs }],
    ),
    holds: request.holds,
    restoring: null,
  }
}

function encodeCheckpoint(target: CommitTarget, checkpoint: Checkpoint): RecordBatch {
  const builder = new RecordBatchBuilder(target.checkpointTopic, 0)
  const { writer } = builder
  writer.utf8(checkpoint.task)
  const keyEnd = writer.position
  target.checkpointCodec.encode(checkpoint, writer)
  builder.add(checkpoint.committed_time, 0, keyEnd, keyEnd, writer.position)
  return builder.build()
}
