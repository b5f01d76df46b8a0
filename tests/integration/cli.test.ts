import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeBadFile, writeSimulation } from '../support/order-files.ts'
import { orderStreams, startOrderStreams, temporaryDirectory } from '../support/order-streams.ts'

let directory: ReturnType<typeof temporaryDirectory>
let dataDir: string

beforeAll(async () => {
  directory = temporaryDirectory()
  dataDir = join(directory.path, 'data')
  const input = join(directory.path, 'orders.ndjson')
  writeBadFile(input)
  await orderStreams(['start', '--once', '--input', input, '--data-dir', dataDir])
})

afterAll(() => directory.dispose())

function onData(...args: string[]) {
  return orderStreams([...args, '--data-dir', dataDir])
}

async function jsonLines(...args: string[]) {
  const { stdout, code, stderr } = await onData(...args, '--json')
  if (code !== 0) throw new Error(stderr)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('help', () => {
  it('should teach by examples, and tell the exit codes', async () => {
    const { code, stdout } = await orderStreams(['--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('order-streams start')
    expect(stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage')
  })

  it.each([
    'start',
    'run',
    'api',
    'simulate',
    'feed',
    'migrate',
    'dashboard',
    'config',
    'topology describe',
    'topics read',
    'state get',
    'dead-letters show',
    'dead-letters replay',
    'dead-letters discard',
  ])('should have an example for %s', async (command) => {
    const { code, stdout } = await orderStreams([...command.split(' '), '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/Examples?:\n {2}order-streams|Every setting has one name/)
  })

  it('should print the version', async () => {
    expect(await orderStreams(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })
})

describe('wrong usage', () => {
  it.each<[string, string[], RegExp]>([
    ['a command that is none', ['strat'], /unknown command 'strat'[\s\S]*Did you mean start\?/],
    ['no command', [], /Usage: order-streams/],
    [
      'an option that is none',
      ['start', '--inptu', 'x'],
      /unknown option '--inptu'[\s\S]*Did you mean --input\?/,
    ],
    ['an argument too many', ['start', 'orders.ndjson'], /too many arguments/],
    ['a topology that is none', ['run', 'cleanes'], /there is no topology "cleanes": did you mean cleanse\?/],
    ['no topology', ['run'], /missing required argument 'topology'/],
    [
      'a number that is none',
      ['simulate', '--orders', 'many'],
      /--orders is "many"; it must be a whole number/,
    ],
    ['a share that is none', ['simulate', '--dirty', '5'], /--dirty is "5"; it must be a share from 0 to 1/],
    ['a URL that is none', ['simulate', '--to', 'here'], /--to here is no URL/],
    ['a scenario that is none', ['simulate', '--scenario', 'brusts=3'], /did you mean bursts\?/],
    [
      'a scenario without count',
      ['simulate', '--scenario', 'bursts'],
      /= and how often it takes place: bursts=3/,
    ],
    ['a truth of nothing', ['simulate', '--truth', 'x'], /name scenarios/],
    ['a start without zone', ['simulate', '--start', '2025-01-01'], /it must be a time with its zone/],
    ['two places', ['simulate', '--to', 'http://x', '--data-dir', 'y'], /name one of them/],
    [
      'a setting without value',
      ['config', '--set', 'apiPort'],
      /--set apiPort: write the name of a setting, =/,
    ],
    ['a setting that is none', ['config', '--set', 'apPort=1'], /no setting apPort; did you mean apiPort\?/],
    [
      'a wrong value',
      ['start', '--api-port', '99999'],
      /--api-port: apiPort is 99999; it must be .* to 65535/,
    ],
    ['a format that is none', ['topology', 'describe', 'ingest', '--format', 'png'], /Allowed choices are/],
  ])('should end with 2 and say what would be right: %s', async (_, args, message) => {
    const { code, stderr, stdout } = await orderStreams(args)
    expect(stderr).toMatch(message)
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })

  it('should end with 2 when orders would be forgotten before their repeats', async () => {
    const { code, stderr } = await onData('run', 'cleanse', '--once', '--set', 'orderMemoryMs=1')
    expect(stderr).toMatch(/orderMemoryMs is 1, less than/)
    expect(code).toBe(2)
  })
})

describe('config', () => {
  it('should print every value with its origin, from all sources together', async () => {
    writeFileSync(join(directory.path, 'order-streams.yaml'), 'partitions: 2\n')
    const options = { workingDirectory: directory.path, environment: { DATA_DIR: '/elsewhere' } }
    const { stdout, code } = await orderStreams(['config', '--api-port', '0'], options)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^partitions +2 +order-streams\.yaml:1 /m)
    expect(stdout).toMatch(/^dataDir +\/elsewhere +environment variable DATA_DIR /m)
    expect(stdout).toMatch(/^apiPort +0 +--api-port /m)
    expect(stdout).toMatch(/^commitIntervalMs +\d+ +default /m)
  })
})

describe('topology', () => {
  it('should list the topologies, and describe them in each format', async () => {
    expect((await orderStreams(['topology', 'list'])).stdout).toMatch(/^ingest .*\ncleanse .*\nstatistics /m)
    const describeAs = async (format: string) =>
      (await orderStreams(['topology', 'describe', 'cleanse', '--format', format])).stdout
    expect(await describeAs('text')).toContain('Store order-memory: string -> avro(OrderMemory)')
    expect(await describeAs('mermaid')).toMatch(/^flowchart LR\n/)
    expect(JSON.parse(await describeAs('json'))).toMatchObject({ name: 'cleanse' })
  })
})

describe('topics', () => {
  it('should list them', async () => {
    const topics = await jsonLines('topics', 'list')
    expect(topics).toContainEqual(expect.objectContaining({ name: 'order-raw', partitions: 4 }))
    expect((await onData('topics', 'list')).stdout).toMatch(/^order-input +1 +\d+ +compact +for ever +\d+$/m)
  })

  it('should show records decoded, from an offset, of a partition, as many as asked', async () => {
    const all = await jsonLines('topics', 'read', 'order-processed')
    expect(all.length).toBeGreaterThan(50)
    expect(all[0]).toMatchObject({ key: expect.stringMatching(/^user-/), value: { currency: 'USD' } })
    const { partition } = all[0]
    const own = all.filter((record) => record.partition === partition)
    const some = await jsonLines(
      ...['topics', 'read', 'order-processed', '--partition', String(partition)],
      ...['--from', '3', '--limit', '2'],
    )
    expect(some).toEqual(own.slice(3, 5))
  })

  it('should show raw bytes as text, and the schemas', async () => {
    const { stdout } = await onData('topics', 'read', 'order-raw', '--limit', '1')
    expect(stdout).toMatch(/^\d\/0 {2}\S+Z {2}key \S+\n {4}\{?/)
    const schemas = await jsonLines('topics', 'read', '_schemas')
    expect(schemas.map(({ key }) => JSON.parse(key).subject)).toContain('order-processed-value')
  })

  it('should know the topics that there are, and their partitions', async () => {
    expect(await onData('topics', 'read', 'order-prosessed')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no topic "order-prosessed": did you mean order-processed\?/),
    })
    expect(await onData('topics', 'read', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/there are .*order-line, order-parsed/),
    })
    expect(await onData('topics', 'read', 'order-raw', '--partition', '4')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--partition is 4; the topic has 0 to 3/),
    })
  })
})

describe('state', () => {
  it('should list the stores, dump one, and find a row whatever its partition', async () => {
    expect((await onData('state', 'list')).stdout).toMatch(/^order-memory +cleanse +string +avro/m)
    const rows = await jsonLines('state', 'dump', 'order-memory')
    expect(rows.map(({ key }) => key)).toContain('sound-1')
    expect(new Set(rows.map(({ partition }) => partition)).size).toBeGreaterThan(1)
    const row = rows.find(({ key }) => key === 'sound-1')
    expect(row.value).toMatchObject({ event_count: 3, line_numbers: [2] })
    expect(await jsonLines('state', 'get', 'order-memory', 'sound-1')).toEqual([row])
    expect(await jsonLines('state', 'dump', 'order-memory', '--limit', '2')).toEqual(rows.slice(0, 2))
  })

  it('should say that there is no such row, and no such store', async () => {
    expect(await onData('state', 'get', 'order-memory', 'nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/order-memory has no row with the key nobody/),
    })
    expect(await onData('state', 'dump', 'order-memroy')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no store "order-memroy": did you mean order-memory\?/),
    })
  })
})

describe('dead-letters', () => {
  it('should list them, and show one as it came', async () => {
    const letters = await jsonLines('dead-letters', 'list')
    expect(letters.map(({ number }) => number)).toEqual(letters.map((_, index) => index + 1))
    const broken = letters.find(({ value }) => value === 'order_id=4711;status=PAID')
    expect(broken).toMatchObject({ code: 'ORDER_NOT_JSON', topology: 'ingest', topic: 'order-raw' })
    const { stdout } = await onData('dead-letters', 'show', String(broken.number))
    expect(stdout).toMatch(/^why +ORDER_NOT_JSON: /m)
    expect(stdout).toMatch(/^value +order_id=4711;status=PAID$/m)
    expect((await onData('dead-letters', 'list', 'cleanse')).stderr).toContain('there are no dead letters')
  })

  it('should say which numbers there are', async () => {
    expect(await onData('dead-letters', 'show', '999')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no dead letter 999: they have the numbers 1 to \d+/),
    })
  })
})

describe('dead-letters replay and discard', () => {
  const left = async () => (await jsonLines('dead-letters', 'list')).map(({ number }) => number)

  it('should settle each once, and say by whom', async () => {
    const letters = await jsonLines('dead-letters', 'list')
    const [first, second] = letters
    expect((await onData('dead-letters', 'replay', String(first.number))).stderr).toMatch(
      /^replayed as order-raw-\d+ \d+$/m,
    )
    expect(await onData('dead-letters', 'replay', first.name)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/it was replayed by .+ at /),
    })
    const discarded = await onData('dead-letters', 'discard', second.name, '--reason', 'a test')
    expect(discarded.stderr).toContain('discarded')
    expect(await left()).toEqual(letters.slice(2).map(({ number }) => number))
    const { stdout } = await onData('dead-letters', 'show', second.name)
    expect(stdout).toMatch(/^settled +DISCARDED .* by .+ a test$/m)
    const all = await jsonLines('dead-letters', 'list', '--settled')
    expect(all.slice(0, 2).map(({ state }) => state)).toEqual(['REPLAYED', 'DISCARDED'])
  })

  it('should replay what is asked for by options, and have it processed by the next run', async () => {
    const pending = await left()
    const replayed = await onData('dead-letters', 'replay', '--topology', 'ingest', '--rate', '1000')
    expect(replayed.stderr).toMatch(new RegExp(`^replayed ${pending.length} records?$`, 'm'))
    expect((await onData('dead-letters', 'list')).stderr).toContain('there are no dead letters')
    expect((await onData('run', 'ingest', '--once')).code).toBe(0)
    // They are as broken as they were.
    const again = await jsonLines('dead-letters', 'list')
    expect(again).toHaveLength(pending.length + 1)
    expect(again.every(({ attempt }) => attempt === 2)).toBe(true)
  })

  it('should find rejections', async () => {
    const [rejection] = await jsonLines('dead-letters', 'list', '--rejections')
    expect(rejection).toMatchObject({ topology: 'cleanse', topic: 'order-parsed', state: 'PENDING' })
    expect((await onData('dead-letters', 'show', rejection.name)).stdout).toMatch(
      /^where +the rules of cleanse$/m,
    )
  })

  it.each<[string, string[], RegExp]>([
    ['nothing named', ['replay'], /name a dead letter by its number, or a topology/],
    ['one named beside others', ['replay', '1', '--topology', 'ingest'], /leave one out/],
    ['no reason', ['discard', '1'], /required option '--reason <text>'/],
    ['an empty reason', ['discard', '1', '--reason', ' '], /--reason is empty/],
    ['no rate', ['replay', '--topology', 'ingest', '--rate', '0'], /must be a number above 0/],
    ['rejections of who has none', ['replay', '--topology', 'ingest', '--rejections'], /only cleanse does/],
  ])('should end with 2 for %s', async (_what, args, message) => {
    expect(await onData('dead-letters', ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message),
    })
  })
})

describe('simulate, run and api', () => {
  it('should send the same bytes for the same seed into the log, for the topologies to process one by one', async () => {
    const other = join(directory.path, 'simulated')
    const simulated = await orderStreams([
      ...['simulate', '--orders', '200', '--seed', '7', '--dirty', '0.1', '--json', '--data-dir', other],
    ])
    expect(simulated.code).toBe(0)
    const { events, accepted } = JSON.parse(simulated.stdout)
    expect(accepted).toBe(events)
    const input = join(directory.path, 'same.ndjson')
    expect(writeSimulation(input, { seed: 7, orders: 200, dirtyShare: 0.1 })).toBe(events)

    for (const topology of ['ingest', 'cleanse']) {
      expect((await orderStreams(['run', topology, '--once', '--data-dir', other])).code).toBe(0)
    }
    const totals = ['start', '--once', '--json', '--input', '-', '--data-dir']
    const stepwise = JSON.parse((await orderStreams([...totals, other])).stdout)
    const fromFile = join(directory.path, 'from-file')
    await orderStreams(['start', '--once', '--input', input, '--data-dir', fromFile])
    const atOnce = JSON.parse((await orderStreams([...totals, fromFile])).stdout)
    const { seconds, ...figures } = atOnce
    expect(stepwise).toMatchObject(figures)
    expect(figures).toMatchObject({ orders: events, reconciles: true })
  })

  it('should tell what must be found of the scenarios asked for, whatever else is wrong with the events', async () => {
    const truthOf = async (name: string, ...trouble: string[]) => {
      const path = join(directory.path, `${name}.json`)
      const asked = ['--scenario', 'bursts=2,unpaid=3', '--scenario', 'illegal=1', '--orders', '50', '--json']
      const place = ['--truth', path, '--data-dir', join(directory.path, name)]
      const { stdout } = await orderStreams(['simulate', ...asked, ...place, ...trouble])
      const counts = { BURST: 2, UNPAID_TIMEOUT: 3, ILLEGAL_TRANSITION: 1 }
      expect(JSON.parse(stdout)).toMatchObject({ alerts: counts })
      return JSON.parse(readFileSync(path, 'utf8'))
    }
    const truth = await truthOf('plain', '--start', '2025-03-01T00:00:00Z')
    expect(truth.alerts).toHaveLength(6)
    for (const alert of truth.alerts) {
      const some = expect.stringMatching(/./)
      const shape = {
        type: some,
        order_id: some,
        user_id: some,
        event_time: expect.stringMatching(/^2025-03-01T/),
      }
      expect(alert).toEqual(shape)
    }
    const trouble = ['--late', '0.3', '--dirty', '0.3', '--repeat', '0.3']
    expect(await truthOf('troubled', '--start', '2025-03-01T00:00:00Z', ...trouble)).toEqual(truth)
  })

  it('should take orders over HTTP from a simulated shop', async () => {
    const other = join(directory.path, 'by-http')
    const running = startOrderStreams(['api', '--port', '0', '--data-dir', other])
    const url =
      /Order API listens at (http:\S+\d)/.exec(await running.said('Order API listens at'))?.[1] ?? ''
    const { stdout, code } = await orderStreams(['simulate', '--orders', '50', '--to', url, '--json'])
    expect(code).toBe(0)
    const { accepted } = JSON.parse(stdout)
    expect(await orderStreams(['topics', 'list', '--data-dir', other])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/another order-streams uses it: stop that one first/),
    })
    running.kill('SIGINT')
    expect((await running.ended).code).toBe(0)
    const { stdout: raw } = await orderStreams(['topics', 'read', 'order-raw', '--json', '--data-dir', other])
    expect(raw.trimEnd().split('\n')).toHaveLength(accepted)
  })

  it('should say that no Order API answers', async () => {
    const { code, stderr } = await orderStreams(['simulate', '--to', 'http://127.0.0.1:1', '--orders', '1'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /Order API at http:\/\/127\.0\.0\.1:1\/v1\/orders does not answer .*start it, or check the URL/,
    )
  })
})
