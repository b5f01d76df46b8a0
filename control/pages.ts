/** Pages of lists, by AIP-158: sizes are brought into range, tokens are opaque and good for the query that they came of. */
import { createHash } from 'node:crypto'
import { ControlError, invalidField } from './errors.ts'

export interface PageRequest {
  readonly pageSize: number
  readonly pageToken: string
}

const defaultPageSize = 100
const maxPageSize = 1000

/** @throws ControlError for a negative size */
export function pageSizeOf({ pageSize }: PageRequest): number {
  if (pageSize < 0)
    throw invalidField('page_size', `is ${pageSize}; it must be 0 or more, and 0 means ${defaultPageSize}`)
  return pageSize === 0 ? defaultPageSize : Math.min(pageSize, maxPageSize)
}

/**
 * Where a page begins: what `nextPageToken` was given. Undefined for the first page.
 * @param query what else was asked for; a token of another query is refused
 * @throws ControlError PAGE_TOKEN_INVALID
 */
export function cursorOf({ pageToken }: PageRequest, query: unknown): string | undefined {
  if (pageToken === '') return undefined
  const [digest, cursor, ...rest] = Buffer.from(pageToken, 'base64url').toString().split('\n')
  if (digest === digestOf(query) && cursor !== undefined && rest.length === 0)
    return decodeURIComponent(cursor)
  throw new ControlError(
    'PAGE_TOKEN_INVALID',
    'page_token is not of this query: give what the last answer to the same query had as next_page_token, or leave it empty',
    { fields: [{ field: 'page_token', description: 'is not of this query' }] },
  )
}

/** A token for the page that begins at a cursor, which carries no authority: whoever asks is checked again. */
export function nextPageToken(cursor: string, query: unknown): string {
  return Buffer.from(`${digestOf(query)}\n${encodeURIComponent(cursor)}`).toString('base64url')
}

/**
 * A page of a list that is at hand, whose items come in the order of their keys. Items that come or go between two pages move
 * nobody else's place.
 */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  request: PageRequest,
  query: unknown,
): { readonly page: readonly T[]; readonly nextPageToken: string } {
  const size = pageSizeOf(request)
  const after = cursorOf(request, query)
  const rest = after === undefined ? items : items.filter((item) => keyOf(item) > after)
  const page = rest.slice(0, size)
  const last = page.at(-1)
  const isLast = last === undefined || page.length === rest.length
  return { page, nextPageToken: isLast ? '' : nextPageToken(keyOf(last), query) }
}

function digestOf(query: unknown): string {
  return createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 12)
}
