/** What a running application can be told, with the defaults that serve most. */
import { StreamsError } from '../errors.ts'

export type ProcessingGuarantee = 'exactly-once' | 'at-least-once'

/** What becomes of a record that cannot be decoded, or that an operator throws on. */
export type ErrorPolicy = 'dead-letter' | 'stop'

export interface RuntimeSettings {
  readonly processingGuarantee: ProcessingGuarantee
  /** A task with something to commit does so this long after its last commit, at the latest. */
  readonly commitIntervalMs: number
  /** Whether a table passes each of its updates on, or the last of each key at commit. */
  readonly emission: 'every-update' | 'per-commit'
  readonly onDecodeError: ErrorPolicy
  readonly onProcessingError: ErrorPolicy
  /** Partitions of the topics that the engine makes, and of those that name no number of their own. */
  readonly defaultPartitions: number
  /**
   * What the process may take of memory, with all its tasks: where they do not fit, each gets less, down to a least size. 0 is no
   * budget: the sizes of tasks hold as they are set.
   */
  readonly memoryBudgetBytes: number
  /** Live objects that a task keeps, over all its stores. */
  readonly cacheMaxBytesPerTask: number
  /** A task tells those behind its repartition topics its time this often, unless it stands still. */
  readonly watermarkIntervalMs: number
  /** Rows that an operator handles at a time when time has come for it; in between the task may commit. */
  readonly wakeMaxRows: number
  /** Records decoded at a time. */
  readonly batchMaxRecords: number
  /** How long a task computes before others have their turn. */
  readonly sliceMaxMs: number
  /** A task commits early when its transaction holds this much. */
  readonly transactionMaxBytes: number
  /** A task commits early when this many keys of state have changed. */
  readonly transactionMaxKeys: number
  /** A task commits early when this many rows wait for its external sink. */
  readonly sinkMaxRows: number
  readonly recordMaxBytes: number
  /** Fetched records of a partition that wait to be processed. */
  readonly inputMaxBufferedBytes: number
  readonly transactionTimeoutMs: number
  /** Rows forgotten per commit once their time to live is over; twice as many as were changed, if that is more. */
  readonly expiryMaxRowsPerCommit: number
  /**
   * Local state last committed longer ago is restored whole when its changelog has grown since: deletions in between may
   * have been compacted away. At most the time that the log keeps deletions in compacted topics.
   */
  readonly stateMaxAgeMs: number
  /** Copies of a task's state that other instances keep up to date, so that they can take over at once. */
  readonly standbyReplicas: number
  /** State that lacks no more than this many records of its changelogs is as good as complete: its task may move there. */
  readonly warmUpMaxLag: number
  /** Tasks of a topology whose state is brought to new owners at the same time. */
  readonly maxWarmUps: number
  /** State of a task that runs elsewhere is deleted here after this time. */
  readonly stateCleanupDelayMs: number
  /** A task that gets no further for this long, and does not fail either, stops its topology. */
  readonly taskDeadlineMs: number
  /** How often in a row a task is rebuilt after an error that starting over may mend, before its topology stops. */
  readonly taskMaxAttempts: number
  /** How long a task waits for a service that is away, the log, the registry or a sink, before its topology stops. */
  readonly outageMaxMs: number
  readonly taskRetryInitialMs: number
  readonly taskRetryMaxMs: number
  /**
   * A task that another owner fenced is opened again after this time, unless the group has taken it away by then. Longer
   * than an instance takes to hear of a rebalance, lest owners fence each other in turn.
   */
  readonly fencedTaskReopenMs: number
}

export const defaultSettings: RuntimeSettings = {
  processingGuarantee: 'exactly-once',
  commitIntervalMs: 100,
  emission: 'per-commit',
  onDecodeError: 'dead-letter',
  onProcessingError: 'dead-letter',
  defaultPartitions: 4,
  memoryBudgetBytes: 0,
  cacheMaxBytesPerTask: 32 * 1024 * 1024,
  watermarkIntervalMs: 200,
  wakeMaxRows: 500,
  batchMaxRecords: 1000,
  sliceMaxMs: 15,
  transactionMaxBytes: 8 * 1024 * 1024,
  transactionMaxKeys: 100_000,
  sinkMaxRows: 5000,
  recordMaxBytes: 1024 * 1024,
  inputMaxBufferedBytes: 1024 * 1024,
  transactionTimeoutMs: 60_000,
  expiryMaxRowsPerCommit: 1000,
  stateMaxAgeMs: 24 * 60 * 60 * 1000,
  standbyReplicas: 0,
  warmUpMaxLag: 10_000,
  maxWarmUps: 2,
  stateCleanupDelayMs: 10 * 60 * 1000,
  taskDeadlineMs: 5 * 60 * 1000,
  taskMaxAttempts: 10,
  outageMaxMs: 10 * 60 * 1000,
  taskRetryInitialMs: 100,
  taskRetryMaxMs: 10_000,
  fencedTaskReopenMs: 5_000,
}

const mayBeZero = new Set<string>(['standbyReplicas', 'warmUpMaxLag', 'memoryBudgetBytes'])

/** @throws CONFIGURATION_INVALID naming the setting and its range. */
export function resolveSettings(given: Partial<RuntimeSettings>): RuntimeSettings {
  const settings = { ...defaultSettings, ...given }
  for (const [name, value] of Object.entries(settings)) {
    const least = mayBeZero.has(name) ? 0 : 1
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= least)) {
      throw new StreamsError(
        'CONFIGURATION_INVALID',
        `${name}: ${value} is not a whole number of at least ${least}`,
        {
          details: { setting: name, value },
        },
      )
    }
  }
  return settings
}
