/** Everything an application needs to run in one process with nothing else installed: the third public entry. */
import { join } from 'node:path'
import { type EmbeddedLog, openEmbeddedLog } from '../adapters/embedded/embedded-log.ts'
import { MemoryMetrics } from '../adapters/memory/memory-metrics.ts'
import { openLogRegistry } from '../adapters/registry/log-registry.ts'
import { RocksStoreProvider } from '../adapters/rocksdb/rocks-store-provider.ts'
import { systemClock } from '../adapters/system/system-clock.ts'
import { type Logger, silentLogger } from '../ports/observability.ts'
import type { RuntimePorts } from '../runtime/topology-runner.ts'

export { type PinoLoggerOptions, pinoLogger } from '../adapters/system/pino-logger.ts'
export type { EmbeddedLog, MemoryMetrics }

export interface EmbeddedOptions {
  readonly logger?: Logger
  /** Whether what was committed survives a power failure, and not only the end of the process. True by default. */
  readonly sync?: boolean
}

export interface EmbeddedPorts extends RuntimePorts {
  readonly log: EmbeddedLog
  readonly metrics: MemoryMetrics
  /** Call it last, after the application was stopped. */
  close(): Promise<void>
}

/**
 * Opens a directory that holds the log (`log/`) and the tasks' state (`state/`), which nobody else can use meanwhile.
 *
 * @example
 * const ports = await openEmbedded('./data')
 * const app = new StreamsApp({ topologies: [wordCount], ...ports })
 * await app.start()
 * @throws STATE_DIRECTORY_LOCKED, STATE_DIRECTORY_UNUSABLE, STATE_CORRUPT, STATE_FORMAT_UNSUPPORTED, STORAGE_FULL
 */
export async function openEmbedded(directory: string, options: EmbeddedOptions = {}): Promise<EmbeddedPorts> {
  const clock = systemClock
  const logger = options.logger ?? silentLogger
  const store = await new RocksStoreProvider({ directory }).open('log')
  let log: EmbeddedLog | undefined
  try {
    const opened = await openEmbeddedLog({ store, clock, logger, sync: options.sync ?? true })
    log = opened
    return {
      log: opened,
      stores: new RocksStoreProvider({ directory: join(directory, 'state') }),
      registry: await openLogRegistry({ log: opened, clock }),
      clock,
      logger,
      metrics: new MemoryMetrics(),
      close: async () => {
        await opened.close()
        await store.close()
      },
    }
  } catch (error) {
    await log?.close().catch(() => {})
    await store.close().catch(() => {})
    throw error
  }
}
