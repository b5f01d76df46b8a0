/** Where log messages go: a file in the data directory, or standard error for machines. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pinoLogger } from '../streams/adapters/system/pino-logger.ts'
import type { Logger } from '../streams/index.ts'
import type { Config } from './config-schema.ts'

export interface LogFile {
  readonly logger: Logger
  /** Null when messages go to standard error. */
  readonly path: string | null
  close(): void
}

export function openLogFile(config: Config): LogFile {
  const level = config.logLevel
  if (config.logFormat === 'json') {
    return { logger: pinoLogger({ level, format: 'json' }), path: null, close: () => {} }
  }
  const path = join(config.dataDir, 'order-streams.log')
  const file = openSync(path, 'a')
  let isOpen = true
  // Written at once, so that nothing said before a crash is lost. A full disk must not end the program for a log message.
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        if (isOpen) writeSync(file, chunk)
      } catch {}
      done()
    },
  })
  const close = (): void => {
    isOpen = false
    closeSync(file)
  }
  return { logger: pinoLogger({ level, format: 'text', stream }), path, close }
}
