import { describe, expect, it } from 'vitest'
import { StreamsError } from '../../errors.ts'
import type { Store } from '../../ports/store.ts'
import { MemoryStoreProvider, type MemoryWrite } from './memory-store.ts'

function put(store: Store, key: string, options?: { sync: boolean }): void {
  const batch = store.batch()
  batch.put(Buffer.from(key), Buffer.from(key))
  store.write(batch, options)
}

function keys(store: Store): string[] {
  return [...store.range({})].map((entry) => String(entry.key))
}

describe('MemoryStoreProvider', () => {
  it('should give a snapshot what a kill leaves, with no database open', async () => {
    const provider = new MemoryStoreProvider()
    const store = await provider.open('a')
    put(store, 'before')
    const survivor = provider.snapshot()
    put(store, 'after')
    const reopened = await survivor.open('a')
    expect(keys(reopened)).toEqual(['before'])
    put(reopened, 'elsewhere')
    expect(keys(store)).toEqual(['after', 'before'])
  })

  it('should give a snapshot what a power failure leaves: everything up to the last write with sync', async () => {
    const provider = new MemoryStoreProvider()
    const store = await provider.open('a')
    put(store, 'first')
    put(store, 'second', { sync: true })
    put(store, 'third')
    const reopened = await provider.snapshot({ lose: 'unsynced' }).open('a')
    expect(keys(reopened)).toEqual(['first', 'second'])
  })

  it('should apply nothing of a batch that the hook refuses, and take it when it is tried again', async () => {
    const seen: MemoryWrite[] = []
    let full = true
    const provider = new MemoryStoreProvider({
      beforeWrite(write) {
        seen.push(write)
        if (full) throw new StreamsError('STORAGE_FULL', 'no space')
      },
    })
    const store = await provider.open('a')
    const batch = store.batch()
    batch.put(Buffer.from('x'), Buffer.from('1'))
    expect(() => store.write(batch, { sync: true })).toThrow('no space')
    expect(keys(store)).toEqual([])
    full = false
    store.write(batch)
    expect(keys(store)).toEqual(['x'])
    expect(seen.map(({ name, sync, writes }) => [name, sync, writes.length])).toEqual([
      ['a', true, 1],
      ['a', false, 1],
    ])
  })
})
