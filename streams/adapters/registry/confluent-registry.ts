/**
 * A Confluent-compatible schema registry.
 *
 * 1. What an id or a version of a subject says never changes: read once, it is kept for ever. While the registry is
 *    away, everything known goes on, a subject with the versions that it was seen to have.
 * 2. A subject is set to BACKWARD before its first schema is registered, so that no writer can come between.
 * 3. A new schema is compared with the subject's latest here, for a message that names the field; what the registry
 *    says to it counts all the same.
 */
import { messageOf, StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Logger, silentLogger } from '../../ports/observability.ts'
import type { RegisteredSchema, SchemaRegistry } from '../../ports/registry.ts'
import { parseAvroText } from '../../serde/avro-parser.ts'
import { canonicalText } from '../../serde/avro-schema.ts'
import { ConfluentClient } from './confluent-client.ts'
import { type ConfluentConnection, RegistryRefusal } from './confluent-requests.ts'
import { expectCompatible, unknownSchema } from './registry-core.ts'

export interface ConfluentRegistryOptions extends ConfluentConnection {
  readonly logger?: Logger
  /** `migrate-only`: a schema that is not there is not registered but an error. `at-start` by default. */
  readonly registerSchemas?: 'at-start' | 'migrate-only'
  /** How long a registry that is away is waited for. 60 seconds by default. */
  readonly startBudgetMs?: number
}

const firstPauseMs = 200
const longestPauseMs = 5000
/** How often a registration that met another one of the subject starts over. */
const maxAttempts = 5
/** The levels under which a new schema must read what the latest one wrote. */
const backwardLevels = ['BACKWARD', 'BACKWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE']

/**
 * Waits until the registry answers. There is nothing to close.
 * @throws REGISTRY_UNAVAILABLE when it did not within `startBudgetMs`, REGISTRY_REFUSED, CONFIGURATION_INVALID
 */
export async function openConfluentRegistry(options: ConfluentRegistryOptions): Promise<SchemaRegistry> {
  const client = new ConfluentClient(options)
  const logger = options.logger ?? silentLogger
  await waitFor(client, options.clock, logger, options.startBudgetMs ?? 60_000)
  return new ConfluentRegistry(client, logger, options.registerSchemas ?? 'at-start')
}

async function waitFor(
  client: ConfluentClient,
  clock: Clock,
  logger: Logger,
  budgetMs: number,
): Promise<void> {
  const startedMs = clock.now()
  for (let attempt = 1, pauseMs = firstPauseMs; ; attempt++) {
    try {
      await client.subjects()
      return
    } catch (error) {
      if (!isUnavailable(error)) throw error
      const waitedMs = clock.now() - startedMs
      if (waitedMs + pauseMs > budgetMs) throw gaveUp(error, attempt, waitedMs)
      logger.warn({ url: client.url, attempt, waitedMs, nextAttemptMs: pauseMs }, messageOf(error))
    }
    await new Promise<void>((resolve) => clock.setTimer(pauseMs, resolve))
    pauseMs = Math.min(longestPauseMs, pauseMs * 2)
  }
}

function gaveUp(error: StreamsError, attempts: number, waitedMs: number): StreamsError {
  const message =
    `${error.message} (asked ${attempts} times in ${waitedMs} ms): ` +
    'check that it runs, that the URL is right and that this machine can reach it'
  return new StreamsError('REGISTRY_UNAVAILABLE', message, { details: error.details, cause: error })
}

class ConfluentRegistry implements SchemaRegistry {
  private readonly client: ConfluentClient
  private readonly logger: Logger
  private readonly registerSchemas: 'at-start' | 'migrate-only'
  private readonly schemas = new Map<number, Promise<string>>()
  private readonly known = new Map<string, readonly RegisteredSchema[]>()
  /** The newest registration: the next one waits for it. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(client: ConfluentClient, logger: Logger, registerSchemas: 'at-start' | 'migrate-only') {
    this.client = client
    this.logger = logger
    this.registerSchemas = registerSchemas
  }

  register(subject: string, schema: string): Promise<number> {
    const result = this.last.then(() => this.registerInTurn(subject, schema))
    this.last = result.catch(() => {})
    return result
  }

  schemaById(id: number): Promise<string> {
    const known = this.schemas.get(id)
    if (known !== undefined) return known
    const asked = this.client.schema(id).then((schema) => {
      if (schema === null) throw unknownSchema(id)
      return schema
    })
    this.schemas.set(id, asked)
    // Only an answer is kept.
    asked.catch(() => this.schemas.delete(id))
    return asked
  }

  async latest(subject: string): Promise<RegisteredSchema | null> {
    return (await this.versions(subject)).at(-1) ?? null
  }

  async versions(subject: string): Promise<RegisteredSchema[]> {
    try {
      return await this.readVersions(subject)
    } catch (error) {
      const known = this.known.get(subject)
      if (known === undefined || !isUnavailable(error)) throw error
      this.logger.warn({ subject, versions: known.length }, `going on with what is known: ${error.message}`)
      return [...known]
    }
  }

  async subjects(): Promise<string[]> {
    return (await this.client.subjects()).sort()
  }

  private async readVersions(subject: string): Promise<RegisteredSchema[]> {
    const known = this.known.get(subject) ?? []
    const versions: RegisteredSchema[] = []
    for (const number of (await this.client.versionNumbers(subject)).sort((a, b) => a - b)) {
      const found =
        known.find(({ version }) => version === number) ?? (await this.client.version(subject, number))
      if (found !== null) versions.push(found)
    }
    this.known.set(subject, versions)
    for (const { id, schema } of versions) this.schemas.set(id, Promise.resolve(schema))
    return [...versions]
  }

  private async registerInTurn(subject: string, schema: string): Promise<number> {
    const type = parseAvroText(schema)
    const canonical = canonicalText(type)
    for (let attempt = 1; ; attempt++) {
      const versions = await this.versions(subject)
      const same = versions.find((each) => each.schema === schema || isLike(each.schema, canonical))
      if (same !== undefined) return same.id
      const latest = versions.at(-1)
      if (latest !== undefined) expectCompatible(subject, type, latest)
      if (this.registerSchemas === 'migrate-only') throw this.notRegistered(subject)
      const id = await this.tryRegister(subject, schema, latest, attempt)
      if (id !== null) return id
    }
  }

  /** Null when another one has added to the subject meanwhile: look again. */
  private async tryRegister(
    subject: string,
    schema: string,
    latest: RegisteredSchema | undefined,
    attempt: number,
  ): Promise<number | null> {
    await this.expectBackward(subject)
    try {
      const id = await this.client.register(subject, schema)
      this.schemas.set(id, Promise.resolve(schema))
      return id
    } catch (error) {
      if (!(error instanceof RegistryRefusal)) throw error
      if (error.status === 409 && attempt < maxAttempts) {
        const now = (await this.readVersions(subject)).at(-1)
        if (now?.version !== latest?.version) return null
      }
      throw refusedSchema(subject, error, latest)
    }
  }

  private async expectBackward(subject: string): Promise<void> {
    const before = await this.client.compatibility(subject)
    if (before === null && (await this.client.setCompatibility(subject, 'BACKWARD'))) return
    const level = before ?? (await this.client.compatibility(subject))
    if (level !== null && backwardLevels.includes(level)) return
    const message =
      `the compatibility level of ${subject} in the schema registry ${this.client.url} is ${level ?? 'not set'} and ` +
      'should be BACKWARD: set it, or use another topic'
    throw new StreamsError('REGISTRY_REFUSED', message, { details: { subject, level } })
  }

  private notRegistered(subject: string): StreamsError {
    const message =
      `the schema of ${subject} is not in the schema registry ${this.client.url}, and registerSchemas is ` +
      '"migrate-only": run `order-streams migrate` first'
    return new StreamsError('SCHEMA_NOT_REGISTERED', message, { details: { subject } })
  }
}

function refusedSchema(
  subject: string,
  { status, message }: RegistryRefusal,
  latest: RegisteredSchema | undefined,
): StreamsError {
  if (status === 422) {
    const whole = `the schema registry does not take the schema of ${subject}: ${message}`
    return new StreamsError('SCHEMA_INVALID', whole, { details: { subject } })
  }
  const version = latest?.version ?? 0
  const whole =
    `the schema registry finds the new schema of ${subject}, to be version ${version + 1}, incompatible with ` +
    `version ${version}: ${message}: see the compatibility level of the subject`
  return new StreamsError('SCHEMA_INCOMPATIBLE', whole, { details: { subject, version } })
}

function isLike(schema: string, canonical: string): boolean {
  try {
    return canonicalText(parseAvroText(schema)) === canonical
  } catch {
    // Another program's, which it registered with looser rules.
    return false
  }
}

function isUnavailable(error: unknown): error is StreamsError {
  return error instanceof StreamsError && error.code === 'REGISTRY_UNAVAILABLE'
}
