/** SQLite's result codes, as errors that say what to do. */
import { messageOf, StreamsError } from '../streams/index.ts'
import { RowError } from './database.ts'

/** Primary result codes, the low byte of the extended ones. */
const code = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
  NOTADB: 26,
}

const remedies: Readonly<Record<number, string>> = {
  [code.PERM]: 'give this user the right to write the file and its directory',
  [code.READONLY]: 'give this user the right to write the file and its directory',
  [code.CANTOPEN]: 'check that the path is a file in a directory that this user may write',
  [code.IOERR]: 'check the disk and the rights on the file',
  [code.CORRUPT]: 'restore the file from a backup, or move it away: a new one is filled from the log',
  [code.NOTADB]: 'it is another kind of file: choose another path, or move it away',
}

export function isBusy(error: unknown): boolean {
  return [code.BUSY, code.LOCKED].includes(primaryCode(error))
}

export function sqliteFailure(path: string, error: unknown): Error {
  if (error instanceof StreamsError || error instanceof RowError) return error
  const primary = primaryCode(error)
  const message = messageOf(error)
  if (primary === code.CONSTRAINT || primary === code.MISMATCH || primary === code.TOOBIG) {
    return new RowError(codeOf(error), message, error)
  }
  if (isBusy(error)) {
    return failure('SINK_UNAVAILABLE', path, 'another process holds its lock: stop it, or wait for it', error)
  }
  if (primary === code.FULL) return failure('STORAGE_FULL', path, 'no space is left: free some', error)
  if (message.startsWith('no such table') || message.startsWith('no such column')) {
    return failure('SINK_FAILED', path, `${message}: bring its schema up to date with the migrations`, error)
  }
  return failure(
    'SINK_FAILED',
    path,
    `${message}${primary in remedies ? `: ${remedies[primary]}` : ''}`,
    error,
  )
}

/** libsql tells the result code of a failed open in the message only. */
export function openingFailure(path: string, error: unknown): Error {
  const opened = /unable to open.*: (\d+)/i.exec(messageOf(error))?.[1]
  if (opened === undefined) return sqliteFailure(path, error)
  return failure(
    'SINK_FAILED',
    path,
    `cannot be opened: ${remedies[Number(opened) & 0xff] ?? messageOf(error)}`,
    error,
  )
}

function failure(
  code: 'SINK_UNAVAILABLE' | 'SINK_FAILED' | 'STORAGE_FULL',
  path: string,
  problem: string,
  cause: unknown,
): StreamsError {
  return new StreamsError(code, `SQLite database ${path}: ${problem}`, {
    details: { path, databaseCode: codeOf(cause) },
    cause,
  })
}

function primaryCode(error: unknown): number {
  if (!(error instanceof Error) || !('rawCode' in error) || typeof error.rawCode !== 'number') return 0
  return error.rawCode & 0xff
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
}
