/** Windows and sessions of a key. */
import type { RowCursor, RowReader, Slice, ViewedRow } from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext, UnaryMethod } from '../../context.ts'
import { invalidField } from '../../errors.ts'
import {
  type FetchSessionsRequest,
  type FetchSessionsResponse,
  type FetchWindowsRequest,
  type FetchWindowsResponse,
  type Row,
  StateServiceService,
} from '../../generated/orderstreams/control/v1/state_service.ts'
import { askedKey, partitionsOf } from './keys.ts'
import { listPage } from './listing.ts'
import { callFor, rowMessage } from './messages.ts'
import { checkedPartition, type NamedStore, namedStore } from './named-store.ts'
import { readMode } from './routing.ts'

/** Both calls ask and answer alike. */
type FetchRequest = FetchWindowsRequest & FetchSessionsRequest
type FetchResponse = FetchWindowsResponse & FetchSessionsResponse

interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Windows that begin in a span of time. @throws ControlError REQUEST_INVALID, STORE_NOT_FOUND, PAGE_TOKEN_INVALID, TASK_AWAY */
export function fetchWindows(
  context: ControlContext,
  request: FetchWindowsRequest,
  call: Call,
): Promise<FetchWindowsResponse> {
  return fetch(context, 'window', StateServiceService.fetchWindows, request, call)
}

/** Sessions that overlap a span of time. @throws as `fetchWindows` */
export function fetchSessions(
  context: ControlContext,
  request: FetchSessionsRequest,
  call: Call,
): Promise<FetchSessionsResponse> {
  return fetch(context, 'session', StateServiceService.fetchSessions, request, call)
}

async function fetch(
  context: ControlContext,
  kind: 'window' | 'session',
  method: UnaryMethod<FetchRequest, FetchResponse>,
  request: FetchRequest,
  call: Call,
): Promise<FetchResponse> {
  const { topology, store: name, from, to } = request
  const store = await namedStore(context, topology, name, call)
  if (store.kind !== kind)
    throw invalidField('store', `${name} is not a store of ${kind}s: call ${callFor(store.kind)} for it`)
  const key = askedKey(store, request.key, 'key')
  const span = { fromMs: from?.getTime() ?? 0, toMs: to?.getTime() ?? Number.POSITIVE_INFINITY }
  if (span.fromMs > span.toMs)
    throw invalidField('to', `is ${to?.toISOString()}, before from, which is ${from?.toISOString()}`)
  const mode = readMode(request.options)
  const given = checkedPartition(store, request.partition)
  const partitions = given === undefined ? partitionsOf(store, key) : [given]
  const { items, nextPageToken, sources } = await listPage<FetchRequest, FetchResponse, Row>(
    context,
    {
      method,
      places: partitions.map((partition) => ({ store, partition })),
      mode,
      query: [kind, topology, name, request.key, span.fromMs, String(span.toMs), mode.isolation],
      requestAt: ({ partition }, page) => ({ ...request, ...page, partition }),
      async read(reader, { partition }, cursor, limit) {
        const slice = await windowsOf(reader, store, key.bytes, span, cursor, limit)
        return { ...slice, items: slice.items.map((row) => rowMessage(row, partition)) }
      },
      itemsOf: (answer) => ({
        items: answer.rows,
        nextPageToken: answer.nextPageToken,
        sources: answer.source === undefined ? [] : [answer.source],
      }),
    },
    request,
    call,
  )
  return { rows: items, source: sources.at(-1), nextPageToken }
}

async function windowsOf(
  reader: RowReader,
  store: NamedStore,
  key: Buffer,
  { fromMs, toMs }: Span,
  cursor: RowCursor | undefined,
  limit: number,
): Promise<Slice<ViewedRow>> {
  if (store.view.layout === 'windows') return reader.windows(key, fromMs, toMs, cursor, limit)
  const isInSpan =
    store.kind === 'session'
      ? ({ startMs, endMs }: Bounds) => endMs >= fromMs && startMs < toMs
      : ({ startMs }: Bounds) => startMs >= fromMs && startMs < toMs
  const rows = (await reader.get(key))
    .filter(({ window }) => window !== undefined && isInSpan(window))
    .sort((left, right) => boundsKey(left).compare(boundsKey(right)))
    .filter((row) => cursor === undefined || boundsKey(row).compare(cursor.key) > 0)
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return {
    items,
    next: last === undefined || items.length === rows.length ? undefined : { key: boundsKey(last), skip: 0 },
  }
}

interface Bounds {
  readonly startMs: number
  readonly endMs: number
}

/** In the order of starts, then of ends. */
function boundsKey({ window }: ViewedRow): Buffer {
  const key = Buffer.alloc(16)
  key.writeDoubleBE(Math.max(0, window?.startMs ?? 0), 0)
  key.writeDoubleBE(Math.max(0, window?.endMs ?? 0), 8)
  return key
}
