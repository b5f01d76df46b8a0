import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LetterWorld } from '../../../tests/support/letter-world.ts'
import { openDeadLetters } from './letter-topic.ts'
import { newestFirst, type PageCursor } from './newest-first.ts'

interface Written {
  readonly inPartition: number
  readonly failed_time: number
  readonly code: string
}

const written: fc.Arbitrary<Written> = fc.record({
  inPartition: fc.nat({ max: 2 }),
  failed_time: fc.integer({ min: 1, max: 1_000 }),
  code: fc.constantFrom('A', 'B'),
})

/** As they fail: each partition's in the order of time. */
function inOrder(letters: readonly Written[]): Written[] {
  return [...letters].sort((a, b) => a.failed_time - b.failed_time)
}

describe('newestFirst', () => {
  it('should give the same as a sorted list, page by page, whatever is written in between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(written, { maxLength: 60 }),
        fc.array(written, { maxLength: 5 }),
        fc.record({
          size: fc.integer({ min: 1, max: 20 }),
          code: fc.option(fc.constantFrom('A', 'B', 'C'), { nil: undefined }),
          offsetsMax: fc.constantFrom(1, 10, 50_000),
        }),
        async (before, meanwhile, { size, code, offsetsMax }) => {
          const world = await LetterWorld.create(3)
          await world.fail(inOrder(before))
          const topic = await openDeadLetters('shop', world.registry)
          const pages: number[][] = []
          let cursor: PageCursor | undefined
          do {
            const page = await world.run(
              newestFirst({ log: world.log, clock: world.open.clock }, topic, {
                size,
                before: cursor,
                filter: code === undefined ? {} : { code },
                isListed: () => true,
                offsetsMax,
              }),
            )
            expect(page.letters.length).toBeLessThanOrEqual(size)
            pages.push(page.letters.map(({ failedTimeMs }) => failedTimeMs))
            cursor = page.next
            if (pages.length === 1) await world.fail(meanwhile)
          } while (cursor !== undefined)
          const expected = before
            .filter((letter) => code === undefined || letter.code === code)
            .map(({ failed_time }) => failed_time)
            .sort((a, b) => b - a)
          expect(pages.flat()).toEqual(expected)
          if (offsetsMax === 50_000)
            expect(pages.slice(0, -1).every((page) => page.length === size)).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('should look at no more of a large topic than a page needs', async () => {
    const world = await LetterWorld.create(1)
    await world.fail(Array.from({ length: 500 }, (_, index) => ({ failed_time: index + 1 })))
    const topic = await openDeadLetters('shop', world.registry)
    let looked = 0
    const counting = {
      ...topic,
      letterAt: (...place: Parameters<typeof topic.letterAt>) => {
        looked++
        return topic.letterAt(...place)
      },
    }
    const request = { size: 10, before: undefined, isListed: () => true }
    const ports = { log: world.log, clock: world.open.clock }
    const page = await world.run(newestFirst(ports, counting, { ...request, filter: {} }))
    expect(page.letters).toHaveLength(10)
    expect(looked).toBeLessThanOrEqual(32)

    looked = 0
    const none = { ...request, filter: { code: 'NONE' }, offsetsMax: 100 }
    const empty = await world.run(newestFirst(ports, counting, none))
    expect(empty.letters).toEqual([])
    expect(empty.next).toBeDefined()
    expect(looked).toBeLessThan(300)
  })
})
