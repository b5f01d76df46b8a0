/**
 * The rules of a schema registry, apart from where it keeps its entries:
 *
 * 1. Ids count from 1 over all subjects; versions count from 1 within a subject.
 * 2. Schemas that differ only in documentation or notation are the same: registering one again gives its id, under
 *    another subject the same id.
 * 3. A subject's new schema must be able to read what its latest one wrote (Confluent's BACKWARD).
 */
import { StreamsError } from '../../errors.ts'
import type { RegisteredSchema } from '../../ports/registry.ts'
import { incompatibilities } from '../../serde/avro-compatibility.ts'
import { parseAvroText } from '../../serde/avro-parser.ts'
import { type AvroType, canonicalText } from '../../serde/avro-schema.ts'

export interface RegistryEntry extends RegisteredSchema {
  readonly subject: string
}

export class RegistryCore {
  private readonly schemas = new Map<number, string>()
  private readonly idsByCanonicalText = new Map<string, number>()
  private readonly subjects = new Map<string, RegistryEntry[]>()

  /**
   * What registering a schema comes to: the entry that there is, or the one to add.
   * @throws SCHEMA_INVALID, SCHEMA_INCOMPATIBLE
   */
  plan(subject: string, schema: string): { readonly entry: RegistryEntry; readonly isNew: boolean } {
    const type = parseAvroText(schema)
    const canonical = canonicalText(type)
    const entries = this.subjects.get(subject) ?? []
    const id = this.idsByCanonicalText.get(canonical) ?? this.schemas.size + 1
    const known = entries.find((entry) => entry.id === id)
    if (known !== undefined) return { entry: known, isNew: false }
    const latest = entries.at(-1)
    if (latest !== undefined) expectCompatible(subject, type, latest)
    return { entry: { subject, version: entries.length + 1, id, schema }, isNew: true }
  }

  /** Adding an entry again changes nothing. */
  add(entry: RegistryEntry): void {
    const entries = this.subjects.get(entry.subject) ?? []
    if (entries.some(({ version }) => version === entry.version)) return
    this.subjects.set(entry.subject, [...entries, entry])
    if (this.schemas.has(entry.id)) return
    this.schemas.set(entry.id, entry.schema)
    this.idsByCanonicalText.set(canonicalText(parseAvroText(entry.schema)), entry.id)
  }

  schemaById(id: number): string | undefined {
    return this.schemas.get(id)
  }

  latest(subject: string): RegisteredSchema | null {
    return this.versions(subject).at(-1) ?? null
  }

  versions(subject: string): RegisteredSchema[] {
    return (this.subjects.get(subject) ?? []).map(({ id, version, schema }) => ({ id, version, schema }))
  }

  subjectNames(): string[] {
    return [...this.subjects.keys()].sort()
  }
}

export function unknownSchema(id: number): StreamsError {
  const message = `the registry knows no schema ${id}: the record was written with another registry, or is not Avro`
  return new StreamsError('SCHEMA_UNKNOWN', message, { details: { schemaId: id } })
}

/** @throws SCHEMA_INCOMPATIBLE, naming the field and both versions */
export function expectCompatible(subject: string, type: AvroType, latest: RegisteredSchema): void {
  const problems = incompatibilities(type, parseAvroText(latest.schema))
  if (problems.length === 0) return
  const list = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  const { version } = latest
  const message = `the new schema of ${subject}, to be version ${version + 1}, cannot read what version ${version} wrote: ${list}`
  const details = { subject, field: problems[0]!.path, version }
  throw new StreamsError('SCHEMA_INCOMPATIBLE', message, { details })
}
