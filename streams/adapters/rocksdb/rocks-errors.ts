import { type ErrorCode, messageOf, StreamsError } from '../../errors.ts'

/** Turns what RocksDB or the file system says about a database into the error that names the remedy. */
export function storeError(name: string, directory: string, cause: unknown): StreamsError {
  if (cause instanceof StreamsError) return cause
  const message = messageOf(cause)
  const code = codeOf(cause, message)
  const options = { cause, details: { name, directory } }
  return new StreamsError(code, `database "${name}" in ${directory} ${sentences[code]} (${message})`, options)
}

const sentences = {
  STATE_DIRECTORY_LOCKED:
    'is in use, by another process or a second time in this one: stop the other, or choose another data directory',
  STATE_CORRUPT:
    'is damaged: delete its directory if its content can be restored from a changelog, else put back a backup',
  STORAGE_FULL: 'cannot be written, because no space is left on the device: free some, then start again',
  STATE_DIRECTORY_UNUSABLE:
    'cannot be used: make sure that the path is a directory which this user may read and write, on a disk in order',
} satisfies Partial<Record<ErrorCode, string>>

function codeOf(cause: unknown, message: string): keyof typeof sentences {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'LEVEL_LOCKED') return 'STATE_DIRECTORY_LOCKED'
  if (code === 'LEVEL_CORRUPTION') return 'STATE_CORRUPT'
  if (code === 'ENOSPC' || code === 'EDQUOT' || /no space left|quota exceeded/i.test(message)) {
    return 'STORAGE_FULL'
  }
  // A file that RocksDB wrote is gone: the directory is there and readable, but not whole.
  if (code === 'LEVEL_IO_ERROR' && /no such file/i.test(message)) return 'STATE_CORRUPT'
  return 'STATE_DIRECTORY_UNUSABLE'
}
