import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SchemaRegistry as Library, SchemaType } from '@kafkajs/confluent-schema-registry'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LogFields, type Logger, silentLogger } from '../../ports/observability.ts'
import type { SchemaRegistry } from '../../ports/registry.ts'
import { ByteWriter } from '../../records/byte-writer.ts'
import { avro } from '../../serde/avro.ts'
import type { AvroSchema } from '../../serde/avro-schema.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { systemClock } from '../system/system-clock.ts'
import { openConfluentRegistry } from './confluent-registry.ts'

interface Asked {
  readonly call: string
  readonly body: string
  readonly authorization: string | undefined
}

type Answer = (response: ServerResponse, asked: Asked) => void

/** A registry that answers as it is told, by `METHOD /path`; unknown subjects otherwise. */
class ScriptedRegistry {
  readonly asked: Asked[] = []
  readonly answers = new Map<string, Answer>([['GET /subjects', json(200, [])]])
  /** Before all others. */
  always: Answer | undefined
  port = 0
  private readonly server = createServer((request, response) => void this.serve(request, response))

  async start(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve))
    this.port = (this.server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  count(call: string): number {
    return this.asked.filter((each) => each.call === call).length
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const call = `${request.method} ${request.url}`
    const asked = { call, body, authorization: request.headers.authorization }
    this.asked.push(asked)
    const unknown = json(404, { error_code: 40401, message: `nothing at ${call}` })
    const answer = this.always ?? this.answers.get(call) ?? unknown
    answer(response, asked)
  }
}

function json(status: number, data: unknown): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(JSON.stringify(data))
  }
}

function page(status: number, text: string): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/html' })
    response.end(text)
  }
}

const never: Answer = () => {}
const half: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
  response.write('{"id":')
  setImmediate(() => response.destroy())
}

class CollectingLogger implements Logger {
  readonly lines: { readonly fields: LogFields; readonly message: string }[] = []
  readonly debug = silentLogger.debug
  readonly info = silentLogger.info
  readonly error = silentLogger.error
  warn(fields: LogFields, message: string): void {
    this.lines.push({ fields, message })
  }
  child(): Logger {
    return this
  }
}

const order = record({ name: 'id', type: 'string' })
const withNote = record({ name: 'id', type: 'string' }, { name: 'note', type: 'string' })
const withDefault = record({ name: 'id', type: 'string' }, { name: 'n', type: 'int', default: 0 })

function record(...fields: object[]): string {
  return JSON.stringify({ type: 'record', name: 'Order', fields })
}

describe('Confluent registry', () => {
  let server: ScriptedRegistry
  beforeEach(async () => {
    server = new ScriptedRegistry()
    await server.start()
  })
  afterEach(() => server.stop())

  const open = (more: Partial<Parameters<typeof openConfluentRegistry>[0]> = {}): Promise<SchemaRegistry> =>
    openConfluentRegistry({ url: server.url, clock: systemClock, startBudgetMs: 0, ...more })

  /** Subject a-value with `schemas` as its versions, ids from 11. */
  function hold(...schemas: string[]): void {
    const numbers = schemas.map((_, index) => index + 1)
    server.answers.set('GET /subjects/a-value/versions', json(200, numbers))
    schemas.forEach((schema, index) => {
      const version = { subject: 'a-value', version: index + 1, id: index + 11, schema }
      server.answers.set(`GET /subjects/a-value/versions/${index + 1}`, json(200, version))
    })
  }

  describe('at start', () => {
    it('should wait with growing pauses for a registry that is down, and say each time where it stands', async () => {
      const clock = new ManualClock()
      const logger = new CollectingLogger()
      await server.stop()
      const opening = open({ clock, logger, startBudgetMs: 60_000 })
      for (const pauseMs of [200, 400, 800]) {
        await vi.waitUntil(() => logger.lines.at(-1)?.fields['nextAttemptMs'] === pauseMs)
        clock.advance(pauseMs)
      }
      expect(logger.lines[0]?.message).toContain(server.url)
      expect(logger.lines[0]?.message).toContain('ECONNREFUSED')
      await vi.waitUntil(() => logger.lines.length === 4)
      await server.start(server.port)
      clock.advance(1600)
      expect(await (await opening).subjects()).toEqual([])
      expect(logger.lines.map(({ fields }) => fields['attempt'])).toEqual([1, 2, 3, 4])
    })

    it('should give up when its time is over, naming the URL, the reason and the remedy', async () => {
      const clock = new ManualClock()
      server.always = json(503, { error_code: 50301, message: 'no leader' })
      const logger = new CollectingLogger()
      const opening = open({ clock, logger, startBudgetMs: 500 })
      await vi.waitUntil(() => logger.lines.length === 1)
      clock.advance(200)
      const failure = expect(opening).rejects
      await failure.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', recovery: 'retry' })
      await expect(opening).rejects.toThrow(
        `${server.url} is not available: it answers 503: no leader (asked 2 times`,
      )
      await expect(opening).rejects.toThrow('check that it runs')
    })

    it.each([
      ['a page of a proxy', page(502, '<html>Bad Gateway</html>'), 'HTTP status 502: <html>Bad Gateway'],
      ['an empty answer', page(500, ''), 'HTTP status 500'],
      ['a page with status 404', page(404, '<html>default backend</html>'), 'HTTP status 404'],
      ['a page with status 200', page(200, '<html>Log in</html>'), "not a schema registry's: <html>Log in"],
      ['a redirect', page(301, 'elsewhere'), "not a schema registry's: elsewhere"],
      ['too many requests', json(429, { error_code: 429, message: 'slow down' }), '429: slow down'],
    ])('should take %s for no answer', async (_title, answer, message) => {
      server.always = answer
      const opening = open()
      await expect(opening).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
      await expect(opening).rejects.toThrow(message)
    })

    it.each([
      ['never comes', never],
      ['breaks off', half],
    ])('should not wait longer than its timeout for an answer that %s', async (_title, answer) => {
      const clock = new ManualClock()
      server.always = answer
      const opening = open({ clock, requestTimeoutMs: 700 })
      await vi.waitUntil(() => server.asked.length === 1)
      clock.advance(700)
      await expect(opening).rejects.toThrow('no answer within 700 ms')
      expect(clock.nextTimerMs).toBeUndefined()
    })

    it('should log in, and tell when it may not, without the password', async () => {
      server.always = (response, asked) => {
        const allowed = asked.authorization === `Basic ${Buffer.from('user:p@ss').toString('base64')}`
        json(allowed ? 200 : 401, allowed ? [] : { error_code: 40101, message: 'Unauthorized' })(
          response,
          asked,
        )
      }
      await open({ username: 'user', password: 'p@ss' })
      await open({ url: server.url.replace('//', '//user:p%40ss@') })
      const refused = open({ url: server.url.replace('//', '//user:wr%40ng@'), startBudgetMs: 60_000 })
      await expect(refused).rejects.toMatchObject({ code: 'REGISTRY_REFUSED', recovery: 'stop' })
      await expect(refused).rejects.toThrow(
        `${server.url} answers 401: Unauthorized: check the registry's user name`,
      )
      await expect(refused).rejects.not.toThrow(/wr|user:/)
    })

    it('should tell of a URL that is not the one of the API, without waiting', async () => {
      const opening = open({ url: `${server.url}/elsewhere/`, startBudgetMs: 60_000 })
      await expect(opening).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' })
      await expect(opening).rejects.toThrow('nothing at GET /elsewhere/subjects: check that the URL')
    })

    it('should refuse what is not a URL, without quoting it', async () => {
      for (const url of ['registry:8081', 'user:secret@registry', 'kafka://user:secret@registry']) {
        await expect(open({ url })).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
        await expect(open({ url })).rejects.not.toThrow('secret')
      }
    })
  })

  describe('registering', () => {
    it('should write nothing for a schema that is there, whatever the compatibility level', async () => {
      hold(order, withDefault)
      const registry = await open()
      expect(await registry.register('a-value', order)).toBe(11)
      const spaced = JSON.stringify(JSON.parse(withDefault), null, 2)
      expect(await registry.register('a-value', spaced)).toBe(12)
      expect(server.asked.filter(({ call }) => !call.startsWith('GET'))).toEqual([])
    })

    it('should set a new subject to BACKWARD before it registers the first schema', async () => {
      server.answers.set('PUT /config/a-value', json(200, { compatibility: 'BACKWARD' }))
      server.answers.set('POST /subjects/a-value/versions', json(200, { id: 7 }))
      expect(await (await open()).register('a-value', order)).toBe(7)
      const writes = server.asked.filter(({ call }) => !call.startsWith('GET'))
      expect(writes.map(({ call }) => call)).toEqual([
        'PUT /config/a-value',
        'POST /subjects/a-value/versions',
      ])
      expect(JSON.parse(writes[0]!.body)).toEqual({ compatibility: 'BACKWARD' })
      expect(JSON.parse(writes[1]!.body)).toEqual({ schema: order })
    })

    it('should leave a stricter level alone, and refuse a looser one', async () => {
      hold(order)
      server.answers.set('POST /subjects/a-value/versions', json(200, { id: 7 }))
      server.answers.set('GET /config/a-value', json(200, { compatibilityLevel: 'FULL_TRANSITIVE' }))
      const registry = await open()
      expect(await registry.register('a-value', withDefault)).toBe(7)
      server.answers.set('GET /config/a-value', json(200, { compatibilityLevel: 'FORWARD' }))
      const refused = registry.register('a-value', withDefault)
      await expect(refused).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' })
      await expect(refused).rejects.toThrow(/a-value.*is FORWARD and should be BACKWARD/)
    })

    it('should name the field and both versions of an incompatible schema, and not send it', async () => {
      hold(order)
      const refused = (await open()).register('a-value', withNote)
      await expect(refused).rejects.toMatchObject({
        code: 'SCHEMA_INCOMPATIBLE',
        details: { field: 'Order.note' },
      })
      await expect(refused).rejects.toThrow(
        /a-value, to be version 2, cannot read what version 1 wrote: Order\.note/,
      )
      expect(server.count('POST /subjects/a-value/versions')).toBe(0)
    })

    it("should obey the registry's own verdict", async () => {
      hold(order)
      server.answers.set('GET /config/a-value', json(200, { compatibilityLevel: 'FULL' }))
      const registry = await open()
      const verdict = { error_code: 409, message: 'the old schema cannot read field n' }
      server.answers.set('POST /subjects/a-value/versions', json(409, verdict))
      const refused = registry.register('a-value', withDefault)
      await expect(refused).rejects.toMatchObject({ code: 'SCHEMA_INCOMPATIBLE' })
      await expect(refused).rejects.toThrow(
        /version 2, incompatible with version 1: the old schema cannot read field n/,
      )
      const invalid = { error_code: 42201, message: 'Input schema is an invalid Avro schema' }
      server.answers.set('POST /subjects/a-value/versions', json(422, invalid))
      const notAvro = registry.register('a-value', withDefault)
      await expect(notAvro).rejects.toMatchObject({ code: 'SCHEMA_INVALID' })
      await expect(notAvro).rejects.toThrow('invalid Avro schema')
    })

    it('should look again when another one registers at the same time', async () => {
      server.answers.set('PUT /config/a-value', json(200, { compatibility: 'BACKWARD' }))
      server.answers.set('POST /subjects/a-value/versions', (response, asked) => {
        hold(order)
        json(409, { error_code: 409, message: 'exists already' })(response, asked)
      })
      expect(await (await open()).register('a-value', order)).toBe(11)
    })

    it('should take a level that another one sets at the same time', async () => {
      server.answers.set('PUT /config/a-value', (response, asked) => {
        server.answers.set('GET /config/a-value', json(200, { compatibilityLevel: 'BACKWARD' }))
        json(409, { error_code: 409, message: 'the rule exists already' })(response, asked)
      })
      server.answers.set('POST /subjects/a-value/versions', json(200, { id: 7 }))
      expect(await (await open()).register('a-value', order)).toBe(7)
    })

    it('should only say what to do when it may not register', async () => {
      hold(order)
      const registry = await open({ registerSchemas: 'migrate-only' })
      expect(await registry.register('a-value', order)).toBe(11)
      const refused = registry.register('a-value', withDefault)
      await expect(refused).rejects.toMatchObject({ code: 'SCHEMA_NOT_REGISTERED', recovery: 'stop' })
      await expect(refused).rejects.toThrow(/a-value .*run `order-streams migrate`/)
      await expect(registry.register('a-value', withNote)).rejects.toMatchObject({
        code: 'SCHEMA_INCOMPATIBLE',
      })
      expect(server.asked.filter(({ call }) => !call.startsWith('GET'))).toEqual([])
    })

    it('should refuse a subject of another type of schema', async () => {
      server.answers.set('GET /subjects/a-value/versions', json(200, [1]))
      const version = { subject: 'a-value', version: 1, id: 1, schema: '{}', schemaType: 'JSON' }
      server.answers.set('GET /subjects/a-value/versions/1', json(200, version))
      const refused = (await open()).register('a-value', order)
      await expect(refused).rejects.toMatchObject({ code: 'SCHEMA_INVALID' })
      await expect(refused).rejects.toThrow(/a-value.*of type JSON/)
    })

    it('should keep a subject with special characters one part of the path', async () => {
      expect(await (await open()).versions('a/../b?c-value')).toEqual([])
      expect(server.asked.at(-1)?.call).toBe('GET /subjects/a%2F..%2Fb%3Fc-value/versions')
    })
  })

  describe('while the registry is away', () => {
    it('should go on with everything known, and know nothing new', async () => {
      hold(order, withDefault)
      server.answers.set('GET /schemas/ids/5', json(200, { schema: '"string"' }))
      const logger = new CollectingLogger()
      const registry = await open({ logger })
      await registry.register('a-value', withDefault)
      expect(await registry.schemaById(5)).toBe('"string"')
      await server.stop()

      expect(await registry.register('a-value', withDefault)).toBe(12)
      expect((await registry.versions('a-value')).map(({ id }) => id)).toEqual([11, 12])
      expect(await registry.latest('a-value')).toMatchObject({ id: 12 })
      for (const [id, schema] of [
        [5, '"string"'],
        [11, order],
      ] as const) {
        expect(await registry.schemaById(id)).toBe(schema)
      }
      expect(logger.lines[0]).toMatchObject({ fields: { subject: 'a-value' } })
      for (const asked of [registry.schemaById(6), registry.versions('b-value'), registry.subjects()]) {
        await expect(asked).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', recovery: 'retry' })
      }
    })

    it('should ask once for an id that many want, and again after a failure', async () => {
      const registry = await open()
      const call = 'GET /schemas/ids/5'
      server.answers.set(call, page(503, ''))
      await expect(registry.schemaById(5)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
      server.answers.set(call, json(200, { schema: '"int"' }))
      const found = await Promise.all([1, 2, 3].map(() => registry.schemaById(5)))
      expect(found).toEqual(['"int"', '"int"', '"int"'])
      expect(await registry.schemaById(5)).toBe('"int"')
      expect(server.count(call)).toBe(2)
    })

    it('should take only the word of the registry for a schema being unknown', async () => {
      const registry = await open()
      server.always = page(404, '<html>default backend</html>')
      await expect(registry.schemaById(5)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
      server.always = undefined
      await expect(registry.schemaById(5)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' })
    })
  })
})

const url = process.env['TEST_REGISTRY_URL'] ?? ''
const title = url === '' ? ' (skipped: TEST_REGISTRY_URL=http://host:port runs it)' : ''

describe.skipIf(url === '')(`Confluent registry, on a real one${title}`, () => {
  interface Order {
    readonly id: string
    readonly amount: number
    readonly note: string | null
    readonly tags: readonly string[]
  }
  const schema: AvroSchema<Order> = {
    type: 'record',
    name: 'Order',
    namespace: 'shop',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'amount', type: 'long' },
      { name: 'note', type: ['null', 'string'], default: null },
      { name: 'tags', type: { type: 'array', items: 'string' } },
    ],
  } as const
  const value: Order = { id: 'ö-1', amount: 2 ** 40, note: 'x', tags: ['a', ''] }
  const open = () => openConfluentRegistry({ url, clock: systemClock })
  const newSubject = () => `test-${randomUUID()}-value`

  it("should write what the library's own decode reads, and read what its encode writes", async () => {
    const subject = newSubject()
    const library = new Library({ host: url })
    const codec = await avro(schema).open({ registry: await open(), subject })
    const writer = new ByteWriter()
    codec.encode(value, writer)
    expect({ ...(await library.decode(Buffer.from(writer.copy(0, writer.position)))) }).toEqual(value)

    const { id } = await library.register(
      { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
      { subject },
    )
    const bytes = await library.encode(id, value)
    expect(codec.decode(bytes, 0, bytes.length)).toEqual(value)
    expect(bytes.equals(writer.copy(0, writer.position))).toBe(true)
  })

  it('should make the registry refuse what others would register against the rule', async () => {
    const subject = newSubject()
    await (await open()).register(subject, order)
    const library = new Library({ host: url })
    const broken = library.register({ type: SchemaType.AVRO, schema: withNote }, { subject })
    await expect(broken).rejects.toMatchObject({ status: 409 })
  })

  it('should add one version when several processes register a schema at once', async () => {
    const subject = newSubject()
    const registries = await Promise.all([open(), open(), open(), open()])
    const ids = await Promise.all(registries.map((registry) => registry.register(subject, withDefault)))
    expect(new Set(ids).size).toBe(1)
    expect(await registries[0]!.versions(subject)).toMatchObject([{ id: ids[0], version: 1 }])
  })
})
