/** The newest checkpoint of every task of a topology, read from its compacted checkpoint topic. */
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { valueAt } from '../records/record-batch.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import type { Codec } from '../serde/serde.ts'
import { followToEnd } from './follow-to-end.ts'

export class CheckpointView {
  private readonly ports: { readonly log: Log; readonly clock: Clock }
  private readonly topic: string
  private readonly codec: Codec<Checkpoint>
  private readonly newest = new Map<string, Checkpoint>()
  private offset: number | undefined
  private refreshing: Promise<void> | undefined

  constructor(ports: { readonly log: Log; readonly clock: Clock }, topic: string, codec: Codec<Checkpoint>) {
    this.ports = ports
    this.topic = topic
    this.codec = codec
  }

  /** The newest checkpoint as of the last `refresh`. */
  of(taskId: string): Checkpoint | undefined {
    return this.newest.get(taskId)
  }

  /** Reads what was committed before the call. */
  async refresh(): Promise<void> {
    // A read that is under way may have begun before the commit that this caller must see.
    await this.refreshing
    this.refreshing ??= this.read().finally(() => {
      this.refreshing = undefined
    })
    await this.refreshing
  }

  private async read(): Promise<void> {
    const partition = { topic: this.topic, partition: 0 }
    const [range] = await this.ports.log.offsetRanges([partition])
    const from = Math.max(this.offset ?? 0, range?.start ?? 0)
    const [end] = await followToEnd(this.ports, [{ ...partition, offset: from }], (batch) => {
      for (let index = 0; index < batch.length; index++) {
        const value = valueAt(batch, index)
        if (value === null) continue
        const checkpoint = this.codec.decode(value, 0, value.length)
        this.newest.set(checkpoint.task, checkpoint)
      }
    })
    this.offset = end?.offset ?? from
  }
}
