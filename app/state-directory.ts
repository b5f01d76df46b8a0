/**
 * The state directory of an instance in cluster mode, which one process uses at a time:
 *
 *     instance/           the instance's id; RocksDB's lock on it guards the whole directory, and ends with the process
 *     stores/             the tasks' stores, restored from changelogs when they are gone
 */
import { randomInt } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { RocksStoreProvider } from '../streams/adapters/rocksdb/rocks-store-provider.ts'
import {
  type Logger,
  messageOf,
  type Store,
  type StoreProvider,
  StreamsError,
  silentLogger,
} from '../streams/index.ts'
import { makeDirectory } from './data-directory.ts'

export interface StateDirectory {
  readonly path: string
  readonly stores: StoreProvider
  /** Under which the group knows whose state this is, from one start to the next. */
  readonly instanceId: string
  /** After it another process may use the directory: stop what uses the stores first. */
  close(): Promise<void>
}

export interface StateDirectoryOptions {
  /** Made when it is missing. */
  readonly path: string
  /** Empty: the one kept in the directory, which is made up at the first start. */
  readonly instanceId: string
  readonly logger?: Logger
}

/** @throws STATE_DIRECTORY_LOCKED, STATE_DIRECTORY_UNUSABLE, STATE_CORRUPT, STORAGE_FULL, naming the setting */
export async function openStateDirectory(options: StateDirectoryOptions): Promise<StateDirectory> {
  const { path, logger = silentLogger } = options
  try {
    await makeDirectory(path)
    const held = await new RocksStoreProvider({ directory: path, ...smallest }).open('instance')
    try {
      const instanceId = identify(held, options.instanceId, logger)
      const stores = new RocksStoreProvider({ directory: join(path, 'stores') })
      return { path, stores, instanceId, close: () => held.close() }
    } catch (error) {
      await held.close()
      throw error
    }
  } catch (error) {
    throw explained(path, error)
  }
}

/** It holds one row. */
const smallest = { writeBufferBytes: 64 * 1024, blockCacheBytes: 64 * 1024 }
const idKey = Buffer.from('instance-id')

function identify(held: Store, configured: string, logger: Logger): string {
  const kept = held.get(idKey)?.toString('utf8')
  const instanceId = configured !== '' ? configured : (kept ?? newInstanceId())
  if (instanceId === kept) return instanceId
  if (kept !== undefined) {
    logger.warn({ before: kept, instanceId }, 'the state directory was of another instance id')
  }
  const batch = held.batch()
  batch.put(idKey, Buffer.from(instanceId, 'utf8'))
  held.write(batch, { sync: true })
  return instanceId
}

/** Easily told apart when read out. */
const letters = 'abcdefghjkmnpqrstuvwxyz23456789'
const hostMaxLength = 40

/** Readable, as it is seen in logs and in the status of peers; two directories on one host differ. */
function newInstanceId(): string {
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, hostMaxLength)
  const suffix = Array.from({ length: 6 }, () => letters[randomInt(letters.length)]).join('')
  return `${host}-${suffix}`
}

/** The adapter speaks of databases; whoever started the program knows a state directory. */
function explained(path: string, error: unknown): unknown {
  if (!(error instanceof StreamsError)) return error
  const remedy = remedies[error.code]
  if (remedy === undefined) return error
  const { code, details } = error
  const message = `state directory ${path}: ${remedy}\n  ${messageOf(error.cause ?? error)}`
  return new StreamsError(code, message, { details, cause: error })
}

const remedies: Readonly<Record<string, string>> = {
  STATE_DIRECTORY_LOCKED:
    'another instance uses it: stop that one first, or give each its own with --state-dir (STATE_DIR)',
  STATE_DIRECTORY_UNUSABLE:
    'it cannot be used: name a directory that this user may write, with --state-dir or STATE_DIR',
  STATE_CORRUPT: 'it is damaged: delete it, and all of it is restored from the changelogs at the next start',
  STORAGE_FULL:
    'no space is left on its disk: free some, then start again; nothing that was committed is lost',
}
