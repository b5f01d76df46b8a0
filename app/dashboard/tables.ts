/** Where the dashboard finds the tables: in a data directory that another process may be working on, or in a cluster's database. */
import { existsSync } from 'node:fs'
import { type Database, openDatabase } from '../../sql/index.ts'
import { checkDatabaseSettings, placeOf } from '../cluster-settings.ts'
import type { Config } from '../config-schema.ts'
import { databasePathOf, expectDataDirectory } from '../data-directory.ts'

export interface Tables {
  /** For people: the data directory, or the server and database. */
  readonly place: string
  /** Null as long as there is no database; the same one every time once there is. */
  open(): Promise<Database | null>
  /** Never throws. */
  close(): Promise<void>
}

const connectTimeoutMs = 5_000

/** @throws CommandFailed when there is no data directory, ConfigError for a wrong database URL */
export function tablesOf(config: Config): Tables {
  const isCluster = config.brokers !== '' || config.databaseUrl !== ''
  const tls = isCluster ? checkDatabaseSettings(config) : {}
  if (!isCluster) expectDataDirectory(config.dataDir)
  const path = databasePathOf(config.dataDir)
  const options = { ...tls, readOnly: true, poolSize: 1, connectTimeoutMs }
  let opening: Promise<Database> | undefined
  return {
    place: isCluster ? placeOf(config.databaseUrl) : config.dataDir,
    open: async () => {
      // Opening would make a file that is missing, and that is for its writer to do.
      if (opening === undefined && !isCluster && !existsSync(path)) return null
      opening ??= openDatabase(isCluster ? config.databaseUrl : path, options)
      try {
        return await opening
      } catch (error) {
        opening = undefined
        throw error
      }
    },
    close: async () => {
      try {
        const database = await opening
        await database?.close()
      } catch {
        // A connection that is lost is closed.
      }
    },
  }
}
