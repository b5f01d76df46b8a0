import { describe, expect, it } from 'vitest'
import { memoryText, processMemory } from './memory-budget.ts'

const gibi = 1024 ** 3

describe('the memory that a process may take', () => {
  const of = (memoryBudgetBytes: number, limitBytes: number) =>
    processMemory({ memoryBudgetBytes }, { limitBytes, totalBytes: 8 * gibi })

  it('should be three quarters of what the container may have', () => {
    expect(of(-1, gibi / 2).budgetBytes).toBe(gibi * 0.375)
    expect(memoryText(of(-1, gibi / 2))).toBe('384 MiB, 75% of the 512 MiB that the container may have')
  })

  it('should be three quarters of the machine where nothing limits the container', () => {
    for (const limit of [0, 8 * gibi, 2 ** 63]) {
      expect(of(-1, limit).budgetBytes).toBe(6 * gibi)
      expect(memoryText(of(-1, limit))).toBe('6144 MiB, 75% of the 8192 MiB of the machine')
    }
  })

  it('should be what is set, or nothing', () => {
    expect(of(gibi, gibi / 2)).toEqual({ budgetBytes: gibi, origin: 'memoryBudgetBytes' })
    expect(memoryText(of(0, gibi))).toBe('none: memoryBudgetBytes is 0')
  })

  it('should be known of this machine', () => {
    expect(processMemory({ memoryBudgetBytes: -1 }).budgetBytes).toBeGreaterThan(0)
  })
})
