import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryBudget, processBytes, type TaskDemand } from './memory-budget.ts'
import { defaultSettings } from './settings.ts'

const mebi = 1024 * 1024
const stateful: TaskDemand = { inputs: 1, hasStores: true, isCopy: false }
const stateless: TaskDemand = { inputs: 1, hasStores: false, isCopy: false }

function budgetOf(memoryBudgetBytes: number, own: Partial<typeof defaultSettings> = {}): MemoryBudget {
  return new MemoryBudget({ ...defaultSettings, memoryBudgetBytes, ...own })
}

function many(count: number, demand = stateful): TaskDemand[] {
  return Array.from({ length: count }, () => demand)
}

function sumOf(parts: object | undefined): number {
  return Object.values(parts ?? {}).reduce((sum: number, bytes: number) => sum + bytes, 0)
}

describe('the budget of memory', () => {
  const demands = fc.array(
    fc.record({ inputs: fc.integer({ min: 0, max: 4 }), hasStores: fc.boolean(), isCopy: fc.boolean() }),
    { maxLength: 40 },
  )
  const sizes = fc.record({
    memoryBudgetBytes: fc.integer({ min: processBytes, max: 4096 * mebi }),
    cacheMaxBytesPerTask: fc.integer({ min: 1, max: 64 * mebi }),
    inputMaxBufferedBytes: fc.integer({ min: 1, max: 4 * mebi }),
    transactionMaxBytes: fc.integer({ min: 1, max: 16 * mebi }),
  })

  it('should give the parts no more than there is, and each its least size, or refuse', () => {
    fc.assert(
      fc.property(sizes, fc.array(demands, { maxLength: 4 }), (own, topologies) => {
        const budget = budgetOf(own.memoryBudgetBytes, own)
        const accepted: TaskDemand[] = []
        for (const [index, tasks] of topologies.entries()) {
          const before = budget.parts()
          try {
            budget.assign(`topology-${index}`, tasks)
            accepted.push(...tasks)
          } catch (error) {
            expect(error).toMatchObject({ code: 'MEMORY_BUDGET_EXCEEDED' })
            expect(budget.parts()).toEqual(before)
          }
        }
        expect(sumOf(budget.parts())).toBe(own.memoryBudgetBytes)
        const least = budget.memoryAt(0)
        const now = budget.memoryAt(budget.share)
        const wanted = budget.memoryAt(1)
        for (const name of Object.keys(least) as (keyof typeof least)[]) {
          expect(now[name]).toBeGreaterThanOrEqual(least[name])
          expect(now[name]).toBeLessThanOrEqual(wanted[name])
        }
        const databases = accepted.filter(({ hasStores }) => hasStores).length
        expect(budget.parts()?.block_cache).toBe(databases * now.blockCacheBytes)
      }),
    )
  })

  it('should leave sizes as they are set where there is room, and without a budget', () => {
    for (const bytes of [0, 8192 * mebi]) {
      const budget = budgetOf(bytes)
      budget.assign('a', many(40))
      expect(budget.memoryAt(budget.share)).toMatchObject({
        cacheMaxBytes: defaultSettings.cacheMaxBytesPerTask,
        transactionMaxBytes: defaultSettings.transactionMaxBytes,
        blockCacheBytes: 16 * mebi,
      })
    }
    expect(budgetOf(0).parts()).toBeUndefined()
  })

  it('should shrink tasks when more come, and let them grow again only when it is worth it', () => {
    const budget = budgetOf(600 * mebi)
    budget.assign('a', many(4))
    const few = budget.share
    budget.assign('a', many(12))
    const crowded = budget.share
    expect(crowded).toBeLessThan(few)
    expect(budget.isOutgrown(few)).toBe(true)
    budget.assign('a', many(11))
    expect(budget.isOutgrown(crowded)).toBe(false)
    budget.assign('a', many(4))
    expect(budget.isOutgrown(crowded)).toBe(true)
  })

  it('should tell others when their tasks have to shrink', () => {
    const budget = budgetOf(600 * mebi)
    const told: number[] = []
    budget.assign('a', many(6))
    const end = budget.onChange(() => told.push(budget.share))
    budget.assign('b', many(6))
    budget.release('b')
    end()
    budget.assign('b', many(20))
    expect(told).toHaveLength(2)
    expect(told[0]).toBeLessThan(told[1]!)
  })

  it('should count with all tasks of a topology that nothing is assigned of yet', () => {
    const budget = budgetOf(600 * mebi)
    budget.expect('b', many(12))
    budget.assign('a', many(4))
    const expected = budget.share
    budget.assign('b', many(12))
    expect(budget.share).toBe(expected)
    budget.assign('b', [])
    expect(budget.share).toBeGreaterThan(expected)
  })

  it('should not refuse for what is only expected', () => {
    const budget = budgetOf(250 * mebi)
    budget.expect('b', many(1000))
    budget.assign('a', many(2))
    expect(budget.share).toBe(0)
  })

  it('should name the numbers and what to do when tasks do not fit', () => {
    const budget = budgetOf(250 * mebi)
    budget.assign('a', many(1, stateless))
    expect(() => budget.assign('b', many(100))).toThrow(
      /topology b is to run 100 tasks and copies here beside 1 of other topologies, which need \d+ MiB at least, and the process may take 250 MiB \(memoryBudgetBytes\): give the process more memory, start more instances/,
    )
  })
})
