/** Cluster mode: the log on Apache Kafka, schemas in a registry, tables in MySQL, and this instance's state in a directory. */
import { openDatabase } from '../sql/index.ts'
import { openKafkaLog } from '../streams/adapters/kafka/kafka-log.ts'
import { openConfluentRegistry } from '../streams/adapters/registry/confluent-registry.ts'
import { pinoLogger } from '../streams/adapters/system/pino-logger.ts'
import { systemClock } from '../streams/adapters/system/system-clock.ts'
import { Closers } from './closers.ts'
import { checkClusterSettings, checkDatabaseSettings, placeOf } from './cluster-settings.ts'
import { waysToSet } from './config.ts'
import type { Config } from './config-schema.ts'
import type { Opening, Platform } from './platform.ts'
import { reach } from './reach.ts'
import { openStateDirectory } from './state-directory.ts'

/** Reaches the brokers; the rest is reached when it is asked for. */
export async function openCluster(config: Config, { parts, signal, onBegin }: Opening): Promise<Platform> {
  const connection = checkClusterSettings(config, parts)
  const clock = systemClock
  const logger = pinoLogger({ level: config.logLevel, format: config.logFormat })
  await onBegin?.({ clock, logger })
  const reaching = {
    clock,
    logger,
    waitMs: config.startWaitMs,
    ...(signal === undefined ? {} : { signal }),
  }
  const closers = new Closers()
  const label = `Kafka at ${connection.brokers.join(',')}`
  const log = await reach({ name: label, setting: waysToSet('brokers') }, reaching, () =>
    openKafkaLog({
      ...connection,
      clock,
      logger,
      compression: config.kafkaCompression,
      replicationFactor: config.replicationFactor,
      sessionTimeoutMs: config.sessionTimeoutMs,
    }),
  )
  closers.add(() => log.close())
  return {
    isCluster: true,
    label,
    log,
    clock,
    logger,
    logPath: null,
    openRegistry: ({ registers }) => {
      const { registryUrl: url, registryUsername: username, registryPassword: password } = config
      const name = `the schema registry at ${placeOf(url)}`
      return reach({ name, setting: waysToSet('registryUrl') }, reaching, () =>
        openConfluentRegistry({
          url,
          clock,
          logger,
          ...(username === '' ? {} : { username, password }),
          registerSchemas: registers ? 'at-start' : 'migrate-only',
          startBudgetMs: 0,
        }),
      )
    },
    openState: async () => {
      const state = await openStateDirectory({
        path: config.stateDir,
        instanceId: config.instanceId,
        logger,
      })
      closers.add(() => state.close())
      return state
    },
    openDatabase: async () => {
      const name = `the database ${placeOf(config.databaseUrl)}`
      const database = await reach({ name, setting: waysToSet('databaseUrl') }, reaching, () =>
        openDatabase(config.databaseUrl, checkDatabaseSettings(config)),
      )
      closers.add(() => database.close())
      return database
    },
    close: () => closers.closeAll(logger),
  }
}
