/** Applying changelogs to a task's database: what restoring a task and keeping a standby have in common. */
import { StreamsError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, PartitionOffset } from '../ports/log.ts'
import { keyAt, type RecordBatch, valueAt } from '../records/record-batch.ts'
import { RowRestorer } from '../state/row-restorer.ts'
import type { StoredStore, TaskDatabase } from '../state/task-database.ts'
import { internalTopics } from '../topology/topology.ts'
import type { RuntimeSettings } from './settings.ts'

export interface ReplayTarget {
  readonly log: Log
  readonly clock: Clock
  readonly topologyName: string
  readonly partition: number
  readonly database: TaskDatabase
  readonly stores: readonly StoredStore[]
  readonly settings: Pick<RuntimeSettings, 'stateMaxAgeMs'>
}

export class ChangelogReplay {
  private readonly target: ReplayTarget
  private readonly restorerOf: ReadonlyMap<string, RowRestorer>
  private readonly isTooOld: boolean

  constructor(target: ReplayTarget) {
    this.target = target
    const { database, stores, topologyName, clock, settings } = target
    this.restorerOf = new Map(
      stores.map((store) => [
        internalTopics.changelog(topologyName, store.name),
        new RowRestorer(store, database),
      ]),
    )
    const { completeAsOfMs } = database.position
    this.isTooOld = completeAsOfMs > 0 && clock.now() - completeAsOfMs > settings.stateMaxAgeMs
  }

  /** Where to read each changelog on. @throws STATE_CORRUPT when the database does not fit it */
  async positions(): Promise<PartitionOffset[]> {
    const { log, partition, database } = this.target
    const topics = [...this.restorerOf.keys()]
    const ranges = await log.offsetRanges(topics.map((topic) => ({ topic, partition })))
    return topics.map((topic, index) => {
      const { start, end } = ranges[index]!
      const store = this.restorer(topic).name
      const held = database.position.changelogOffsets[store]
      if (held === undefined) return { topic, partition, offset: start }
      if (held > end || held < start) {
        throw new StreamsError(
          'STATE_CORRUPT',
          `the local state of store ${store} stands at offset ${held} of ${topic}, which has ${start} to ${end}`,
          { details: { store, topic, held, start, end } },
        )
      }
      return { topic, partition, offset: held }
    })
  }

  /** An empty database is complete as of the moment in which its replay begins, if that comes to its end soon enough. */
  begin(nowMs: number): void {
    const { database } = this.target
    if (database.position.completeAsOfMs === 0) {
      database.apply(database.batch(), { ...database.position, completeAsOfMs: nowMs })
    }
  }

  /** Puts the records of a batch into the database, with the offset behind them. Answers how many there were. */
  apply(records: RecordBatch): number {
    const { database } = this.target
    const restorer = this.restorer(records.topic)
    if (this.isTooOld) throw tooOld(restorer.name, records)
    const batch = database.batch()
    for (let index = 0; index < records.length; index++) {
      const key = keyAt(records, index)
      if (key !== null) restorer.restore(key, valueAt(records, index), batch)
    }
    const { position } = database
    database.apply(batch, {
      ...position,
      changelogOffsets: { ...position.changelogOffsets, [restorer.name]: records.nextOffset },
    })
    return records.length
  }

  /** The changelogs were read to these offsets, which may lie behind the last record, and held all deletions at a time. */
  complete(ends: readonly PartitionOffset[], completeAsOfMs: number): void {
    const { database } = this.target
    const changelogOffsets = { ...database.position.changelogOffsets }
    for (const { topic, offset } of ends) changelogOffsets[this.restorer(topic).name] = offset
    database.apply(database.batch(), { ...database.position, changelogOffsets, completeAsOfMs })
  }

  private restorer(topic: string): RowRestorer {
    const restorer = this.restorerOf.get(topic)
    if (restorer === undefined)
      throw new StreamsError('INVARIANT_VIOLATED', `no store has changelog ${topic}`)
    return restorer
  }
}

function tooOld(store: string, { topic, offsets }: RecordBatch): StreamsError {
  return new StreamsError(
    'STATE_CORRUPT',
    `the local state of store ${store} is older than stateMaxAgeMs and ${topic} has grown since: deletions may be missing`,
    { details: { store, topic, offset: offsets[0]! } },
  )
}
