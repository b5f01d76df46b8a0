/** The program as users run it: the built command line, as a process of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  orderAnomaliesTable,
  orderStatusHistoryTable,
  userBehaviorTable,
} from '../../sql/detection-tables.ts'
import { openDatabase } from '../../sql/open.ts'
import {
  orderEventTable,
  orderHeaderTable,
  orderLineTable,
  orderRejectionTable,
} from '../../sql/order-tables.ts'
import {
  orderStatisticsHourTable,
  orderStatisticsMinuteTable,
  orderStatusStatisticsTable,
  productStatisticsTable,
  userSessionTable,
  userStatisticsTable,
} from '../../sql/statistics-tables.ts'
import { readTable } from './sql-databases.ts'
import type { ProcessResult } from './typescript-process.ts'

const program = fileURLToPath(new URL('../../bin/order-streams.js', import.meta.url))

export interface RunningProgram {
  kill(signal: NodeJS.Signals): void
  /** Resolves with standard error so far once it holds the text; rejects when the process ends before. */
  said(text: string): Promise<string>
  /** The same of standard output. */
  printed(text: string): Promise<string>
  readonly ended: Promise<ProcessResult>
}

export interface ProgramOptions {
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly workingDirectory?: string
}

export function startOrderStreams(args: readonly string[], options: ProgramOptions = {}): RunningProgram {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: options.workingDirectory ?? tmpdir(),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.environment },
  })
  let stdout = ''
  let stderr = ''
  let onOutput = (): void => {}
  let onPrinted = (): void => {}
  child.stdin.on('error', () => {}).end(options.input ?? '')
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    onPrinted()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    onOutput()
  })
  const ended = new Promise<ProcessResult>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return {
    kill: (signal) => {
      child.kill(signal)
    },
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        onOutput = () => {
          if (stderr.includes(text)) resolve(stderr)
        }
        onOutput()
        void ended.then((result) => reject(new Error(`ended with ${result.code}: ${result.stderr}`)))
      }),
    printed: (text) =>
      new Promise((resolve, reject) => {
        onPrinted = () => {
          if (stdout.includes(text)) resolve(stdout)
        }
        onPrinted()
        void ended.then((result) => reject(new Error(`ended with ${result.code}: ${result.stderr}`)))
      }),
  }
}

export function orderStreams(args: readonly string[], options?: ProgramOptions): Promise<ProcessResult> {
  return startOrderStreams(args, options).ended
}

/** A directory that is gone when the test is over. */
export function temporaryDirectory(): { readonly path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), 'order-streams-'))
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) }
}

/** The summary that `--json` prints as the last line. */
export function summaryOf({ stdout, stderr }: ProcessResult): Record<string, unknown> {
  const last = stdout.trimEnd().split('\n').at(-1) ?? ''
  if (!last.startsWith('{')) throw new Error(`no summary on stdout: ${stdout}\n${stderr}`)
  return JSON.parse(last)
}

const tables = [
  orderEventTable,
  orderHeaderTable,
  orderLineTable,
  orderRejectionTable,
  orderStatisticsMinuteTable,
  orderStatisticsHourTable,
  userStatisticsTable,
  productStatisticsTable,
  orderStatusStatisticsTable,
  userSessionTable,
  orderAnomaliesTable,
  orderStatusHistoryTable,
  userBehaviorTable,
]

/**
 * Every row of every order table, and how far each task has come, as text. The epoch counts the starts, so it is left out; and how
 * many corrections statistics sends, and how often how users behave, depends on when they commit, so their positions are, too.
 */
export async function dumpTables(dataDir: string): Promise<string> {
  const database = await openDatabase(join(dataDir, 'orders.db'))
  try {
    const dump: string[] = []
    for (const table of tables) {
      for (const row of await readTable(database, table)) dump.push(`${table.name} ${JSON.stringify(row)}`)
    }
    const progress = await database.query(
      "SELECT task_id, topic, `partition`, next_offset FROM sink_progress WHERE topic NOT IN ('order-statistics', 'user-behavior') ORDER BY task_id, topic, `partition`",
    )
    for (const row of progress) dump.push(`sink_progress ${JSON.stringify(row)}`)
    return dump.join('\n')
  } finally {
    await database.close()
  }
}
