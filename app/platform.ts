/**
 * What commands and topologies run on: a data directory, or the services of a cluster. Here it is chosen and opened, so that
 * what runs on it just takes the parts that it needs.
 */
import type { Database } from '../sql/index.ts'
import type { Clock, Log, Logger, SchemaRegistry, StoreProvider } from '../streams/index.ts'
import { openCluster } from './cluster.ts'
import type { Config } from './config-schema.ts'
import { openSingleNode } from './single-node.ts'

export interface Platform {
  readonly isCluster: boolean
  /** For people: the data directory, or the brokers. */
  readonly label: string
  readonly log: Log
  readonly clock: Clock
  readonly logger: Logger
  /** The file that log messages go to; null when they go to standard error. */
  readonly logPath: string | null
  /** @param registers whether schemas that it does not have are registered when they are needed, or refused */
  openRegistry(options: { readonly registers: boolean }): Promise<SchemaRegistry>
  /** Once, as another instance then cannot. */
  openState(): Promise<LocalState>
  /** As it is found: `prepare` brings it up to date. */
  openDatabase(): Promise<Database>
  /** Closes all that was opened; first stop what uses it. Never throws. */
  close(): Promise<void>
}

export interface LocalState {
  readonly stores: StoreProvider
  readonly instanceId: string
}

/** What of the cluster a command will open beside the log, so that settings that are missing are told before anything happens. */
export type Part = 'registry' | 'database'

export interface Opening {
  readonly parts: readonly Part[]
  /** Single-node mode: `create` makes a data directory that is missing; `existing` refuses that, for commands that only look. */
  readonly mode: 'create' | 'existing'
  /** Ends the waiting for services that cannot be reached. */
  readonly signal?: AbortSignal
  /** Called once messages can be logged, before any service is reached. */
  readonly onBegin?: (platform: Pick<Platform, 'clock' | 'logger'>) => Promise<void>
}

/** @throws ConfigError, CommandFailed, LOG_UNAVAILABLE, LOG_REFUSED, STATE_DIRECTORY_LOCKED and its kin */
export function openPlatform(config: Config, opening: Opening): Promise<Platform> {
  return config.brokers === '' ? openSingleNode(config, opening) : openCluster(config, opening)
}

/** Opens a platform for one piece of work, and closes it whatever comes of that. */
export async function withPlatform<T>(
  config: Config,
  opening: Opening,
  work: (platform: Platform) => Promise<T>,
): Promise<T> {
  const platform = await openPlatform(config, opening)
  try {
    return await work(platform)
  } finally {
    await platform.close()
  }
}
