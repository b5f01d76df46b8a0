export interface CleaningOptions {
  /** How long a tombstone stays after compaction first met it, so that readers on their way see it. */
  readonly deleteRetentionMs: number
  /** A partition is compacted once this share of its records is new since the last time … */
  readonly minDirtyRatio: number
  /** … and it is at least so many. */
  readonly minDirtyRecords: number
  /** Bounds the memory of compaction, at about 32 bytes a key; with more keys it goes over the partition repeatedly. */
  readonly maxKeysPerRound: number
  /** About how much is read, and written, in one go. */
  readonly stepBytes: number
}

export const defaultCleaningOptions: CleaningOptions = {
  deleteRetentionMs: 24 * 60 * 60_000,
  minDirtyRatio: 0.5,
  minDirtyRecords: 1000,
  maxKeysPerRound: 1_000_000,
  stepBytes: 1024 * 1024,
}
