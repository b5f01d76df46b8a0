import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { between, colours, cut, duration, noColours, padded, rule, widthOf } from './text.ts'

describe('widthOf', () => {
  it.each([
    ['product-1', 9],
    ['é', 1],
    ['e\u0301', 1],
    ['綠茶', 4],
    ['녹차', 4],
    ['🍵', 2],
    ['█▁─┤', 4],
  ])('should count the columns of %s', (text, columns) => {
    expect(widthOf(text)).toBe(columns)
  })
})

describe('cut and padded', () => {
  it('should shorten what does not fit, also between wide letters', () => {
    expect(cut('product-1', 9)).toBe('product-1')
    expect(cut('product-12', 9)).toBe('product-…')
    expect(cut('綠茶綠茶', 6)).toBe('綠茶…')
    expect(cut('綠茶綠茶', 5)).toBe('綠茶…')
    expect(cut('tea', 0)).toBe('')
  })

  it('should leave nothing in a text that moves the cursor or changes colours', () => {
    expect(cut('a\u001B[2Jb\n\tc\u0007', 20)).toBe('a�[2Jb��c�')
  })

  it('should give every text exactly the columns asked for', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.nat(30),
        fc.constantFrom('left', 'right'),
        (text, width, align) => {
          expect(widthOf(padded(text, width, align))).toBe(width)
        },
      ),
    )
  })

  it('should align on either side', () => {
    expect([padded('12', 4, 'right'), padded('ab', 4)]).toEqual(['  12', 'ab  '])
  })
})

describe('between and rule', () => {
  it('should leave the right one out where there is no room for it', () => {
    expect(between('left', 'right', 12)).toBe('left   right')
    expect(between('left', 'right', 9)).toBe('left     ')
    expect(rule('Title', 24, 'figures')).toBe('── Title ──── figures ──')
    expect(rule('Title', 20, 'figures')).toBe('── Title ───────────')
  })

  it('should have the width asked for, whatever it says', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 5, max: 100 }), (title, right, width) => {
        expect(widthOf(rule(title, width, right))).toBe(width)
      }),
    )
  })
})

describe('colours', () => {
  it('should put the text into a colour, whatever the standard output is', () => {
    expect(colours.orders('x')).toBe('\u001B[36mx\u001B[39m')
    expect(noColours.orders('x')).toBe('x')
  })
})

describe('duration', () => {
  it.each([
    [0, '0 s'],
    [999, '0 s'],
    [12_000, '12 s'],
    [250_000, '4 min 10 s'],
    [3_600_000, '1 h'],
    [12_000_000, '3 h 20 min'],
    [(5 * 24 + 3) * 3_600_000 + 59_000, '5 d 3 h'],
    [9.8 * 365.25 * 86_400_000, '9.8 years'],
  ])('should tell %d ms in the units that matter', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })
})
