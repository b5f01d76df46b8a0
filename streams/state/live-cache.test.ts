import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LiveCache, LiveRow } from './live-cache.ts'

function row(key: number, valueBytes = 100): LiveRow<number, string> {
  return new LiveRow(key, `value-${key}`, 0, Number.NaN, valueBytes)
}

/** Looks an entry up, and adds it when it is not there, as a store does. */
function touch(cache: LiveCache<number, string>, key: number, valueBytes?: number): LiveRow<number, string> {
  const found = cache.get(key)
  if (found !== undefined) return found
  const added = row(key, valueBytes)
  cache.add(added)
  return added
}

describe('LiveCache', () => {
  it('should keep what fits', () => {
    const cache = new LiveCache<number, string>(100_000, (key) => key)
    const rows = Array.from({ length: 100 }, (_, key) => touch(cache, key))
    expect(rows.map(({ key }) => cache.get(key))).toEqual(rows)
  })

  it('should hold all there is from an empty store on, until it lets go of something', () => {
    const cache = new LiveCache<number, string>(10_000, (key) => key, true)
    for (let key = 0; key < 10; key++) touch(cache, key)
    expect(cache.holdsAll()).toBe(true)
    for (let key = 10; key < 1_000; key++) touch(cache, key)
    expect(cache.holdsAll()).toBe(false)
    expect(new LiveCache<number, string>(10_000, (key) => key).holdsAll()).toBe(false)
  })

  it('should let go of what was not used for longest', () => {
    const cache = new LiveCache<number, string>(10_000, (key) => key)
    touch(cache, 0)
    for (let key = 1; key < 1_000; key++) {
      touch(cache, key)
      cache.get(0)
    }
    expect(cache.has(0)).toBe(true)
    expect(cache.has(1)).toBe(false)
    expect(cache.has(999)).toBe(true)
  })

  it('should hold its bytes to about the limit, also for large values that are used again and again', () => {
    const cache = new LiveCache<number, string>(1_000_000, (key) => key)
    for (let round = 0; round < 20; round++) {
      for (let key = 0; key < 500; key++) touch(cache, key, 10_000)
      for (let key = 400; key < 500; key++) touch(cache, key, 10_000)
    }
    expect(cache.size).toBeLessThanOrEqual(102)
    expect(cache.bytes).toBeLessThanOrEqual(1_030_000)
  })

  it('should keep every changed entry, however many, and let it go after the commit', () => {
    const cache = new LiveCache<number, string>(2_000, (key) => key)
    const changed = Array.from({ length: 200 }, (_, key) => {
      const entry = touch(cache, key)
      entry.dirty = true
      return entry
    })
    for (let key = 1_000; key < 1_100; key++) touch(cache, key)
    for (const entry of changed) expect(cache.get(entry.key)).toBe(entry)
    for (const entry of changed) entry.dirty = false
    for (let key = 2_000; key < 2_100; key++) touch(cache, key)
    expect(cache.size).toBeLessThan(20)
  })

  it('should not copy all changed entries for each one that is added', () => {
    const cache = new LiveCache<number, string>(2 * 260 * 500, (key) => key)
    const changed = 10_000
    let copies = 0
    for (let key = 0; key < changed; key++) {
      const entry = touch(cache, key)
      Object.defineProperty(entry, 'dirty', {
        get: () => {
          copies++
          return true
        },
      })
    }
    // A generation changes with every 500 entries, and looks at no more than there are.
    expect(copies).toBeLessThan((changed / 500) * changed)
  })

  it('should answer with the one object there is of a changed entry, whatever happens around it', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 30 }),
      kind: fc.constantFrom('read' as const, 'change' as const, 'commit' as const),
      bytes: fc.integer({ min: 0, max: 500 }),
    })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 0, max: 5_000 }),
        (steps, maxBytes) => {
          const cache = new LiveCache<number, string>(maxBytes, (key) => key)
          const changed = new Map<number, LiveRow<number, string>>()
          for (const { key, kind, bytes } of steps) {
            if (kind === 'commit') {
              for (const entry of changed.values()) entry.dirty = false
              changed.clear()
              continue
            }
            const entry = touch(cache, key, bytes)
            expect(changed.get(key) ?? entry).toBe(entry)
            if (kind === 'change') {
              entry.dirty = true
              changed.set(key, entry)
            }
          }
          for (const [key, entry] of changed) expect(cache.get(key)).toBe(entry)
        },
      ),
    )
  })
})
