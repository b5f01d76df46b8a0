/**
 * Making a savepoint: a consistent cut through a topology, written to files.
 *
 *     rebuild state from the changelogs, while the topology runs        most of the work
 *     let it stand still, with all that it read committed
 *     read where each task stands                                       the cut
 *     rebuild the rest, write rows and unread records to files
 *     read where each task stands once more: nothing may have moved
 *     let it go on                                                      whatever happened before
 *     write the manifest
 *
 * Invariants:
 * 1. Everything is read from the log, so any instance can do it, and nothing of it depends on who runs which task.
 * 2. The cut is one of committed transactions only, and none was committed while it was read. So state, positions and the records
 *    between sub-topologies belong together.
 * 3. What fails leaves no savepoint, and the topology goes on.
 */
import { StreamsError } from '../../errors.ts'
import { headersAt, keyAt, valueAt } from '../../records/record-batch.ts'
import type { Topology } from '../../topology/topology.ts'
import { type CheckpointPorts, Checkpoints } from '../checkpoints.ts'
import { Rebuild, type RebuildPorts, type RebuildTarget } from '../rebuild.ts'
import { type Cut, isSameCut, ownTopics, readCut, type TaskCut, type TaskName, tasksOf } from './cut.ts'
import { readRange } from './read-range.ts'
import { type FileRecord, type WrittenFile, writeRecords } from './record-file.ts'
import type {
  SavepointDirectory,
  SavepointInput,
  SavepointManifest,
  SavepointStoreFile,
  SavepointTask,
} from './savepoint-directory.ts'

export interface SavepointPorts extends CheckpointPorts, RebuildPorts {}

export interface SavepointRequest {
  readonly topology: Topology
  readonly directory: SavepointDirectory
  readonly savepoint: string
  readonly reason: string
  readonly createdBy: string
}

/** How a topology is held for a savepoint. */
export interface StandStill {
  /** Resolves once all its tasks, on all instances, have committed what they read, and take nothing more. */
  begin(signal: AbortSignal | undefined): Promise<void>
  /** Lets it go on; called once, also when `begin` failed. */
  end(): Promise<void>
}

export interface SavepointOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: {
    readonly step: string
    readonly done: number
    readonly total: number
  }) => void
}

/** For a topology without members, which stands still by itself. @throws TOPOLOGY_RUNNING by `begin` */
export function stopped({ log }: Pick<SavepointPorts, 'log'>, topology: string): StandStill {
  return {
    begin: () => assertStopped(log, topology),
    end: async () => {},
  }
}

/** @throws TOPOLOGY_RUNNING */
export async function assertStopped(log: SavepointPorts['log'], topology: string): Promise<void> {
  const { isEmpty, members } = await log.describeGroup(topology)
  if (isEmpty) return
  throw new StreamsError(
    'TOPOLOGY_RUNNING',
    `topology ${topology} has to be stopped for this, and its group has ${members.length > 0 ? members.length : 'new'} members: stop all its ` +
      'instances, and try again',
    { details: { topology } },
  )
}

/**
 * @throws SAVEPOINT_EXISTS; TOPOLOGY_RUNNING when the topology did not stand still to the end; RESTORE_UNFINISHED; CLOSED when it was cancelled
 */
export async function createSavepoint(
  ports: SavepointPorts,
  request: SavepointRequest,
  standStill: StandStill,
  options: SavepointOptions = {},
): Promise<SavepointManifest> {
  const { directory, savepoint } = request
  const making = new Making(ports, request, standStill, options)
  await directory.begin(savepoint)
  try {
    const manifest = await making.run()
    await directory.finish(manifest)
    return manifest
  } catch (error) {
    await directory.delete(savepoint).catch(() => {})
    making.checkSignal()
    throw error
  }
}

class Making {
  private readonly ports: SavepointPorts
  private readonly request: SavepointRequest
  private readonly standStill: StandStill
  private readonly options: SavepointOptions
  private fileCount = 0

  constructor(
    ports: SavepointPorts,
    request: SavepointRequest,
    standStill: StandStill,
    options: SavepointOptions,
  ) {
    this.ports = ports
    this.request = request
    this.standStill = standStill
    this.options = options
  }

  async run(): Promise<SavepointManifest> {
    const { ports, request } = this
    const { log, clock } = ports
    const { topology } = request
    const checkpoints = await Checkpoints.open(ports, topology.name)
    if (checkpoints === undefined)
      throw new StreamsError(
        'TOPIC_UNKNOWN',
        `topology ${topology.name} has never run: there is nothing to save`,
      )
    const counts = new Map((await log.describeTopics()).map(({ name, partitions }) => [name, partitions]))
    const names = tasksOf(topology, counts)
    const stateful = names.filter(({ subTopology }) => subTopology.stores.length > 0)
    try {
      await this.rebuildAhead(stateful)
      let heldSinceMs = clock.now()
      try {
        this.tell('letting the topology stand still', 0, 0)
        await this.standStill.begin(this.options.signal)
        heldSinceMs = clock.now()
        const cut = await readCut(log, topology, names, counts, checkpoints)
        assertRestored(cut)
        const tasks = await this.writeTasks(cut)
        if (!isSameCut(cut, await readCut(log, topology, names, counts, checkpoints))) throw this.movedOn()
        return {
          format: 1,
          savepoint: request.savepoint,
          topology: topology.name,
          createdMs: heldSinceMs,
          createdBy: request.createdBy,
          reason: request.reason,
          stoodStillMs: clock.now() - heldSinceMs,
          topics: await ownTopics(log, topology),
          tasks,
        }
      } finally {
        await this.standStill.end()
      }
    } finally {
      for (const name of stateful) await Rebuild.discard(ports, this.targetOf(name))
    }
  }

  /** What the changelogs have by now is read before anything stands still. */
  private async rebuildAhead(stateful: readonly TaskName[]): Promise<void> {
    for (const [index, name] of stateful.entries()) {
      this.tell('reading the changelogs ahead', index, stateful.length)
      const rebuild = await Rebuild.begin(this.ports, this.targetOf(name))
      try {
        await rebuild.catchUp('end', this.signalOption)
      } finally {
        await rebuild.suspend()
      }
    }
  }

  private async writeTasks(cut: Cut): Promise<SavepointTask[]> {
    const tasks: SavepointTask[] = []
    for (const [index, taskCut] of cut.tasks.entries()) {
      this.tell('writing state', index, cut.tasks.length)
      const { task, partition, subTopology, checkpoint } = taskCut
      const { hasExternalSink } = subTopology
      tasks.push({
        task,
        partition,
        hasExternalSink,
        checkpoint: checkpoint === undefined ? null : { ...checkpoint, holds: [] },
        inputs: await this.writeInputs(taskCut),
        stores: await this.writeStores(taskCut),
      })
    }
    return tasks
  }

  private async writeInputs({ inputs, subTopology }: TaskCut): Promise<SavepointInput[]> {
    const written: SavepointInput[] = []
    for (const { topic, partition, offset, end, isRepartition } of inputs) {
      const isSaved = isRepartition && !subTopology.hasExternalSink
      const unread = isSaved
        ? await this.write('unread', this.recordsOf(topic, partition, offset, end))
        : null
      written.push({ topic, partition, offset, unread })
    }
    return written
  }

  private async writeStores(cut: TaskCut): Promise<SavepointStoreFile[]> {
    const { stores } = cut.subTopology
    if (stores.length === 0) return []
    const rebuild = await Rebuild.resume(this.ports, this.targetOf(cut))
    try {
      await rebuild.catchUp(cut.changelogEnds, this.signalOption)
      const written: SavepointStoreFile[] = []
      for (const { name, windows } of stores) {
        const file = await this.write('rows', this.rowsOf(rebuild, name))
        written.push({ ...file, store: name, isWindowed: windows !== undefined })
      }
      return written
    } finally {
      await rebuild.close()
    }
  }

  private write(
    kind: string,
    records: Iterable<FileRecord> | AsyncIterable<FileRecord>,
  ): Promise<WrittenFile> {
    const { directory, savepoint } = this.request
    const name = `${kind}-${String(++this.fileCount).padStart(5, '0')}.records`
    return writeRecords(directory.pathOf(savepoint, name), name, records)
  }

  private *rowsOf(rebuild: Rebuild, store: string): Generator<FileRecord, void, undefined> {
    for (const { key, value } of rebuild.rows(store)) {
      this.checkSignal()
      yield { key, value, timestampMs: 0, headers: [] }
    }
  }

  private async *recordsOf(
    topic: string,
    partition: number,
    offset: number,
    end: number,
  ): AsyncGenerator<FileRecord, void, undefined> {
    for await (const batch of readRange(this.ports, { topic, partition }, offset, end)) {
      for (let index = 0; index < batch.length; index++) {
        if (batch.offsets[index]! < offset || batch.offsets[index]! >= end) continue
        yield {
          key: keyAt(batch, index),
          value: valueAt(batch, index),
          timestampMs: batch.timestampsMs[index]!,
          headers: headersAt(batch, index),
        }
      }
    }
  }

  private targetOf({ task, subTopology, partition }: TaskName): RebuildTarget {
    const stores = subTopology.stores.map(({ name }) => name)
    return { topology: this.request.topology.name, task, partition, stores, purpose: 'savepoint' }
  }

  private get signalOption(): { readonly signal?: AbortSignal } {
    const { signal } = this.options
    return signal === undefined ? {} : { signal }
  }

  private tell(step: string, done: number, total: number): void {
    this.checkSignal()
    this.options.onProgress?.({ step, done, total })
  }

  checkSignal(): void {
    if (this.options.signal?.aborted === true)
      throw new StreamsError('CLOSED', `savepoint ${this.request.savepoint} was cancelled`)
  }

  private movedOn(): StreamsError {
    const { savepoint, topology } = this.request
    return new StreamsError(
      'TOPOLOGY_RUNNING',
      `topology ${topology.name} went on while savepoint ${savepoint} was being made: its drain was taken back, or took too long; try again`,
      { details: { topology: topology.name, savepoint } },
    )
  }
}

function assertRestored({ tasks }: Cut): void {
  const unfinished = tasks.find(({ checkpoint }) => (checkpoint?.restoring ?? null) !== null)
  if (unfinished === undefined) return
  const savepoint = unfinished.checkpoint?.restoring ?? ''
  throw new StreamsError(
    'RESTORE_UNFINISHED',
    `savepoint ${savepoint} has been put back in part only (task ${unfinished.task}): put it back once more before making another`,
    { details: { task: unfinished.task, savepoint } },
  )
}
