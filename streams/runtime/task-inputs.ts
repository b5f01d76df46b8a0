/**
 * The inputs of a task, and which record comes next.
 *
 * Records are taken in timestamp order over the partitions. A partition that has nothing at hand but may have more is
 * waited for, so that a slow fetch changes no result; one that is known to be at its end is not, nor is one that stage commands
 * hold: the others go on without it.
 */
import { StreamsError } from '../errors.ts'
import type { LogReader, PartitionOffset } from '../ports/log.ts'
import type { InputWatermark } from '../schemas/generated/records.ts'
import type { InputTime } from '../time/input-time.ts'
import type { TaskTime } from '../time/task-time.ts'
import type { CompiledTask } from './compiled-task.ts'
import { PartitionInput } from './partition-input.ts'
import type { StartingPoint } from './starting-point.ts'
import { type InputView, knownMs } from './task-view.ts'

type Compiled = Pick<CompiledTask, 'processors' | 'readAheadStores'>

/** The time of an input, and where it is from. */
export interface TimedInput {
  readonly time: InputTime
  /** Whether tasks of the topology write it. */
  readonly isRepartition: boolean
  /** Whom replayed records that it takes are for. */
  readonly recipient: string
}

export class TaskInputs {
  private readonly inputs: readonly PartitionInput[]
  /** Those that are read on. */
  private open: readonly PartitionInput[]
  private held: ReadonlySet<string> = new Set()
  private readonly compiled: Compiled
  private readonly start: StartingPoint
  /** Where the last commit stands; before the first one, where the task began: with an external sink, what the sink holds. */
  committedOffsets: readonly PartitionOffset[]
  /** By input, since when there was nothing left to read. */
  private readonly atEndSinceMs: (number | undefined)[] = []
  /** Whether the group must be told where the task stands even if no record comes any more: others reckon the lag by it. */
  private groupIsBehind: boolean

  constructor(
    compiled: Compiled,
    reader: LogReader,
    start: StartingPoint,
    timed: (topic: string) => TimedInput,
  ) {
    this.compiled = compiled
    this.start = start
    this.committedOffsets = start.offsets
    this.groupIsBehind = start.groupIsBehind
    this.inputs = start.offsets.map(({ topic, partition, offset }, index) => {
      const processor = compiled.processors.get(topic)
      if (processor === undefined)
        throw new StreamsError('INVARIANT_VIOLATED', `no source reads topic ${topic}`)
      return new PartitionInput({
        partition: { topic, partition },
        processor,
        reader,
        startOffset: offset,
        ...timed(topic),
        repeatsTo: start.repeatsTo[index]!,
      })
    })
    this.open = this.inputs
  }

  get all(): readonly PartitionInput[] {
    return this.inputs
  }

  /** Which topics stage commands stop for now, and for which of them no time passes. */
  hold({
    stopped,
    held,
  }: {
    readonly stopped: ReadonlySet<string>
    readonly held: ReadonlySet<string>
  }): void {
    this.open = stopped.size === 0 ? this.inputs : this.inputs.filter(({ topic }) => !stopped.has(topic))
    this.held = held
    for (const { topic, time } of this.inputs) time.hold(held.has(topic))
  }

  /** Whether nothing is left to process of some topics, as far as they are read on. */
  isAtRest(topics: ReadonlySet<string>): boolean {
    return !this.open.some((input) => topics.has(input.topic) && input.mayHaveMore)
  }

  get times(): readonly InputTime[] {
    return this.inputs.map(({ time }) => time)
  }

  /** Of each input, only the record that was processed last tells the time. */
  observeProcessed(time: TaskTime): void {
    for (const input of this.inputs) {
      const slot = input.head - 1
      if (slot < 0 || input.failureOf(slot) !== undefined || input.watermarkAt(slot) !== undefined) continue
      time.observe(input.time, input.processor.timestampOf(slot), undefined)
    }
  }

  /** Tells the inputs what the clock says: one that has been at its end for long may be idle. */
  look(nowMs: number): void {
    for (let index = 0; index < this.inputs.length; index++) {
      const input = this.inputs[index]!
      const isAtEnd = !input.mayHaveMore && !(this.held.size > 0 && this.held.has(input.topic))
      this.atEndSinceMs[index] = isAtEnd ? (this.atEndSinceMs[index] ?? nowMs) : undefined
      input.time.look(nowMs, this.atEndSinceMs[index])
    }
  }

  /** Decodes what was fetched, wherever nothing is at hand, and reads the state ahead that it will touch. */
  async fill(maxRecords: number): Promise<void> {
    for (const input of this.open) {
      if (!input.isEmpty) continue
      if (input.missingSchema !== undefined) await fetchSchema(input, input.missingSchema)
      if (input.refill(maxRecords)) await this.readAhead(input)
    }
  }

  /** The input whose head is the earliest; undefined when one that may have more records has none at hand. */
  next(): PartitionInput | undefined {
    if (this.open.length === 1) {
      const only = this.open[0]!
      return only.isEmpty ? undefined : only
    }
    let earliest: PartitionInput | undefined
    for (const input of this.open) {
      if (input.isEmpty) {
        if (input.mayHaveMore) return undefined
      } else if (earliest === undefined || input.timestampOfHead() < earliest.timestampOfHead()) {
        earliest = input
      }
    }
    return earliest
  }

  /** Whether everything that the log is known to have was taken, and that may be: a fetch that is slow is not the end. */
  get isAtEnd(): boolean {
    return !this.open.some((input) => input.mayHaveMore)
  }

  /** Whether decoding waits for a schema that is to be fetched. */
  get awaitsSchema(): boolean {
    return this.open.some(({ missingSchema }) => missingSchema !== undefined)
  }

  /** What a checkpoint keeps of the time of the inputs. */
  watermarks(): InputWatermark[] {
    return this.inputs.map(({ partition: { topic }, time }) => ({
      topic,
      watermark: finiteOrNull(time.watermarkMs),
      upstream: [...time.upstream].map(({ task, watermarkMs, isIdle, hasEnded }) => ({
        task,
        watermark: finiteOrNull(watermarkMs),
        idle: isIdle,
        ended: hasEnded,
      })),
    }))
  }

  /** Whether there is something to commit: the task stands elsewhere than the last commit. */
  get hasMoved(): boolean {
    return (
      this.groupIsBehind ||
      this.inputs.some(({ nextOffset }, index) => nextOffset !== this.committedOffsets[index]!.offset)
    )
  }

  /** Grows with every offset that is passed. */
  get progress(): number {
    return this.inputs.reduce((sum, { nextOffset }) => sum + nextOffset, 0)
  }

  /** Records known to wait. */
  get lag(): number {
    return this.inputs.reduce((sum, input) => sum + input.lag, 0)
  }

  /** For whoever looks into the task. */
  views(): InputView[] {
    return this.inputs.map((input, index) => ({
      ...input.partition,
      position: input.nextOffset,
      committed: this.committedOffsets[index]!.offset,
      end: input.end ?? null,
      watermarkMs: knownMs(input.time.watermarkMs),
      isIdle: input.time.isIdle,
      hasEnded: input.time.hasEnded,
      isHeld: this.held.has(input.topic),
      upstream: [...input.time.upstream].map(({ task, watermarkMs, isIdle }) => ({
        task,
        watermarkMs: knownMs(watermarkMs),
        isIdle,
      })),
      atEndSinceMs: this.atEndSinceMs[index] ?? null,
    }))
  }

  /** Where processing stands: what a commit commits. */
  offsets(): PartitionOffset[] {
    return this.inputs.map(({ partition, nextOffset }) => ({ ...partition, offset: nextOffset }))
  }

  /** What the group is told: never to go back, because dead letters were published up to where it stands. */
  groupOffsets(): PartitionOffset[] {
    return this.offsets().map((position, index) => ({
      ...position,
      offset: Math.max(position.offset, this.start.committed[index]!.offset),
    }))
  }

  markCommitted(offsets: readonly PartitionOffset[]): void {
    this.committedOffsets = offsets
    this.groupIsBehind = false
  }

  private async readAhead(input: PartitionInput): Promise<void> {
    const stores = this.compiled.readAheadStores.get(input.processor)
    if (stores === undefined) return
    const keys: unknown[] = []
    for (let slot = input.head; slot < input.count; slot++) {
      if (input.failureOf(slot) === undefined && input.watermarkAt(slot) === undefined)
        keys.push(input.processor.keyOf(slot))
    }
    for (const store of stores) {
      const reading = store.readAhead(keys)
      if (reading !== undefined) await reading
    }
  }
}

export function finiteOrNull(timeMs: number): number | null {
  return Number.isFinite(timeMs) ? timeMs : null
}

async function fetchSchema(input: PartitionInput, id: number): Promise<void> {
  try {
    await input.processor.loadSchema(id)
    input.missingSchema = undefined
  } catch (error) {
    if (!(error instanceof StreamsError) || error.code !== 'SCHEMA_UNKNOWN') throw error
    input.failMissingSchema(error)
  }
}
