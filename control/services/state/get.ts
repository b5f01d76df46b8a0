/** Rows by their keys. */
import type { RowReader, ViewedRow } from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext } from '../../context.ts'
import { ControlError, invalidField } from '../../errors.ts'
import {
  type BatchGetRowsRequest,
  type BatchGetRowsResponse,
  type BatchRow,
  type GetRowRequest,
  type GetRowResponse,
  type ReadSource,
  StateServiceService,
} from '../../generated/orderstreams/control/v1/state_service.ts'
import { shortJson } from '../../json-values.ts'
import { type AskedRow, askedRow, partitionsOf } from './keys.ts'
import { callFor, rowMessage } from './messages.ts'
import { checkedPartition, type NamedStore, namedStore } from './named-store.ts'
import { ask, readMode } from './routing.ts'

const keysMax = 1000
/** So many partitions are asked at a time. */
const atOnce = 8

/** @throws ControlError KEY_NOT_FOUND, REQUEST_INVALID, STORE_NOT_FOUND, TASK_AWAY */
export async function getRow(
  context: ControlContext,
  request: GetRowRequest,
  call: Call,
): Promise<GetRowResponse> {
  const { topology, store: name, key, partition, options } = request
  const store = await keyedStore(context, topology, name, call)
  const asked = askedRow(store, key, 'key')
  const batch = { topology, store: name, keys: [key], options, partition }
  const { rows, sources } = await rowsAt(context, store, [asked], batch, call)
  const found = rows.flatMap(({ row }) => row ?? [])
  const [row] = found
  if (row === undefined) {
    throw new ControlError(
      'KEY_NOT_FOUND',
      `store ${name} of topology ${topology} has no row with key ${shortJson(key)}`,
      {
        metadata: { topology, store: name },
      },
    )
  }
  if (found.length > 1) {
    const partitions = found.map((one) => one.partition).join(', ')
    throw invalidField(
      'partition',
      `is missing, and the partitions ${partitions} have a row with key ${shortJson(key)} each: give one of them, or call BatchGetRows`,
    )
  }
  const source = sources.find(({ task }) => task.endsWith(`_${row.partition}`)) ?? sources[0]
  return { row, source }
}

/** @throws ControlError REQUEST_INVALID, STORE_NOT_FOUND, TASK_AWAY */
export async function getRows(
  context: ControlContext,
  request: BatchGetRowsRequest,
  call: Call,
): Promise<BatchGetRowsResponse> {
  const { keys } = request
  if (keys.length > keysMax) throw invalidField('keys', `has ${keys.length} keys; give ${keysMax} at most`)
  const store = await keyedStore(context, request.topology, request.store, call)
  const asked = keys.map((key: unknown, index) => askedRow(store, key, `keys[${index}]`))
  return rowsAt(context, store, asked, request, call)
}

async function rowsAt(
  context: ControlContext,
  store: NamedStore,
  asked: readonly AskedRow[],
  request: BatchGetRowsRequest,
  call: Call,
): Promise<BatchGetRowsResponse> {
  const given = checkedPartition(store, request.partition)
  const byPartition = new Map<number, number[]>()
  asked.forEach((key, index) => {
    for (const partition of given === undefined ? partitionsOf(store, key) : [given]) {
      const indexes = byPartition.get(partition) ?? []
      byPartition.set(partition, [...indexes, index])
    }
  })
  const found: BatchRow[][] = asked.map(() => [])
  const sources: ReadSource[] = []
  const parts = [...byPartition]
  for (let at = 0; at < parts.length; at += atOnce) {
    const answers = parts.slice(at, at + atOnce).map(async ([partition, indexes]) => {
      const answer = await partAt(
        context,
        store,
        partition,
        indexes.map((index) => asked[index]!),
        request,
        call,
      )
      return { indexes, answer }
    })
    for (const { indexes, answer } of await Promise.all(answers)) {
      sources.push(...answer.sources)
      answer.rows.forEach((row, place) => {
        if (row.row !== undefined)
          found[indexes[place]!]!.push({ key: asked[indexes[place]!]!.json, row: row.row })
      })
    }
  }
  const rows = found.flatMap((list, index) =>
    list.length > 0 ? list : [{ key: asked[index]!.json, row: undefined }],
  )
  return { rows, sources }
}

function partAt(
  context: ControlContext,
  store: NamedStore,
  partition: number,
  keys: readonly AskedRow[],
  request: BatchGetRowsRequest,
  call: Call,
): Promise<BatchGetRowsResponse> {
  return ask<BatchGetRowsResponse>(context, { store, partition }, readMode(request.options), call, {
    async here(reader, source) {
      const rows = await Promise.all(keys.map((key) => read(reader, key)))
      return {
        rows: rows.map((row, index) => ({
          key: keys[index]!.json,
          row: row === undefined ? undefined : rowMessage(row, partition),
        })),
        sources: [source],
      }
    },
    there(peer, forwarded) {
      const part = { ...request, keys: keys.map(({ json }) => json), partition }
      return context.peers.forward(peer, StateServiceService.batchGetRows, part, forwarded)
    },
  })
}

async function read(reader: RowReader, key: AskedRow): Promise<ViewedRow | undefined> {
  if (key.rowBytes !== undefined) return (await reader.get(key.rowBytes))[0]
  const all = await reader.gather(key.bytes)
  return all === undefined ? undefined : { ...all, key: key.typed }
}

async function keyedStore(
  context: ControlContext,
  topology: string,
  name: string,
  call: Call,
): Promise<NamedStore> {
  const store = await namedStore(context, topology, name, call)
  if (store.kind === 'key-value') return store
  throw invalidField('store', `${name} is not a store of values by key: call ${callFor(store.kind)} for it`)
}
