/**
 * Opening a task, in the only order that is safe: fence the predecessor, then read what was committed, restore, and
 * start. Nothing is trusted that was read before the fence.
 */
import { StreamsError } from '../errors.ts'
import type { TransactionalProducer } from '../ports/log.ts'
import type { Counter } from '../ports/observability.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import { TaskDatabase } from '../state/task-database.ts'
import { noTime } from '../time/input-time.ts'
import type { SubTopology } from '../topology/topology.ts'
import { closeAll } from './close-all.ts'
import { CompiledTask, type CompileEnvironment } from './compiled-task.ts'
import { type RestoreProgress, restoreTask } from './restore.ts'
import { startingPoint } from './starting-point.ts'
import { Task } from './task.ts'
import { databaseName, type TaskEnvironment, taskIdOf } from './task-environment.ts'

export interface OpenTaskOptions {
  /** Called when there may be something to do. */
  readonly onReady: () => void
  /** Asked now and then: a task that is to be let go is not opened to the end. */
  readonly isCancelled?: () => boolean
  /** Told what comes next. */
  readonly onStep?: (step: string) => void
  readonly onRestoring?: (progress: RestoreProgress) => void
}

/** @throws PRODUCER_FENCED, OFFSET_OUT_OF_RANGE, STATE_CORRUPT, and whatever the ports throw; CLOSED when it was cancelled */
export async function openTask(
  environment: TaskEnvironment,
  subTopology: SubTopology,
  partition: number,
  { onReady, isCancelled, onStep, onRestoring }: OpenTaskOptions,
): Promise<Task> {
  const id = taskIdOf(subTopology, partition)
  const closers: (() => Promise<void>)[] = []
  // Taking over what was given to another meanwhile would fence its new owner.
  const step = (name: string): void => {
    if (isCancelled?.() === true) throw new StreamsError('CLOSED', `task ${id} is let go before it is open`)
    onStep?.(name)
  }
  try {
    step('fencing its predecessor')
    const producer = await fence(environment, id)
    closers.push(async () => producer?.close())
    step('reading checkpoints and stage commands')
    await Promise.all([environment.checkpoints.refresh(), environment.stages.catchUp(isCancelled)])
    const checkpoint = environment.checkpoints.of(id)
    if (checkpoint !== undefined && checkpoint.restoring !== null)
      throw restoreUnfinished(environment.topology.name, id, checkpoint.restoring)

    step('opening its state')
    if (checkpoint !== undefined) await assertChangelogsReach(environment, id, checkpoint)
    const database = await openDatabase(environment, subTopology, id)
    closers.push(async () => database?.close())
    if (database !== undefined) {
      await restoreTask({
        ...environment,
        logger: environment.logger.child({ task: id }),
        topologyName: environment.topology.name,
        partition,
        database,
        stores: subTopology.stores,
        ...(isCancelled === undefined ? {} : { isCancelled }),
        ...(onRestoring === undefined ? {} : { onProgress: onRestoring }),
      })
    }
    const failures: FailureHandler = { onFlushFailure: () => {} }
    const compiled = compile(environment, subTopology, partition, database, checkpoint, failures)
    closers.push(() => compiled.sinkWriter.close())
    // At-least-once writes the checkpoint before the offsets, so that it may be ahead of them.
    const inTransaction = producer === undefined ? undefined : checkpoint
    step('asking log and sink where to start')
    const start = await startingPoint(environment, subTopology, partition, compiled.sinkWriter, inTransaction)
    const task = new Task({
      id,
      environment,
      subTopology,
      compiled,
      producer,
      database,
      checkpoint,
      start,
      onReady,
    })
    failures.onFlushFailure = (failure, error) => task.flushFailed(failure, error)
    return task
  } catch (error) {
    await closeAll(closers.reverse()).catch(() => {})
    throw error
  }
}

/**
 * A changelog that ends before what was committed into it was deleted, or put back to an older state. The task's own database is not
 * touched, since it may be all that is left of the state.
 */
async function assertChangelogsReach(
  { log }: TaskEnvironment,
  task: string,
  { changelog_offsets: committed }: Pick<Checkpoint, 'changelog_offsets'>,
): Promise<void> {
  const ranges = await log.offsetRanges(committed)
  const lost = committed.findIndex(({ offset }, index) => offset > ranges[index]!.end)
  if (lost === -1) return
  const { topic, partition, offset } = committed[lost]!
  const { end } = ranges[lost]!
  throw new StreamsError(
    'OFFSET_OUT_OF_RANGE',
    `task ${task} has committed its state up to offset ${offset} of ${topic}-${partition}, which ends at ${end}: the changelog was ` +
      'deleted or put back to an older state; put back a savepoint',
    { details: { task, topic, partition, offset, end } },
  )
}

function restoreUnfinished(topology: string, task: string, savepoint: string): StreamsError {
  return new StreamsError(
    'RESTORE_UNFINISHED',
    `task ${task}: savepoint ${savepoint} is being put back into topology ${topology}, or that was broken off; stop the topology, and put ` +
      'it back once more',
    { details: { topology, task, savepoint } },
  )
}

async function fence(environment: TaskEnvironment, id: string): Promise<TransactionalProducer | undefined> {
  const { log, groupId, settings } = environment
  if (settings.processingGuarantee === 'at-least-once') return undefined
  return log.openTransactionalProducer({
    transactionalId: `${groupId}-${id}`,
    timeoutMs: settings.transactionTimeoutMs,
  })
}

async function openDatabase(
  { stores, topology }: TaskEnvironment,
  subTopology: SubTopology,
  id: string,
): Promise<TaskDatabase | undefined> {
  if (subTopology.stores.length === 0) return undefined
  return TaskDatabase.open(stores, databaseName(topology.name, id), subTopology.stores)
}

/** The stores are made before the task that their failures go to. */
interface FailureHandler {
  onFlushFailure: CompileEnvironment['onFlushFailure']
}

function compile(
  environment: TaskEnvironment,
  subTopology: SubTopology,
  partition: number,
  database: TaskDatabase | undefined,
  checkpoint: Checkpoint | undefined,
  failures: FailureHandler,
): CompiledTask {
  const { topology, metrics } = environment
  // Late records come by the thousand: their meters are looked up once.
  const dropped = new Map<string, Counter>()
  const onDropped: CompileEnvironment['onDropped'] = (node, reason) => {
    const name = `${reason} ${node.name}`
    let counter = dropped.get(name)
    if (counter === undefined) {
      const labels = { topology: topology.name, operator: node.name, reason }
      counter = metrics.counter('streams_records_dropped_total', 'Records left out by an operator.', labels)
      dropped.set(name, counter)
    }
    counter.add(1)
  }
  const onFlushFailure: CompileEnvironment['onFlushFailure'] = (failure, error) =>
    failures.onFlushFailure(failure, error)
  return new CompiledTask(subTopology, partition, { ...environment, onDropped, onFlushFailure }, database, {
    // Earlier releases kept the stream time under the watermark's name.
    streamTimeMs: checkpoint?.stream_time ?? checkpoint?.watermark ?? 0,
    watermarkMs: checkpoint?.watermark ?? noTime,
    nowMs: environment.clock.now(),
    timerCount: checkpoint?.timer_count ?? 0,
    keptTimesMs: new Map(checkpoint?.kept_times.map(({ name, time }) => [name, time])),
  })
}
