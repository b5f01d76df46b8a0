/**
 * Requests to a Confluent-compatible schema registry, over the HTTP client of @kafkajs/confluent-schema-registry.
 *
 * 1. A request has one deadline over all of it, by the Clock port; the library's own retries are off.
 * 2. Only what a registry says itself counts as an answer. A proxy's page, a redirect or half an answer is the same to
 *    callers as none: REGISTRY_UNAVAILABLE.
 * 3. Name and password are in no message: they are taken out of the URL before anything else sees it.
 */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import { SchemaRegistry as Library } from '@kafkajs/confluent-schema-registry'
import { messageOf, StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'

export interface ConfluentConnection {
  /** `http://host:8081`, with the path under which the API lies, if any. It may hold `user:password@`. */
  readonly url: string
  readonly clock: Clock
  /** For HTTP's basic authentication. */
  readonly username?: string
  readonly password?: string
  /** For https: Node's options, such as `ca`, or `cert` and `key` of a client certificate. */
  readonly tls?: ConnectionOptions
  /** How long one request may take in all. 10 seconds by default. */
  readonly requestTimeoutMs?: number
}

/** The registry's own "no" to a request, for those that expect it. Never leaves the adapter. */
export class RegistryRefusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'RegistryRefusal'
    this.status = status
  }
}

export type Api = Library['api']
/** What the data of an answer says; undefined when it is not the answer of a registry. */
export type Read<T> = (data: unknown) => T | undefined
type Call = (api: Api, signal: AbortSignal) => Promise<{ data(): unknown }>

const clientId = 'order-streams'

export class ConfluentRequests {
  /** For messages: without name and password. */
  readonly url: string
  private readonly api: Api
  private readonly clock: Clock
  private readonly requestTimeoutMs: number

  /** @throws CONFIGURATION_INVALID */
  constructor(connection: ConfluentConnection) {
    const { clock, tls = {}, requestTimeoutMs = 10_000 } = connection
    const { host, auth } = addressOf(connection)
    this.url = host
    this.clock = clock
    this.requestTimeoutMs = requestTimeoutMs
    // A socket per request: they are few, and a kept one may be dead by the next.
    const agent = host.startsWith('https:')
      ? new HttpsAgent({ ...tls, keepAlive: false })
      : new HttpAgent({ keepAlive: false })
    const retry = { retries: 0 }
    const library = new Library({ host, clientId, agent, retry, ...(auth === undefined ? {} : { auth }) })
    // The class on top of it hides the schemas' texts and cannot list versions.
    this.api = library['api']
  }

  /**
   * @throws RegistryRefusal of the `expected` status; REGISTRY_UNAVAILABLE, REGISTRY_REFUSED
   */
  async ask<T>(call: Call, read: Read<T>, expected: readonly number[] = []): Promise<T> {
    const data = await this.answer(call, expected)
    const answer = read(data)
    if (answer !== undefined) return answer
    throw this.unavailable(`the answer is not a schema registry's: ${excerpt(data)}`)
  }

  private async answer(call: Call, expected: readonly number[]): Promise<unknown> {
    try {
      return (await this.withDeadline(call)).data()
    } catch (error) {
      const explained = this.explained(error)
      if (!(explained instanceof RegistryRefusal) || expected.includes(explained.status)) throw explained
      throw this.refused(explained)
    }
  }

  /** The library never settles a call whose answer breaks off, so that this has to end it. */
  private withDeadline(call: Call): ReturnType<Call> {
    const controller = new AbortController()
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimer(this.requestTimeoutMs, () => {
        reject(this.unavailable(`no answer within ${this.requestTimeoutMs} ms`))
        controller.abort()
      })
      call(this.api, controller.signal)
        .then(resolve, reject)
        .finally(() => timer.cancel())
    })
  }

  private explained(error: unknown): unknown {
    const status = error instanceof Error && 'status' in error ? Number(error.status) : Number.NaN
    if (Number.isNaN(status)) return error
    const text = messageOf(error).replace(`${clientId} - `, '')
    // How the library tells of an answer without a registry's message, and, as status 400, of a failing network.
    const foreign = /^Error, status \d+(?:: (.*))?$/s.exec(text)
    if (foreign !== null) {
      const reason = excerpt(foreign[1] ?? '') || 'no connection could be made'
      if (status === 400 && /certificate/i.test(reason)) return this.untrusted(reason)
      return this.unavailable(status === 400 ? reason : `HTTP status ${status}: ${reason}`)
    }
    if (status >= 500 || status === 408 || status === 429)
      return this.unavailable(`it answers ${status}: ${excerpt(text)}`)
    return new RegistryRefusal(status, excerpt(text))
  }

  private unavailable(reason: string): StreamsError {
    const message = `the schema registry ${this.url} is not available: ${reason}`
    return new StreamsError('REGISTRY_UNAVAILABLE', message, { details: { url: this.url } })
  }

  /** Of either side: what is wrong with a certificate does not pass. */
  private untrusted(reason: string): StreamsError {
    const message =
      `no connection to the schema registry ${this.url}: ${reason}: its certificate has to be for that host, and of an authority that ` +
      'is trusted (a file with it is named by NODE_EXTRA_CA_CERTS)'
    return new StreamsError('REGISTRY_REFUSED', message, { details: { url: this.url } })
  }

  private refused({ status, message }: RegistryRefusal): StreamsError {
    const remedy =
      status === 401 || status === 403
        ? "check the registry's user name and password, and what that user may do"
        : 'check that the URL is that of a Confluent-compatible API, with its path (/apis/ccompat/v7 of Apicurio)'
    const whole = `the schema registry ${this.url} answers ${status}: ${message}: ${remedy}`
    return new StreamsError('REGISTRY_REFUSED', whole, { details: { url: this.url, status } })
  }
}

interface Address {
  readonly host: string
  readonly auth: { readonly username: string; readonly password: string } | undefined
}

function addressOf({ url, username = '', password = '' }: ConfluentConnection): Address {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    // Not quoted: it may hold a password.
    const message =
      "the schema registry's URL is not one: give it as http://host:8081 or https://host/path, " +
      'with the special characters of a password %-encoded'
    throw new StreamsError('CONFIGURATION_INVALID', message, { details: { setting: 'url' } })
  }
  const host = `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/\/+$/, '')}`
  if (username !== '') return { host, auth: { username, password } }
  if (parsed.username === '') return { host, auth: undefined }
  const auth = {
    username: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
  }
  return { host, auth }
}

function excerpt(data: unknown): string {
  const text = typeof data === 'string' ? data : (JSON.stringify(data) ?? '')
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > 300 ? `${line.slice(0, 300)}…` : line
}
