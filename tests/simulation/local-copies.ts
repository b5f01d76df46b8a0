/** What instances hold on their disks, running tasks, standbys and left-overs alike, must be what the changelogs said by then. */
import { expect } from 'vitest'
import { internalTopics } from '../../streams/index.ts'
import { keyAt, type RecordBatch, valueAt } from '../../streams/records/record-batch.ts'
import { databaseName, taskIdOf } from '../../streams/runtime/task-environment.ts'
import { section, TaskDatabase } from '../../streams/state/task-database.ts'
import { MemorySink, type MemoryStoreProvider } from '../../streams/testing/index.ts'
import type { Case } from './cases.ts'
import { type OpenLog, readTopic, run } from './world.ts'

/** Each database is the fold of its changelogs up to the offsets that it says it holds. Answers how many there are. */
export async function expectCopiesOfChangelogs(
  { log, clock }: OpenLog,
  tasks: MemoryStoreProvider,
  testCase: Case,
): Promise<number> {
  const topology = testCase.topology(new MemorySink())
  let databases = 0
  for (const sub of topology.subTopologies) {
    for (const { name: store } of sub.stores) {
      const changelog = internalTopics.changelog(topology.name, store)
      const batches = await run(clock, readTopic(log, clock, changelog))
      const [settings] = await log.describeTopics([changelog])
      for (let partition = 0; partition < settings!.partitions; partition++) {
        const name = databaseName(topology.name, taskIdOf(sub, partition))
        if (!(await tasks.exists(name))) continue
        databases++
        const database = await TaskDatabase.open(tasks, name, sub.stores)
        const position = database.position.changelogOffsets[store] ?? 0
        const records = batches.filter((batch) => batch.partition === partition)
        expect(rowsOf(database, store), `${store} of partition ${partition} up to ${position}`).toEqual(
          foldUpTo(records, position),
        )
        await database.close()
      }
    }
  }
  return databases
}

function rowsOf(database: TaskDatabase, store: string): Map<string, string> {
  const prefix = database.prefix(store, section.rows)
  const range = database.store.range({ from: prefix, to: database.prefix(store, section.expiry) })
  return new Map(
    [...range].map(({ key, value }) => [key.subarray(prefix.length).toString('hex'), value.toString('hex')]),
  )
}

function foldUpTo(batches: readonly RecordBatch[], position: number): Map<string, string> {
  const rows = new Map<string, string>()
  for (const batch of batches) {
    for (let index = 0; index < batch.length && batch.offsets[index]! < position; index++) {
      const key = keyAt(batch, index)!.toString('hex')
      const row = valueAt(batch, index)
      if (row === null) rows.delete(key)
      else rows.set(key, row.toString('hex'))
    }
  }
  return rows
}
