import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnChart } from './column-chart.ts'

describe('columnChart', () => {
  it('should draw in eighths of a line, the largest value as high as the chart', () => {
    expect(columnChart([0, 1, 4, 8, 12, 16], 2, 1)).toEqual(['    ▄█', ' ▁▄███'])
  })

  it('should show what is not nothing, however small beside the largest', () => {
    expect(columnChart([1, 1_000_000, 0], 1, 1)).toEqual(['▁█ '])
  })

  it('should make bars wider, and be blank where there is nothing', () => {
    expect(columnChart([2, 0, 1], 1, 3)).toEqual(['███   ▄▄▄'])
    expect(columnChart([0, 0], 2, 1)).toEqual(['  ', '  '])
    expect(columnChart([], 2, 1)).toEqual(['', ''])
  })

  it('should draw no value higher than a larger one', () => {
    const levels = ' ▁▂▃▄▅▆▇█'
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000), { minLength: 2 }),
        fc.integer({ min: 1, max: 6 }),
        (values, lines) => {
          const chart = columnChart(values, lines, 1)
          const heights = values.map((_, column) =>
            chart.reduce((height, line) => height + levels.indexOf([...line][column]!), 0),
          )
          for (const [index, value] of values.entries()) {
            for (const [other, otherValue] of values.entries()) {
              if (value < otherValue) expect(heights[index]).toBeLessThanOrEqual(heights[other]!)
            }
          }
          if (Math.max(...values) > 0) expect(Math.max(...heights)).toBe(lines * 8)
        },
      ),
    )
  })
})
