import { describe, expect, it } from 'vitest'
import { nearest, suggestion } from './did-you-mean.ts'

describe('nearest', () => {
  it.each([
    ['cleanes', 'cleanse'],
    ['CLEANSE', 'cleanse'],
    ['ingset', 'ingest'],
    ['clenase', 'cleanse'],
  ])('should know what %s is meant to be', (name, meant) => {
    expect(nearest(name, ['ingest', 'cleanse'])).toBe(meant)
  })

  it('should not guess wildly', () => {
    expect(nearest('statistics', ['ingest', 'cleanse'])).toBeUndefined()
  })
})

describe('suggestion', () => {
  it('should list the names when none is near, as long as one can read them', () => {
    expect(suggestion('x', ['ingest', 'cleanse'])).toBe('there are ingest, cleanse')
    expect(suggestion('x', [])).toBe('there are none yet')
    const many = Array.from({ length: 30 }, (_, index) => `name-${index}`)
    expect(suggestion('x', many)).toMatch(/name-19, and more$/)
  })
})
