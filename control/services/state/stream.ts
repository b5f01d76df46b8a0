/**
 * Rows as a stream.
 *
 * Invariants:
 * 1. It is read a slice at a time, when the caller takes more: nothing is held open in between, and a task that moves meanwhile is
 *    found again and read on from the last key. So what is streamed is of many moments; a slice is of one.
 * 2. A slice is bounded in rows and bytes, and so is a message.
 */
import type { Call } from '../../call.ts'
import type { ControlContext } from '../../context.ts'
import { invalidField } from '../../errors.ts'
import type {
  StreamRowsRequest,
  StreamRowsResponse,
} from '../../generated/orderstreams/control/v1/state_service.ts'
import { listedStore, listRows } from './lists.ts'
import { allPartitions, checkedPartition } from './named-store.ts'

const messageMaxRows = 500

/** @throws ControlError as `listRows` */
export async function* streamRows(
  context: ControlContext,
  { range, options, limit }: StreamRowsRequest,
  call: Call,
): AsyncGenerator<StreamRowsResponse> {
  if (limit < 0) throw invalidField('limit', `is ${limit}; give 0 for all, or more`)
  if (range === undefined) throw invalidField('range', 'is missing; give topology and store at least')
  const store = await listedStore(context, range, call)
  const given = checkedPartition(store, range.partition, 'range.partition')
  let left = limit === 0 ? Number.POSITIVE_INFINITY : limit
  for (const partition of given === undefined ? allPartitions(store) : [given]) {
    let pageToken = ''
    do {
      if (left <= 0) return
      call.signal.throwIfAborted()
      const pageSize = Math.min(messageMaxRows, left)
      const page = await listRows(
        context,
        { range: { ...range, partition }, options, pageSize, pageToken },
        call,
      )
      if (page.rows.length > 0) yield { rows: page.rows, source: page.sources.at(-1) }
      left -= page.rows.length
      pageToken = page.nextPageToken
    } while (pageToken !== '')
  }
}
