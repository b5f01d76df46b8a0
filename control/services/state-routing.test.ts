/** StateService among several instances: who is asked, what is answered while tasks move, and what is refused. */
import { afterEach, describe, expect, it } from 'vitest'
import { partitionForKey } from '../../streams/index.ts'
import { ControlCluster, callOf, failureOf } from '../../tests/support/control-harness.ts'
import { write } from '../../tests/support/control-records.ts'
import { prices, shelves, shop } from '../../tests/support/shop-topology.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import type { ControlError } from '../errors.ts'
import {
  BatchGetRowsRequest,
  FetchWindowsRequest,
  GetRowRequest,
  ListRowsRequest,
  ListStoresRequest,
  ListTimersRequest,
  type Row,
  StateServiceService,
  StreamRowsRequest,
} from '../generated/orderstreams/control/v1/state_service.ts'
import { streamRows } from './state/stream.ts'
import { stateService } from './state-service.ts'

let cluster: ControlCluster

afterEach(() => cluster.close())

async function openCluster(instances: number, settings: Record<string, number> = {}): Promise<void> {
  cluster = await ControlCluster.open({
    topologies: () => [shop()],
    services: (context) => [stateService(context)],
    partitions: 3,
    settings,
  })
  for (let count = 0; count < instances; count++) await cluster.start()
  await cluster.settled('shop')
}

async function processed(): Promise<void> {
  for (const { streams, isStopped } of cluster.instances) if (!isStopped) await streams.drained()
}

function partitionOf(key: string): number {
  return partitionForKey(Buffer.from(key), 0, key.length, 3)
}

const names = Array.from({ length: 40 }, (_, index) => `item-${String(index).padStart(2, '0')}`)

async function writePrices(...amounts: readonly number[]): Promise<void> {
  for (const amount of amounts) {
    await write(
      cluster,
      prices,
      ...names.map((key, index) => ({ key, value: { amount: amount + index }, timestampMs: 1000 + amount })),
    )
  }
  await processed()
}

function rowOf(store: string, key: unknown): GetRowRequest {
  return GetRowRequest.fromPartial({ topology: 'shop', store, key })
}

describe('StateService among instances', () => {
  it('should answer for every key at every instance, by asking the one that owns it', async () => {
    await openCluster(3)
    await writePrices(100)
    for (const instance of cluster.instances) {
      const answered = new Set<string>()
      for (const [index, key] of names.entries()) {
        const { row, source } = await instance.call(StateServiceService.getRow, rowOf('latest', key))
        expect([row?.key, row?.value, row?.time?.getTime()]).toEqual([key, { amount: 100 + index }, 1100])
        expect(source?.task).toBe(`prices_${row?.partition}`)
        expect(source).toMatchObject({ standby: false, standbyLag: 0 })
        answered.add(source!.instanceId)
      }
      expect([...answered].sort()).toEqual(['instance-1', 'instance-2', 'instance-3'])
    }
  })

  it('should ask the one partition that a key belongs to, and all where it cannot be told', async () => {
    await openCluster(2)
    await writePrices(100)
    const [instance] = cluster.instances
    const { stores } = await instance!.call(
      StateServiceService.listStores,
      ListStoresRequest.fromPartial({ topology: 'shop' }),
    )
    expect(Object.fromEntries(stores.map(({ store, placedByTopic }) => [store, placedByTopic]))).toEqual({
      latest: 'prices',
      'remembers-all': 'prices',
      'remembers-by-amount': 'prices',
      'remembers-timers': 'prices',
      'by-amount': '',
      history: '',
      steered: '',
      shelves: 'shelves',
      'steered-elsewhere': '',
    })
    const batch = (store: string, keys: unknown[]) =>
      instance!.call(
        StateServiceService.batchGetRows,
        BatchGetRowsRequest.fromPartial({ topology: 'shop', store, keys }),
      )
    expect((await batch('latest', [names[0]])).sources).toHaveLength(1)
    const indexed = await batch('by-amount', ['amount 139', 'amount 7', 'amount 100'])
    expect(indexed.sources).toHaveLength(3)
    expect(indexed.rows.map(({ key, row }) => [key, row?.value])).toEqual([
      ['amount 139', 'item-39'],
      ['amount 7', undefined],
      ['amount 100', 'item-00'],
    ])
    for (const [store, partition] of [
      ['steered', 1],
      ['steered-elsewhere', 2],
    ] as const) {
      const counted = await batch(store, names)
      expect(counted.rows.map(({ row }) => row?.value)).toEqual(names.map(() => 1))
      expect(new Set(counted.rows.map(({ row }) => row?.partition))).toEqual(new Set([partition]))
    }
  })

  it('should tell when several partitions have a row of a key', async () => {
    await openCluster(2)
    await writePrices(100)
    const [instance] = cluster.instances
    const error = await failureOf(instance!.call(StateServiceService.getRow, rowOf('by-amount', 'last')))
    expect(error).toMatchObject({ reason: 'REQUEST_INVALID', details: { fields: [{ field: 'partition' }] } })
    const request = BatchGetRowsRequest.fromPartial({
      topology: 'shop',
      store: 'by-amount',
      keys: ['last', 'no'],
    })
    const { rows } = await instance!.call(StateServiceService.batchGetRows, request)
    expect(rows.map(({ key, row }) => [key, row?.partition]).sort()).toEqual([
      ['last', 0],
      ['last', 1],
      ['last', 2],
      ['no', undefined],
    ])
    const one = await instance!.call(StateServiceService.getRow, {
      ...rowOf('by-amount', 'last'),
      partition: 1,
    })
    expect(one.row?.partition).toBe(1)
  })

  it('should show lists, maps, versions and keys that are records', async () => {
    await openCluster(1)
    await writePrices(100, 200)
    await write(cluster, shelves, { key: { shop: 'north', shelf: 4 }, value: 'tea' })
    await processed()
    const [instance] = cluster.instances
    const shownOf = async (store: string, key: unknown) =>
      (await instance!.call(StateServiceService.getRow, rowOf(store, key))).row?.value
    expect(await shownOf('remembers-all', 'item-03')).toEqual([103, 203])
    expect(await shownOf('remembers-all', { key: 'item-03', position: 1 })).toBe(203)
    expect(await shownOf('remembers-by-amount', 'item-03')).toEqual({ 'at 103': 103, 'at 203': 203 })
    expect(await shownOf('remembers-by-amount', { key: 'item-03', field: 'at 103' })).toBe(103)
    expect(await shownOf('history', 'item-03')).toEqual([
      { from: '1970-01-01T00:00:01.100Z', value: 103 },
      { from: '1970-01-01T00:00:01.200Z', value: 203 },
    ])
    expect(await shownOf('shelves', { shop: 'north', shelf: 4 })).toBe('tea')
  })

  it('should list timers by time within a partition, of a key or of all', async () => {
    await openCluster(2)
    await writePrices(100, 200)
    const [instance] = cluster.instances
    const ask = async (own: Partial<ListTimersRequest>) => {
      const request = ListTimersRequest.fromPartial({ topology: 'shop', store: 'remembers', ...own })
      return instance!.call(StateServiceService.listTimers, request)
    }
    const { timers } = await ask({ key: 'item-03' })
    expect(
      timers.map(({ store, key, name, domain, due }) => [store, key, name, domain, due?.getTime()]),
    ).toEqual([
      ['remembers-timers', 'item-03', 'after 203', 'TIME_DOMAIN_WALL_CLOCK', 4_000_000_000_000 - 203],
      ['remembers-timers', 'item-03', 'after 103', 'TIME_DOMAIN_WALL_CLOCK', 4_000_000_000_000 - 103],
    ])
    const all: string[] = []
    let pageToken = ''
    do {
      const page = await ask({ pageSize: 9, pageToken })
      expect(page.timers.length).toBeLessThanOrEqual(9)
      all.push(...page.timers.map(({ key, name }) => `${key} ${name}`))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(all.toSorted()).toEqual(
      names.flatMap((key, index) => [`${key} after ${100 + index}`, `${key} after ${200 + index}`]).sort(),
    )
  })

  it('should give pages of all rows, each once, although tasks move in between', async () => {
    await openCluster(1)
    await writePrices(100)
    const [instance] = cluster.instances
    const seen: Row[] = []
    let pageToken = ''
    do {
      const request = ListRowsRequest.fromPartial({
        range: { topology: 'shop', store: 'latest' },
        pageSize: 7,
        pageToken,
      })
      const page = await instance!.call(StateServiceService.listRows, request)
      seen.push(...page.rows)
      pageToken = page.nextPageToken
      if (seen.length === 7) await cluster.start()
      if (seen.length === 21) await cluster.settled('shop')
    } while (pageToken !== '')
    expect(seen.map(({ key }) => String(key)).sort()).toEqual(names)
    const places = seen.map(({ partition, key }) => `${partition} ${key}`)
    expect(places).toEqual(places.toSorted())
  })

  it('should list ranges and prefixes, and refuse tokens of other queries', async () => {
    await openCluster(2)
    await writePrices(100)
    const [, instance] = cluster.instances
    const list = async (range: object, page: object = {}) =>
      instance!.call(
        StateServiceService.listRows,
        ListRowsRequest.fromPartial({ range: { topology: 'shop', store: 'latest', ...range }, ...page }),
      )
    const keysOf = async (range: object) => (await list(range)).rows.map(({ key }) => String(key)).sort()
    expect(await keysOf({ from: 'item-05', to: 'item-08' })).toEqual(['item-05', 'item-06', 'item-07'])
    expect(await keysOf({ prefix: 'item-1' })).toEqual(names.slice(10, 20))
    expect(await keysOf({ from: 'item-38' })).toEqual(['item-38', 'item-39'])
    const { nextPageToken: pageToken } = await list({ prefix: 'item-1' }, { pageSize: 3 })
    expect(await failureOf(list({ prefix: 'item-2' }, { pageSize: 3, pageToken }))).toMatchObject({
      reason: 'PAGE_TOKEN_INVALID',
    })
    expect(await failureOf(list({ prefix: 'item-1', from: 'item-0' }))).toMatchObject({
      reason: 'REQUEST_INVALID',
    })
  })

  it('should stream rows in messages of bounded size, up to a limit, and stop when nobody listens', async () => {
    await openCluster(2)
    const many = Array.from({ length: 3000 }, (_, index) => ({
      key: `key ${index}`,
      value: { amount: index },
    }))
    await write(cluster, prices, ...many)
    await processed()
    const [instance] = cluster.instances
    const request = (limit: number) =>
      StreamRowsRequest.fromPartial({ range: { topology: 'shop', store: 'latest' }, limit })
    const sizes: number[] = []
    const seen = new Set<unknown>()
    for await (const { rows, source } of instance!.stream(StateServiceService.streamRows, request(0))) {
      sizes.push(rows.length)
      for (const { key } of rows) seen.add(key)
      expect(source?.task).toMatch(/^prices_[012]$/)
    }
    expect(seen.size).toBe(3000)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(500)
    let count = 0
    for await (const { rows } of instance!.stream(StateServiceService.streamRows, request(700)))
      count += rows.length
    expect(count).toBe(700)
    const abort = new AbortController()
    const call = callOf({ signal: abort.signal })
    const stream = streamRows(instance!.context, request(0), call)
    expect((await stream.next()).done).toBe(false)
    abort.abort()
    expect(await failureOf(stream.next())).toMatchObject({ name: 'AbortError' })
  })

  it('should cut a page short before it is larger than a client takes', async () => {
    await openCluster(1)
    const long = 'long '.repeat(20_000)
    const key = { shop: long, shelf: 1 }
    const many = Array.from({ length: 60 }, (_, index) => ({ key: { ...key, shelf: index }, value: 'tea' }))
    await write(cluster, shelves, ...many)
    await processed()
    const [instance] = cluster.instances
    let [rows, pages, pageToken] = [0, 0, '']
    do {
      const range = { topology: 'shop', store: 'shelves' }
      const request = ListRowsRequest.fromPartial({ range, pageSize: 1000, pageToken })
      const page = await instance!.call(StateServiceService.listRows, request)
      expect(page.rows.length).toBeLessThanOrEqual(12)
      rows += page.rows.length
      pages++
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(rows).toBe(60)
    expect(pages).toBeLessThan(40)
  })

  it('should let a copy answer when the owner cannot be reached, and say so, but only if the caller allows it', async () => {
    cluster = await ControlCluster.open({
      topologies: () => [shop()],
      services: (context) => [stateService(context)],
      partitions: 3,
      settings: { standbyReplicas: 1 },
    })
    await cluster.start()
    await cluster.start({ isReachable: false })
    await cluster.settled('shop')
    await writePrices(100)
    const [here, other] = cluster.instances
    const task = [...other!.streams.running('shop').drivers.keys()].find((id) => id.startsWith('prices_'))!
    const key = names.find((name) => partitionOf(name) === Number(task.slice('prices_'.length)))!
    const ask = (options: object, timeoutMs: number) =>
      here!.call(
        StateServiceService.getRow,
        GetRowRequest.fromPartial({ ...rowOf('latest', key), options }),
        { timeoutMs },
      )
    await waitFor(
      'the copy is there',
      async () => here!.streams.running('shop').standbys.get(task)?.lag === 0,
    )
    const { row, source } = await ask({ standbyLagMax: 10 }, 10_000)
    expect(row?.key).toBe(key)
    expect(source).toEqual({ instanceId: 'instance-1', task, standby: true, standbyLag: 0, commitNumber: 0 })
    const error = await failureOf(ask({}, 700))
    expect((error as ControlError).reason).toMatch(/INSTANCE_UNREACHABLE|TASK_AWAY/)
    expect(await failureOf(ask({ standbyLagMax: 10, isolation: 'ISOLATION_LIVE' }, 700))).toMatchObject({
      reason: expect.stringMatching(/INSTANCE_UNREACHABLE|TASK_AWAY/),
    })
  })

  it('should answer every call while instances come and go', async () => {
    await openCluster(2)
    await writePrices(100)
    const [instance] = cluster.instances
    let isMoving = true
    const asking = (async () => {
      let answered = 0
      while (isMoving) {
        const key = names[answered % names.length]
        const { row } = await instance!.call(StateServiceService.getRow, rowOf('latest', key))
        expect(row?.key).toBe(key)
        answered++
      }
      return answered
    })()
    await cluster.start()
    await cluster.settled('shop')
    await cluster.instances[1]!.stop()
    await cluster.settled('shop')
    isMoving = false
    expect(await asking).toBeGreaterThan(0)
  })

  it('should say what is wrong with a request, and what would be right', async () => {
    await openCluster(1)
    await writePrices(100)
    const [instance] = cluster.instances
    const get = (store: string, key: unknown, topology = 'shop') =>
      failureOf(
        instance!.call(StateServiceService.getRow, GetRowRequest.fromPartial({ topology, store, key })),
      )
    expect(await get('latest', 'nobody')).toMatchObject({
      reason: 'KEY_NOT_FOUND',
      message: 'store latest of topology shop has no row with key "nobody"',
    })
    expect(await get('lastest', 'a')).toMatchObject({
      reason: 'STORE_NOT_FOUND',
      message: expect.stringMatching(
        /no store "lastest": did you mean latest\?; the stores of shop are latest, remembers-all/,
      ),
    })
    expect(await get('latest', 'a', 'shoop')).toMatchObject({ reason: 'TOPOLOGY_NOT_FOUND' })
    expect(await get('latest', 17)).toMatchObject({
      reason: 'REQUEST_INVALID',
      message:
        'key: is 17, which is not of type string; keys of store latest are of type string, whose schema is "string", such as "text"',
    })
    expect(await get('shelves', { shop: 'north', shelf: 'four' })).toMatchObject({
      reason: 'REQUEST_INVALID',
      details: {
        fields: [
          { field: 'key.shelf', description: expect.stringContaining('is "four", which is not of type int') },
        ],
      },
      message: expect.stringContaining('such as {"shop":"text","shelf":42}'),
    })
    expect(await get('shelves', { shop: 'north' })).toMatchObject({
      details: { fields: [{ field: 'key.shelf' }] },
    })
    expect(await get('latest', undefined)).toMatchObject({
      message: expect.stringContaining('key: is missing'),
    })
    expect(await get('remembers-timers', 'a')).toMatchObject({
      message: expect.stringContaining('call ListTimers'),
    })
    const windows = FetchWindowsRequest.fromPartial({ topology: 'shop', store: 'latest', key: 'a' })
    expect(await failureOf(instance!.call(StateServiceService.fetchWindows, windows))).toMatchObject({
      reason: 'REQUEST_INVALID',
      message: 'store: latest is not a store of windows: call GetRow, BatchGetRows or ListRows for it',
    })
    expect(
      await failureOf(instance!.call(StateServiceService.getRow, { ...rowOf('latest', 'a'), partition: 3 })),
    ).toMatchObject({
      details: {
        fields: [{ field: 'partition', description: 'is 3; store latest has the partitions 0 to 2' }],
      },
    })
  })
})
