/** The calls of a Confluent-compatible schema registry that the adapter makes, with their answers checked. */
import { StreamsError } from '../../errors.ts'
import type { RegisteredSchema } from '../../ports/registry.ts'
import {
  type ConfluentConnection,
  ConfluentRequests,
  type Read,
  RegistryRefusal,
} from './confluent-requests.ts'

/** The library has no call for it, but takes another path for any. */
const versionsPath = '/subjects/{subject}/versions'

/** All calls throw REGISTRY_UNAVAILABLE and REGISTRY_REFUSED. */
export class ConfluentClient {
  private readonly requests: ConfluentRequests

  /** @throws CONFIGURATION_INVALID */
  constructor(connection: ConfluentConnection) {
    this.requests = new ConfluentRequests(connection)
  }

  /** For messages: without name and password. */
  get url(): string {
    return this.requests.url
  }

  subjects(): Promise<string[]> {
    return this.requests.ask((api, signal) => api.Subject.all({ signal }), listOf('string'))
  }

  /** None when there is no such subject. */
  async versionNumbers(subject: string): Promise<number[]> {
    const path = versionsPath
    const numbers = this.requests.ask(
      (api, signal) => api.Subject.all({ path, subject, signal }),
      listOf('number'),
      [404],
    )
    return (await orNull(numbers)) ?? []
  }

  /** Null when it was deleted meanwhile. @throws SCHEMA_INVALID when it is not Avro */
  async version(subject: string, version: number): Promise<RegisteredSchema | null> {
    const call = this.requests.ask(
      (api, signal) => api.Subject.version({ subject, version, signal }),
      readSchema,
      [404],
    )
    const found = await orNull(call)
    if (found === null) return null
    if (found.type !== 'AVRO') {
      const message =
        `version ${version} of ${subject} in the schema registry ${this.url} is of type ${found.type}: ` +
        'only Avro can be read, so use another topic'
      throw new StreamsError('SCHEMA_INVALID', message, { details: { subject, version } })
    }
    return { id: found.id, version, schema: found.schema }
  }

  /** Null when there is none. */
  async schema(id: number): Promise<string | null> {
    const call = this.requests.ask(
      (api, signal) => api.Schema.find({ id, signal }),
      (data) => textIn(data, 'schema'),
      [404],
    )
    return orNull(call)
  }

  /** The compatibility level of the subject's own; null when it has none and the registry's holds. */
  async compatibility(subject: string): Promise<string | null> {
    const call = this.requests.ask(
      (api, signal) => api.Subject.config({ subject, signal }),
      (data) => textIn(data, 'compatibilityLevel')?.toUpperCase(),
      [404],
    )
    return orNull(call)
  }

  /** False when another process was setting it at the same time, which Apicurio refuses with 409. */
  async setCompatibility(subject: string, compatibility: string): Promise<boolean> {
    const call = this.requests.ask(
      (api, signal) => api.Subject.updateConfig({ subject, body: { compatibility }, signal }),
      attributesOf,
      [409],
    )
    return (await orNull(call)) !== null
  }

  /** @throws RegistryRefusal 409: incompatible, or added by another at the same time; 422: not a schema */
  register(subject: string, schema: string): Promise<number> {
    return this.requests.ask(
      (api, signal) => api.Subject.register({ subject, body: { schema }, signal }),
      (data) => numberIn(data, 'id'),
      [409, 422],
    )
  }
}

async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof RegistryRefusal) return null
    throw error
  }
}

function listOf(type: 'string'): Read<string[]>
function listOf(type: 'number'): Read<number[]>
function listOf(type: string): Read<unknown[]> {
  return (data) => (Array.isArray(data) && data.every((each) => typeof each === type) ? data : undefined)
}

function attributesOf(data: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof data === 'object' && data !== null ? { ...data } : undefined
}

function textIn(data: unknown, name: string): string | undefined {
  const value = attributesOf(data)?.[name]
  return typeof value === 'string' ? value : undefined
}

function numberIn(data: unknown, name: string): number | undefined {
  const value = attributesOf(data)?.[name]
  return typeof value === 'number' ? value : undefined
}

function readSchema(data: unknown): { id: number; schema: string; type: string } | undefined {
  const [id, schema] = [numberIn(data, 'id'), textIn(data, 'schema')]
  return id === undefined || schema === undefined
    ? undefined
    : { id, schema, type: textIn(data, 'schemaType') ?? 'AVRO' }
}
