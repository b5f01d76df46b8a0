/** Whether a schema of the code can read what was written under its subject. */
import type { RegisteredSchema } from '../ports/registry.ts'
import { incompatibilities } from '../serde/avro-compatibility.ts'
import { parseAvroText } from '../serde/avro-parser.ts'
import { canonicalText } from '../serde/avro-schema.ts'

export interface SchemaPlan {
  readonly verdict: 'keep' | 'new' | 'incompatible'
  /** Whether the code has a schema for the subject, and one was registered before: then schemas decide, whatever serdes are named. */
  readonly isCompared: boolean
  /** Whether another schema was registered under the subject last. */
  readonly isChanged: boolean
  readonly text: string
  readonly remedy: string | null
}

const uncompared = { isCompared: false, isChanged: false, remedy: null } as const

/** For a subject of which the code has no schema, it is kept: what is not Avro is in no registry. */
export function planSchema(
  subject: string,
  schemas: ReadonlyMap<string, string>,
  registered: ReadonlyMap<string, readonly RegisteredSchema[]>,
): SchemaPlan {
  const own = schemas.get(subject)
  const versions = registered.get(subject) ?? []
  const latest = versions.at(-1)
  if (own === undefined) return { ...uncompared, verdict: 'keep', text: 'has no schema' }
  if (latest === undefined) return { ...uncompared, verdict: 'new', text: 'is registered as version 1' }
  const type = parseAvroText(own)
  const canonical = canonicalText(type)
  const known = versions.find(({ schema }) => canonicalText(parseAvroText(schema)) === canonical)
  const compared = { isCompared: true, isChanged: known !== latest } as const
  if (known !== undefined && known === latest)
    return { ...compared, verdict: 'keep', text: `is version ${known.version}`, remedy: null }
  const problems = incompatibilities(type, parseAvroText(latest.schema))
  if (problems.length === 0 && known !== undefined)
    return {
      ...compared,
      verdict: 'keep',
      text: `is version ${known.version} of ${latest.version}, and reads what the last one wrote`,
      remedy: null,
    }
  if (problems.length === 0)
    return {
      ...compared,
      verdict: 'new',
      text: `is registered as version ${latest.version + 1}`,
      remedy: null,
    }
  const list = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return {
    verdict: 'incompatible',
    ...compared,
    text: `cannot read what version ${latest.version} wrote (${list}): the release does not start`,
    remedy:
      'change the schema so that it can: a field that is added needs a default, and none may change its type or name without an alias',
  }
}
