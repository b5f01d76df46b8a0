/**
 * The commands of a topology as one instance follows them: read to their end before any task runs, and followed from then on.
 *
 * Invariants:
 * 1. What cannot be read on ends the topology: nobody goes on against a command in silence.
 * 2. A task that is being opened waits for what was commanded before: a command that was acknowledged holds it, wherever it moves.
 */
import { recoveryOf } from '../../errors.ts'
import type { LogReader } from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { internalTopics } from '../../topology/topology.ts'
import { retryPauseMs } from '../retry-pause.ts'
import { Signal } from '../signal.ts'
import { type CommandLogParts, readCommands } from './command-log.ts'
import type { CommandTable } from './command-table.ts'
import type { StandingCommand } from './stage.ts'

/** Commands as tasks look at them. */
export interface StageCommands {
  /** Changes whenever anything below does. */
  readonly version: number
  /** Of the newest command. */
  readonly revision: number
  all(): Iterable<StandingCommand>
  /** Whether all tasks of a stage have done a drain, by its id. */
  isDrained(holdId: string): boolean
  /** Resolves once everything is known that was committed before the call, or when it is cancelled. */
  catchUp(isCancelled?: () => boolean): Promise<void>
  /** Called after each change. */
  onChange(changed: () => void): void
}

export class CommandFollower implements StageCommands {
  version = 0
  private readonly parts: CommandLogParts
  private readonly news: Signal
  private readonly listeners: (() => void)[] = []
  private readonly drained = new Set<string>()
  private table: CommandTable | undefined
  private reader: LogReader | undefined
  private following: Promise<void> | undefined
  private isClosed = false
  private readOffset = 0
  private onFailed: (error: unknown) => void = () => {}

  constructor(parts: CommandLogParts) {
    this.parts = parts
    this.news = new Signal(parts.clock)
  }

  /** Reads what stands, then follows. @throws whatever the log or the registry throws */
  async start(isCancelled?: () => boolean): Promise<void> {
    const { log } = this.parts
    const { table, nextOffset } = await readCommands(this.parts, isCancelled)
    this.table = table
    this.readOffset = nextOffset
    this.reader = log.openReader({
      onReady: () => this.news.notify(),
      onError: (_partition, error) => this.fail(error),
    })
    this.reader.follow(this.partition, nextOffset)
    this.changed()
    this.following = this.follow(table, this.reader)
  }

  /** Called once when the commands cannot be followed on. */
  whenFailed(onFailed: (error: unknown) => void): void {
    this.onFailed = onFailed
  }

  onChange(changed: () => void): void {
    this.listeners.push(changed)
  }

  get revision(): number {
    return this.table?.revision ?? 0
  }

  all(): Iterable<StandingCommand> {
    return this.table?.all() ?? []
  }

  isDrained(holdId: string): boolean {
    return this.drained.has(holdId)
  }

  /** All tasks of the stage have done it. */
  setDrained(holdId: string): void {
    if (this.drained.has(holdId)) return
    this.drained.add(holdId)
    this.changed()
  }

  async catchUp(isCancelled: () => boolean = () => false): Promise<void> {
    const [range] = await this.parts.log.offsetRanges([this.partition])
    const end = range?.end ?? 0
    while (this.readOffset < end && !this.isClosed && !isCancelled()) {
      this.news.notify()
      await new Signal(this.parts.clock).wait(catchUpPollMs)
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.news.notify()
    await this.following
    await this.reader?.close()
  }

  private get partition() {
    return { topic: internalTopics.control(this.parts.topologyName), partition: 0 }
  }

  private async follow(table: CommandTable, reader: LogReader): Promise<void> {
    try {
      while (!this.isClosed) {
        const batch = reader.take(this.partition)
        if (batch !== null && batch.length > 0) {
          await this.applyPatiently(table, batch)
          this.changed()
        }
        this.readOffset = reader.position(this.partition)
        if (batch === null) await this.news.wait(undefined)
      }
    } catch (error) {
      this.fail(error)
    }
  }

  /** The registry may be away for a while when a command is in a schema that it has to be asked for. */
  private async applyPatiently(table: CommandTable, batch: RecordBatch): Promise<void> {
    const { settings, clock } = this.parts
    for (let attempt = 1; !this.isClosed; attempt++) {
      try {
        // What was applied before it failed is applied again, to the same effect.
        return await table.apply(batch)
      } catch (error) {
        if (recoveryOf(error) !== 'retry' || attempt > settings.taskMaxAttempts) throw error
        await new Signal(clock).pause(retryPauseMs(settings, attempt), () => this.isClosed)
      }
    }
  }

  private changed(): void {
    this.version++
    for (const listener of this.listeners) listener()
  }

  private fail(error: unknown): void {
    if (this.isClosed) return
    this.isClosed = true
    this.news.notify()
    this.onFailed(error)
  }
}

const catchUpPollMs = 5
