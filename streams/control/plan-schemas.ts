/** Whether a schema of the code can read what was written under its subject. */
import type { RegisteredSchema } from '../ports/registry.ts'
import { incompatibilities } from '../serde/avro-compatibility.ts'
import { parseAvroText } from '../serde/avro-parser.ts'
import { canonicalText } from '../serde/avro-schema.ts'

export interface SchemaPlan {
  readonly verdict: 'keep' | 'new' | 'incompatible'
  /** Whether another schema was registered under the subject before. */
  readonly isChanged: boolean
  readonly text: string
  readonly remedy: string | null
}

/** For a subject of which the code has no schema, it is kept: what is not Avro is in no registry. */
export function planSchema(
  subject: string,
  schemas: ReadonlyMap<string, string>,
  registered: ReadonlyMap<string, readonly RegisteredSchema[]>,
): SchemaPlan {
  const own = schemas.get(subject)
  const versions = registered.get(subject) ?? []
  const latest = versions.at(-1)
  if (own === undefined) return { verdict: 'keep', isChanged: false, text: 'has no schema', remedy: null }
  if (latest === undefined)
    return { verdict: 'new', isChanged: false, text: 'is registered as version 1', remedy: null }
  const type = parseAvroText(own)
  const canonical = canonicalText(type)
  const known = versions.find(({ schema }) => canonicalText(parseAvroText(schema)) === canonical)
  if (known !== undefined) {
    const text = `is version ${known.version}${known === latest ? '' : ` of ${latest.version}: an earlier release`}`
    return { verdict: 'keep', isChanged: known !== latest, text, remedy: null }
  }
  const problems = incompatibilities(type, parseAvroText(latest.schema))
  if (problems.length === 0)
    return {
      verdict: 'new',
      isChanged: true,
      text: `is registered as version ${latest.version + 1}`,
      remedy: null,
    }
  const list = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return {
    verdict: 'incompatible',
    isChanged: true,
    text: `cannot read what version ${latest.version} wrote (${list}): the release does not start`,
    remedy:
      'change the schema so that it can: a field that is added needs a default, and none may change its type or name without an alias',
  }
}
