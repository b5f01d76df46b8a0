/**
 * Brings a database's schema to the newest migration.
 *
 * 1. Migrations run alone among all processes, in order, each once; their checksums are kept and compared.
 * 2. A schema newer than this program is left alone and refused.
 */
import { existsSync } from 'node:fs'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import Postgrator from 'postgrator'
import { messageOf, StreamsError } from '../streams/index.ts'
import type { Database, SchemaSession } from './database.ts'

export interface AppliedMigration {
  readonly version: number
  readonly name: string
}

/**
 * Applies the migrations that are missing, and answers them.
 *
 * @param directory for tests: other migrations than the program's own.
 * @throws SINK_FAILED when the schema is newer than the program, or a migration was changed after it had run;
 *   SINK_UNAVAILABLE, STORAGE_FULL
 */
export async function migrate(database: Database, directory = ownMigrations()): Promise<AppliedMigration[]> {
  return database.changeSchema(async (session) => {
    const { postgrator } = await versions(database, session, directory)
    try {
      const applied = await postgrator.migrate()
      return applied.map(({ version, name }) => ({ version, name }))
    } catch (error) {
      throw explained(database, error)
    }
  })
}

/** The migrations that `migrate` would apply; nothing is changed. @throws as `migrate` does */
export async function pendingMigrations(
  database: Database,
  directory = ownMigrations(),
): Promise<AppliedMigration[]> {
  return database.changeSchema(async (session) => {
    const { postgrator, present, newest } = await versions(database, session, directory)
    return postgrator.getRunnableMigrations(present, newest).map(({ version, name }) => ({ version, name }))
  })
}

/** @throws SINK_FAILED when the schema is newer than the program */
async function versions(database: Database, session: SchemaSession, directory: string) {
  const postgrator = await migrator(database, session, directory)
  const [present, newest] = [await postgrator.getDatabaseVersion(), await postgrator.getMaxVersion()]
  if (present > newest) {
    throw failure(
      database,
      `its schema has version ${present}, and this program knows ${newest}: start a newer version of the program`,
    )
  }
  return { postgrator, present, newest }
}

async function migrator(database: Database, session: SchemaSession, directory: string): Promise<Postgrator> {
  const options = {
    migrationPattern: `${literalPattern(directory)}/*.sql`,
    schemaTable: 'schema_version',
    newline: 'LF',
    execQuery: async (query: string) => ({ rows: [...(await session.query(query))] }),
    execSqlScript: (script: string) => session.script(script),
  }
  if (database.dialect === 'sqlite') return new Postgrator({ ...options, driver: 'sqlite3' })
  const rows = await session.query('SELECT DATABASE() AS name')
  return new Postgrator({ ...options, driver: 'mysql', database: String(rows[0]?.['name']) })
}

function explained(database: Database, error: unknown): Error {
  if (error instanceof StreamsError) return error
  const changed = /checksum failed for migration \[(\d+)\]/i.exec(messageOf(error))?.[1]
  if (changed === undefined) return error instanceof Error ? error : new Error(messageOf(error))
  return failure(
    database,
    `migration ${changed} was changed after it had run here: undo the change and write a new migration instead`,
    error,
  )
}

function failure(database: Database, problem: string, cause?: unknown): StreamsError {
  return new StreamsError('SINK_FAILED', `${database.label}: ${problem}`, { cause })
}

/** A path may hold characters to which a file pattern gives a meaning. */
function literalPattern(path: string): string {
  return path.replaceAll(sep, '/').replaceAll(/[\\?*+@!()[\]{}]/g, '\\$&')
}

/** Beside this file in the sources; compiled code finds them in the sources too. */
function ownMigrations(): string {
  const besides = fileURLToPath(new URL('./migrations', import.meta.url))
  return existsSync(besides) ? besides : fileURLToPath(new URL('../../sql/migrations', import.meta.url))
}
