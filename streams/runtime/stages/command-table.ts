/** The commands that stand for the stages of a topology: of each stage the newest for its flow, and the newest for its rate. */
import type { RecordBatch } from '../../records/record-batch.ts'
import { valueAt } from '../../records/record-batch.ts'
import type { StageCommand } from '../../schemas/generated/records.ts'
import { type Codec, SchemaNotLoaded } from '../../serde/serde.ts'
import type { StandingCommand } from './stage.ts'

/** The key of a command's record: a pause does not undo a limit. */
export function keyOf({
  kind,
  sub_topology,
  operator,
}: Pick<StageCommand, 'kind' | 'sub_topology' | 'operator'>): string {
  const facet = kind === 'LIMIT' ? 'rate' : 'flow'
  return [facet, sub_topology, operator].filter((part) => part !== null).join('/')
}

export class CommandTable {
  /** Of the newest command; 0 before the first. */
  revision = 0
  private readonly commands = new Map<string, StandingCommand>()
  private readonly codec: Codec<StageCommand>

  constructor(codec: Codec<StageCommand>) {
    this.codec = codec
  }

  /** In the order of their keys. */
  all(): StandingCommand[] {
    return [...this.commands].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, command]) => command)
  }

  of(stage: Pick<StageCommand, 'kind' | 'sub_topology' | 'operator'>): StandingCommand | undefined {
    return this.commands.get(keyOf(stage))
  }

  /** @throws REGISTRY_UNAVAILABLE, SCHEMA_UNKNOWN, RECORD_NOT_DECODABLE */
  async apply(batch: RecordBatch): Promise<void> {
    for (let index = 0; index < batch.length; index++) {
      const value = valueAt(batch, index)
      if (value === null) continue
      const command = await this.decode(value)
      this.revision = batch.offsets[index]! + 1
      this.commands.set(keyOf(command), { ...command, revision: this.revision })
    }
  }

  private async decode(value: Uint8Array): Promise<StageCommand> {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length)
    try {
      return this.codec.decode(bytes, 0, bytes.length)
    } catch (error) {
      if (!(error instanceof SchemaNotLoaded)) throw error
      await this.codec.loadSchema?.(error.schemaId)
      return this.codec.decode(bytes, 0, bytes.length)
    }
  }
}
