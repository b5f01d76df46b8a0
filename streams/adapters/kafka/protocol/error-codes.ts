/**
 * Every error code that a broker may answer to the requests of this adapter: what is done about it, and what the engine
 * is told when that did not help.
 */
import type { ErrorCode } from '../../../errors.ts'

/**
 * - `retry`: the same request again, a little later;
 * - `refresh`: the same, after asking who leads the partition now;
 * - `coordinator`: the same, after asking who coordinates now;
 * - `fail`: at once.
 */
export type Reaction = 'retry' | 'refresh' | 'coordinator' | 'fail'

export interface KafkaErrorCode {
  readonly name: string
  readonly reaction: Reaction
  readonly becomes: ErrorCode
}

const table = new Map<number, KafkaErrorCode>()

function define(reaction: Reaction, becomes: ErrorCode, names: Readonly<Record<number, string>>): void {
  for (const [code, name] of Object.entries(names)) table.set(Number(code), { name, reaction, becomes })
}

define('retry', 'LOG_UNAVAILABLE', {
  [-1]: 'UNKNOWN_SERVER_ERROR',
  2: 'CORRUPT_MESSAGE',
  7: 'REQUEST_TIMED_OUT',
  13: 'NETWORK_EXCEPTION',
  14: 'COORDINATOR_LOAD_IN_PROGRESS',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  51: 'CONCURRENT_TRANSACTIONS',
  60: 'REASSIGNMENT_IN_PROGRESS',
  70: 'FETCH_SESSION_ID_NOT_FOUND',
  71: 'INVALID_FETCH_SESSION_EPOCH',
  77: 'STALE_BROKER_EPOCH',
  78: 'OFFSET_NOT_AVAILABLE',
  88: 'UNSTABLE_OFFSET_COMMIT',
  89: 'THROTTLING_QUOTA_EXCEEDED',
  106: 'FETCH_SESSION_TOPIC_ID_ERROR',
  109: 'OFFSET_MOVED_TO_TIERED_STORAGE',
})
define('refresh', 'TOPIC_UNKNOWN', {
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  100: 'UNKNOWN_TOPIC_ID',
  103: 'INCONSISTENT_TOPIC_ID',
})
define('refresh', 'LOG_UNAVAILABLE', {
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_OR_FOLLOWER',
  8: 'BROKER_NOT_AVAILABLE',
  9: 'REPLICA_NOT_AVAILABLE',
  11: 'STALE_CONTROLLER_EPOCH',
  41: 'NOT_CONTROLLER',
  56: 'KAFKA_STORAGE_ERROR',
  72: 'LISTENER_NOT_FOUND',
  74: 'FENCED_LEADER_EPOCH',
  75: 'UNKNOWN_LEADER_EPOCH',
  80: 'PREFERRED_LEADER_NOT_AVAILABLE',
  83: 'ELIGIBLE_LEADERS_NOT_AVAILABLE',
  107: 'INELIGIBLE_REPLICA',
  108: 'NEW_LEADER_ELECTED',
  129: 'REBOOTSTRAP_REQUIRED',
})
define('coordinator', 'LOG_UNAVAILABLE', {
  15: 'COORDINATOR_NOT_AVAILABLE',
  16: 'NOT_COORDINATOR',
})
define('fail', 'PRODUCER_FENCED', {
  47: 'INVALID_PRODUCER_EPOCH',
  49: 'INVALID_PRODUCER_ID_MAPPING',
  52: 'TRANSACTION_COORDINATOR_FENCED',
  90: 'PRODUCER_FENCED',
})
define('fail', 'TRANSACTION_ABORTED', {
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  46: 'DUPLICATE_SEQUENCE_NUMBER',
  48: 'INVALID_TXN_STATE',
  59: 'UNKNOWN_PRODUCER_ID',
  105: 'TRANSACTIONAL_ID_NOT_FOUND',
  120: 'TRANSACTION_ABORTABLE',
})
define('fail', 'MEMBER_UNKNOWN', {
  22: 'ILLEGAL_GENERATION',
  25: 'UNKNOWN_MEMBER_ID',
  27: 'REBALANCE_IN_PROGRESS',
  79: 'MEMBER_ID_REQUIRED',
  110: 'FENCED_MEMBER_EPOCH',
  111: 'UNRELEASED_INSTANCE_ID',
  113: 'STALE_MEMBER_EPOCH',
})
define('fail', 'INSTANCE_FENCED', { 82: 'FENCED_INSTANCE_ID' })
define('fail', 'OFFSET_OUT_OF_RANGE', { 1: 'OFFSET_OUT_OF_RANGE', 99: 'POSITION_OUT_OF_RANGE' })
define('fail', 'RECORD_TOO_LARGE', { 10: 'MESSAGE_TOO_LARGE', 18: 'RECORD_LIST_TOO_LARGE' })
define('fail', 'RECORD_NOT_ENCODABLE', { 32: 'INVALID_TIMESTAMP', 87: 'INVALID_RECORD' })
define('fail', 'CONFIGURATION_INVALID', {
  17: 'INVALID_TOPIC_EXCEPTION',
  24: 'INVALID_GROUP_ID',
  26: 'INVALID_SESSION_TIMEOUT',
  37: 'INVALID_PARTITIONS',
  38: 'INVALID_REPLICATION_FACTOR',
  39: 'INVALID_REPLICA_ASSIGNMENT',
  40: 'INVALID_CONFIG',
  50: 'INVALID_TRANSACTION_TIMEOUT',
})
define('fail', 'LOG_REFUSED', {
  4: 'INVALID_FETCH_SIZE',
  12: 'OFFSET_METADATA_TOO_LARGE',
  21: 'INVALID_REQUIRED_ACKS',
  23: 'INCONSISTENT_GROUP_PROTOCOL',
  28: 'INVALID_COMMIT_OFFSET_SIZE',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  30: 'GROUP_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  33: 'UNSUPPORTED_SASL_MECHANISM',
  34: 'ILLEGAL_SASL_STATE',
  35: 'UNSUPPORTED_VERSION',
  42: 'INVALID_REQUEST',
  43: 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  44: 'POLICY_VIOLATION',
  53: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  54: 'SECURITY_DISABLED',
  55: 'OPERATION_NOT_ATTEMPTED',
  57: 'LOG_DIR_NOT_FOUND',
  58: 'SASL_AUTHENTICATION_FAILED',
  61: 'DELEGATION_TOKEN_AUTH_DISABLED',
  62: 'DELEGATION_TOKEN_NOT_FOUND',
  63: 'DELEGATION_TOKEN_OWNER_MISMATCH',
  64: 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
  65: 'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
  66: 'DELEGATION_TOKEN_EXPIRED',
  67: 'INVALID_PRINCIPAL_TYPE',
  68: 'NON_EMPTY_GROUP',
  69: 'GROUP_ID_NOT_FOUND',
  73: 'TOPIC_DELETION_DISABLED',
  76: 'UNSUPPORTED_COMPRESSION_TYPE',
  81: 'GROUP_MAX_SIZE_REACHED',
  84: 'ELECTION_NOT_NEEDED',
  85: 'NO_REASSIGNMENT_IN_PROGRESS',
  86: 'GROUP_SUBSCRIBED_TO_TOPIC',
  91: 'RESOURCE_NOT_FOUND',
  92: 'DUPLICATE_RESOURCE',
  93: 'UNACCEPTABLE_CREDENTIAL',
  97: 'PRINCIPAL_DESERIALIZATION_FAILURE',
  104: 'INCONSISTENT_CLUSTER_ID',
  112: 'UNSUPPORTED_ASSIGNOR',
})
define('fail', 'TOPIC_MISMATCH', { 36: 'TOPIC_ALREADY_EXISTS' })

export const code = {
  unknownServerError: -1,
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  requestTimedOut: 7,
  messageTooLarge: 10,
  coordinatorNotAvailable: 15,
  recordListTooLarge: 18,
  illegalGeneration: 22,
  unknownMemberId: 25,
  rebalanceInProgress: 27,
  topicAlreadyExists: 36,
  unsupportedSaslMechanism: 33,
  illegalSaslState: 34,
  notController: 41,
  invalidTransactionState: 48,
  operationNotAttempted: 55,
  memberIdRequired: 79,
  invalidRecord: 87,
} as const

/** What a code means. One that no Kafka of today has fails at once, and a person has to look. */
export function describeCode(errorCode: number): KafkaErrorCode {
  return (
    table.get(errorCode) ?? {
      name: `an unknown error ${errorCode}`,
      reaction: 'fail',
      becomes: 'LOG_REFUSED',
    }
  )
}

/** All codes in the table, for its test. */
export function knownCodes(): number[] {
  return [...table.keys()]
}
