/**
 * Every error the engine raises, by a stable code, with the recovery it asks for.
 *
 * The catalogue below is the single list: `docs/errors.md` documents each code and a test keeps the two in parity.
 * An error that is not in it is unknown, and an unknown error stops its task: it is never retried forever.
 */

/**
 * What the runtime does about an error:
 * - `retry`: the same call may succeed later; the caller's bounded retry decides.
 * - `rebuild-task`: the task's buffers or local state cannot be trusted; close it and start it from its last commit.
 * - `fenced`: another owner took over; give the task up without committing.
 * - `dead-letter`: one record is at fault; it goes to the dead letters, or stops the task, by policy.
 * - `stop`: a person has to act; the topology stops and says what to do.
 */
export type Recovery = 'retry' | 'rebuild-task' | 'fenced' | 'dead-letter' | 'stop'

interface Entry {
  readonly recovery: Recovery
  readonly summary: string
}

export const errorCatalogue = {
  // One record is at fault.
  RECORD_NOT_DECODABLE: {
    recovery: 'dead-letter',
    summary: 'The bytes of a key or value do not fit its serde.',
  },
  RECORD_NOT_ENCODABLE: {
    recovery: 'dead-letter',
    summary: 'A key or value to be written does not fit its serde.',
  },
  RECORD_NULL_NOT_ALLOWED: {
    recovery: 'dead-letter',
    summary: 'A key or value is null where the topic declares that it never is.',
  },
  RECORD_TOO_LARGE: { recovery: 'dead-letter', summary: 'A record exceeds the largest size the log takes.' },
  SCHEMA_UNKNOWN: {
    recovery: 'dead-letter',
    summary: 'A record names a schema id that the registry does not know.',
  },
  OPERATOR_FAILED: { recovery: 'dead-letter', summary: 'An operator threw while it processed a record.' },
  SINK_ROW_REJECTED: { recovery: 'dead-letter', summary: 'The database rejected a row.' },

  // Ownership moved.
  PRODUCER_FENCED: {
    recovery: 'fenced',
    summary: 'A newer producer with the same transactional id has started; this one may write nothing more.',
  },
  SINK_FENCED: { recovery: 'fenced', summary: 'A newer owner of the task writes to the sink.' },
  MEMBER_UNKNOWN: { recovery: 'fenced', summary: 'The consumer group no longer counts this member.' },

  INSTANCE_FENCED: {
    recovery: 'stop',
    summary: 'Another process has joined the consumer group under the name of this instance.',
  },

  // The task starts over from its last commit.
  TRANSACTION_OUTCOME_UNKNOWN: {
    recovery: 'rebuild-task',
    summary: 'A commit was sent but its answer was lost; the committed offsets tell whether it took place.',
  },
  TRANSACTION_ABORTED: {
    recovery: 'rebuild-task',
    summary: 'The log aborted the transaction, for its timeout or an error.',
  },
  STATE_CORRUPT: {
    recovery: 'rebuild-task',
    summary: 'Local state cannot be read; it is rebuilt from the changelog.',
  },
  OFFSET_GAP: { recovery: 'rebuild-task', summary: 'A record came at another offset than the one expected.' },

  // The outside world is away for now.
  LOG_UNAVAILABLE: { recovery: 'retry', summary: 'The log cannot be reached.' },
  REGISTRY_UNAVAILABLE: { recovery: 'retry', summary: 'The schema registry cannot be reached.' },
  SINK_UNAVAILABLE: {
    recovery: 'retry',
    summary: 'The sink cannot be reached, or chose this transaction as a deadlock victim.',
  },

  // A person has to act.
  CONFIGURATION_INVALID: {
    recovery: 'stop',
    summary: 'A setting has an unknown name or a value out of its range.',
  },
  TOPOLOGY_INVALID: { recovery: 'stop', summary: 'The topology cannot be built as it is declared.' },
  PATTERN_INVALID: { recovery: 'stop', summary: 'A pattern cannot be matched as it is written down.' },
  PATTERN_LIMIT_REACHED: {
    recovery: 'stop',
    summary: 'A key has more open partial matches of a pattern, or events in them, than it may.',
  },
  TIMERS_ENDLESS: {
    recovery: 'stop',
    summary: 'At the end of input timers set others without end.',
  },
  TOPIC_UNKNOWN: { recovery: 'stop', summary: 'A topic does not exist.' },
  TOPIC_MISMATCH: {
    recovery: 'stop',
    summary: 'A topic exists with other settings than the topology needs.',
  },
  TASK_STUCK: {
    recovery: 'stop',
    summary: 'A task has got no further for longer than it may: something that it waits for does not answer.',
  },
  MEMORY_BUDGET_EXCEEDED: {
    recovery: 'stop',
    summary: 'The tasks that are assigned here need more memory than the process may take.',
  },
  TOPOLOGY_MIXED: {
    recovery: 'stop',
    summary: 'Other instances of the group run the topology with other sub-topologies or stores.',
  },
  PARTITIONS_CHANGED: {
    recovery: 'stop',
    summary: 'A topic has another number of partitions than when the topology started.',
  },
  PARTITIONS_NOT_ALIKE: {
    recovery: 'stop',
    summary: 'Topics that are joined have different partition counts.',
  },
  SCHEMA_INCOMPATIBLE: {
    recovery: 'stop',
    summary: 'A schema cannot read what was written with the one before it.',
  },
  SCHEMA_INVALID: { recovery: 'stop', summary: 'A schema is not valid Avro.' },
  SCHEMA_NOT_REGISTERED: {
    recovery: 'stop',
    summary: 'A schema is not in the registry, and this process may not register it.',
  },
  REGISTRY_REFUSED: {
    recovery: 'stop',
    summary:
      'The schema registry refuses the call for a reason that no retry mends: credentials, the URL, or a setting of it.',
  },
  OFFSET_OUT_OF_RANGE: {
    recovery: 'stop',
    summary:
      'The next record to read was deleted before it was processed, or lies beyond the end of the log.',
  },
  LOG_UNREADABLE: {
    recovery: 'stop',
    summary: 'Records of the log are damaged, or in a format that this process cannot read.',
  },
  LOG_REFUSED: {
    recovery: 'stop',
    summary:
      'The log refuses the call for a reason that no retry mends: no permission, or a setting of the broker.',
  },
  STATE_DIRECTORY_LOCKED: { recovery: 'stop', summary: 'Another process uses the data directory.' },
  STATE_DIRECTORY_UNUSABLE: {
    recovery: 'stop',
    summary: 'The data directory cannot be read or written, or is corrupt.',
  },
  STATE_NOT_ENCODABLE: {
    recovery: 'stop',
    summary:
      'A row of a store cannot be encoded: its serde does not take the value, or its changelog not the size.',
  },
  STATE_FORMAT_UNSUPPORTED: {
    recovery: 'stop',
    summary: 'Local state was written in a format of another version.',
  },
  STORAGE_FULL: { recovery: 'stop', summary: 'No space is left on the device.' },
  SINK_FAILED: { recovery: 'stop', summary: 'The sink refuses the work for a reason that no retry mends.' },
  PROCESSING_STOPPED: { recovery: 'stop', summary: 'A record failed and the policy is to stop.' },
  STAGE_NOT_FOUND: {
    recovery: 'stop',
    summary: 'A command is for a sub-topology, an operator or a task that the topology does not have.',
  },
  STAGE_NOT_PAUSED: {
    recovery: 'stop',
    summary: 'Records were to be let through a stage that is not paused.',
  },
  STAGE_HELD: {
    recovery: 'stop',
    summary: 'What is left to process is held by stage commands.',
  },
  SAVEPOINT_NOT_FOUND: { recovery: 'stop', summary: 'There is no savepoint of this name.' },
  SAVEPOINT_EXISTS: { recovery: 'stop', summary: 'There is a savepoint of this name already.' },
  SAVEPOINT_CORRUPT: {
    recovery: 'stop',
    summary: 'A file of the savepoint does not have the checksum that its manifest names.',
  },
  TOPOLOGY_RUNNING: {
    recovery: 'stop',
    summary: 'Instances run the topology, which has to be stopped for this.',
  },
  RESTORE_UNFINISHED: {
    recovery: 'stop',
    summary:
      'A savepoint was being put back and has not been to the end: state and positions do not belong together.',
  },
  CLOSED: { recovery: 'stop', summary: 'The component was used after it had been closed.' },
  INVARIANT_VIOLATED: {
    recovery: 'stop',
    summary: 'The engine found itself in a state that cannot be; this is a defect.',
  },
} as const satisfies Record<string, Entry>

export type ErrorCode = keyof typeof errorCatalogue

export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>

/** An error of the engine. `details` name what a person needs to find the cause: task, topic, offset, field, value. */
export class StreamsError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'StreamsError'
    this.code = code
    this.details = options.details ?? {}
  }

  get recovery(): Recovery {
    return errorCatalogue[this.code].recovery
  }
}

/**
 * Thrown by an operator to reject the record at hand, with a code of the application's own; the dead letter carries it.
 *
 * @example throw new RecordError('ORDER_NOT_JSON', `not JSON: ${reason}`)
 */
export class RecordError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'RecordError'
    this.code = code
  }
}

/** What the runtime does about any thrown value: the catalogue's recovery, and `stop` for what it does not know. */
export function recoveryOf(error: unknown): Recovery {
  if (error instanceof StreamsError) return error.recovery
  if (error instanceof RecordError) return 'dead-letter'
  return 'stop'
}

/** For the end of an exhaustive switch: a missed case is a compile error, and a defect when it is reached. */
export function assertNever(value: never): never {
  throw new StreamsError('INVARIANT_VIOLATED', `unexpected value ${JSON.stringify(value)}`)
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return 'something was thrown that cannot be made into text'
  }
}
