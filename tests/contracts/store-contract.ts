/** What every adapter of the Store port must do, as tests. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../streams/errors.ts'
import type { KeyRange, Store, StoreEntry, StoreProvider } from '../../streams/ports/store.ts'

/** A provider with no database in it, and how to leave nothing of it behind. */
export interface OpenedProvider {
  readonly provider: StoreProvider
  dispose(): Promise<void>
}

export function storeContract(adapter: string, openProvider: () => Promise<OpenedProvider>): void {
  describe(`Store contract: ${adapter}`, () => {
    let opened: OpenedProvider
    let provider: StoreProvider
    let store: Store

    beforeEach(async () => {
      opened = await openProvider()
      provider = opened.provider
      store = await provider.open('test')
    })

    afterEach(async () => {
      await store.close()
      await opened.dispose()
    })

    describe('batches', () => {
      it('should apply writes in order, so that the last of a key wins', () => {
        const batch = store.batch()
        batch.put(bytes('a'), bytes('1'))
        batch.put(bytes('b'), bytes('1'))
        batch.delete(bytes('a'))
        batch.put(bytes('b'), bytes('2'))
        expect(batch.length).toBe(4)
        store.write(batch)
        expect(store.get(bytes('a'))).toBeUndefined()
        expect(text(store.get(bytes('b')))).toBe('2')
      })

      it('should not show writes before their batch is applied', () => {
        const batch = store.batch()
        batch.put(bytes('a'), bytes('1'))
        expect(store.get(bytes('a'))).toBeUndefined()
      })

      it('should copy keys and values', () => {
        const key = bytes('key')
        const value = bytes('value')
        const batch = store.batch()
        batch.put(key, value)
        key.fill(0)
        value.fill(0)
        store.write(batch)
        expect(text(store.get(bytes('key')))).toBe('value')
      })

      it('should take views of larger arrays, and empty keys and values', () => {
        const batch = store.batch()
        const array = new Uint8Array([9, 1, 2, 9])
        batch.put(array.subarray(1, 3), array.subarray(2, 2))
        batch.put(new Uint8Array(0), array.subarray(0, 1))
        store.write(batch, { sync: true })
        expect(store.get(new Uint8Array([1, 2]))).toEqual(Buffer.alloc(0))
        expect(store.get(new Uint8Array(0))).toEqual(Buffer.from([9]))
      })

      it('should refuse a batch that was written already', () => {
        const batch = store.batch()
        batch.put(bytes('a'), bytes('1'))
        store.write(batch)
        expectCode(() => store.write(batch), 'INVARIANT_VIOLATED')
        expectCode(() => batch.put(bytes('b'), bytes('1')), 'INVARIANT_VIOLATED')
        expectCode(() => batch.delete(bytes('a')), 'INVARIANT_VIOLATED')
        expect(list(store, {})).toEqual(['a=1'])
      })

      it('should refuse a batch of another store', async () => {
        const other = await provider.open('other')
        const batch = other.batch()
        batch.put(bytes('a'), bytes('1'))
        expectCode(() => store.write(batch), 'INVARIANT_VIOLATED')
        await other.close()
      })

      it('should keep batches that are filled at the same time apart', () => {
        putAll(store, ['warm'])
        const first = store.batch()
        const second = store.batch()
        first.put(bytes('a'), bytes('first'))
        second.put(bytes('b'), bytes('second'))
        store.write(second)
        expect(list(store, {})).toEqual(['b=second', 'warm=warm'])
        store.write(first)
        expect(list(store, {})).toEqual(['a=first', 'b=second', 'warm=warm'])
      })
    })

    describe('reads', () => {
      it('should answer getMany in the order asked, with undefined for what is missing', async () => {
        putAll(store, ['a', 'b', 'c'])
        const values = await store.getMany(['c', 'x', 'a', 'c'].map(bytes))
        expect(values.map(text)).toEqual(['c', undefined, 'a', 'c'])
        expect(await store.getMany([])).toEqual([])
      })

      it('should see in getMany what was written before, whatever becomes of the keys given', async () => {
        putAll(store, ['a'])
        const key = bytes('a')
        const answer = store.getMany([key])
        key.fill(0)
        expect((await answer).map(text)).toEqual(['a'])
      })

      it('should give values that are the reader’s own', () => {
        putAll(store, ['a'])
        store.get(bytes('a'))?.fill(0)
        for (const { value } of store.range({})) value.fill(0)
        expect(text(store.get(bytes('a')))).toBe('a')
      })

      it('should order keys as unsigned bytes', () => {
        const keys = [[0], [0, 0], [0, 255], [1], [127, 255], [128], [200], [255], [255, 0], [255, 255]]
        const batch = store.batch()
        for (const key of [...keys].reverse()) batch.put(new Uint8Array(key), new Uint8Array(0))
        store.write(batch)
        expect([...store.range({})].map(({ key }) => [...key])).toEqual(keys)
      })

      it('should take ranges from inclusive to exclusive, either way, up to a limit', () => {
        putAll(store, ['a', 'b', 'c', 'd', 'e'])
        const keys = (range: KeyRange) => [...store.range(range)].map(({ key }) => text(key)).join('')
        expect(keys({})).toBe('abcde')
        expect(keys({ reverse: true })).toBe('edcba')
        expect(keys({ from: bytes('b') })).toBe('bcde')
        expect(keys({ to: bytes('d') })).toBe('abc')
        expect(keys({ from: bytes('b'), to: bytes('d') })).toBe('bc')
        expect(keys({ from: bytes('b'), to: bytes('d'), reverse: true })).toBe('cb')
        expect(keys({ from: bytes('aa'), to: bytes('dd'), limit: 2 })).toBe('bc')
        expect(keys({ from: bytes('aa'), to: bytes('dd'), limit: 2, reverse: true })).toBe('dc')
        expect(keys({ limit: 0 })).toBe('')
        expect(keys({ limit: Number.MAX_SAFE_INTEGER })).toBe('abcde')
        expect(keys({ from: bytes('d'), to: bytes('b') })).toBe('')
        expect(keys({ to: new Uint8Array(0) })).toBe('')
        expect(keys({ from: bytes('f') })).toBe('')
      })

      it('should walk a range as of the call, whatever is written meanwhile', () => {
        const names = Array.from({ length: 2_000 }, (_, index) => String(index).padStart(4, '0'))
        putAll(store, names)
        const notStarted = store.range({})
        const seen: string[] = []
        for (const { key } of store.range({})) {
          if (seen.length % 500 === 0) {
            const batch = store.batch()
            for (const name of names) batch.delete(bytes(name))
            batch.put(bytes(`new${seen.length}`), bytes('new'))
            store.write(batch)
          }
          seen.push(String(key))
        }
        expect(seen).toEqual(names)
        expect([...notStarted]).toHaveLength(2_000)
        expect(list(store, {})).toHaveLength(4)
      })

      it('should delete a range, which begins with its first key and ends before its last', async () => {
        const batch = store.batch()
        for (const key of ['a', 'b', 'ba', 'c', 'd']) batch.put(bytes(key), bytes('1'))
        store.write(batch)
        const walk = store.range({})
        store.deleteRange(bytes('b'), bytes('d'))
        expect([...walk]).toHaveLength(5)
        expect(list(store, {})).toEqual(['a=1', 'd=1'])
        expect(store.get(bytes('ba'))).toBeUndefined()
        expect(await store.getMany([bytes('c'), bytes('d')])).toEqual([undefined, bytes('1')])
        store.deleteRange(bytes('b'), bytes('b'))
        store.deleteRange(bytes('d'), bytes('a'))
        const again = store.batch()
        again.put(bytes('ba'), bytes('2'))
        store.write(again)
        expect(list(store, {})).toEqual(['a=1', 'ba=2', 'd=1'])
        await store.close()
        store = await provider.open('test')
        expect(list(store, {})).toEqual(['a=1', 'ba=2', 'd=1'])
      })

      it('should end a range that is returned, and stay at its end', () => {
        putAll(store, ['a', 'b'])
        for (const { key } of store.range({})) {
          expect(text(key)).toBe('a')
          break
        }
        const range = store.range({})
        range.next()
        range.return?.()
        expect(range.next().done).toBe(true)
        const whole = store.range({})
        expect([...whole]).toHaveLength(2)
        expect(whole.next().done).toBe(true)
      })

      it('should equal a plain map under any writes and ranges', async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
            await store.close()
            await provider.destroy('test')
            store = await provider.open('test')
            const oracle = new Map<string, string>()
            for (const step of operations) await checkStep(store, oracle, step)
          }),
          { numRuns: 40 },
        )
      })
    })

    describe('lifecycle', () => {
      it('should keep what was written over close and open', async () => {
        putAll(store, ['a', 'b'])
        await store.close()
        store = await provider.open('test')
        expect(list(store, {})).toEqual(['a=a', 'b=b'])
      })

      it('should keep databases apart', async () => {
        const other = await provider.open('group/other-1.x_y')
        putAll(store, ['a'])
        putAll(other, ['b'])
        expect(list(other, {})).toEqual(['b=b'])
        await other.close()
      })

      it('should tell whether a database exists, and destroy it', async () => {
        putAll(store, ['a'])
        expect(await provider.exists('test')).toBe(true)
        expect(await provider.exists('other')).toBe(false)
        await store.close()
        expect(await provider.exists('test')).toBe(true)
        await provider.destroy('test')
        expect(await provider.exists('test')).toBe(false)
        await provider.destroy('test')
        store = await provider.open('test')
        expect(list(store, {})).toEqual([])
      })

      it('should refuse to open or destroy a database that is open', async () => {
        putAll(store, ['a'])
        await expect(provider.open('test')).rejects.toMatchObject({ code: 'STATE_DIRECTORY_LOCKED' })
        await expect(provider.destroy('test')).rejects.toMatchObject({ code: 'STATE_DIRECTORY_LOCKED' })
        expect(list(store, {})).toEqual(['a=a'])
      })

      it('should refuse what is no name', async () => {
        for (const name of ['', '/a', 'a/', 'a//b', '.', '..', 'a/../b', 'a b', 'a\\b', 'ä', 'a~']) {
          await expect(provider.open(name), name).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
          await expect(provider.exists(name), name).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
          await expect(provider.destroy(name), name).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
        }
      })

      it('should refuse a database inside another', async () => {
        await expect(provider.open('test/inner')).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
        const inner = await provider.open('outer/inner')
        await inner.close()
        await expect(provider.open('outer')).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
      })

      it('should refuse every call after close, and close twice', async () => {
        const batch = store.batch()
        await store.close()
        await store.close()
        expectCode(() => store.get(bytes('a')), 'CLOSED')
        expectCode(() => store.range({}), 'CLOSED')
        expectCode(() => store.batch(), 'CLOSED')
        expectCode(() => store.write(batch), 'CLOSED')
        expectCode(() => store.size(), 'CLOSED')
        await expect(store.getMany([bytes('a')])).rejects.toMatchObject({ code: 'CLOSED' })
        store = await provider.open('test')
      })

      it('should answer reads that are under way before it closes', async () => {
        putAll(store, ['a'])
        const answer = store.getMany([bytes('a')])
        await store.close()
        expect((await answer).map(text)).toEqual(['a'])
      })

      it('should close ranges that were left open, and say so', async () => {
        putAll(store, ['a', 'b'])
        const started = store.range({})
        started.next()
        const notStarted = store.range({})
        await expect(store.close()).rejects.toMatchObject({
          code: 'INVARIANT_VIOLATED',
          details: { name: 'test', count: 2 },
        })
        expectCode(() => started.next(), 'CLOSED')
        expectCode(() => notStarted.next(), 'CLOSED')
        notStarted.return?.()
        store = await provider.open('test')
        expect(list(store, {})).toEqual(['a=a', 'b=b'])
      })

      it('should grow in size with what it holds', () => {
        const before = store.size()
        const batch = store.batch()
        for (let index = 0; index < 1_000; index++) batch.put(bytes(`key${index}`), new Uint8Array(100))
        store.write(batch)
        const after = store.size()
        const total = (size: typeof after) => size.diskBytes + size.memoryBytes
        expect(total(after) - total(before)).toBeGreaterThan(100_000)
      })
    })
  })
}

type Operation =
  | { readonly kind: 'write'; readonly writes: readonly (readonly [Uint8Array, Uint8Array | null])[] }
  | { readonly kind: 'range'; readonly range: KeyRange }
  | { readonly kind: 'get'; readonly keys: readonly Uint8Array[] }

/** Few different bytes, so that keys collide and lie inside one another. */
const anyKey = fc
  .array(fc.constantFrom(0, 1, 127, 128, 255), { maxLength: 3 })
  .map((key) => new Uint8Array(key))
const anyValue = fc.uint8Array({ maxLength: 5 })

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    writes: fc.array(fc.tuple(anyKey, fc.option(anyValue)), { maxLength: 200 }),
  }),
  fc.record({
    kind: fc.constant('range' as const),
    range: fc.record(
      { from: anyKey, to: anyKey, reverse: fc.boolean(), limit: fc.nat({ max: 5 }) },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ kind: fc.constant('get' as const), keys: fc.array(anyKey, { maxLength: 10 }) }),
)

/** Runs a step on the store and on a map from hexadecimal keys, whose order as text is that of the bytes. */
async function checkStep(store: Store, oracle: Map<string, string>, step: Operation): Promise<void> {
  if (step.kind === 'write') {
    const batch = store.batch()
    for (const [key, value] of step.writes) {
      if (value === null) {
        batch.delete(key)
        oracle.delete(hex(key))
      } else {
        batch.put(key, value)
        oracle.set(hex(key), hex(value))
      }
    }
    store.write(batch)
  } else if (step.kind === 'get') {
    const expected = step.keys.map((key) => oracle.get(hex(key)))
    expect(step.keys.map((key) => hexOrUndefined(store.get(key)))).toEqual(expected)
    expect((await store.getMany(step.keys)).map(hexOrUndefined)).toEqual(expected)
  } else {
    const actual = [...store.range(step.range)].map(({ key, value }) => [hex(key), hex(value)])
    expect(actual).toEqual(rangeOf(oracle, step.range))
  }
}

function rangeOf(oracle: ReadonlyMap<string, string>, range: KeyRange): [string, string][] {
  const { from, to } = range
  const entries = [...oracle]
    .filter(([key]) => (from === undefined || key >= hex(from)) && (to === undefined || key < hex(to)))
    .sort(([left], [right]) => (left < right ? -1 : 1))
  if (range.reverse === true) entries.reverse()
  return entries.slice(0, range.limit)
}

function putAll(store: Store, keys: readonly string[]): void {
  const batch = store.batch()
  for (const key of keys) batch.put(bytes(key), bytes(key))
  store.write(batch)
}

function list(store: Store, range: KeyRange): string[] {
  return [...store.range(range)].map(({ key, value }: StoreEntry) => `${key}=${value}`)
}

function expectCode(call: () => unknown, code: ErrorCode): void {
  expect(call).toThrow(expect.objectContaining({ code }))
}

function bytes(value: string): Buffer {
  return Buffer.from(value)
}

function text(value: Buffer | undefined): string | undefined {
  return value?.toString()
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}

function hexOrUndefined(value: Buffer | undefined): string | undefined {
  return value === undefined ? undefined : hex(value)
}
