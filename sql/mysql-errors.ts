/** Errors of MySQL, MariaDB and mysql2, as errors that say what to do. */
import { messageOf, StreamsError } from '../streams/index.ts'
import { RowError } from './database.ts'

/** Of a row's values, though their SQL state is not of the classes 22 (data) and 23 (integrity). */
const rowErrors = new Set([
  'WARN_DATA_TRUNCATED',
  'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD',
  'ER_CHECK_CONSTRAINT_VIOLATED',
  'ER_INVALID_JSON_CHARSET',
  'ER_INVALID_CHARACTER_STRING',
  'ER_CANNOT_CONVERT_STRING',
  // A trigger's own refusal.
  'ER_SIGNAL_EXCEPTION',
])

/** The server is a replica, or has become one: another connection may lead to its successor. */
const readOnly = new Set([
  'ER_OPTION_PREVENTS_STATEMENT',
  'ER_READ_ONLY_MODE',
  'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION',
  'ER_INNODB_READ_ONLY',
])

/** The server is there but cannot do it now: another attempt may succeed. */
const passing = new Set([
  ...readOnly,
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_QUERY_INTERRUPTED',
  'ER_QUERY_TIMEOUT',
  'ER_CON_COUNT_ERROR',
  'ER_TOO_MANY_USER_CONNECTIONS',
  'ER_USER_LIMIT_REACHED',
  'ER_SERVER_SHUTDOWN',
  'ER_NORMAL_SHUTDOWN',
  'ER_SERVER_OFFLINE_MODE',
  'ER_LOCK_TABLE_FULL',
  'ER_TOO_MANY_CONCURRENT_TRXS',
  // A node of a Galera cluster that is not in step yet.
  'ER_UNKNOWN_COM_ERROR',
  'MARIADB_STATEMENT_TIMEOUT',
])

const lost = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ER_NET_READ_INTERRUPTED',
  'ER_NET_READ_ERROR',
  'ER_NET_WRITE_INTERRUPTED',
  'ER_NET_ERROR_ON_WRITE',
  'ER_ABORTING_CONNECTION',
  'ER_NEW_ABORTING_CONNECTION',
  'ER_SESSION_WAS_KILLED',
  'MARIADB_CONNECTION_KILLED',
  'ER_CLIENT_INTERACTION_TIMEOUT',
])

/** MariaDB's own numbers, which mysql2 does not know or takes for others of MySQL. */
const mariadbCodes: Readonly<Record<number, string>> = {
  1927: 'MARIADB_CONNECTION_KILLED',
  1969: 'MARIADB_STATEMENT_TIMEOUT',
}

const remedies: Readonly<Record<string, string>> = {
  ER_ACCESS_DENIED_ERROR: 'check the user and the password in the database URL',
  ER_DBACCESS_DENIED_ERROR: 'grant the user all rights on this database',
  ER_TABLEACCESS_DENIED_ERROR: 'grant the user all rights on this database',
  ER_SPECIFIC_ACCESS_DENIED_ERROR: 'grant the user the right that it names',
  ER_BAD_DB_ERROR: 'create the database, or correct its name in the database URL',
  ER_NO_SUCH_TABLE:
    'bring the schema up to date with the migrations (order-streams migrate); where they find nothing to do the table was dropped: put ' +
    'back a backup, or begin with an empty database',
  ER_BAD_FIELD_ERROR: 'bring the schema up to date with the migrations',
  ER_HOST_NOT_PRIVILEGED: 'allow connections from this host',
  ER_HOST_IS_BLOCKED:
    'too many connections of this host failed: find out why, then run FLUSH HOSTS on the server',
  ER_NET_PACKET_TOO_LARGE:
    "max_allowed_packet was lowered since the start: raise the server's, or start again",
  HANDSHAKE_SSL_ERROR:
    "the server's certificate has to be for the host in the database URL, and of an authority that is trusted (databaseTlsCaFile)",
  HANDSHAKE_NO_SSL_SUPPORT: 'leave ssl=true out of the database URL, or set the server up for TLS',
}

export function mysqlFailure(label: string, error: unknown): Error {
  if (error instanceof StreamsError || error instanceof RowError) return error
  const code = codeOf(error)
  const message = messageOf(error)
  if (isRowError(error, code)) return new RowError(code, message, error)
  if (passing.has(code)) return failure('SINK_UNAVAILABLE', message)
  if (connectionLost(error)) {
    return failure(
      'SINK_UNAVAILABLE',
      `cannot be reached: ${message || code}: check that the server runs and that host and port are right`,
    )
  }
  if (code === 'ER_DISK_FULL' || code === 'ER_RECORD_FILE_FULL') {
    return failure('STORAGE_FULL', `${message}: free some space on the server`)
  }
  return failure('SINK_FAILED', code in remedies ? `${message}: ${remedies[code]}` : message)

  function failure(kind: 'SINK_UNAVAILABLE' | 'SINK_FAILED' | 'STORAGE_FULL', problem: string): StreamsError {
    return new StreamsError(kind, `${label}: ${problem}`, {
      details: { database: label, databaseCode: code },
      cause: error,
    })
  }
}

/** The connection is gone, or cannot be made. */
export function connectionLost(error: unknown): boolean {
  return (
    lost.has(codeOf(error)) ||
    /closed state|Connection lost|connection is closed/i.test(messageOf(error)) ||
    endedInHandshake(error)
  )
}

/** mysql2 gives every failure of a TLS handshake the same code, whether of the certificate or of the network. */
function endedInHandshake(error: unknown): boolean {
  if (codeOf(error) !== 'HANDSHAKE_SSL_ERROR' || !(error instanceof Error)) return false
  return 'syscall' in error || /disconnected before secure/.test(error.message)
}

/** It did not answer in time, so that another connection to it would not either. */
export function isSilent(error: unknown): boolean {
  return codeOf(error) === 'PROTOCOL_SEQUENCE_TIMEOUT'
}

export function isReadOnly(error: unknown): boolean {
  return readOnly.has(codeOf(error))
}

/** A table, column or index that a migration makes is there already. */
export function isExistingObject(error: unknown): boolean {
  return ['ER_TABLE_EXISTS_ERROR', 'ER_DUP_FIELDNAME', 'ER_DUP_KEYNAME'].includes(codeOf(error))
}

function isRowError(error: unknown, code: string): boolean {
  if (rowErrors.has(code)) return true
  const state = error instanceof Error && 'sqlState' in error ? String(error.sqlState) : ''
  // MariaDB's broken CHECK, 4025, has no name in mysql2 but is of class 23.
  return state.startsWith('22') || state.startsWith('23')
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN'
  const own = 'errno' in error ? mariadbCodes[Number(error.errno)] : undefined
  return own ?? ('code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN')
}
