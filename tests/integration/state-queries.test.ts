import { afterEach, describe, expect, it } from 'vitest'
import {
  BatchGetRowsRequest,
  FetchSessionsRequest,
  FetchWindowsRequest,
  ListPartialMatchesRequest,
  ListRowsRequest,
  ListStoresRequest,
  ListTimersRequest,
  StateServiceService,
} from '../../control/generated/orderstreams/control/v1/state_service.ts'
import { stateService } from '../../control/services/state-service.ts'
import type { OrderProcessed } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import type { RuntimeSettings, Topology } from '../../streams/index.ts'
import { detection } from '../../topologies/detection/topology.ts'
import { statistics } from '../../topologies/statistics/topology.ts'
import { ControlCluster, failureOf } from '../support/control-harness.ts'
import { write } from '../support/control-records.ts'
import { waitFor } from '../support/waiting.ts'

const noon = Date.UTC(2017, 0, 1, 12)
const minute = 60_000

let cluster: ControlCluster

afterEach(() => cluster.close())

function order(orderId: string, user: string, timeMs: number, changes: Partial<OrderProcessed> = {}) {
  const value: OrderProcessed = {
    order_id: orderId,
    user_id: user,
    store_id: null,
    status: 'CREATED',
    currency: 'USD',
    total_amount: 100,
    line_count: 1,
    order_time: noon + timeMs,
    placed_time: noon + timeMs,
    event_number: 1,
    latest: true,
    warnings: [],
    product_ids: [`of ${orderId}`],
    ...changes,
  }
  return { key: user, value, timestampMs: noon + timeMs }
}

const totals = (currency: string, order_count: number, total_amount: number) => [
  { currency, order_count, total_amount },
]

interface ShownRow {
  readonly value: unknown
  readonly windowStart: Date | undefined
  readonly windowEnd: Date | undefined
}

/** Times of day. */
function spans(rows: readonly ShownRow[]): unknown[] {
  const time = (at: Date | undefined) => at?.toISOString().slice(11, 23)
  return rows.map(({ value, windowStart, windowEnd }) => {
    const { totals: of } = value as { totals: unknown }
    return [time(windowStart), time(windowEnd), of]
  })
}

describe('StateService over the topologies of orders', () => {
  it('should show windows, sliding windows, sessions and count windows of statistics', async () => {
    const { processed, call } = await started([statistics()], 2)
    await write(
      cluster,
      topics.orderProcessed,
      order('1', 'ann', 0),
      order('2', 'ann', 5 * minute, { total_amount: 250 }),
      order('3', 'bob', 61 * minute, { currency: 'EUR' }),
      order('4', 'ann', 90 * minute),
    )
    await processed()

    const { stores } = await call(StateServiceService.listStores, ListStoresRequest.fromPartial({}))
    expect(stores.map(({ store, kind, placedByTopic }) => [store, kind.slice(11), placedByTopic])).toEqual([
      ['orders-per-user', 'WINDOW', 'order-processed'],
      ['last-hour-of-user', 'WINDOW', 'order-processed'],
      ['last-hour-of-user-due', 'INTERNAL', ''],
      ['sessions-of-user', 'SESSION', 'order-processed'],
      ['sessions-of-user-due', 'INTERNAL', ''],
      ['order-statuses', 'KEY_VALUE', ''],
      ['order-products', 'KEY_VALUE', ''],
      ['orders-per-minute', 'WINDOW', 'statistics-orders-per-minute-repartition'],
      ['orders-per-hour', 'WINDOW', 'statistics-orders-per-hour-repartition'],
      ['sales-per-product', 'WINDOW', 'statistics-sales-per-product-repartition'],
      ['events-per-status', 'WINDOW', 'statistics-events-per-status-repartition'],
      ['milestones', 'KEY_VALUE', 'statistics-all-orders-repartition'],
    ])
    const windows = async (store: string, key: string, more: object = {}) => {
      const request = FetchWindowsRequest.fromPartial({ topology: 'statistics', store, key, ...more })
      return call(StateServiceService.fetchWindows, request)
    }
    expect(spans((await windows('orders-per-user', 'ann')).rows)).toEqual([
      ['12:00:00.000', '13:00:00.000', totals('USD', 2, 350)],
      ['13:00:00.000', '14:00:00.000', totals('USD', 1, 100)],
    ])
    const from = new Date(noon + minute)
    expect(spans((await windows('orders-per-minute', 'USD', { from })).rows)).toEqual([
      ['12:05:00.000', '12:06:00.000', totals('USD', 1, 250)],
      ['13:30:00.000', '13:31:00.000', totals('USD', 1, 100)],
    ])
    const to = new Date(noon + 90 * minute)
    expect(spans((await windows('orders-per-minute', 'USD', { from, to })).rows)).toHaveLength(1)
    const first = await windows('last-hour-of-user', 'ann', { pageSize: 3 })
    const rest = await windows('last-hour-of-user', 'ann', { pageSize: 3, pageToken: first.nextPageToken })
    expect(rest.nextPageToken).toBe('')
    expect(spans([...first.rows, ...rest.rows])).toEqual([
      ['11:00:00.000', '12:00:00.000', totals('USD', 1, 100)],
      ['11:05:00.000', '12:05:00.000', totals('USD', 2, 350)],
      ['12:00:00.001', '13:00:00.001', totals('USD', 1, 250)],
      ['12:30:00.000', '13:30:00.000', totals('USD', 1, 100)],
    ])
    const sessions = async (more: object = {}) => {
      const request = { topology: 'statistics', store: 'sessions-of-user', key: 'ann', ...more }
      return (await call(StateServiceService.fetchSessions, FetchSessionsRequest.fromPartial(request))).rows
    }
    expect(spans(await sessions())).toEqual([
      ['12:00:00.000', '12:05:00.000', totals('USD', 2, 350)],
      ['13:30:00.000', '13:30:00.000', totals('USD', 1, 100)],
    ])
    expect(
      spans(await sessions({ from: new Date(noon + 3 * minute), to: new Date(noon + 4 * minute) })),
    ).toEqual([['12:00:00.000', '12:05:00.000', totals('USD', 2, 350)]])
    const range = { topology: 'statistics', store: 'milestones' }
    const milestones = await call(StateServiceService.listRows, ListRowsRequest.fromPartial({ range }))
    expect(milestones.rows).toHaveLength(1)
    expect(milestones.rows[0]).toMatchObject({
      key: 'all',
      value: {
        records: 4,
        windows: [{ from_record: 1, start: '2017-01-01T12:00:00.000Z', end: '2017-01-01T13:30:00.000Z' }],
      },
    })
    const refused = await failureOf(
      call(
        StateServiceService.listRows,
        ListRowsRequest.fromPartial({ range: { ...range, store: 'orders-per-user', prefix: 'a' } }),
      ),
    )
    expect(refused).toMatchObject({
      reason: 'REQUEST_INVALID',
      message: expect.stringContaining('call FetchWindows'),
    })
  })

  it('should show what is not committed yet only when live rows are asked for', async () => {
    const { processed, call } = await started([statistics()], 2, { commitIntervalMs: 3_600_000 })
    await write(cluster, topics.orderProcessed, order('1', 'ann', 0))
    const ask = async (isolation: 'ISOLATION_LIVE' | 'ISOLATION_COMMITTED') => {
      const request = { topology: 'statistics', store: 'orders-per-user', key: 'ann', options: { isolation } }
      return (await call(StateServiceService.fetchWindows, FetchWindowsRequest.fromPartial(request))).rows
    }
    const live = await waitFor('the order is processed', async () => {
      const rows = await ask('ISOLATION_LIVE')
      return rows.length > 0 && rows
    })
    expect(spans(live)).toEqual([['12:00:00.000', '13:00:00.000', totals('USD', 1, 100)]])
    expect(await ask('ISOLATION_COMMITTED')).toEqual([])
    await processed()
    expect(await ask('ISOLATION_COMMITTED')).toEqual(live)
  })

  it('should show global tables at every instance', async () => {
    const { call } = await started([detection()], 2)
    const nothing = { amount: null, amounts: null, max_orders: null, within_ms: null, percent: null }
    const burst = { version: 3, mode: 'SHADOW', ...nothing, max_orders: 7 } as const
    await write(
      cluster,
      topics.detectionRules,
      { key: 'BURST', value: burst },
      { key: 'ESCALATION', value: burst },
    )
    const asked = { topology: 'detection', store: 'detection-rules' }
    const row = await waitFor('the table has been read', async () => {
      const { rows } = await call(
        StateServiceService.batchGetRows,
        BatchGetRowsRequest.fromPartial({ ...asked, keys: ['BURST'] }),
      )
      return rows[0]?.row
    })
    expect([row.key, row.value, row.partition]).toEqual(['BURST', burst, 0])
    for (const instance of cluster.instances) {
      const list = ListRowsRequest.fromPartial({ range: { ...asked, prefix: 'E' } })
      const page = await waitFor('it is there, too', async () => {
        const { rows, sources } = await instance.call(StateServiceService.listRows, list)
        return rows.length > 0 && { rows, sources }
      })
      expect(page.rows.map(({ key }) => key)).toEqual(['ESCALATION'])
      expect(page.sources[0]).toMatchObject({ instanceId: instance.instanceId, task: '' })
    }
  })

  it('should show timers and partial matches of detection', async () => {
    const { processed, call } = await started([detection()], 2)
    await write(
      cluster,
      topics.orderProcessed,
      order('1', 'ann', 0),
      order('2', 'ann', 5 * minute),
      order('3', 'bob', 61 * minute),
    )
    await processed()
    const timersOf = async (store: string) => {
      const request = ListTimersRequest.fromPartial({ topology: 'detection', store, key: 'ann' })
      return (await call(StateServiceService.listTimers, request)).timers
    }
    expect(await timersOf('order-lives')).toEqual([
      {
        store: 'order-lives-timers',
        key: 'ann',
        due: new Date(noon + 30 * minute + 1),
        domain: 'TIME_DOMAIN_EVENT_TIME',
        partition: 2,
        name: '1',
      },
    ])
    const request = ListPartialMatchesRequest.fromPartial({ topology: 'detection' })
    const { matches } = await call(StateServiceService.listPartialMatches, request)
    expect(
      matches.map(({ store, key, waitsFor, start, until }) => ({ store, key, waitsFor, start, until })),
    ).toEqual([
      {
        store: 'bursts',
        key: 'ann',
        waitsFor: 'earlier or last',
        start: new Date(noon),
        until: new Date(noon + 60 * minute),
      },
      {
        store: 'escalations',
        key: 'ann',
        waitsFor: 'middle',
        start: new Date(noon),
        until: new Date(noon + 360 * minute),
      },
    ])
    expect(matches[1]!.events).toMatchObject({ low: [{ order_id: '1', total_amount: 100 }] })
    expect(matches[1]!.text).toBe('ann waits for middle until 2017-01-01T18:00:00.000Z')
    const ofBob = { topology: 'detection', store: 'bursts', key: 'bob' }
    const none = await call(
      StateServiceService.listPartialMatches,
      ListPartialMatchesRequest.fromPartial(ofBob),
    )
    expect(none.matches).toEqual([])
    expect(none.sources).toHaveLength(1)
    const range = { topology: 'detection', store: 'bursts' }
    const refused = await failureOf(
      call(StateServiceService.listRows, ListRowsRequest.fromPartial({ range })),
    )
    expect(refused).toMatchObject({ message: expect.stringContaining('call ListPartialMatches') })
  })
})

async function started(
  topologies: readonly Topology[],
  instances: number,
  settings: Partial<RuntimeSettings> = {},
) {
  cluster = await ControlCluster.open({
    topologies: () => topologies,
    services: (context) => [stateService(context)],
    partitions: 3,
    settings,
  })
  for (let count = 0; count < instances; count++) await cluster.start()
  for (const { name } of topologies) await cluster.settled(name)
  const [first] = cluster.instances
  return {
    call: first!.call.bind(first!),
    /** Waits until all that was written is processed and committed. */
    processed: async () => {
      for (const { streams } of cluster.instances) await streams.drained()
    },
  }
}
