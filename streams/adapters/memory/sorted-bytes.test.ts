import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SortedBytes } from './sorted-bytes.ts'

function key(number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(number)
  return bytes
}

function numbers(map: SortedBytes): number[] {
  return [...map.entries({})].map((entry) => entry.key.readUInt32BE())
}

describe('SortedBytes', () => {
  it('should keep forks independent of each other, whichever is written', () => {
    const write = fc.record({
      fork: fc.boolean(),
      target: fc.nat(),
      start: fc.nat({ max: 1_000 }),
      count: fc.nat({ max: 300 }),
      remove: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(write, { maxLength: 30 }), (writes) => {
        const pairs = [{ map: new SortedBytes(), oracle: new Set<number>() }]
        for (const { fork, target, start, count, remove } of writes) {
          const { map, oracle } = pairs[target % pairs.length]!
          if (fork) pairs.push({ map: map.fork(), oracle: new Set(oracle) })
          for (let number = start; number < start + count; number++) {
            if (remove) map.delete(key(number))
            else map.set(key(number), key(number))
            if (remove) oracle.delete(number)
            else oracle.add(number)
          }
        }
        for (const { map, oracle } of pairs) {
          expect(numbers(map)).toEqual([...oracle].sort((left, right) => left - right))
          expect(map.size).toBe(oracle.size)
          expect(map.byteLength).toBe(oracle.size * 8)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('should take a hundred thousand keys in any order', () => {
    const map = new SortedBytes()
    const count = 100_000
    for (let index = 0; index < count; index++) map.set(key((index * 7_919) % count), key(index))
    expect(map.size).toBe(count)
    expect(numbers(map)).toEqual(Array.from({ length: count }, (_, index) => index))
    const middle = [...map.entries({ from: key(49_998), to: key(50_002) })]
    expect(middle.map((entry) => entry.key.readUInt32BE())).toEqual([49_998, 49_999, 50_000, 50_001])
  })
})
