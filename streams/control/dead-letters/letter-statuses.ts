/** What has become of the letters of a topology, read from its compacted status topic and followed on by offset. */
import type { SchemaRegistry } from '../../ports/registry.ts'
import { keyAt, valueAt } from '../../records/record-batch.ts'
import { followToEnd } from '../../runtime/follow-to-end.ts'
import type { DeadLetterStatus } from '../../schemas/generated/records.ts'
import type { Codec } from '../../serde/serde.ts'
import type { Topic } from '../../serde/topic.ts'
import { nameOf, type RecordPlace } from './letter.ts'
import { checkGoesOn, decodeLoading, type ReadingPorts, rangesOf } from './reading.ts'

export class LetterStatuses {
  readonly topic: Topic<string, DeadLetterStatus>
  private readonly ports: ReadingPorts
  private readonly registry: SchemaRegistry
  private opening: Promise<Codec<DeadLetterStatus>> | undefined
  private readonly byName = new Map<string, DeadLetterStatus>()
  /** By the place of a copy that was sent. */
  private readonly attempts = new Map<string, number>()
  private offset = 0
  private refreshing: Promise<void> | undefined

  constructor(ports: ReadingPorts, topic: Topic<string, DeadLetterStatus>, registry: SchemaRegistry) {
    this.ports = ports
    this.topic = topic
    this.registry = registry
  }

  /** How statuses are written. @throws SCHEMA_NOT_REGISTERED, REGISTRY_UNAVAILABLE */
  codec(): Promise<Codec<DeadLetterStatus>> {
    const { topic, registry } = this
    this.opening ??= topic.value
      .open({ registry, subject: `${topic.name}-value` })
      .catch((error: unknown) => {
        this.opening = undefined
        throw error
      })
    return this.opening
  }

  /** As of the last `refresh`; undefined while it is pending. */
  of(place: RecordPlace): DeadLetterStatus | undefined {
    return this.byName.get(nameOf(place))
  }

  /** How often a record had been tried before it came to lie at a place: 0 unless it is the copy of a replay. */
  attemptsBefore(place: RecordPlace): number {
    return this.attempts.get(nameOf(place)) ?? 0
  }

  /** Reads what was committed before the call. */
  async refresh(signal?: AbortSignal): Promise<void> {
    // A read that is under way may have begun before the commit that this caller must see.
    await this.refreshing?.catch(() => {})
    this.refreshing ??= this.read().finally(() => {
      this.refreshing = undefined
    })
    await this.refreshing
    checkGoesOn(signal)
  }

  private async read(): Promise<void> {
    const [range] = await rangesOf(this.ports, this.topic.name)
    // As long as nothing was ever settled nobody may have made it: whoever only looks makes nothing.
    if (range === undefined || range.end === this.offset) return
    const partition = { topic: this.topic.name, partition: 0 }
    const from = Math.max(this.offset, range.start)
    const codec = await this.codec()
    const [end] = await followToEnd(this.ports, [{ ...partition, offset: from }], async (batch) => {
      for (let index = 0; index < batch.length; index++) {
        const name = keyAt(batch, index)?.toString()
        const value = valueAt(batch, index)
        if (name === undefined || value === null) continue
        const status = await decodeLoading(codec, value)
        this.byName.set(name, status)
        if (status.replayed_as !== null)
          this.attempts.set(nameOf(status.replayed_as), status.replayed_as.attempts_before)
      }
    })
    this.offset = end?.offset ?? from
  }
}
