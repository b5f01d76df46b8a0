import { beforeEach, describe, expect, it } from 'vitest'
import { contentOf, foldOf } from '../../tests/support/row-store.ts'
import { openEmbeddedLog } from '../adapters/embedded/embedded-log.ts'
import type { Log } from '../ports/log.ts'
import { silentLogger } from '../ports/observability.ts'
import { type RecordBatch, RecordBatchBuilder } from '../records/record-batch.ts'
import { TaskDatabase } from '../state/task-database.ts'
import { ManualClock, MemoryStoreProvider } from '../testing/index.ts'
import { type RestoreResult, restoreTask } from './restore.ts'

const changelog = { topic: 'app-rows-changelog', partition: 0 }
const clock = new ManualClock(1_000_000)

let log: Log
let written: RecordBatch[]

beforeEach(async () => {
  const store = await new MemoryStoreProvider().open('log')
  log = await openEmbeddedLog({ store, clock, cleaningIntervalMs: null })
  await log.createTopics([
    { name: changelog.topic, partitions: 1, cleanup: 'compact', timestampType: 'create' },
  ])
  written = []
})

/** Adds changelog records: a value of null is a tombstone. */
async function write(...rows: [string, string | null][]): Promise<void> {
  const records = new RecordBatchBuilder(changelog.topic, 0)
  for (const [key, value] of rows) {
    records.append(
      Buffer.from(key),
      value === null ? null : Buffer.concat([Buffer.alloc(8), Buffer.from(value)]),
      0,
    )
  }
  const batch = records.build()
  await log.append([batch])
  written.push(batch)
}

async function open(provider: MemoryStoreProvider, isCancelled = () => false) {
  const spec = { name: 'rows' }
  const database = await TaskDatabase.open(provider, 'task', [spec])
  const restore = (): Promise<RestoreResult> =>
    restoreTask({
      log,
      clock,
      logger: silentLogger,
      topologyName: 'app',
      partition: 0,
      database,
      stores: [spec],
      settings: { stateMaxAgeMs: 1000 },
      isCancelled,
    })
  return { database, restore }
}

describe('restoreTask', () => {
  it('should make an empty database the fold of the changelog', async () => {
    await write(['a', '1'], ['b', '1'])
    await write(['a', '2'], ['b', null], ['c', '1'])
    const { database, restore } = await open(new MemoryStoreProvider())
    expect((await restore()).records).toBe(5)
    expect(contentOf(database).rows).toEqual(foldOf(written))
    expect([...foldOf(written).keys()]).toEqual(['a', 'c'])
    expect(database.position.changelogOffsets).toEqual({ rows: 5 })
  })

  it('should do nothing for a changelog without records', async () => {
    const { database, restore } = await open(new MemoryStoreProvider())
    expect((await restore()).records).toBe(0)
    expect(database.position.changelogOffsets).toEqual({ rows: 0 })
  })

  it('should read only the tail that the database does not hold', async () => {
    const provider = new MemoryStoreProvider()
    await write(['a', '1'], ['b', '1'])
    const before = await open(provider)
    await before.restore()
    await before.database.close()
    await write(['b', '2'])
    const { database, restore } = await open(provider)
    expect((await restore()).records).toBe(1)
    expect(contentOf(database).rows).toEqual(foldOf(written))
    expect((await restore()).records).toBe(0)
  })

  it('should go on where an interrupted restore was', async () => {
    // Large enough that the reader hands them out one by one.
    for (let index = 0; index < 6; index++) await write([`k${index}`, 'x'.repeat(300_000)])
    let writesLeft = 2
    const provider = new MemoryStoreProvider({
      beforeWrite: () => {
        if (writesLeft-- === 0) throw new Error('the process ends here')
      },
    })
    const interrupted = await open(provider)
    await expect(interrupted.restore()).rejects.toThrow('the process ends here')
    await interrupted.database.close()
    const { database, restore } = await open(provider)
    const { records } = await restore()
    expect(records).toBeGreaterThan(0)
    expect(records).toBeLessThan(6)
    expect(contentOf(database).rows).toEqual(foldOf(written))
  })

  it('should refuse a database that is ahead of its changelog, and restore it once it was deleted', async () => {
    const provider = new MemoryStoreProvider()
    await write(['a', '1'])
    const { database, restore } = await open(provider)
    const ahead = { ...database.position, changelogOffsets: { rows: 2 } }
    const batch = database.batch()
    batch.put(Buffer.concat([database.prefix('rows', 0), Buffer.from('lost')]), Buffer.alloc(9))
    database.apply(batch, ahead)
    await expect(restore()).rejects.toMatchObject({
      code: 'STATE_CORRUPT',
      details: { store: 'rows', held: 2, start: 0, end: 1 },
    })
    await database.close()
    await provider.destroy('task')
    const again = await open(provider)
    await again.restore()
    expect(contentOf(again.database).rows).toEqual(foldOf(written))
  })

  it('should refuse state that is too old for its changelog to still have every deletion', async () => {
    const { database, restore } = await open(new MemoryStoreProvider())
    const completeAsOfMs = clock.now()
    database.apply(database.batch(), { commitNumber: 1, completeAsOfMs, changelogOffsets: { rows: 0 } })
    clock.advance(1001)
    await write(['a', '1'])
    await expect(restore()).rejects.toMatchObject({
      code: 'STATE_CORRUPT',
      details: { store: 'rows', offset: 0 },
    })
  })

  it('should keep old state whose changelog has not grown', async () => {
    const { database, restore } = await open(new MemoryStoreProvider())
    const completeAsOfMs = clock.now()
    database.apply(database.batch(), { commitNumber: 1, completeAsOfMs, changelogOffsets: { rows: 0 } })
    clock.advance(1001)
    expect((await restore()).records).toBe(0)
    await write(['a', '1'])
    expect((await restore()).records).toBe(1)
  })

  it('should refuse state that was restored long ago, and to which nothing was ever committed', async () => {
    const { restore } = await open(new MemoryStoreProvider())
    await write(['a', '1'])
    await restore()
    clock.advance(1001)
    await write(['a', null])
    await expect(restore()).rejects.toMatchObject({ code: 'STATE_CORRUPT' })
  })

  it('should break off when the task is to be let go', async () => {
    await write(['a', '1'])
    const { restore } = await open(new MemoryStoreProvider(), () => true)
    await expect(restore()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('should refuse a database whose next records were deleted from the changelog', async () => {
    await write(['a', '1'], ['a', '2'])
    const { database, restore } = await open(new MemoryStoreProvider())
    database.apply(database.batch(), { ...database.position, changelogOffsets: { rows: 0 } })
    await log.deleteRecords([{ ...changelog, offset: 1 }])
    await expect(restore()).rejects.toMatchObject({ code: 'STATE_CORRUPT' })
  })
})
