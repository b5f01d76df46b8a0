import { describe, expect, it } from 'vitest'
import { type Panel, sideBySide } from './panels.ts'

const products: Panel = {
  names: { heading: 'product', cells: ['tea', 'a-very-long-name-of-a-product'] },
  figures: [
    { heading: 'orders', cells: ['12', '3'], isOptional: true },
    { heading: 'sales', cells: ['1,234.50', '0.10'] },
  ],
}
const users: Panel = {
  names: { heading: 'user', cells: ['42'] },
  figures: [{ heading: 'amount', cells: ['9.90'] }],
}

describe('sideBySide', () => {
  it('should put lists beside each other, and end the shorter ones early', () => {
    expect(sideBySide([products, users], { width: 71, places: 3 })).toEqual([
      'product           orders     sales   user                        amount',
      'tea                   12  1,234.50   42                            9.90',
      'a-very-long-nam…       3      0.10',
      '',
    ])
  })

  it('should leave out what is optional, then whole lists, where there is no room', () => {
    expect(sideBySide([products, users], { width: 51, places: 1 })).toEqual([
      'product            sales   user              amount',
      'tea             1,234.50   42                  9.90',
    ])
    expect(sideBySide([products, users], { width: 30, places: 1 })).toEqual([
      'product                  sales',
      'tea                   1,234.50',
    ])
  })

  it('should show no more places than asked for', () => {
    expect(sideBySide([products], { width: 24, places: 1 })).toHaveLength(2)
  })
})
