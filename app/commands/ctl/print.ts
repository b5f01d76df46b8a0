/** Results in tables, or as lines of JSON. */
import { listed } from '../../../control/client.ts'
import type { UnaryMethod } from '../../../control/context.ts'
import { columns, out, tell } from '../../output.ts'
import { jsonOf } from './format.ts'
import type { Session } from './session.ts'

/** A column of a table: its heading, what is in it, and whether that is aligned on the right, as figures are. */
export type Column<T> = readonly [heading: string, cell: (item: T) => string, align?: 'right']

export function tableOf<T>(items: readonly T[], table: readonly Column<T>[]): string {
  return columns(
    [table.map(([heading]) => heading), ...items.map((item) => table.map(([, cell]) => cell(item)))],
    table.map(([, , align]) => align === 'right'),
  )
}

/** @param none said instead of an empty table */
export function printTable<T>(items: readonly T[], table: readonly Column<T>[], none: string): void {
  if (items.length === 0) tell(none)
  else out(tableOf(items, table))
}

/** Names and what there is to say of them, below each other. Pairs without a text are left out. */
export function printFacts(facts: readonly (readonly [name: string, text: string])[]): void {
  out(
    columns(
      facts.filter(([, text]) => text !== ''),
      [],
    ),
  )
}

export function printJson(message: unknown): void {
  out(JSON.stringify(jsonOf(message)))
}

export interface Listing<Q, A, T> {
  readonly method: UnaryMethod<Q, A>
  readonly request: Q
  readonly itemsOf: (answer: A) => readonly T[]
  readonly table: readonly Column<T>[]
  /** Said instead of an empty table. */
  readonly none: string
  /** An item for programs; the message as it is by default. */
  readonly dataOf?: (item: T) => unknown
}

/** Follows the pages of a list up to the limit. Programs get a line per item at once, people a table at the end. */
export async function printPages<
  Q extends { readonly pageSize: number; readonly pageToken: string },
  A extends { readonly nextPageToken: string },
  T,
>({ client, isJson, signal }: Session, limit: number, listing: Listing<Q, A, T>): Promise<void> {
  const { method, request, itemsOf, table, none, dataOf = (item) => item } = listing
  const shown: T[] = []
  let count = 0
  // One more tells whether there are more.
  for await (const item of listed(client, method, request, itemsOf, { limit: limit + 1, signal })) {
    if (++count > limit) break
    if (isJson) printJson(dataOf(item))
    else shown.push(item)
  }
  if (!isJson) printTable(shown, table, none)
  if (count > limit) tell(`there are more than these ${limit}; --limit shows more`)
}
