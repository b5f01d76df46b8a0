/** A schema registry in memory. The same calls in the same order give the same ids. */
import { RegistryCore, unknownSchema } from '../adapters/registry/registry-core.ts'
import type { RegisteredSchema, SchemaRegistry } from '../ports/registry.ts'

export class MemoryRegistry implements SchemaRegistry {
  private readonly core = new RegistryCore()

  async register(subject: string, schema: string): Promise<number> {
    const { entry, isNew } = this.core.plan(subject, schema)
    if (isNew) this.core.add(entry)
    return entry.id
  }

  async schemaById(id: number): Promise<string> {
    const schema = this.core.schemaById(id)
    if (schema === undefined) throw unknownSchema(id)
    return schema
  }

  async latest(subject: string): Promise<RegisteredSchema | null> {
    return this.core.latest(subject)
  }

  async versions(subject: string): Promise<RegisteredSchema[]> {
    return this.core.versions(subject)
  }

  async subjects(): Promise<string[]> {
    return this.core.subjectNames()
  }
}
