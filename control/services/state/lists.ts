/** Rows in the order of their keys, timers, and partial matches, a page at a time. */
import { type EncodedKeyRange, keyBehind } from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext } from '../../context.ts'
import { invalidField } from '../../errors.ts'
import {
  type ListPartialMatchesRequest,
  type ListPartialMatchesResponse,
  type ListRowsRequest,
  type ListRowsResponse,
  type ListTimersRequest,
  type ListTimersResponse,
  type PartialMatch,
  type Row,
  type RowRange,
  StateServiceService,
  type Timer,
} from '../../generated/orderstreams/control/v1/state_service.ts'
import { type AskedKey, askedKey, partitionsOf } from './keys.ts'
import { listPage } from './listing.ts'
import { callFor, matchMessage, rowMessage, timerMessage } from './messages.ts'
import { allPartitions, checkedPartition, type NamedStore, namedStore, storesOfKind } from './named-store.ts'
import { type Place, readMode } from './routing.ts'

/** @throws ControlError REQUEST_INVALID, STORE_NOT_FOUND, PAGE_TOKEN_INVALID, TASK_AWAY */
export async function listRows(
  context: ControlContext,
  request: ListRowsRequest,
  call: Call,
): Promise<ListRowsResponse> {
  const { range } = request
  if (range === undefined) throw invalidField('range', 'is missing; give topology and store at least')
  const store = await listedStore(context, range, call)
  const mode = readMode(request.options)
  const encoded = encodedRange(store, range)
  const { topology, from = null, to = null, prefix } = range
  const { items, nextPageToken, sources } = await listPage<ListRowsRequest, ListRowsResponse, Row>(
    context,
    {
      method: StateServiceService.listRows,
      places: placesOf(store, checkedPartition(store, range.partition, 'range.partition')),
      mode,
      query: ['rows', topology, range.store, from, to, prefix, mode.isolation],
      requestAt: (place, page) => ({ ...request, ...page, range: { ...range, partition: place.partition } }),
      async read(reader, place, cursor, limit) {
        const slice = await reader.list(encoded, cursor, limit)
        return { ...slice, items: slice.items.map((row) => rowMessage(row, place.partition)) }
      },
      itemsOf: (answer) => ({ ...answer, items: answer.rows }),
    },
    request,
    call,
  )
  return { rows: items, nextPageToken, sources }
}

/** The store of a range, which must be one whose rows are listed. */
export async function listedStore(context: ControlContext, range: RowRange, call: Call): Promise<NamedStore> {
  const store = await namedStore(context, range.topology, range.store, call)
  const { kind, spec } = store
  if (kind === 'timers' || kind === 'pattern')
    throw invalidField(
      'range.store',
      `${spec.name} holds ${kind === 'timers' ? 'timers' : 'partial matches'}: call ${callFor(kind)} for it`,
    )
  return store
}

/** @throws ControlError REQUEST_INVALID */
function encodedRange(store: NamedStore, { from, to, prefix }: RowRange): EncodedKeyRange {
  const { layout, key } = store.view
  if (from === undefined && to === undefined && prefix === '') return {}
  if (layout === 'windows' || layout === 'internal') {
    const field = prefix !== '' ? 'prefix' : from !== undefined ? 'from' : 'to'
    const reason =
      layout === 'windows'
        ? 'whose rows lie in the order of time, not of keys: leave it out, or call FetchWindows for one key'
        : 'which an operator keeps for itself: leave it out'
    throw invalidField(`range.${field}`, `is not for store ${store.spec.name}, ${reason}`)
  }
  if (prefix === '') {
    const bytes = (json: unknown, field: string): Buffer | undefined =>
      json === undefined ? undefined : askedKey(store, json, field).bytes
    return { from: bytes(from, 'range.from'), to: bytes(to, 'range.to') }
  }
  if (from !== undefined || to !== undefined)
    throw invalidField('range.prefix', 'is given beside from or to; give either a prefix or bounds')
  if (!/^(nullable\()?string\)?$/.test(key.name) || layout === 'list' || layout === 'map')
    throw invalidField(
      'range.prefix',
      `is for keys that are plain texts; those of store ${store.spec.name} are ${layout === 'list' || layout === 'map' ? `${layout} elements` : key.name}: give from and to`,
    )
  const first = Buffer.from(prefix, 'utf8')
  // No text in UTF-8 has the byte 0xff.
  return { from: first, to: Buffer.concat([first, Buffer.from([0xff])]) }
}

/** @throws ControlError REQUEST_INVALID, STORE_NOT_FOUND, PAGE_TOKEN_INVALID, TASK_AWAY */
export async function listTimers(
  context: ControlContext,
  request: ListTimersRequest,
  call: Call,
): Promise<ListTimersResponse> {
  const { topology, store, key = null } = request
  const stores = await namedOrAll(context, request, 'timers', `${store}-timers`, call)
  const mode = readMode(request.options)
  const { places, keys } = placesOfKey(stores, request)
  const timersOf = (name: string | undefined) => ['timers', topology, name, key, mode.isolation]
  const { items, nextPageToken, sources } = await listPage<ListTimersRequest, ListTimersResponse, Timer>(
    context,
    {
      method: StateServiceService.listTimers,
      places,
      mode,
      query: timersOf(store === '' ? '' : stores[0]?.spec.name),
      queryAt: (place) => timersOf(place.store.spec.name),
      requestAt: (place, page) => ({ ...request, ...page, ...within(place) }),
      async read(reader, place, cursor, limit) {
        const slice = await reader.timers(keys.get(place.store)?.bytes, cursor, limit)
        const name = place.store.spec.name
        return { ...slice, items: slice.items.map((timer) => timerMessage(name, place.partition, timer)) }
      },
      itemsOf: (answer) => ({ ...answer, items: answer.timers }),
    },
    request,
    call,
  )
  return { timers: items, nextPageToken, sources }
}

/** @throws ControlError REQUEST_INVALID, STORE_NOT_FOUND, PAGE_TOKEN_INVALID, TASK_AWAY */
export async function listPartialMatches(
  context: ControlContext,
  request: ListPartialMatchesRequest,
  call: Call,
): Promise<ListPartialMatchesResponse> {
  const { topology, store, key = null } = request
  const stores = await namedOrAll(context, request, 'pattern', store, call)
  const mode = readMode(request.options)
  const { places, keys } = placesOfKey(stores, request)
  const matchesOf = (name: string) => ['matches', topology, name, key, mode.isolation]
  const { items, nextPageToken, sources } = await listPage<
    ListPartialMatchesRequest,
    ListPartialMatchesResponse,
    PartialMatch
  >(
    context,
    {
      method: StateServiceService.listPartialMatches,
      places,
      mode,
      query: matchesOf(store),
      queryAt: (place) => matchesOf(place.store.spec.name),
      requestAt: (place, page) => ({ ...request, ...page, ...within(place) }),
      async read(reader, place, cursor, limit) {
        const bytes = keys.get(place.store)?.bytes
        const range = bytes === undefined ? {} : { from: bytes, to: keyBehind(bytes) }
        const slice = await reader.partialMatches(range, cursor, limit)
        const name = place.store.spec.name
        return { ...slice, items: slice.items.map((run) => matchMessage(name, place.partition, run)) }
      },
      itemsOf: (answer) => ({ ...answer, items: answer.matches }),
    },
    request,
    call,
  )
  return { matches: items, nextPageToken, sources }
}

interface OfKey {
  readonly topology: string
  readonly store: string
  readonly partition?: number | undefined
  readonly key: unknown
}

/** The stores of a kind: all, or the one that is named, or whose operator is. */
async function namedOrAll(
  context: ControlContext,
  { topology, store: name }: OfKey,
  kind: 'timers' | 'pattern',
  nameByOperator: string,
  call: Call,
): Promise<NamedStore[]> {
  const all = await storesOfKind(context, topology, kind, call)
  if (name === '') return all
  const found =
    all.find(({ spec }) => spec.name === name) ?? all.find(({ spec }) => spec.name === nameByOperator)
  if (found !== undefined) return [found]
  const other = await namedStore(context, topology, name, call)
  const what = kind === 'timers' ? 'timers' : 'partial matches'
  throw invalidField('store', `${name} holds no ${what}: call ${callFor(other.kind)} for it`)
}

function placesOfKey(
  stores: readonly NamedStore[],
  { key: json, partition, store: name }: OfKey,
): { readonly places: Place[]; readonly keys: ReadonlyMap<NamedStore, AskedKey> } {
  const keys = new Map<NamedStore, AskedKey>()
  if (json !== undefined) {
    if (stores.length > 1 && name === '')
      throw invalidField(
        'store',
        `is missing, and keys of stores differ: give one of ${stores.map(({ spec }) => spec.name).join(', ')} beside key`,
      )
    for (const store of stores) keys.set(store, askedKey(store, json, 'key'))
  }
  const places = stores.flatMap((store) => {
    const given = checkedPartition(store, partition)
    const key = keys.get(store)
    const partitions = given === undefined && key !== undefined ? partitionsOf(store, key) : undefined
    return partitions === undefined
      ? placesOf(store, given)
      : partitions.map((one) => ({ store, partition: one }))
  })
  return { places, keys }
}

function placesOf(store: NamedStore, partition: number | undefined): Place[] {
  const partitions = partition === undefined ? allPartitions(store) : [partition]
  return partitions.map((one) => ({ store, partition: one }))
}

function within({ store, partition }: Place): { readonly store: string; readonly partition: number } {
  return { store: store.spec.name, partition }
}
