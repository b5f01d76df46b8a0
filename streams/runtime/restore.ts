/**
 * Bringing a task's database up to the end of its changelogs.
 *
 * Invariants:
 * 1. Restoring begins only after the task's producer has fenced its predecessor, so the changelogs have ended.
 * 2. The database knows how much of each changelog it holds; only the tail is read. What it holds was committed, so nothing
 *    is ever taken back.
 * 3. `completeAsOfMs` of the position is a time at which the database lacked no deletion: of its last commit, or when its last
 *    restore began. Long after it, deletions may be gone from the changelog that the database has not seen.
 * 4. Each batch of rows is applied with the offset behind it: a restore that is interrupted goes on where it was.
 */
import { StreamsError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, PartitionOffset } from '../ports/log.ts'
import type { Logger } from '../ports/observability.ts'
import { keyAt, type RecordBatch, valueAt } from '../records/record-batch.ts'
import type { CommittableStore } from '../state/table-store.ts'
import type { TaskDatabase } from '../state/task-database.ts'
import { internalTopics } from '../topology/topology.ts'
import { followToEnd } from './follow-to-end.ts'
import type { RuntimeSettings } from './settings.ts'

export interface RestoreTarget {
  readonly log: Log
  readonly clock: Clock
  readonly logger: Logger
  readonly topologyName: string
  readonly partition: number
  readonly database: TaskDatabase
  readonly stores: ReadonlyMap<string, CommittableStore>
  readonly settings: Pick<RuntimeSettings, 'stateMaxAgeMs'>
  /** Asked now and then: a task that is to be let go is not restored to the end. */
  readonly isCancelled?: () => boolean
}

export interface RestoreResult {
  readonly records: number
  readonly durationMs: number
}

/**
 * @throws STATE_CORRUPT when the database holds more than the changelog, or less than the changelog still has: it must be
 *   deleted and restored from the beginning.
 */
export async function restoreTask(target: RestoreTarget): Promise<RestoreResult> {
  const startedMs = target.clock.now()
  const from = await positionsToRestore(target)
  const storeOf = new Map(
    [...target.stores.values()].map((store) => [
      internalTopics.changelog(target.topologyName, store.name),
      store,
    ]),
  )
  let records = 0
  const isTooOld = isOlderThanAllowed(target)
  markBeginning(target, startedMs)
  const onBatch = (batch: RecordBatch): void => {
    const store = storeOf.get(batch.topic)
    if (store === undefined)
      throw new StreamsError('INVARIANT_VIOLATED', `no store has changelog ${batch.topic}`)
    if (isTooOld) throw tooOld(store.name, batch)
    applyBatch(target.database, store, batch)
    records += batch.length
  }
  const ends = await followToEnd(target, from, onBatch, undefined, target.isCancelled)
  const changelogOffsets = { ...target.database.position.changelogOffsets }
  for (const { topic, offset } of ends) {
    const store = storeOf.get(topic)
    if (store !== undefined) changelogOffsets[store.name] = offset
  }
  target.database.apply(target.database.batch(), {
    ...target.database.position,
    changelogOffsets,
    completeAsOfMs: startedMs,
  })
  const durationMs = target.clock.now() - startedMs
  if (records > 0) target.logger.info({ records, durationMs }, 'state restored from the changelogs')
  return { records, durationMs }
}

async function positionsToRestore(target: RestoreTarget): Promise<PartitionOffset[]> {
  const { database, partition } = target
  const names = [...target.stores.keys()]
  const partitions = names.map((store) => ({
    topic: internalTopics.changelog(target.topologyName, store),
    partition,
  }))
  const ranges = await target.log.offsetRanges(partitions)
  return names.map((store, index) => {
    const { topic, start, end } = ranges[index]!
    const held = database.position.changelogOffsets[store]
    if (held === undefined) return { topic, partition, offset: start }
    const details = { store, topic, held, start, end }
    if (held > end || held < start) {
      throw new StreamsError(
        'STATE_CORRUPT',
        `the local state of store ${store} stands at offset ${held} of ${topic}, which has ${start} to ${end}`,
        { details },
      )
    }
    return { topic, partition, offset: held }
  })
}

function isOlderThanAllowed({ database, clock, settings }: RestoreTarget): boolean {
  const { completeAsOfMs } = database.position
  return completeAsOfMs > 0 && clock.now() - completeAsOfMs > settings.stateMaxAgeMs
}

/** An empty database is complete as of the moment in which its restore begins, if that comes to its end soon enough. */
function markBeginning({ database }: RestoreTarget, startedMs: number): void {
  if (database.position.completeAsOfMs === 0) {
    database.apply(database.batch(), { ...database.position, completeAsOfMs: startedMs })
  }
}

function tooOld(store: string, { topic, offsets }: RecordBatch): StreamsError {
  return new StreamsError(
    'STATE_CORRUPT',
    `the local state of store ${store} is older than stateMaxAgeMs and ${topic} has grown since: deletions may be missing`,
    { details: { store, topic, offset: offsets[0]! } },
  )
}

function applyBatch(database: TaskDatabase, store: CommittableStore, records: RecordBatch): void {
  const batch = database.batch()
  for (let index = 0; index < records.length; index++) {
    const key = keyAt(records, index)
    if (key !== null) store.restore(key, valueAt(records, index), batch)
  }
  const { position } = database
  database.apply(batch, {
    ...position,
    changelogOffsets: { ...position.changelogOffsets, [store.name]: records.nextOffset },
  })
}
