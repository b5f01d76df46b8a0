/**
 * Putting a topology that nobody runs back to a savepoint.
 *
 *     check all files, and that the savepoint fits                      nothing is written before
 *     mark every task as being restored                                 checkpoint records with `restoring`
 *     fence every task's producer, mark once more
 *     write what its changelogs differ by from the savepoint            several transactions of each task
 *     write the unread records between sub-topologies
 *     write all checkpoints, without the mark, and all positions        one transaction
 *
 * Invariants:
 * 1. A task with the mark is not opened: an instance that is started in between, or after a crash here, stops with
 *    RESTORE_UNFINISHED. The last transaction takes all marks away and sets all positions, or nothing of that.
 * 2. It can be repeated, from any point: it looks at what the changelogs amount to, not at what was done before.
 * 3. Changelogs are not rewritten but go on: rows that the savepoint does not have are deleted, others written. So a local database of any
 *    age that follows its changelog comes to the savepoint's state, and none has to be thrown away. Rows of windows are written all, since
 *    databases and changelogs forget them by themselves.
 * 4. Tasks with external sinks are left where they are: the sink keeps their positions, and what is written once more into the topics that
 *    they read comes to it as more records.
 */
import { StreamsError } from '../../errors.ts'
import type { PartitionOffset, TransactionalProducer } from '../../ports/log.ts'
import { RecordBatchBuilder } from '../../records/record-batch.ts'
import { checkpointTopic } from '../../runtime/internal-topics.ts'
import type { Checkpoint } from '../../schemas/generated/records.ts'
import { internalTopics, type Topology } from '../../topology/topology.ts'
import { Checkpoints } from '../checkpoints.ts'
import { changelogsOf, Rebuild } from '../rebuild.ts'
import { assertStopped, type SavepointOptions, type SavepointPorts } from './create-savepoint.ts'
import { assertFits } from './fits.ts'
import { readRecords } from './record-file.ts'
import type {
  SavepointDirectory,
  SavepointManifest,
  SavepointStoreFile,
  SavepointTask,
} from './savepoint-directory.ts'
import { changesBetween } from './store-changes.ts'

export interface RestoreRequest {
  readonly directory: SavepointDirectory
  readonly savepoint: string
  /** For safety: the one that the savepoint is of. */
  readonly topologyName: string
  /** As it will run, where that is known: then the savepoint must have exactly its stores. */
  readonly topology?: Topology
  /**
   * `savepoint`, unless given, reads on where the savepoint says. `beginning` reads inputs from outside from the first record that the
   * log has: for another log than the one that the savepoint was made in, to which only what came after it is written.
   */
  readonly inputsFrom?: 'savepoint' | 'beginning'
  /** For the checkpoints. */
  readonly instanceId: string
  readonly transactionTimeoutMs: number
  readonly transactionMaxBytes: number
}

/**
 * @throws SAVEPOINT_NOT_FOUND, SAVEPOINT_CORRUPT, TOPOLOGY_RUNNING, TOPOLOGY_MIXED, PARTITIONS_CHANGED, OFFSET_OUT_OF_RANGE: nothing was
 *   written; PRODUCER_FENCED when somebody began to run the topology meanwhile, CLOSED when it was cancelled: to be repeated
 */
export async function restoreSavepoint(
  ports: SavepointPorts,
  request: RestoreRequest,
  options: SavepointOptions = {},
): Promise<SavepointManifest> {
  const { directory, savepoint, topologyName, topology } = request
  const manifest = await directory.get(savepoint)
  assertStoppedFor(manifest, topologyName)
  await assertStopped(ports.log, topologyName)
  const checkSignal = (): void => {
    if (options.signal?.aborted === true)
      throw new StreamsError(
        'CLOSED',
        `putting savepoint ${savepoint} back was cancelled; nothing was written`,
      )
  }
  let checked = 0
  await directory.check(manifest, () => {
    checkSignal()
    options.onProgress?.({ step: 'checking files', done: checked++, total: 0 })
  })
  await assertFits(ports.log, manifest, topology, request.inputsFrom ?? 'savepoint')
  checkSignal()
  const restoring = new Restoring(ports, request, manifest, options)
  try {
    await restoring.run()
  } catch (error) {
    restoring.checkSignal()
    throw error
  } finally {
    await restoring.close()
  }
  return manifest
}

function assertStoppedFor({ topology, savepoint }: SavepointManifest, wanted: string): void {
  if (topology === wanted) return
  throw new StreamsError(
    'TOPOLOGY_MIXED',
    `savepoint ${savepoint} is of topology ${topology}, and ${wanted} was to be put back to it`,
    { details: { savepoint, topology } },
  )
}

class Restoring {
  private readonly ports: SavepointPorts
  private readonly request: RestoreRequest
  private readonly manifest: SavepointManifest
  private readonly options: SavepointOptions
  private readonly tasks: readonly SavepointTask[]
  private readonly producers = new Map<string, TransactionalProducer>()

  constructor(
    ports: SavepointPorts,
    request: RestoreRequest,
    manifest: SavepointManifest,
    options: SavepointOptions,
  ) {
    this.ports = ports
    this.request = request
    this.manifest = manifest
    this.options = options
    this.tasks = manifest.tasks.filter(({ hasExternalSink }) => !hasExternalSink)
  }

  async run(): Promise<void> {
    const { ports, manifest } = this
    const { log } = ports
    await this.makeTopics()
    const checkpoints = await Checkpoints.open(ports, manifest.topology)
    if (checkpoints === undefined)
      throw new StreamsError('TOPIC_UNKNOWN', `topology ${manifest.topology} has no checkpoints`)
    const newest = new Map((await checkpoints.newest()).map((checkpoint) => [checkpoint.task, checkpoint]))
    await this.mark(checkpoints, newest)
    await this.fence()
    await this.mark(checkpoints, newest)
    for (const [index, task] of this.tasks.entries()) {
      this.tell('writing state', index, this.tasks.length)
      await this.restoreState(task)
    }
    const positions = new Map<string, readonly PartitionOffset[]>()
    for (const task of this.tasks) positions.set(task.task, await this.restoreInputs(task))
    await assertStopped(log, manifest.topology)
    await this.assertMarked(checkpoints)
    this.tell('setting positions', 0, 0)
    await this.finish(checkpoints, newest, positions)
  }

  async close(): Promise<void> {
    for (const producer of this.producers.values()) await producer.close().catch(() => {})
  }

  /** Those that are gone, as they were. */
  private async makeTopics(): Promise<void> {
    const { log } = this.ports
    const existing = new Set((await log.describeTopics()).map(({ name }) => name))
    const missing = this.manifest.topics.filter(({ name }) => !existing.has(name))
    if (missing.length > 0) await log.createTopics(missing)
  }

  private async mark(checkpoints: Checkpoints, newest: ReadonlyMap<string, Checkpoint>): Promise<void> {
    const { topology, savepoint } = this.manifest
    const builder = new RecordBatchBuilder(checkpointTopic(topology).name, 0)
    for (const { task, checkpoint } of this.tasks) {
      const known = newest.get(task) ?? checkpoint ?? neverCommitted(task)
      add(builder, checkpoints, { ...known, restoring: savepoint })
    }
    if (builder.length > 0) await this.ports.log.append([builder.build()])
  }

  private async fence(): Promise<void> {
    for (const [index, { task }] of this.tasks.entries()) {
      this.tell('fencing tasks', index, this.tasks.length)
      const producer = await this.ports.log.openTransactionalProducer({
        transactionalId: `${this.manifest.topology}-${task}`,
        timeoutMs: this.request.transactionTimeoutMs,
      })
      this.producers.set(task, producer)
    }
  }

  private async restoreState(task: SavepointTask): Promise<void> {
    const { topology } = this.manifest
    const stores = this.storesOf(task)
    if (stores.length === 0) return
    const names = stores.map(({ store }) => store)
    const { partition } = task
    const rebuild = await Rebuild.begin(this.ports, {
      topology,
      task: task.task,
      partition,
      stores: names,
      purpose: 'savepoint',
    })
    try {
      const { signal } = this.options
      await rebuild.catchUp('end', signal === undefined ? {} : { signal })
      for (const { store, file, isWindowed } of stores) {
        const saved = file === undefined ? [] : readRecords(this.pathOf(file))
        const transactions = this.transactionsOf(task, internalTopics.changelog(topology, store), partition)
        for await (const { key, row } of changesBetween(rebuild.rows(store), saved, isWindowed))
          await transactions.add(key, row, this.ports.clock.now(), [])
        await transactions.commit()
      }
    } finally {
      await rebuild.close()
    }
  }

  /** With those that the topology has by now, and had not when the savepoint was made: they begin with nothing. */
  private storesOf({ task, stores }: SavepointTask): readonly StoreToRestore[] {
    const added = this.request.topology?.subTopologies
      .filter(({ name }) => task === `${name}_${task.slice(task.lastIndexOf('_') + 1)}`)
      .flatMap((sub) => sub.stores)
      .filter(({ name }) => !stores.some(({ store }) => store === name))
      .map(({ name, windows }) => ({ store: name, isWindowed: windows !== undefined, file: undefined }))
    return [...stores, ...(added ?? [])]
  }

  /** Answers where the task reads on. */
  private async restoreInputs(task: SavepointTask): Promise<PartitionOffset[]> {
    const positions: PartitionOffset[] = []
    for (const { topic, partition, offset, unread } of task.inputs) {
      const [range] = await this.ports.log.offsetRanges([{ topic, partition }])
      if (unread === null) {
        const isAnew = this.request.inputsFrom === 'beginning'
        positions.push({ topic, partition, offset: isAnew ? (range?.start ?? 0) : offset })
        continue
      }
      // What lies there now is of a time that is taken back.
      const transactions = this.transactionsOf(task, topic, partition)
      for await (const { key, value, timestampMs, headers } of readRecords(this.pathOf(unread.file)))
        await transactions.add(key, value, timestampMs, headers)
      await transactions.commit()
      positions.push({ topic, partition, offset: transactions.firstOffset ?? range?.end ?? 0 })
    }
    return positions
  }

  /** Whoever ran the topology meanwhile has committed checkpoints without the mark. */
  private async assertMarked(checkpoints: Checkpoints): Promise<void> {
    const newest = new Map((await checkpoints.newest()).map((checkpoint) => [checkpoint.task, checkpoint]))
    const unmarked = this.tasks.find(({ task }) => newest.get(task)?.restoring !== this.manifest.savepoint)
    if (unmarked === undefined) return
    throw new StreamsError(
      'TOPOLOGY_RUNNING',
      `somebody ran task ${unmarked.task} while savepoint ${this.manifest.savepoint} was being put back: stop all instances, and put it back ` +
        'once more',
      { details: { task: unmarked.task } },
    )
  }

  private async finish(
    checkpoints: Checkpoints,
    newest: ReadonlyMap<string, Checkpoint>,
    positions: ReadonlyMap<string, readonly PartitionOffset[]>,
  ): Promise<void> {
    const { log, clock } = this.ports
    const { topology } = this.manifest
    const builder = new RecordBatchBuilder(checkpointTopic(topology).name, 0)
    for (const task of this.tasks) {
      const stores = this.storesOf(task).map(({ store }) => store)
      const ends = await log.offsetRanges(changelogsOf({ topology, partition: task.partition, stores }))
      const before = task.checkpoint ?? neverCommitted(task.task)
      add(builder, checkpoints, {
        ...neverCommitted(task.task),
        ...before,
        // Numbers go on: no two commits of a task have the same one.
        commit_number: Math.max(newest.get(task.task)?.commit_number ?? 0, before.commit_number) + 1,
        input_offsets: positions.get(task.task) ?? [],
        changelog_offsets: ends.map(({ topic, partition, end }) => ({ topic, partition, offset: end })),
        instance: this.request.instanceId,
        committed_time: clock.now(),
        holds: [],
        restoring: null,
      })
    }
    if (builder.length === 0) return
    const producer = await log.openTransactionalProducer({
      transactionalId: `${topology}-savepoint-restore`,
      timeoutMs: this.request.transactionTimeoutMs,
    })
    try {
      await producer.send([builder.build()])
      await producer.sendOffsets(topology, [...positions.values()].flat())
      await producer.commit()
    } finally {
      await producer.close().catch(() => {})
    }
  }

  private transactionsOf({ task }: SavepointTask, topic: string, partition: number): Transactions {
    const producer = this.producers.get(task)
    if (producer === undefined) throw new StreamsError('INVARIANT_VIOLATED', `task ${task} was not fenced`)
    return new Transactions(producer, topic, partition, this.request.transactionMaxBytes, () =>
      this.checkSignal(),
    )
  }

  private pathOf(file: string): string {
    return this.request.directory.pathOf(this.manifest.savepoint, file)
  }

  private tell(step: string, done: number, total: number): void {
    this.checkSignal()
    this.options.onProgress?.({ step, done, total })
  }

  checkSignal(): void {
    if (this.options.signal?.aborted === true) {
      const { savepoint } = this.manifest
      throw new StreamsError(
        'CLOSED',
        `putting savepoint ${savepoint} back was cancelled; do it once more before the topology is started`,
      )
    }
  }
}

type StoreToRestore = Pick<SavepointStoreFile, 'store' | 'isWindowed'> & { readonly file: string | undefined }

/** Records for one partition, in transactions of bounded size. */
class Transactions {
  firstOffset: number | undefined
  private readonly producer: TransactionalProducer
  private readonly topic: string
  private readonly partition: number
  private readonly maxBytes: number
  private readonly beforeSend: () => void
  private builder: RecordBatchBuilder

  constructor(
    producer: TransactionalProducer,
    topic: string,
    partition: number,
    maxBytes: number,
    beforeSend: () => void,
  ) {
    this.producer = producer
    this.topic = topic
    this.partition = partition
    this.maxBytes = maxBytes
    this.beforeSend = beforeSend
    this.builder = new RecordBatchBuilder(topic, partition)
  }

  async add(...record: Parameters<RecordBatchBuilder['append']>): Promise<void> {
    this.builder.append(...record)
    if (this.builder.byteLength >= this.maxBytes) await this.commit()
  }

  async commit(): Promise<void> {
    if (this.builder.length === 0) return
    this.beforeSend()
    const [first] = await this.producer.send([this.builder.build()])
    await this.producer.commit()
    this.firstOffset ??= first
    this.builder = new RecordBatchBuilder(this.topic, this.partition)
  }
}

function add(builder: RecordBatchBuilder, { codec }: Checkpoints, checkpoint: Checkpoint): void {
  const { writer } = builder
  const keyStart = writer.position
  writer.utf8(checkpoint.task)
  const keyEnd = writer.position
  codec.encode(checkpoint, writer)
  builder.add(checkpoint.committed_time, keyStart, keyEnd, keyEnd, writer.position)
}

function neverCommitted(task: string): Checkpoint {
  return {
    task,
    commit_number: 0,
    input_offsets: [],
    changelog_offsets: [],
    watermark: null,
    timer_count: 0,
    bytes: 0,
    keys: 0,
    duration_ms: 0,
    instance: '',
    committed_time: 0,
    stream_time: null,
    input_watermarks: [],
    kept_times: [],
    holds: [],
    restoring: null,
  }
}
