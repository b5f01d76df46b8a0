/** The schema registry as a reader that changes nothing sees it. */
import type { RegisteredSchema, SchemaRegistry } from '../../streams/index.ts'

export function httpRegistry(url: string): SchemaRegistry {
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`${url}${path}`)
    if (!response.ok) throw new Error(`${url}${path} answers ${response.status}: ${await response.text()}`)
    // What the registry's interface promises.
    return (await response.json()) as T
  }
  const latest: SchemaRegistry['latest'] = async (subject) => {
    const { id, version, schema } = await get<RegisteredSchema>(
      `/subjects/${encodeURIComponent(subject)}/versions/latest`,
    )
    return { id, version, schema }
  }
  return {
    register: async (subject) => (await latest(subject))!.id,
    schemaById: async (id) => (await get<{ readonly schema: string }>(`/schemas/ids/${id}`)).schema,
    latest,
    versions: async (subject) => [(await latest(subject))!],
    subjects: () => get<string[]>('/subjects'),
  }
}
