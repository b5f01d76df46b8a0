/** The schema registry: numbers for schemas, and the rule that a new one must read what the one before it wrote. */
export interface SchemaRegistry {
  /**
   * The id of a schema under a subject, registering it when it is new there.
   * @param schema Avro as JSON text.
   * @throws SCHEMA_INCOMPATIBLE naming the field, when the subject's latest schema wrote what this one cannot read;
   *   SCHEMA_INVALID; REGISTRY_UNAVAILABLE
   */
  register(subject: string, schema: string): Promise<number>
  /** @throws SCHEMA_UNKNOWN, REGISTRY_UNAVAILABLE */
  schemaById(id: number): Promise<string>
  /** The newest schema of a subject, or null. @throws REGISTRY_UNAVAILABLE */
  latest(subject: string): Promise<RegisteredSchema | null>
  /** All schemas of a subject, the oldest first; none when there is no such subject. @throws REGISTRY_UNAVAILABLE */
  versions(subject: string): Promise<RegisteredSchema[]>
  subjects(): Promise<string[]>
}

export interface RegisteredSchema {
  readonly id: number
  /** From 1, within the subject. */
  readonly version: number
  readonly schema: string
}
