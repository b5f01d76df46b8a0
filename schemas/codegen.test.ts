import { describe, expect, it } from 'vitest'
import { staleFiles } from './codegen.ts'

describe('generated record types', () => {
  it('should be what the schemas give', () => {
    expect(staleFiles(process.cwd())).toEqual([])
  })
})
