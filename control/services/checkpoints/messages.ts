/** Checkpoints, comparisons and savepoints as messages. */
import {
  bytesOf,
  type Checkpoint as EngineCheckpoint,
  type RowDifference as EngineRowDifference,
  type PartitionPosition,
  type SavepointManifest,
  type StoreComparison,
} from '../../../streams/index.ts'
import type { Duration } from '../../generated/google/protobuf/duration.ts'
import type {
  Checkpoint,
  RowDifference,
  Savepoint,
  StoreVerification,
} from '../../generated/orderstreams/control/v1/checkpoint_service.ts'

export function checkpointMessage(topology: string, checkpoint: EngineCheckpoint, lag: number): Checkpoint {
  const { watermark } = checkpoint
  return {
    topology,
    task: checkpoint.task,
    commitNumber: checkpoint.commit_number,
    inputOffsets: checkpoint.input_offsets.map(positionMessage),
    changelogOffsets: checkpoint.changelog_offsets.map(positionMessage),
    watermark: watermark === null ? undefined : new Date(watermark),
    lag,
    timerCount: checkpoint.timer_count,
    bytes: checkpoint.bytes,
    keys: checkpoint.keys,
    duration: durationMessage(checkpoint.duration_ms),
    instanceId: checkpoint.instance,
    commitTime: new Date(checkpoint.committed_time),
  }
}

export function durationMessage(durationMs: number): Duration {
  const seconds = Math.trunc(durationMs / 1000)
  return { seconds, nanos: Math.round((durationMs - seconds * 1000) * 1e6) }
}

export function storeMessage(comparison: StoreComparison): StoreVerification {
  const { task, store, same, rows, digest, rebuiltDigest, differenceCount, commitNumber, forgottenRows } =
    comparison
  return {
    task,
    store,
    same,
    rows,
    digest,
    rebuiltDigest,
    differences: comparison.differences.map(differenceMessage),
    differenceCount,
    commitNumber,
    forgottenRows,
  }
}

export function savepointMessage(manifest: SavepointManifest, path: string): Savepoint {
  return {
    savepoint: manifest.savepoint,
    topology: manifest.topology,
    createTime: new Date(manifest.createdMs),
    reason: manifest.reason,
    createdBy: manifest.createdBy,
    path,
    inputOffsets: manifest.tasks.flatMap(({ inputs }) => inputs.map(positionMessage)),
    stores: manifest.tasks.flatMap(({ task, stores }) =>
      stores.map(({ store, records, bytes, sha256 }) => ({
        task,
        store,
        rows: records,
        bytes,
        checksum: sha256,
      })),
    ),
    bytes: bytesOf(manifest),
    stoodStill: durationMessage(manifest.stoodStillMs),
  }
}

function positionMessage({ topic, partition, offset }: PartitionPosition): PartitionPosition {
  return { topic, partition, offset }
}

function differenceMessage({ key, value, rebuiltValue }: EngineRowDifference): RowDifference {
  return { key, value, rebuiltValue }
}
