/** `order-streams ctl` against a server with answers that are written down: what it asks, and what it makes of the answers. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ControlError } from '../../control/errors.ts'
import { type CannedControl, startCannedControl } from '../support/canned-control.ts'
import { runHere } from '../support/run-ctl.ts'

let control: CannedControl

beforeAll(async () => {
  control = await startCannedControl()
})

afterAll(() => control.close())

function ctl(...args: readonly string[]) {
  return runHere('ctl', ...args, '--address', control.address)
}

const key = '31198570044'

/** Every command, with the arguments that it needs. */
const commands = [
  'topologies list',
  'topologies show cleanse',
  'topologies assignments cleanse',
  'topologies watch cleanse --tasks --times 2',
  'topologies explain statistics --operator per-minute --partition 2',
  'instances list',
  'instances show',
  'stages pause cleanse --reason test --until 10m',
  'stages resume cleanse',
  'stages step cleanse/order-raw --records 5 --task order-raw_0',
  'stages limit cleanse --rate 0.5',
  'stages drain cleanse',
  'stages show cleanse//assess',
  'stages list',
  'state stores cleanse',
  `state get cleanse order-memory ${key}`,
  `state get-many cleanse order-memory ${key} 43`,
  'state rows cleanse order-memory --prefix 3',
  'state stream cleanse order-memory',
  `state windows cleanse order-memory ${key} --from 2017-01-01T10:00Z`,
  `state sessions cleanse order-memory ${key} --to 1h`,
  'state timers cleanse',
  'state matches cleanse 42',
  'checkpoints list cleanse',
  'checkpoints show cleanse order-raw_0',
  'checkpoints diff cleanse order-raw_0 --from 11 --to 12',
  'checkpoints trigger cleanse',
  'checkpoints verify cleanse',
  'savepoints create cleanse --name before-3.0',
  'savepoints list',
  'savepoints show before-3.0',
  'savepoints restore before-3.0 cleanse',
  'savepoints delete before-3.0',
  'dead-letters list cleanse --code OPERATOR_FAILED',
  'dead-letters show cleanse-dead-letters/0/4',
  'dead-letters replay cleanse-dead-letters/0/4',
  'dead-letters replay-all cleanse --rate 50',
  'dead-letters discard --topology cleanse --reason old',
  'operations list',
  'operations show operations/instance-a/verify',
  'operations wait operations/instance-a/create',
  'operations cancel operations/instance-a/create',
  'operations delete operations/instance-a/create',
  'health',
  'health cleanse',
  'health --watch',
  'top --once',
]

/** Their exit code is not 0, for what they found. */
const findings = new Set(['checkpoints verify cleanse', 'health'])

/** Paths of all methods of our services, as the proto files declare them, and of those that we serve beside. */
function declaredMethods(): string[] {
  const directory = 'proto/orderstreams/control/v1'
  const own = readdirSync(directory).flatMap((file) => {
    const text = readFileSync(join(directory, file), 'utf8')
    const [, service = ''] = /^service (\w+)/m.exec(text) ?? []
    return [...text.matchAll(/^ {2}rpc (\w+)\(/gm)].map(
      ([, method]) => `/orderstreams.control.v1.${service}/${method}`,
    )
  })
  const operations = ['List', 'Get', 'Delete', 'Cancel', 'Wait'].map(
    (verb) => `/google.longrunning.Operations/${verb}Operation${verb === 'List' ? 's' : ''}`,
  )
  const health = ['Check', 'List', 'Watch'].map((method) => `/grpc.health.v1.Health/${method}`)
  return [...own, ...operations, ...health]
}

describe('ctl', () => {
  it('should have a command for every method of every service', async () => {
    const before = control.calls.length
    for (const command of commands) {
      const { code, stderr } = await ctl(...command.split(' '))
      expect(code, `${command}: ${stderr}`).toBe(findings.has(command) ? 1 : 0)
    }
    const called = new Set(control.calls.slice(before).map(({ path }) => path))
    expect([...called].sort()).toEqual(declaredMethods().sort())
  })

  it.each(commands)('should print JSON for programs: %s', async (command) => {
    const { stdout, stderr } = await ctl(...command.split(' '), '--json')
    const lines = stdout.trimEnd().split('\n')
    for (const line of lines) expect(JSON.parse(line), stderr).toBeTypeOf('object')
  })

  it.each(commands)('should print text for people, without what JSON has: %s', async (command) => {
    const { stdout, stderr } = await ctl(...command.split(' '))
    const text = stdout + stderr
    expect(text).not.toMatch(/undefined|\[object|NaN|_STATE_|STAGE_COMMAND_KIND|Invalid Date/)
    expect(text.trim()).not.toBe('')
  })
})

describe('what ctl asks', () => {
  /** The last request of a command. */
  async function requestOf(command: string, ...more: string[]): Promise<Record<string, unknown>> {
    const { code, stderr } = await ctl(...command.split(' '), ...more)
    expect(code, stderr).toBe(0)
    return { ...Object(control.calls.at(-1)?.request) }
  }

  it('should make a changing call again after UNAVAILABLE with the same request id', async () => {
    control.failNext(
      'pauseStage',
      new ControlError('TASK_AWAY', 'a rebalance is under way', { retryInMs: 1 }),
    )
    const before = control.calls.length
    const { code } = await ctl('stages', 'pause', 'cleanse')
    expect(code).toBe(0)
    const ids = control.calls.slice(before).map(({ request }) => Object(request).requestId)
    expect(ids).toEqual([ids[0], ids[0]])
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('should name a stage by its parts, an operator without its sub-topology, too', async () => {
    expect((await requestOf('stages drain cleanse'))['stage']).toMatchObject({ topology: 'cleanse' })
    expect((await requestOf('stages drain cleanse/order-raw'))['stage']).toMatchObject({
      subTopology: 'order-raw',
      operator: '',
    })
    expect((await requestOf('stages pause cleanse//assess'))['stage']).toMatchObject({
      subTopology: '',
      operator: 'assess',
    })
  })

  it('should take times with and without a zone, and durations from now', async () => {
    const from = async (text: string) =>
      (await requestOf(`state windows cleanse order-memory 1 --from ${text}`))['from']
    expect(await from('2017-01-01T10:00')).toEqual(new Date('2017-01-01T10:00:00Z'))
    expect(await from('2017-01-01T10:00+02:00')).toEqual(new Date('2017-01-01T08:00:00Z'))
    expect(await from('2017-01-01')).toEqual(new Date('2017-01-01T00:00:00Z'))
    const startMs = Date.now()
    const { until } = await requestOf('stages pause cleanse --until 1h30m')
    const aheadMs = Number(until) - startMs
    expect(aheadMs).toBeGreaterThanOrEqual(5_400_000)
    expect(aheadMs).toBeLessThan(5_460_000)
  })

  it('should send keys as texts where the store has text keys, else as JSON', async () => {
    expect((await requestOf(`state get cleanse order-memory ${key}`))['key']).toBe(key)
    const json = await requestOf('state get cleanse by-user-and-product', '{"user":"7"}')
    expect(json['key']).toEqual({ user: '7' })
    const { code, stderr } = await ctl('state', 'get', 'cleanse', 'by-user-and-product', 'seven')
    expect(code).toBe(2)
    expect(stderr).toContain('keys of by-user-and-product are UserProduct, so write JSON')
  })

  it('should follow pages up to the limit, and say when there is more', async () => {
    const rows = ['state', 'rows', 'cleanse', 'order-memory', '--json']
    const all = await ctl(...rows)
    expect(
      all.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).key),
    ).toEqual([key, '43'])
    expect(all.stderr).toBe('')
    const one = await ctl(...rows, '--limit', '1')
    expect(one.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(one.stderr).toContain('there are more than these 1')
  })

  it('should print the name of an operation with --no-wait, and what came of it without', async () => {
    const left = await ctl('savepoints', 'create', 'cleanse', '--no-wait')
    expect(left.stdout).toBe('operations/instance-a/create\n')
    const waited = await ctl('savepoints', 'create', 'cleanse', '--json')
    expect(JSON.parse(waited.stdout)).toMatchObject({ savepoint: 'before-3.0', stoodStill: '1.5s' })
    expect(waited.stderr).toBe('CreateSavepoint cleanse: reading order-memory, 12,000 of 20,000 (60%)\n')
  })

  it('should show a token to a server on this machine, and to no other without encryption', async () => {
    const { code } = await ctl('topologies', 'list', '--token', 'secret')
    expect(code).toBe(0)
    expect(control.calls.at(-1)?.call.authorization).toBe('Bearer secret')
    const away = await runHere(
      'ctl',
      'topologies',
      'list',
      '--address',
      '10.0.0.1:50051',
      '--token',
      'secret',
    )
    expect(away.code).toBe(2)
    expect(away.stderr).toContain('the token would go to 10.0.0.1:50051 unencrypted')
    expect(away.stderr).not.toContain('secret')
  })
})

describe('what ctl says of failures', () => {
  it('should end with 3 for what is not there, naming reason and message', async () => {
    control.failNext('getRow', new ControlError('KEY_NOT_FOUND', 'order-memory has no row of "7"'))
    const { code, stderr, stdout } = await ctl('state', 'get', 'cleanse', 'order-memory', '7')
    expect(code).toBe(3)
    expect(stderr).toBe('order-streams: order-memory has no row of "7" [KEY_NOT_FOUND]\n')
    expect(stdout).toBe('')
  })

  it('should end with 2 for a wrong request, naming the fields', async () => {
    control.failNext(
      'listRows',
      new ControlError('REQUEST_INVALID', 'the range is wrong', {
        fields: [{ field: 'range.prefix', description: 'not with from' }],
      }),
    )
    const { code, stderr } = await ctl('state', 'rows', 'cleanse', 'order-memory')
    expect(code).toBe(2)
    expect(stderr).toBe(
      'order-streams: the range is wrong [REQUEST_INVALID]\n  range.prefix: not with from\n',
    )
  })

  it('should tell programs of failures in JSON', async () => {
    control.failNext(
      'getStage',
      new ControlError('STAGE_NOT_FOUND', 'no such stage', { metadata: { topology: 'x' } }),
    )
    const { code, stderr } = await ctl('stages', 'show', 'x', '--json')
    expect(code).toBe(3)
    expect(JSON.parse(stderr)).toEqual({
      error: {
        status: 'NOT_FOUND',
        reason: 'STAGE_NOT_FOUND',
        message: 'no such stage',
        fields: [],
        metadata: { topology: 'x' },
      },
    })
  })

  it('should end with 1 where nobody answers, naming the address and the option', async () => {
    const { code, stderr } = await runHere('ctl', 'topologies', 'list', '--address', '127.0.0.1:1')
    expect(code).toBe(1)
    expect(stderr).toContain('[INSTANCE_UNREACHABLE]')
    expect(stderr).toContain('is an instance up at 127.0.0.1:1')
    expect(stderr).toContain('--address names another')
  })

  it.each([
    ['stages pause cleanse --until soon', '--until is "soon"; it must be a time such as'],
    ['stages limit cleanse --rate fast', '--rate is "fast"; it must be a number of records a second'],
    ['topologies watch --every 1ms', '--every is "1ms"; it must be a duration of at least 100ms'],
    ['stages pause /order-raw', 'the stage is "/order-raw"; write <topology>'],
    ['dead-letters discard --reason old', 'name either one dead letter, or with --topology'],
    ['topologies list --cert a.pem', 'a.pem cannot be read'],
  ])('should refuse %s before it asks anybody', async (command, message) => {
    const before = control.calls.length
    const { code, stderr } = await ctl(...command.split(' '))
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(control.calls.length).toBe(before)
  })
})
