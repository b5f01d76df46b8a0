import { describe, expect, it } from 'vitest'
import { RowError } from './database.ts'
import { mysqlFailure } from './mysql-errors.ts'

function serverError(fields: { code?: string; errno?: number; sqlState?: string }, message = 'why'): Error {
  return Object.assign(new Error(message), fields)
}

describe('errors of MySQL', () => {
  it.each([
    ['a deadlock', { code: 'ER_LOCK_DEADLOCK', sqlState: '40001' }],
    ['a lock held too long', { code: 'ER_LOCK_WAIT_TIMEOUT', sqlState: 'HY000' }],
    ['a server that shuts down', { code: 'ER_SERVER_SHUTDOWN', sqlState: '08S01' }],
    ['a server that refuses connections', { code: 'ECONNREFUSED' }],
    ['no answer in time', { code: 'PROTOCOL_SEQUENCE_TIMEOUT' }],
    ['a killed session', { code: 'ER_SESSION_WAS_KILLED', errno: 3169 }],
    ['a connection that MariaDB killed', { errno: 1927, sqlState: '70100' }],
    ["MariaDB's statement timeout", { errno: 1969, sqlState: '70100' }],
    ['a user with too many connections', { code: 'ER_USER_LIMIT_REACHED', errno: 1226 }],
    ['a server that is a replica now', { code: 'ER_OPTION_PREVENTS_STATEMENT', errno: 1290 }],
    ["a replica's storage", { code: 'ER_INNODB_READ_ONLY', errno: 1874 }],
    ['a cluster node that is not in step', { code: 'ER_UNKNOWN_COM_ERROR', errno: 1047, sqlState: '08S01' }],
  ])('should take %s for something that passes', (_title, fields) => {
    expect(mysqlFailure('mysql://host/db', serverError(fields))).toMatchObject({
      code: 'SINK_UNAVAILABLE',
      recovery: 'retry',
      message: expect.stringContaining('mysql://host/db'),
    })
  })

  it('should name the table that is missing, and what to do when migrations find nothing to do', () => {
    const missing = serverError(
      { code: 'ER_NO_SUCH_TABLE', errno: 1146 },
      "Table 'db.sink_progress' doesn't exist",
    )
    const { message } = mysqlFailure('mysql://host/db', missing)
    expect(message).toMatch(/sink_progress.*order-streams migrate.*put back a backup/)
  })

  it.each([
    ['text that is too long', { code: 'ER_DATA_TOO_LONG', sqlState: '22001' }],
    ["MariaDB's broken CHECK, which has another name in MySQL", { errno: 4025, sqlState: '23000' }],
    ['a row that others refer to', { code: 'ER_ROW_IS_REFERENCED_2', sqlState: '23000' }],
    ["a trigger's refusal", { code: 'ER_SIGNAL_EXCEPTION', sqlState: '45000' }],
    ['text that is not of its character set', { code: 'ER_INVALID_CHARACTER_STRING', sqlState: 'HY000' }],
  ])('should blame the row for %s', (_title, fields) => {
    expect(mysqlFailure('mysql://host/db', serverError(fields))).toBeInstanceOf(RowError)
  })

  it.each([
    ['a full disk', { code: 'ER_RECORD_FILE_FULL' }, 'STORAGE_FULL', 'free some space'],
    [
      'a wrong password',
      { code: 'ER_ACCESS_DENIED_ERROR', sqlState: '28000' },
      'SINK_FAILED',
      'the password',
    ],
    ['a packet that is too large', { code: 'ER_NET_PACKET_TOO_LARGE' }, 'SINK_FAILED', 'max_allowed_packet'],
    ['what it does not know', { code: 'ER_SOMETHING' }, 'SINK_FAILED', 'why'],
  ])('should stop for %s, and say what to do', (_title, fields, code, remedy) => {
    const failure = mysqlFailure('mysql://host/db', serverError(fields))
    expect(failure).toMatchObject({ code, message: expect.stringContaining(remedy) })
  })
})
