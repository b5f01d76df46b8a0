/** `order-streams ctl` against a server with answers that are written down: what it asks, and what it makes of the answers. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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
