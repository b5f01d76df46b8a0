import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentOf, foldOf, openRowStore, type RowStoreHome } from '../../tests/support/row-store.ts'

type Model = Map<string, { readonly value: string; readonly timestampMs: number }>

const key = fc.integer({ min: 0, max: 24 }).map((number) => `k${String(number).padStart(2, '0')}`)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key,
      value: fc.string({ maxLength: 60 }),
      lateMs: fc.constantFrom(0, 0, 5, 40),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('get' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('range' as const), from: key, to: key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('read-ahead' as const),
      keys: fc.array(key, { minLength: 16, maxLength: 25 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.integer({ min: 1, max: 30 }) }),
  },
)

/** The rows that a reader must see. */
function visible(model: Model, streamTimeMs: number, ttlMs: number | undefined): [string, string][] {
  return [...model]
    .filter(([, { timestampMs }]) => ttlMs === undefined || timestampMs + ttlMs > streamTimeMs)
    .map(([name, { value }]): [string, string] => [name, value])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function expectRange(home: RowStoreHome, rows: [string, string][], from?: string, to?: string): void {
  const wanted = rows.filter(
    ([name]) => (from === undefined || name >= from) && (to === undefined || name < to),
  )
  expect([...home.store.range(from, to)]).toEqual(wanted)
}

describe('RowStore', () => {
  it.each([
    ['for ever', undefined],
    ['for 50 ms', 50],
  ])('should be a map that keeps its rows %s, through evictions, commits and aborts', async (_, ttlMs) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 120 }),
        fc.constantFrom(0, 500, 3_000, 1_000_000),
        async (steps, cacheMaxBytes) => {
          const options = { cacheMaxBytes, expiryMaxRows: 3, ...(ttlMs === undefined ? {} : { ttlMs }) }
          let home = await openRowStore(options)
          const model: Model = new Map()
          let committed: Model = new Map()
          for (const action of steps) {
            const { store, time } = home
            const rows = visible(model, time.streamTimeMs, ttlMs)
            if (action.kind === 'put') {
              const timestampMs = time.streamTimeMs - action.lateMs
              store.put(action.key, action.value, timestampMs)
              model.set(action.key, { value: action.value, timestampMs })
            } else if (action.kind === 'delete') {
              store.delete(action.key)
              model.delete(action.key)
            } else if (action.kind === 'get') {
              expect(store.get(action.key)).toBe(new Map(rows).get(action.key))
            } else if (action.kind === 'range') {
              expectRange(home, rows, action.from, action.to)
            } else if (action.kind === 'read-ahead') {
              await store.readAhead(action.keys)
            } else if (action.kind === 'time') {
              time.streamTimeMs += action.byMs
              time.timestampMs = time.streamTimeMs
            } else if (action.kind === 'commit') {
              home.commit()
              committed = new Map(model)
            } else {
              home = await home.reopen()
              model.clear()
              for (const [name, row] of committed) model.set(name, row)
            }
          }
          home.commit()
          home = await home.reopen()
          expectRange(home, visible(model, home.time.streamTimeMs, ttlMs))
          const { rows, indexed } = contentOf(home.database)
          expect(rows).toEqual(foldOf(home.changelog))
          expect(indexed).toEqual(ttlMs === undefined ? [] : [...rows.keys()].sort())
        },
      ),
      { numRuns: 150 },
    )
  })

  it('should write each changed key once, as it is at the commit', async () => {
    const { store, commit, changelog } = await openRowStore()
    store.put('a', '1')
    store.put('b', '1')
    store.put('a', '2')
    commit()
    store.delete('b')
    commit()
    expect(changelog.map(({ length }) => length)).toEqual([2, 1])
    expect([...foldOf(changelog).keys()]).toEqual(['a'])
    expect(store.dirtyCount).toBe(0)
  })

  it('should write nothing of a row that came and went between two commits', async () => {
    const { store, commit, changelog } = await openRowStore()
    store.put('a', '1')
    store.put('b', '1')
    store.delete('b')
    commit()
    expect(changelog.map(({ length }) => length)).toEqual([1])
    expect(foldOf(changelog).has('b')).toBe(false)
  })

  it('should merge changed rows into the stored ones in key order', async () => {
    const { store, commit } = await openRowStore()
    for (const name of ['b', 'd', 'f']) store.put(name, 'stored')
    commit()
    store.put('a', 'new')
    store.put('d', 'changed')
    store.put('e', 'new')
    store.delete('f')
    store.put('g', 'new')
    const all = [...store.range()]
    expect(all.map(([name, value]) => `${name} ${value}`)).toEqual([
      'a new',
      'b stored',
      'd changed',
      'e new',
      'g new',
    ])
    expect([...store.range('b', 'e')].map(([name]) => name)).toEqual(['b', 'd'])
  })

  it('should never overwrite what changed while it was read ahead', async () => {
    const { store, commit } = await openRowStore({ cacheMaxBytes: 0 })
    const names = Array.from({ length: 20 }, (_, index) => `k${index}`)
    for (const name of names) store.put(name, 'stored')
    commit()
    for (let index = 0; index < 50; index++) store.get(`other-${index}`)
    const reading = store.readAhead(names)
    expect(reading).toBeDefined()
    store.put('k3', 'newer')
    store.delete('k4')
    await reading
    expect(store.get('k3')).toBe('newer')
    expect(store.get('k4')).toBeUndefined()
    expect(store.get('k5')).toBe('stored')
  })

  it('should not read ahead for a few keys, nor for those that it holds', async () => {
    const { store } = await openRowStore()
    const names = Array.from({ length: 20 }, (_, index) => `k${index}`)
    expect(store.readAhead(names.slice(0, 15))).toBeUndefined()
    await store.readAhead(names)
    expect(store.readAhead(names)).toBeUndefined()
  })

  it('should pass each change on once, with the value before it, however often it is flushed', async () => {
    const { store, commit } = await openRowStore()
    const passed: (string | null)[][] = []
    store.onFlush((name, newValue, oldValue) => passed.push([name, newValue, oldValue]))
    store.put('a', '1')
    store.put('a', '2')
    store.put('gone', '1')
    store.delete('gone')
    expect(store.flush()).toBe(true)
    expect(store.flush()).toBe(false)
    expect(passed).toEqual([['a', '2', null]])
    commit()
    store.put('a', '3')
    store.flush()
    expect(passed[1]).toEqual(['a', '3', '2'])
  })

  it('should report the row when passing it on fails, and go on', async () => {
    const { store, failures } = await openRowStore()
    const passed: string[] = []
    store.onFlush((name) => {
      if (name === 'bad') throw new Error('no')
      passed.push(name)
    })
    store.put('bad', 'x', 7)
    store.put('good', 'y')
    store.flush()
    expect(passed).toEqual(['good'])
    expect(failures).toHaveLength(1)
    expect(failures[0]!.failure).toMatchObject({ store: 'rows', timestampMs: 7, key: Buffer.from('bad') })
    expect(failures[0]!.failure.row!.subarray(8).toString()).toBe('x')
  })

  it('should tell a row that cannot be decoded as damaged state', async () => {
    const home = await openRowStore()
    const batch = home.database.batch()
    const place = Buffer.concat([home.database.prefix('rows', 0), Buffer.from('a')])
    batch.put(place, Buffer.concat([Buffer.alloc(8), Buffer.from([0xff])]))
    home.database.store.write(batch)
    const { store } = await home.reopen()
    expect(() => store.get('a')).toThrow(expect.objectContaining({ code: 'STATE_CORRUPT' }))
  })

  it('should tell nobody of a row that was written too late to be seen', async () => {
    const { store, time, commit } = await openRowStore({ ttlMs: 100 })
    const passed: (string | null)[] = []
    store.onFlush((_name, newValue) => {
      passed.push(newValue)
      store.get('a')
    })
    time.streamTimeMs = 1_000
    store.put('a', 'late', 5)
    commit()
    time.streamTimeMs = 5_000
    commit()
    expect(passed).toEqual([])
    expect(store.get('a')).toBeUndefined()
  })

  it('should name the row that does not fit into its changelog', async () => {
    const { store, commit } = await openRowStore()
    store.put('large', 'x'.repeat(10_001))
    expect(commit).toThrow(
      expect.objectContaining({
        code: 'STATE_NOT_ENCODABLE',
        message: expect.stringContaining('store rows: the row of key "large" has 10014 bytes'),
      }),
    )
  })
})
