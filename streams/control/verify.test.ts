import { afterEach, describe, expect, it } from 'vitest'
import { type Case, input, inputRecords, type TestRecord } from '../../tests/simulation/cases.ts'
import {
  append,
  type OpenLog,
  openLog,
  type Process,
  run,
  startProcess,
  worldWithInput,
} from '../../tests/simulation/world.ts'
import { watchedStores } from '../../tests/support/open-stores.ts'
import type { MemoryStoreProvider } from '../adapters/memory/memory-store.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import { databaseName } from '../runtime/task-environment.ts'
import { serdes } from '../serde/serdes.ts'
import { tumbling } from '../time/windows.ts'
import { keyValueStore } from '../topology/store-spec.ts'
import { type StoreComparison, type VerifyOptions, verifyTask } from './verify.ts'

const sums = keyValueStore({ name: 'sums', key: serdes.string, value: serdes.long, ttlMs: 100 })

/** Rows for ever, rows with a time to live, and windows. */
const stateful: Case = {
  name: 'stateful',
  topology: () =>
    defineTopology('stateful', (builder) => {
      const events = builder.stream(input, { disorderMs: 100 })
      events.groupByKey().count({ store: 'counts' })
      events.groupByKey().windowedBy(tumbling(50).grace(10)).count({ store: 'windows' })
      events.process('sum', {
        stores: { sums },
        outputs: {},
        create:
          ({ stores }) =>
          (key, value) =>
            stores.sums.put(key, (stores.sums.get(key) ?? 0) + value),
      })
    }),
  output: undefined,
  store: undefined,
  expected: () => [],
  emits: 'last',
}

interface Running {
  readonly process: Process
  readonly open: OpenLog
  readonly tasks: MemoryStoreProvider
  /** Writes into the database of the task of partition 0, beside the task. */
  damage(store: number, key: Buffer, row: Buffer | undefined): void
  verify(options?: VerifyOptions): Promise<readonly StoreComparison[]>
}

const running: Running[] = []

afterEach(async () => {
  for (const { process, open } of running.splice(0)) {
    await run(open.clock, process.app.stop())
    await open.log.close()
  }
})

async function started(records: readonly TestRecord[] = inputRecords(20)): Promise<Running> {
  const world = await worldWithInput(records)
  const open = await openLog(world)
  const watched = watchedStores(world.tasks)
  // A process only opens, destroys and looks for databases.
  const process = await startProcess(
    open,
    { tasks: watched.stores as MemoryStoreProvider, sink: world.sink },
    stateful,
  )
  await run(open.clock, process.app.drained())
  const { drivers, environment } = process.app.running('stateful')
  const driver = drivers.get('events_0')!
  const one: Running = {
    process,
    open,
    tasks: world.tasks,
    damage: (store, key, row) => {
      const database = watched.open.get(databaseName('stateful', 'events_0'))!
      const batch = database.batch()
      const full = Buffer.concat([Buffer.from([0, store, 0]), key])
      if (row === undefined) batch.delete(full)
      else batch.put(full, row)
      database.write(batch)
    },
    verify: (options) => run(open.clock, verifyTask(driver, environment!, options)),
  }
  running.push(one)
  return one
}

/** As a row lies in the database: its time, then its value. */
function row(timestampMs: number, value: number): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeDoubleBE(timestampMs)
  bytes.writeBigInt64BE(BigInt(value), 8)
  return bytes
}

function keyOf(partition: number): Buffer {
  return Buffer.from(inputRecords(20).find((record) => record.partition === partition)!.key!)
}

const storeNumbers = { counts: 1, windows: 2, sums: 3 }

describe('verifyTask', () => {
  it('should find state that was only ever written by commits the same as its changelogs', async () => {
    const { verify, tasks } = await started()
    const stores = await verify()
    expect(stores.map(({ store }) => store)).toEqual(['counts', 'windows', 'sums'])
    for (const comparison of stores) {
      expect(comparison).toMatchObject({ task: 'events_0', same: true, differences: [], differenceCount: 0 })
      expect(comparison.digest).toMatch(/^[0-9a-f]{64}$/)
      expect(comparison.rebuiltDigest).toBe(comparison.digest)
      expect(comparison.commitNumber).toBeGreaterThan(0)
    }
    expect(stores[0]!.rows).toBeGreaterThan(0)
    expect(await tasks.exists('scratch-verify/stateful/events_0')).toBe(false)
  })

  it('should name the keys of rows that are missing, other, or too many', async () => {
    const { verify, damage } = await started()
    const key = keyOf(0)
    damage(storeNumbers.counts, key, row(5, 77))
    damage(storeNumbers.counts, Buffer.from('nobody'), row(5, 1))
    const [counts, windows] = await verify()
    expect(counts).toMatchObject({ same: false, differenceCount: 2 })
    expect(windows).toMatchObject({ same: true })
    expect(counts!.digest).not.toBe(counts!.rebuiltDigest)
    const differences = new Map(counts!.differences.map((one) => [one.key, one]))
    expect(differences.get('nobody')).toEqual({ key: 'nobody', value: 1, rebuiltValue: undefined })
    expect(differences.get(key.toString())).toMatchObject({ value: 77 })
    expect(differences.get(key.toString())!.rebuiltValue).not.toBe(77)

    damage(storeNumbers.counts, Buffer.from('nobody'), undefined)
    damage(storeNumbers.counts, key, undefined)
    const [again] = await verify()
    expect(again).toMatchObject({ same: false, differenceCount: 1 })
    expect(again!.differences[0]).toMatchObject({ key: key.toString(), value: undefined })
  })

  it('should name at most ten keys, and count them all', async () => {
    const { verify, damage } = await started()
    for (let index = 0; index < 25; index++)
      damage(storeNumbers.counts, Buffer.from(`extra-${index}`), row(5, index))
    const [counts] = await verify()
    expect(counts!.differenceCount).toBe(25)
    expect(counts!.differences).toHaveLength(10)
  })

  it('should show bytes that cannot be decoded as they are', async () => {
    const { verify, damage } = await started()
    const bytes = Buffer.from('bad')
    damage(storeNumbers.counts, keyOf(0), bytes)
    const [counts] = await verify()
    expect(counts!.differences[0]!.value).toEqual({ undecodable: bytes.toString('base64') })
  })

  it('should not take rows whose time is over for differences', async () => {
    const { verify, damage } = await started()
    const windowKey = Buffer.concat([Buffer.alloc(8), keyOf(0)])
    damage(storeNumbers.windows, windowKey, row(0, 3))
    damage(storeNumbers.sums, Buffer.from('old'), row(1, 3))
    const [, windows, sumRows] = await verify()
    expect(windows).toMatchObject({ same: true })
    expect(sumRows).toMatchObject({ same: true })
    damage(storeNumbers.sums, Buffer.from('young'), row(1_000_000, 3))
    const [, , again] = await verify()
    expect(again!.differences.map(({ key }) => key)).toEqual(['young'])
  })

  it('should count windows apart that the changelog has forgotten', async () => {
    const { verify, open, process } = await started()
    const late = 1_000_000
    // A window that is still shown, whose changelog is cleaned away.
    await append(open.log, input.name, [
      { partition: 0, key: keyOf(0).toString(), value: row(0, 1).subarray(8), timestampMs: late },
    ])
    await run(open.clock, process.app.drained())
    const changelog = { topic: 'stateful-windows-changelog', partition: 0 }
    const [range] = await open.log.offsetRanges([changelog])
    await run(open.clock, open.log.deleteRecords([{ ...changelog, offset: range!.end }]))
    const [, windows] = await verify()
    expect(windows).toMatchObject({ same: true, differenceCount: 0 })
    expect(windows!.forgottenRows).toBeGreaterThan(0)
  })

  it('should compare one commit, whatever the task does meanwhile', async () => {
    const { verify, open, process } = await started()
    const more = inputRecords(40)
    const verified = verify()
    await append(open.log, input.name, more)
    expect((await verified).map(({ same }) => same)).toEqual([true, true, true])
    await run(open.clock, process.app.drained())
    const later = await verify()
    expect(later.map(({ same }) => same)).toEqual([true, true, true])
  })

  it('should end when it is cancelled, and leave nothing behind', async () => {
    const { verify, tasks } = await started()
    const controller = new AbortController()
    controller.abort()
    await expect(verify({ signal: controller.signal })).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await tasks.exists('scratch-verify/stateful/events_0')).toBe(false)
  })

  it('should end when the task is let go in the middle of it', async () => {
    const { damage, process, open } = await started()
    for (let index = 0; index < 2_000; index++)
      damage(storeNumbers.counts, Buffer.from(`extra-${index}`), row(5, index))
    const { drivers, environment } = process.app.running('stateful')
    let stopped: Promise<void> | undefined
    const onProgress = ({ step }: { readonly step: string }): void => {
      if (step.startsWith('comparing')) stopped ??= process.app.stop()
    }
    const verified = verifyTask(drivers.get('events_0')!, environment!, { onProgress })
    await expect(run(open.clock, verified)).rejects.toMatchObject({ code: 'CLOSED' })
    await run(open.clock, stopped!)
    expect(process.app.status()[0]!.state).toEqual({ kind: 'stopped' })
  })

  it('should say that the task was let go rather than call what is left of its rows different', async () => {
    const one = await started()
    const { drivers, environment } = one.process.app.running('stateful')
    const driver = drivers.get('events_0')!
    await run(one.open.clock, one.process.app.stop())
    await expect(verifyTask(driver, environment!)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
