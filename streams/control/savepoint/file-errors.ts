/** What the file system refuses of savepoints, as errors that name the remedy. */
import { messageOf, StreamsError } from '../../errors.ts'

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** @param path of a savepoint, of a file of it, or of the directory of all */
export function unusable(path: string, cause: unknown): StreamsError {
  if (cause instanceof StreamsError) return cause
  const options = { details: { path }, cause }
  if (isCode(cause, 'ENOSPC') || isCode(cause, 'EDQUOT')) {
    const message = `no space is left for savepoints in ${path}: free some, and make the savepoint once more (${messageOf(cause)})`
    return new StreamsError('STORAGE_FULL', message, options)
  }
  const message = `savepoints cannot be kept in ${path}: ${messageOf(cause)}`
  return new StreamsError('STATE_DIRECTORY_UNUSABLE', message, options)
}
