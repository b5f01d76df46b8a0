/** Which database a URL names. */
import { mkdirSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamsError } from '../streams/index.ts'
import type { Database, DatabaseOptions } from './database.ts'
import { type MysqlAddress, openMysql } from './mysql.ts'
import { openSqlite } from './sqlite.ts'

/**
 * Opens a database, creating a SQLite file that is missing.
 *
 * @param url `sqlite:///path/orders.db`, a file's path, or `mysql://user:password@host:port/database`, with `?ssl=true` for TLS
 *   to a host that is given by its name.
 * @throws CONFIGURATION_INVALID, SINK_UNAVAILABLE (locked, unreachable), SINK_FAILED (not a database, credentials)
 */
export async function openDatabase(url: string, options: DatabaseOptions = {}): Promise<Database> {
  const scheme = /^([a-z][a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'mysql' || scheme === 'mariadb') return openMysql(mysqlAddress(url), options)
  if (scheme !== undefined && scheme !== 'sqlite' && scheme !== 'file') {
    throw badUrl(`'${scheme}:' is not a database this program knows`)
  }
  const path = scheme === undefined ? url : sqlitePath(url)
  if (path === '' || path === ':memory:') throw badUrl(`'${url}' names no file`)
  try {
    mkdirSync(dirname(path), { recursive: true })
  } catch (error) {
    throw new StreamsError(
      'SINK_FAILED',
      `cannot create the directory of ${path}: choose a path that can be written`,
      {
        details: { path },
        cause: error,
      },
    )
  }
  return openSqlite(path, options)
}

function sqlitePath(url: string): string {
  const path = url.replace(/^[a-z]+:/i, '')
  return path.startsWith('//') ? fileURLToPath(`file:${path}`) : decodeURIComponent(path)
}

/** The messages never quote the URL: it holds a password. */
function mysqlAddress(url: string): MysqlAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined)
    throw badUrl('it cannot be parsed; special characters in the password must be %-encoded')
  const database = decodeURIComponent(parsed.pathname.slice(1))
  if (database === '' || database.includes('/')) throw badUrl('it names no database after the host')
  for (const [name, value] of parsed.searchParams) {
    if (name !== 'ssl' || (value !== 'true' && value !== 'false')) {
      throw badUrl(`'${name}=${value}' is not a setting of it; 'ssl=true' is`)
    }
  }
  const tls = parsed.searchParams.get('ssl') === 'true'
  if (tls && isIP(parsed.hostname.replace(/^\[|\]$/g, '')) !== 0) {
    throw badUrl(
      `'ssl=true' with the address ${parsed.hostname}: the server's certificate can be checked for a name only, give that as the host`,
    )
  }
  return {
    host: parsed.hostname,
    port: parsed.port === '' ? 3306 : Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database,
    tls,
  }
}

function badUrl(problem: string): StreamsError {
  return new StreamsError(
    'CONFIGURATION_INVALID',
    `database URL: ${problem}. Use sqlite:///path/orders.db or mysql://user:password@host:3306/database`,
  )
}
