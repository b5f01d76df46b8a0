/**
 * The data directory of single-node mode:
 *
 *     log/                the embedded log: topics, schemas, positions; its RocksDB lock guards the whole directory
 *     state/              the tasks' stores, rebuilt from the log when they are gone
 *     orders.db           the tables, SQLite
 *     order-streams.log   what happened
 */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type EmbeddedLog, openEmbedded } from '../streams/embedded/index.ts'
import {
  type Clock,
  messageOf,
  type SchemaRegistry,
  type StoreProvider,
  StreamsError,
} from '../streams/index.ts'
import type { Config } from './config-schema.ts'
import { CommandFailed } from './failure.ts'

/** Where its tables are, which any number of processes may read. */
export function databasePathOf(dataDir: string): string {
  return join(dataDir, 'orders.db')
}

/** For commands that only look. @throws CommandFailed */
export function expectDataDirectory(path: string): void {
  if (existsSync(join(path, 'log'))) return
  throw new CommandFailed(
    `there is no data in ${path}: run \`order-streams start\` first, or name another directory with --data-dir`,
  )
}

export interface DataDirectory {
  readonly path: string
  readonly databasePath: string
  readonly log: EmbeddedLog
  readonly registry: SchemaRegistry
  readonly stores: StoreProvider
  readonly clock: Clock
  close(): Promise<void>
}

/**
 * Opens a data directory, which nobody else can then.
 * @param mode `create` makes one that is missing; `existing` refuses that, for commands that only look.
 * @throws STATE_DIRECTORY_LOCKED, STATE_DIRECTORY_UNUSABLE, STATE_CORRUPT, STORAGE_FULL, CommandFailed
 */
export async function openDataDirectory(config: Config, mode: 'create' | 'existing'): Promise<DataDirectory> {
  const path = config.dataDir
  try {
    if (mode === 'create') await makeDirectory(path)
    else expectDataDirectory(path)
    const { log, registry, stores, clock, close } = await openEmbedded(path, {
      sync: config.durability === 'power-failure',
    })
    return { path, databasePath: databasePathOf(path), log, registry, stores, clock, close }
  } catch (error) {
    throw explained(path, error)
  }
}

/** One by one: Node's own `recursive` never ends where a directory is refused as not being there, as in /proc. */
export async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    if (parent !== path && !existsSync(parent)) await makeDirectory(parent)
    await mkdir(path)
  } catch (error) {
    if (error instanceof StreamsError) throw error
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST') return
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    throw new StreamsError(isFull ? 'STORAGE_FULL' : 'STATE_DIRECTORY_UNUSABLE', messageOf(error), {
      cause: error,
    })
  }
}

/** The engine speaks of databases; whoever started the program knows a data directory. */
function explained(path: string, error: unknown): unknown {
  if (!(error instanceof StreamsError)) return error
  const remedy = remedies[error.code]
  if (remedy === undefined) return error
  const { code, details } = error
  // What the engine advises for a task's state, to delete it, would be the loss of a log.
  const detail =
    code === 'STATE_CORRUPT' && error.cause !== undefined ? messageOf(error.cause) : error.message
  return new StreamsError(code, `data directory ${path}: ${remedy}\n  ${detail}`, {
    details,
    cause: error,
  })
}

const remedies: Readonly<Record<string, string>> = {
  STATE_DIRECTORY_LOCKED:
    'another order-streams uses it: stop that one first (Ctrl-C), or choose another directory with --data-dir',
  STATE_DIRECTORY_UNUSABLE:
    'it cannot be used: name a directory that this user may write, with --data-dir or DATA_DIR',
  STATE_CORRUPT:
    'its log is damaged: put back a backup of the directory, or move it away and start anew from your input',
  STORAGE_FULL:
    'no space is left on its disk: free some, then start again; nothing that was committed is lost',
  STATE_FORMAT_UNSUPPORTED:
    'it was written by another version: use that version, or move the directory away and start anew',
}
