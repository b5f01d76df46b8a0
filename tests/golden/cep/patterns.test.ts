import { describe, expect, it } from 'vitest'
import { compilePattern } from '../../../streams/cep/nfa.ts'
import { canonical, goldenCases, patternOf, refusedPatterns, run } from './cases.ts'

describe('a pattern', () => {
  for (const golden of goldenCases) {
    it(`should find what FlinkCEP finds: ${golden.name}`, () => {
      expect(canonical(run(golden))).toEqual(canonical(golden))
    })
  }

  for (const { name, pattern, refused } of refusedPatterns) {
    it(`should be refused, for ${refused.reason}: ${name}`, () => {
      expect(() => compilePattern(patternOf(pattern))).toThrow(
        expect.objectContaining({ code: 'PATTERN_INVALID' }),
      )
    })
  }
})
