import { afterEach, describe, expect, it } from 'vitest'
import { StreamsError, type TopologyStatus } from '../streams/index.ts'
import { input, inputRecords, keyedCount } from '../tests/simulation/cases.ts'
import { append, newProcess, openLog, run, settle, worldWithInput } from '../tests/simulation/world.ts'
import { ConfigError } from './config.ts'
import { type Config, check, settingNames } from './config-schema.ts'
import type { Phase } from './health.ts'
import { type SideDoor, sideDoorAddress, startSideDoor } from './side-door.ts'

const running: TopologyStatus = {
  name: 'ingest',
  state: { kind: 'running' },
  isAssigned: true,
  isConfirmed: true,
  tasks: new Map([['orders_0', { kind: 'running' }]]),
  awayTasks: new Set(),
  silentTasks: new Set(),
  standbys: new Map([['orders_1', { kind: 'following', lag: 3 }]]),
}
const failure = new StreamsError('STORAGE_FULL', 'the disk is full')

describe('startSideDoor', () => {
  let topologies: TopologyStatus[] = []
  let current: Phase = 'running'
  const phase = () => current
  let server: SideDoor | undefined

  async function serve(...statuses: Partial<TopologyStatus>[]): Promise<void> {
    topologies = statuses.map((status) => ({ ...running, ...status }))
    current = 'running'
    const streams = { status: () => topologies }
    server = await startSideDoor({ host: '127.0.0.1', port: 0, streams, phase })
  }

  async function ask(path: string): Promise<{ code: number; body: { status: string; reasons: string[] } }> {
    const response = await fetch(`${server!.url}${path}`)
    const body = (await response.json()) as { status: string; reasons: string[] }
    return { code: response.status, body }
  }

  afterEach(() => server?.close())

  it('should be alive and ready while every topology runs what the group gave it', async () => {
    await serve({}, { name: 'cleanse', tasks: new Map() })
    const shown = {
      state: 'running',
      isAssigned: true,
      isConfirmed: true,
      standbys: { orders_1: 'following' },
    }
    const body = {
      status: 'ok',
      reasons: [],
      topologies: [
        { name: 'ingest', tasks: { orders_0: 'running' }, ...shown },
        { name: 'cleanse', tasks: {}, ...shown },
      ],
    }
    for (const path of ['/livez', '/readyz', '/healthz']) expect(await ask(path)).toEqual({ code: 200, body })
  })

  it.each<[string, Partial<TopologyStatus>, string]>([
    ['it starts', { state: { kind: 'starting' } }, 'topology ingest is starting, not running'],
    [
      'nothing is assigned',
      { isAssigned: false },
      'topology ingest: its group has not said yet what runs here',
    ],
    [
      'its membership is not confirmed',
      { isConfirmed: false },
      'topology ingest: its group has not confirmed the membership for longer than the session timeout',
    ],
    [
      'a task is restored',
      {
        awayTasks: new Set(['orders_0']),
        tasks: new Map([
          [
            'orders_0',
            {
              kind: 'restoring',
              progress: { done: 20, total: 100, elapsedMs: 1000, remainingMs: 4000 },
            },
          ],
        ]),
      },
      'task orders_0 of ingest is restoring its state: 20 of 100 changelog records, about 4 s left',
    ],
    [
      'a task waits after an error',
      {
        awayTasks: new Set(['orders_0']),
        tasks: new Map([
          [
            'orders_0',
            { kind: 'waiting', attempt: 2, error: new StreamsError('LOG_UNAVAILABLE', 'no broker') },
          ],
        ]),
      },
      'task orders_0 of ingest waits for attempt 3 after an error: no broker [LOG_UNAVAILABLE]',
    ],
    [
      'the log is silent',
      { silentTasks: new Set(['orders_0']) },
      'task orders_0 of ingest: the log does not answer its fetches',
    ],
  ])('should be alive and not ready while %s', async (_case, status, reason) => {
    await serve({}, status)
    expect(await ask('/readyz')).toMatchObject({ code: 503, body: { status: 'failing', reasons: [reason] } })
    expect(await ask('/livez')).toMatchObject({ code: 200, body: { status: 'ok', reasons: [] } })
  })

  it('should be neither alive nor ready once a topology has failed', async () => {
    await serve({}, { state: { kind: 'failed', error: failure } })
    const reasons = ['topology ingest has failed: the disk is full [STORAGE_FULL]']
    for (const path of ['/livez', '/readyz', '/healthz'])
      expect(await ask(path)).toMatchObject({ code: 503, body: { status: 'failing', reasons } })
  })

  it('should be alive and not ready from the moment it is to stop', async () => {
    await serve({})
    current = 'stopping'
    expect(await ask('/readyz')).toMatchObject({ code: 503, body: { reasons: ['the process is stopping'] } })
    expect((await ask('/livez')).code).toBe(200)
  })

  it('should be alive and not ready until it is told what runs, whatever that is', async () => {
    await serve()
    current = 'starting'
    expect(await ask('/readyz')).toMatchObject({ code: 503, body: { reasons: ['the process is starting'] } })
    expect((await ask('/livez')).code).toBe(200)
    current = 'running'
    expect((await ask('/readyz')).code).toBe(200)
  })

  it('should say what there is to ask for', async () => {
    await serve({})
    expect(await ask('/health')).toMatchObject({
      code: 404,
      body: { message: expect.stringContaining('/readyz') },
    })
  })

  it('should say how to choose another port', async () => {
    await serve({})
    const port = Number(new URL(server!.url).port)
    const again = startSideDoor({
      host: '127.0.0.1',
      port,
      streams: { status: () => [] },
      phase,
    })
    await expect(again).rejects.toThrow(/HTTP_PORT.*\n.*EADDRINUSE/)
  })

  it('should follow an application from its start to its end', async () => {
    const records = inputRecords(10)
    const world = await worldWithInput(records)
    const open = await openLog(world)
    const { app } = await newProcess(open, world, keyedCount)
    server = await startSideDoor({
      host: '127.0.0.1',
      port: 0,
      streams: app,
      phase,
    })
    expect((await ask('/readyz')).code).toBe(503)
    await run(open.clock, app.start())
    await run(open.clock, app.drained())
    expect((await ask('/readyz')).code).toBe(200)
    await run(open.clock, append(open.log, input.name, records))
    await settle(open.clock)
    expect((await ask('/readyz')).code).toBe(200)
    await run(open.clock, app.stop())
    expect(await ask('/readyz')).toMatchObject({
      code: 503,
      body: { reasons: ['topology keyed-count is stopped, not running'] },
    })
    expect((await ask('/livez')).code).toBe(200)
  })

  it('should serve metrics where there are some', async () => {
    const metrics = {
      text: async () => '# HELP a b\n',
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
    }
    const none = { host: '127.0.0.1', port: 0, streams: { status: () => [] } }
    server = await startSideDoor({ ...none, phase, metrics })
    const response = await fetch(`${server.url}/metrics`)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, metrics.contentType])
    expect(await response.text()).toBe('# HELP a b\n')
  })

  it('should answer nothing but GET', async () => {
    await serve({})
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const response = await fetch(`${server!.url}/livez`, { method })
      expect(response.status).toBe(404)
    }
  })

  it('should take another port where nobody has asked for the one that is taken', async () => {
    await serve({})
    const port = Number(new URL(server!.url).port)
    const none = { host: '127.0.0.1', streams: { status: () => [] } }
    const other = await startSideDoor({ ...none, phase, port, isPortFree: true })
    expect(Number(new URL(other.url).port)).not.toBe(port)
    await other.close()
  })
})

describe('sideDoorAddress', () => {
  const defaults = Object.fromEntries(
    settingNames.map((name) => [name, check(name, undefined)?.value]),
  ) as Config
  const of = (own: Partial<Config>) => sideDoorAddress({ ...defaults, ...own })

  it('should be on this machine by default, and give way', () => {
    expect(of({})).toEqual({ host: '127.0.0.1', port: 8080, isPortFree: true })
    expect(of({ httpPort: 9000 })).toEqual({ host: '127.0.0.1', port: 9000, isPortFree: false })
    expect(of({ httpServer: 'off' })).toBeUndefined()
  })

  it('should know the older names of its settings', () => {
    expect(of({ healthPort: 9000, healthHost: '0.0.0.0' })).toEqual({ host: '0.0.0.0', port: 9000 })
    expect(of({ healthPort: 9000, httpPort: 9000 })).toEqual({ host: '127.0.0.1', port: 9000 })
    expect(() => of({ healthPort: 9000, httpPort: 9001 })).toThrow(ConfigError)
  })
})
