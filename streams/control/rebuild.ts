/**
 * State rebuilt from changelogs in a scratch database, beside whatever state its task has: for comparing the two, for writing it down, and
 * for knowing what a changelog amounts to.
 *
 * Invariants:
 * 1. It is the fold of the changelogs from their first record to the offsets that it was told, exactly: what lies behind is not in it.
 * 2. The database has a name of its own, is begun anew by each rebuild, and destroyed after it. One that a killed process left is destroyed
 *    by the next rebuild of the same task for the same purpose.
 */
import type { Clock } from '../ports/clock.ts'
import type { Log, PartitionOffset } from '../ports/log.ts'
import type { StoreEntry, StoreProvider } from '../ports/store.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { ChangelogReplay } from '../runtime/changelog-replay.ts'
import { followToEnd } from '../runtime/follow-to-end.ts'
import { endOfPrefix, section, TaskDatabase } from '../state/task-database.ts'
import { internalTopics } from '../topology/topology.ts'

export interface RebuildPorts {
  readonly log: Log
  readonly clock: Clock
  /** Where the scratch database is made. */
  readonly stores: StoreProvider
}

export interface RebuildTarget {
  readonly topology: string
  readonly task: string
  readonly partition: number
  /** Names of its stores. */
  readonly stores: readonly string[]
  /** What it is for: two purposes do not meet. */
  readonly purpose: 'verify' | 'savepoint'
}

export interface RebuildProgress {
  /** In changelog offsets, over all stores. */
  readonly done: number
  readonly total: number
}

export interface RebuildOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: RebuildProgress) => void
}

export class Rebuild {
  private readonly ports: RebuildPorts
  private readonly target: RebuildTarget
  private readonly database: TaskDatabase
  private readonly replay: ChangelogReplay

  private constructor(ports: RebuildPorts, target: RebuildTarget, database: TaskDatabase) {
    this.ports = ports
    this.target = target
    this.database = database
    const stores = target.stores.map((name) => ({ name }))
    this.replay = new ChangelogReplay({
      ...ports,
      topologyName: target.topology,
      partition: target.partition,
      database,
      stores,
      settings: { stateMaxAgeMs: Number.POSITIVE_INFINITY },
    })
  }

  /** With nothing in it yet. Close it, whatever happens. */
  static async begin(ports: RebuildPorts, target: RebuildTarget): Promise<Rebuild> {
    await Rebuild.discard(ports, target)
    return Rebuild.resume(ports, target)
  }

  /** With what it had when it was suspended. */
  static async resume(ports: RebuildPorts, target: RebuildTarget): Promise<Rebuild> {
    const name = scratchName(target)
    const stores = target.stores.map((store) => ({ name: store }))
    return new Rebuild(ports, target, await TaskDatabase.open(ports.stores, name, stores))
  }

  /**
   * Reads the changelogs on, up to these offsets by store, or to where they end now. Of a store that is not named nothing is read.
   * @throws CLOSED when the signal was aborted; STATE_CORRUPT when the changelogs were deleted meanwhile
   */
  async catchUp(
    to: Readonly<Record<string, number>> | 'end',
    { signal, onProgress }: RebuildOptions = {},
  ): Promise<Readonly<Record<string, number>>> {
    const { topology, stores } = this.target
    const positions = await this.replay.positions()
    const ranges = await this.ports.log.offsetRanges(positions)
    const limits = new Map(
      stores.map((store) => {
        const topic = internalTopics.changelog(topology, store)
        const end = ranges.find((range) => range.topic === topic)?.end ?? 0
        return [topic, to === 'end' ? end : (to[store] ?? 0)]
      }),
    )
    const limitOf = (topic: string): number => limits.get(topic) ?? 0
    const from = positions.filter(({ topic, offset }) => offset < limitOf(topic))
    const done = new Map<string, number>()
    const total = sum(from.map(({ topic, offset }) => limitOf(topic) - offset))
    await followToEnd(
      this.ports,
      from,
      (batch) => this.replay.apply(upTo(batch, limitOf(batch.topic))),
      ({ partition: { topic }, offset }) => {
        const begin = from.find((position) => position.topic === topic)?.offset ?? offset
        done.set(topic, Math.min(offset, limitOf(topic)) - begin)
        onProgress?.({ done: sum([...done.values()]), total })
      },
      () => signal?.aborted === true,
    )
    const reached = positions.map((position) => ({
      ...position,
      offset: Math.max(position.offset, limitOf(position.topic)),
    }))
    this.replay.complete(reached, this.ports.clock.now())
    return this.database.position.changelogOffsets
  }

  /** The rows of a store in the order of their keys, as they lie in its changelog. Must be run to its end or `return`ed. */
  *rows(store: string): IterableIterator<StoreEntry> {
    const prefix = this.database.prefix(store, section.rows)
    for (const { key, value } of this.database.store.range({ from: prefix, to: endOfPrefix(prefix) }))
      yield { key: key.subarray(prefix.length), value }
  }

  get(store: string, key: Uint8Array): Buffer | undefined {
    return this.database.store.get(Buffer.concat([this.database.prefix(store, section.rows), key]))
  }

  /** Closes it, to be resumed or discarded. */
  suspend(): Promise<void> {
    return this.database.close()
  }

  static async discard(ports: RebuildPorts, target: RebuildTarget): Promise<void> {
    await ports.stores.destroy(scratchName(target))
  }

  /** Closes and destroys it. */
  async close(): Promise<void> {
    await this.database.close()
    await Rebuild.discard(this.ports, this.target)
  }
}

/** The first offset that each changelog of a task still has, by store. */
export async function changelogStarts(
  log: Log,
  { topology, partition, stores }: Pick<RebuildTarget, 'topology' | 'partition' | 'stores'>,
): Promise<Readonly<Record<string, number>>> {
  const ranges = await log.offsetRanges(changelogsOf({ topology, partition, stores }))
  return Object.fromEntries(stores.map((store, index) => [store, ranges[index]!.start]))
}

export function changelogsOf({
  topology,
  partition,
  stores,
}: Pick<RebuildTarget, 'topology' | 'partition' | 'stores'>): PartitionOffset[] {
  return stores.map((store) => ({
    topic: internalTopics.changelog(topology, store),
    partition,
    offset: 0,
  }))
}

function scratchName({ topology, task, purpose }: RebuildTarget): string {
  return `scratch-${purpose}/${topology}/${task.replaceAll('+', '.')}`
}

/** The records of a batch that lie before an offset. */
function upTo(batch: RecordBatch, limit: number): RecordBatch {
  if (batch.nextOffset <= limit) return batch
  let length = batch.length
  while (length > 0 && batch.offsets[length - 1]! >= limit) length--
  return { ...batch, length, nextOffset: limit }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
