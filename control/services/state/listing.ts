/** Pages over the partitions of one or several stores, one after the other. A cursor names store, partition and encoded key. */
import type { ReadMode, RowCursor, RowReader, Slice } from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext, UnaryMethod } from '../../context.ts'
import { ControlError } from '../../errors.ts'
import type { ReadSource } from '../../generated/orderstreams/control/v1/state_service.ts'
import { cursorOf, nextPageToken, type PageRequest, pageSizeOf } from '../../pages.ts'
import { ask, type Place } from './routing.ts'

/** A list as a call asks for it; `T` are the messages that it answers with. */
export interface Listing<Q extends PageRequest, A, T> {
  readonly method: UnaryMethod<Q, A>
  /** In the order of the pages. */
  readonly places: readonly Place[]
  readonly mode: ReadMode
  /** What tokens are bound to: the same for a request and for those that are made of it. */
  readonly query: unknown
  /** The request for one place. */
  requestAt(place: Place, page: PageRequest): Q
  /** What `query` is of the request that asks for one place only, where that differs. */
  readonly queryAt?: (place: Place) => unknown
  read(reader: RowReader, place: Place, cursor: RowCursor | undefined, limit: number): Promise<Slice<T>>
  itemsOf(answer: A): {
    readonly items: readonly T[]
    readonly nextPageToken: string
    readonly sources: readonly ReadSource[]
  }
}

export interface Page<T> {
  readonly items: T[]
  readonly nextPageToken: string
  readonly sources: ReadSource[]
}

interface Part<T> {
  readonly items: readonly T[]
  readonly next: RowCursor | undefined
  readonly sources: readonly ReadSource[]
}

interface Position {
  readonly at: number
  readonly cursor: RowCursor | undefined
}

/** A page that is cut short for its bytes, and is asked for again by who wants it full, ends here at the latest. */
const partsPerPage = 200

/** @throws ControlError PAGE_TOKEN_INVALID, and what asking throws */
export async function listPage<Q extends PageRequest, A, T>(
  context: ControlContext,
  listing: Listing<Q, A, T>,
  request: PageRequest,
  call: Call,
): Promise<Page<T>> {
  const size = pageSizeOf(request)
  const { places } = listing
  let position = positionOf(listing, request) as Position | undefined
  const items: T[] = []
  const sources = new Map<string, ReadSource>()
  for (let parts = 0; position !== undefined && items.length < size && parts < partsPerPage; parts++) {
    const { at, cursor }: Position = position
    const place = places[at]
    // Nothing is kept of that kind.
    if (place === undefined) return { items, nextPageToken: '', sources: [...sources.values()] }
    const part: Part<T> = await partAt(context, listing, place, cursor, size - items.length, call)
    for (const item of part.items) items.push(item)
    for (const source of part.sources) sources.set(`${source.instanceId}/${source.task}`, source)
    position = part.next === undefined ? following(places, at) : { at, cursor: part.next }
    // Full by its bytes: what was read of it is a page of its own.
    if (part.next !== undefined && part.items.length > 0) break
  }
  return { items, nextPageToken: tokenOf(listing, position), sources: [...sources.values()] }
}

function partAt<Q extends PageRequest, A, T>(
  context: ControlContext,
  listing: Listing<Q, A, T>,
  place: Place,
  cursor: RowCursor | undefined,
  limit: number,
  call: Call,
): Promise<Part<T>> {
  return ask<Part<T>>(context, place, listing.mode, call, {
    async here(reader, source) {
      const { items, next } = await listing.read(reader, place, cursor, limit)
      return { items, next, sources: [source] }
    },
    async there(peer, forwarded) {
      // As it looks to the other instance, which makes and takes tokens of that request.
      const asIfOne = { places: [place], query: listing.queryAt?.(place) ?? listing.query }
      const pageToken = cursor === undefined ? '' : tokenOf(asIfOne, { at: 0, cursor })
      const asked = listing.requestAt(place, { pageSize: limit, pageToken })
      const answer = listing.itemsOf(await context.peers.forward(peer, listing.method, asked, forwarded))
      const next = positionOf(asIfOne, { pageSize: limit, pageToken: answer.nextPageToken })
      return { ...answer, next: answer.nextPageToken === '' ? undefined : next.cursor }
    },
  })
}

function following(places: readonly Place[], at: number): Position | undefined {
  return at + 1 < places.length ? { at: at + 1, cursor: undefined } : undefined
}

function tokenOf(
  { places, query }: Pick<Listing<never, never, never>, 'places' | 'query'>,
  position: Position | undefined,
): string {
  if (position === undefined) return ''
  const { store, partition } = places[position.at]!
  const { cursor } = position
  const key = cursor === undefined ? [] : [cursor.key.toString('base64url'), cursor.skip]
  return nextPageToken(JSON.stringify([store.spec.name, partition, ...key]), query)
}

function positionOf(
  { places, query }: Pick<Listing<never, never, never>, 'places' | 'query'>,
  page: PageRequest,
): Position {
  const text = cursorOf(page, query)
  if (text === undefined) return { at: 0, cursor: undefined }
  const found: unknown = JSON.parse(text)
  if (Array.isArray(found)) {
    const [store, partition, key, skip] = found as unknown[]
    const at = places.findIndex((place) => place.store.spec.name === store && place.partition === partition)
    if (at >= 0 && key === undefined) return { at, cursor: undefined }
    if (at >= 0 && typeof key === 'string' && typeof skip === 'number')
      return { at, cursor: { key: Buffer.from(key, 'base64url'), skip } }
  }
  throw new ControlError('PAGE_TOKEN_INVALID', 'page_token is not of this query', {
    fields: [{ field: 'page_token', description: 'is not of this query' }],
  })
}
