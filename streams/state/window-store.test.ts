import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyAt, type RecordBatch, RecordBatchBuilder, valueAt } from '../records/record-batch.ts'
import { serdes } from '../serde/serdes.ts'
import { MemoryRegistry, MemoryStoreProvider } from '../testing/index.ts'
import type { Windowed, WindowSpec } from '../topology/store-spec.ts'
import { RowRestorer } from './row-restorer.ts'
import { nothingCommitted, section, TaskDatabase } from './task-database.ts'
import { WindowStore } from './window-store.ts'
import { windowedSerde } from './windowed-serde.ts'

const sizeMs = 10

interface Home {
  readonly store: WindowStore<string, string>
  readonly database: TaskDatabase
  readonly time: { watermarkMs: number }
  readonly changelog: RecordBatch[]
  commit(): void
  /** Drops what is not committed. */
  reopen(): Promise<Home>
  /** A database made from the changelog alone. */
  restore(): Promise<Home>
}

interface Options {
  readonly windows?: Partial<WindowSpec>
  readonly cacheMaxBytes?: number
}

async function openHome(
  options: Options = {},
  provider = new MemoryStoreProvider(),
  time = { watermarkMs: Number.NEGATIVE_INFINITY },
  changelog: RecordBatch[] = [],
): Promise<Home> {
  const windows = { sizeMs, retentionMs: 0, closes: true, ...options.windows }
  const spec = { name: 'rows', key: windowedSerde(serdes.string, sizeMs), value: serdes.string, windows }
  const database = await TaskDatabase.open(provider, 'task', [spec])
  const context = { registry: new MemoryRegistry(), subject: 'rows' }
  const store = new WindowStore<string, string>({
    spec,
    keyCodec: await spec.key.open(context),
    valueCodec: await spec.value.open(context),
    database,
    cacheMaxBytes: options.cacheMaxBytes ?? 1_000_000,
    rowMaxBytes: 10_000,
    time: { timestampMs: 0, streamTimeMs: 0 },
    onFlushFailure: (_failure, error) => {
      throw error
    },
    windows,
    eventTime: time,
  })
  const reopenOn = async (other: MemoryStoreProvider): Promise<Home> => {
    await database.close()
    return openHome(options, other, time, changelog)
  }
  return {
    store,
    database,
    time,
    changelog,
    commit: () => {
      store.flush()
      const batch = database.batch()
      const records = new RecordBatchBuilder('changelog', 0)
      store.encode(records, batch)
      changelog.push(records.build())
      database.apply(batch, nothingCommitted)
      store.committed()
    },
    reopen: () => reopenOn(provider),
    restore: async () => {
      const empty = new MemoryStoreProvider()
      const target = await TaskDatabase.open(empty, 'task', [spec])
      const restorer = new RowRestorer(spec, target)
      const batch = target.batch()
      for (const records of changelog) {
        for (let index = 0; index < records.length; index++)
          restorer.restore(keyAt(records, index)!, valueAt(records, index), batch)
      }
      target.apply(batch, nothingCommitted)
      await target.close()
      return reopenOn(empty)
    },
  }
}

function put({ store }: Home, key: string, startMs: number, value: string): void {
  store.update(store.window(key, startMs) as Parameters<typeof store.update>[0], value, startMs)
}

/** What is handed over, until nothing before a time is open any more. */
function closed({ store }: Home, beforeMs: number, maxRows = 100): string[] {
  const seen: string[] = []
  store.close(beforeMs, maxRows, ({ key, value }) => seen.push(`${key.startMs} ${key.key}=${value}`))
  return seen
}

function storedRows({ database }: Home): number {
  const prefix = database.prefix('rows', section.rows)
  return [...database.store.range({ from: prefix, to: Buffer.concat([prefix, Buffer.from([0xff])]) })].length
}

describe('a store of windows', () => {
  it('should hand windows over in the order of start and key, wherever their rows are', async () => {
    let home = await openHome()
    for (const key of ['b', 'd']) put(home, key, 0, 'stored')
    put(home, 'a', 20, 'stored')
    home.commit()
    home = await home.reopen()
    put(home, 'c', 0, 'live')
    put(home, 'b', 0, 'newer')
    put(home, 'z', 10, 'live')
    expect(closed(home, 20)).toEqual(['0 b=newer', '0 c=live', '0 d=stored', '10 z=live'])
    expect([home.store.closedBeforeMs, home.store.firstUnclosedMs()]).toEqual([11, 20])
    expect(closed(home, 20)).toEqual([])
    expect(closed(home, Number.POSITIVE_INFINITY)).toEqual(['20 a=stored'])
    expect(home.store.firstUnclosedMs()).toBe(Number.POSITIVE_INFINITY)
  })

  it('should go on in the middle of a window after a crash, as of the last commit', async () => {
    let home = await openHome()
    for (const key of ['a', 'b', 'c', 'd', 'e']) put(home, key, 0, key)
    expect(closed(home, 10, 2)).toEqual(['0 a=a', '0 b=b'])
    home.commit()
    expect(closed(home, 10, 1)).toEqual(['0 c=c'])
    home = await home.reopen()
    expect(closed(home, 10, 2)).toEqual(['0 c=c', '0 d=d'])
    home.commit()
    home = await home.restore()
    expect(closed(home, 10, 2)).toEqual(['0 e=e'])
    expect(home.store.closedBeforeMs).toBe(1)
  })

  it('should write nothing of windows that came and went between two commits', async () => {
    const home = await openHome()
    put(home, 'a', 0, 'x')
    home.time.watermarkMs = 50
    expect(closed(home, 50)).toEqual(['0 a=x'])
    home.commit()
    expect(storedRows(home)).toBe(0)
    expect(
      home.changelog.flatMap((batch) =>
        Array.from({ length: batch.length }, (_, index) => keyAt(batch, index)!.length),
      ),
    ).toEqual([1])
    expect(home.store.cachedRows).toBe(0)
  })

  it('should forget windows once a commit has come so far, without a word to the changelog, and never one that was not handed over', async () => {
    let home = await openHome({ windows: { retentionMs: 5 } })
    for (const startMs of [0, 10, 20]) for (const key of ['a', 'b', 'c']) put(home, key, startMs, 'x')
    home.commit()
    const written = home.changelog.reduce((sum, { length }) => sum + length, 0)
    home.time.watermarkMs = 1_000
    home.commit()
    expect(storedRows(home)).toBe(9)
    expect(closed(home, 20)).toHaveLength(6)
    expect(storedRows(home)).toBe(9)
    home.commit()
    expect(storedRows(home)).toBe(3)
    expect([...home.store.range()].map(([{ startMs }]) => startMs)).toEqual([20, 20, 20])
    expect(home.changelog.reduce((sum, { length }) => sum + length, 0) - written, 'the cursor').toBe(1)
    home = await home.restore()
    expect(
      [...home.store.range()].map(([{ startMs }]) => startMs),
      'what comes back is hidden',
    ).toEqual([20, 20, 20])
    expect(closed(home, 1_000)).toHaveLength(3)
  })

  it('should read nothing for keys that are new in a window that is wholly in memory', async () => {
    const home = await openHome()
    let reads = 0
    const get = home.database.store.get.bind(home.database.store)
    home.database.store.get = (key) => {
      reads++
      return get(key)
    }
    for (const key of ['a', 'b']) put(home, key, 0, 'x')
    home.commit()
    put(home, 'c', 0, 'x')
    put(home, 'a', 10, 'x')
    expect(reads).toBe(0)
  })
})

const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      ahead: fc.nat({ max: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('close' as const),
      windows: fc.nat({ max: 3 }),
      maxRows: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('commit' as const, 'reopen' as const, 'restore' as const) }),
  },
)

interface Model {
  readonly rows: ReadonlyMap<string, string>
  readonly handedOver: readonly string[]
  /** Windows that begin before this are to be closed. */
  readonly dueMs: number
}

describe('a store of windows, whatever happens to it', () => {
  it('should hand each row over once, with its last value, and hold the rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 60 }),
        fc.constantFrom(200, 2_000, 1_000_000),
        fc.constantFrom(0, 25),
        async (operations, cacheMaxBytes, retentionMs) => {
          let home = await openHome({ cacheMaxBytes, windows: { retentionMs } })
          let model: Model = { rows: new Map(), handedOver: [], dueMs: 0 }
          let committed = model
          let count = 0
          for (const one of operations) {
            if (one.kind === 'put') {
              // Windows that are being closed do not change any more.
              const startMs = model.dueMs + one.ahead * sizeMs
              const value = `${count++}`
              put(home, one.key, startMs, value)
              model = { ...model, rows: new Map([...model.rows, [`${startMs} ${one.key}`, value]]) }
            } else if (one.kind === 'close') {
              const dueMs = model.dueMs + one.windows * sizeMs
              home.time.watermarkMs = dueMs
              const seen = closed(home, dueMs, one.maxRows)
              const due = [...model.rows]
                .filter(([place]) => Number(place.split(' ')[0]) < dueMs)
                .sort(([a], [b]) => Number(a.split(' ')[0]) - Number(b.split(' ')[0]) || (a < b ? -1 : 1))
                .slice(0, one.maxRows)
              expect(seen).toEqual(due.map(([place, value]) => `${place}=${value}`))
              const rows = new Map(model.rows)
              for (const [place] of due) rows.delete(place)
              model = { rows, handedOver: [...model.handedOver, ...seen], dueMs }
            } else {
              if (one.kind === 'commit') {
                home.commit()
                committed = model
              }
              if (one.kind === 'reopen') home = await home.reopen()
              if (one.kind === 'restore') home = await home.restore()
              model = committed
              home.time.watermarkMs = model.dueMs
            }
          }
          const rest = closed(home, Number.POSITIVE_INFINITY, 10_000)
          expect(new Set(rest)).toEqual(new Set([...model.rows].map(([place, value]) => `${place}=${value}`)))
          expect(rest).toHaveLength(model.rows.size)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a key in a window', () => {
  it('should come out as it went in, and sort by its start', async () => {
    const codec = await windowedSerde(serdes.string, sizeMs).open({
      registry: new MemoryRegistry(),
      subject: 's',
    })
    const keys = fc.record({ key: fc.string({ unit: 'grapheme' }), startMs: fc.nat({ max: 2 ** 45 }) })
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        const bytes = (key: { key: string; startMs: number }): Buffer => {
          const builder = new RecordBatchBuilder('t', 0)
          codec.encode({ ...key, endMs: 0 }, builder.writer)
          return builder.writer.copy(0, builder.writer.position)
        }
        const decoded: Windowed<string> = codec.decode(bytes(a), 0, bytes(a).length)
        expect(decoded).toEqual({ ...a, endMs: a.startMs + sizeMs })
        if (a.startMs !== b.startMs) expect(bytes(a).compare(bytes(b))).toBe(Math.sign(a.startMs - b.startMs))
      }),
    )
  })
})
