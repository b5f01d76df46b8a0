import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineSplitter } from './line-splitter.ts'

function split(chunks: readonly Uint8Array[], maxLineBytes = 1000): string[] {
  const splitter = new LineSplitter(maxLineBytes)
  const lines = chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk)))
  return [...lines, ...splitter.end()].map(({ bytes }) => bytes.toString('latin1'))
}

const text = (value: string) => Buffer.from(value, 'latin1')

describe('LineSplitter', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\r\nb\r\n', ['a', 'b']],
    ['a\n\nb\n\n', ['a', '', 'b', '']],
    ['\n', ['']],
    ['a\rb\n', ['a\rb']],
    ['\xff\xfe\n\xc3', ['\xff\xfe', '\xc3']],
  ])('should cut %j into %j', (whole, lines) => {
    expect(split([text(whole)])).toEqual(lines)
  })

  it('should cut the same way however the bytes come, and know where to read on after each line', () => {
    const bytes = fc.array(fc.constantFrom(10, 13, 65, 255), { maxLength: 60 })
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 9 }), (whole, size) => {
        const chunks = []
        for (let i = 0; i < whole.length; i += size) chunks.push(Uint8Array.from(whole.slice(i, i + size)))
        const latin = Buffer.from(whole).toString('latin1')
        const expected = latin.split('\n')
        const last = expected.pop()!
        const cut = expected.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
        expect(split(chunks)).toEqual(last === '' ? cut : [...cut, last])

        const all = split(chunks)
        const splitter = new LineSplitter(1000, 7)
        const lines = [...chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk))), ...splitter.end()]
        for (const [index, { end }] of lines.entries()) {
          expect(split([Uint8Array.from(whole.slice(end - 7))])).toEqual(all.slice(index + 1))
        }
      }),
    )
  })

  it('should cut a line off at the limit and go on with the next', () => {
    const chunks = [text('abc'), text('defghi'), text('jkl\nm'), text('n\n')]
    expect(split(chunks, 5)).toEqual(['abcde', 'mn'])
  })
})
