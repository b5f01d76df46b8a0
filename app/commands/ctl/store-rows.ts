/** Rows of stores, and where they are from. */
import type { Command } from 'commander'
import {
  Isolation,
  ReadOptions,
  type ReadSource,
  type Row,
} from '../../../control/generated/orderstreams/control/v1/state_service.ts'
import { count } from '../../output.ts'
import { wholeNumber } from '../command-context.ts'
import { plain, shortened, timeText } from './format.ts'
import type { Column } from './print.ts'

export interface ReadOptionValues {
  readonly live?: boolean
  readonly standbyLag?: number
}

export function readOptionsOf({ live, standbyLag }: ReadOptionValues): ReadOptions {
  return ReadOptions.create({
    isolation: live === true ? Isolation.ISOLATION_LIVE : Isolation.ISOLATION_COMMITTED,
    standbyLagMax: standbyLag,
  })
}

export function addPartitionOption(command: Command): Command {
  return command.option('--partition <n>', 'only in this one', wholeNumber('--partition', 0))
}

export function addReadOptions(command: Command): Command {
  return command
    .option(
      '--live',
      'as it is right now, with what may still be rolled back, instead of as of the last commit',
    )
    .option(
      '--standby-lag <n>',
      'a copy may answer while the owner does not, if it lacks at most so many changelog records',
      wholeNumber('--standby-lag', 0),
    )
}

export const rowColumns: readonly Column<Row>[] = [
  ['PARTITION', ({ partition }) => String(partition), 'right'],
  ['KEY', ({ key }) => plain(key)],
  ['TIME', ({ time }) => timeText(time)],
  ['WINDOW', windowText],
  ['VALUE', ({ value }) => shortened(plain(value))],
]

function windowText({ windowStart, windowEnd }: Row): string {
  return windowStart === undefined ? '-' : `${timeText(windowStart)} to ${timeText(windowEnd)}`
}

export function rowFacts(row: Row | undefined): (readonly [string, string])[] {
  if (row === undefined) return []
  return [
    ['key', plain(row.key)],
    ['time', timeText(row.time)],
    ['window', row.windowStart === undefined ? '' : windowText(row)],
    ['partition', String(row.partition)],
  ]
}

export function sourceText(source: ReadSource | undefined): string {
  if (source === undefined) return ''
  const { instanceId, task, standby, standbyLag, commitNumber } = source
  const copy = standby ? `, a copy that lacked ${count(standbyLag)} changelog records` : ''
  const commit = commitNumber === 0 ? '' : `, as of commit ${count(commitNumber)}`
  return `task ${task} on ${instanceId}${copy}${commit}`
}
