/** A directory with everything that single-node mode keeps: the log and the state in RocksDB, rows in SQLite. */
import { join } from 'node:path'
import { defineTable, integer, migrate, openDatabase, sqlSink, text, upsert } from '../../sql/index.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { openLogRegistry } from '../../streams/adapters/registry/log-registry.ts'
import { RocksStoreProvider } from '../../streams/adapters/rocksdb/rocks-store-provider.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import {
  type ProcessingGuarantee,
  type Sink,
  type SinkSession,
  StreamsApp,
  silentLogger,
  type TaskObserver,
} from '../../streams/index.ts'
import { MemoryMetrics } from '../../streams/testing/index.ts'
import { countIntoSink, type Row } from '../simulation/cases.ts'
import { simulationSettings } from '../simulation/world.ts'

const table = defineTable({ name: 'kill_row', key: ['id'], columns: { id: text(64), value: integer } })
const schema = `
CREATE TABLE IF NOT EXISTS kill_row (
  id VARCHAR(64) NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL CHECK (value % 5 <> 0)
);
`

export interface KillWorld {
  readonly log: EmbeddedLog
  readonly tasks: RocksStoreProvider
  app(guarantee: ProcessingGuarantee, observer?: TaskObserver): Promise<StreamsApp>
  rows(): Promise<Row[]>
  close(): Promise<void>
}

export async function openKillWorld(directory: string): Promise<KillWorld> {
  const tasks = new RocksStoreProvider({ directory: join(directory, 'state') })
  const store = await new RocksStoreProvider({ directory }).open('log')
  const log = await openEmbeddedLog({ store, clock: systemClock, cleaningIntervalMs: null })
  const database = await openDatabase(`sqlite://${join(directory, 'rows.db')}`)
  await migrate(database)
  await database.changeSchema((session) => session.script(schema))
  const sink = sqlSink({ name: 'rows', database, tables: [table] })
  const rowSink: Sink<Row> = { name: sink.name, open: async (task) => ofRows(await sink.open(task)) }
  return {
    log,
    tasks,
    app: async (processingGuarantee, observer = {}) =>
      new StreamsApp({
        topologies: [countIntoSink.topology(rowSink)],
        log,
        stores: tasks,
        registry: await openLogRegistry({ log, clock: systemClock }),
        clock: systemClock,
        logger: silentLogger,
        metrics: new MemoryMetrics(),
        settings: { ...simulationSettings, emission: 'every-update', processingGuarantee },
        observer,
      }),
    rows: async () =>
      (await database.query('SELECT id, value FROM kill_row')).map((row) => ({
        id: String(row['id']),
        value: Number(row['value']),
      })),
    close: async () => {
      await log.close()
      await store.close()
      await database.close()
    },
  }
}

function ofRows(session: SinkSession<ReturnType<typeof rowOf>>): SinkSession<Row> {
  return {
    positions: session.positions,
    prepare: (rows, next) => session.prepare(rows.map(rowOf), next),
    commit: () => session.commit(),
    rollback: () => session.rollback(),
    close: () => session.close(),
  }
}

function rowOf({ id, value }: Row) {
  return upsert(table, { id, value })
}
