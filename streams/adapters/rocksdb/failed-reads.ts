/**
 * Failed asynchronous reads.
 *
 * When a value cannot be read (a corrupt block, a disk error), the binding's `db_get_many` throws where nothing can
 * catch it instead of calling back: the caller would wait for ever and the process would die. While a store has such
 * reads under way it therefore listens for uncaught exceptions, and takes those that are RocksDB's and name its
 * directory. All others go their usual way.
 */
export interface AsynchronousReader {
  readonly directory: string
  /** One of the reads under way has failed, and will not call back. */
  onReadFailed(error: Error): void
}

const readers = new Set<AsynchronousReader>()

export function watchReads(reader: AsynchronousReader): void {
  if (readers.size === 0) process.prependListener('uncaughtException', onUncaughtException)
  readers.add(reader)
}

export function unwatchReads(reader: AsynchronousReader): void {
  readers.delete(reader)
  if (readers.size === 0) process.removeListener('uncaughtException', onUncaughtException)
}

function onUncaughtException(error: Error): void {
  const fromRocks = 'code' in error && String(error.code).startsWith('LEVEL_')
  if (fromRocks) {
    for (const reader of readers) {
      if (!error.message.includes(`${reader.directory}/`)) continue
      reader.onReadFailed(error)
      return
    }
  }
  // With a listener Node would let the process live on; without one of the application's own it has to end.
  if (process.listenerCount('uncaughtException') === 1) throw error
}
