/**
 * Single-node mode: everything in this process, in one data directory.
 *
 * It is opened from the bottom up - lock and log, log file, tables, topologies - and closed from the top down, so that
 * nothing is ever used that is closed.
 */

import type { Database } from '../sql/index.ts'
import { migrate, openDatabase, sqlSink } from '../sql/index.ts'
import { MemoryMetrics } from '../streams/adapters/memory/memory-metrics.ts'
import {
  type Logger,
  type RuntimeSettings,
  StreamsApp,
  silentLogger,
  type Topology,
} from '../streams/index.ts'
import type { Config } from './config-schema.ts'
import { type DataDirectory, openDataDirectory } from './data-directory.ts'
import { openLogFile } from './log-file.ts'
import { orderTables } from './order-rows.ts'
import { createOrderTopics, orderTopologies } from './order-topologies.ts'

export interface SingleNode {
  readonly config: Config
  readonly data: DataDirectory
  readonly database: Database
  readonly logger: Logger
  /** The file that log messages go to; null when they go to standard error. */
  readonly logPath: string | null
  readonly metrics: MemoryMetrics
  readonly topologies: readonly Topology[]
  /** Not started yet. */
  readonly streams: StreamsApp
  /** Stops the topologies after a last commit, and lets everything go. */
  close(): Promise<void>
}

/** @param names of the topologies to run */
export async function openSingleNode(config: Config, names: readonly string[]): Promise<SingleNode> {
  const closers: (() => Promise<void> | void)[] = []
  let logger: Logger = silentLogger
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        // Whatever made the program end says more than what that does to closing; all that was committed is safe.
        logger.warn({ error }, 'closing failed')
      }
    }
  }
  try {
    // Names are checked before anything is created.
    orderTopologies(names, config)
    const data = await openDataDirectory(config, 'create')
    closers.push(() => data.close())
    const logFile = openLogFile(config)
    logger = logFile.logger
    // Closed last, so that it has what happens in closing the others.
    closers.unshift(logFile.close)
    const database = await openDatabase(data.databasePath, {
      // After a power failure the file may be some commits behind, never torn: it holds the positions of its own rows, and
      // what is missing is read from the log again.
      synchronous: 'NORMAL',
    })
    closers.push(() => database.close())
    await migrate(database)
    await createOrderTopics(data.log, config)
    const tables = sqlSink({ name: 'orders.db', database, tables: orderTables })
    const topologies = orderTopologies(names, config, tables)
    const metrics = new MemoryMetrics()
    const { log, registry, stores, clock } = data
    const settings = runtimeSettings(config)
    const streams = new StreamsApp({ topologies, log, stores, registry, clock, logger, metrics, settings })
    closers.push(() => streams.stop())
    logger.info({ dataDir: config.dataDir, topologies: names }, 'opened')
    return {
      config,
      data,
      database,
      logger,
      logPath: logFile.path,
      metrics,
      topologies,
      streams,
      close: closeAll,
    }
  } catch (error) {
    await closeAll()
    throw error
  }
}

function runtimeSettings(config: Config): Partial<RuntimeSettings> {
  return {
    processingGuarantee: config.processingGuarantee,
    onDecodeError: config.onDecodeError,
    onProcessingError: config.onProcessingError,
    commitIntervalMs: config.commitIntervalMs,
    batchMaxRecords: config.batchMaxRecords,
    cacheMaxBytesPerTask: config.cacheMaxBytesPerTask,
    transactionMaxBytes: config.transactionMaxBytes,
    transactionMaxKeys: config.transactionMaxKeys,
    sinkMaxRows: config.sinkMaxRows,
    inputMaxBufferedBytes: config.inputMaxBufferedBytes,
    taskMaxAttempts: config.taskMaxAttempts,
    defaultPartitions: config.partitions,
  }
}
