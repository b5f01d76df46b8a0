import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteWriter } from './byte-writer.ts'

test('should write texts of every length and alphabet as UTF-8, one after another', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'binary' }))), (texts) => {
      const writer = new ByteWriter(8)
      for (const text of texts) writer.utf8(text)
      expect(writer.copy(0, writer.position)).toEqual(Buffer.from(texts.join('')))
    }),
  )
})

test('should write half of a surrogate pair as U+FFFD', () => {
  const writer = new ByteWriter()
  writer.utf8('a\ud800b')
  expect(writer.copy(0, writer.position).toString('utf8')).toBe('a\ufffdb')
})

test('should write parts of other bytes, short and long', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (source, from, to) => {
      const start = Math.min(from, to, source.length)
      const end = Math.min(Math.max(from, to), source.length)
      const writer = new ByteWriter(4)
      writer.byte(7)
      writer.bytesOf(source, start, end)
      expect([...writer.copy(0, writer.position)]).toEqual([7, ...source.slice(start, end)])
    }),
  )
})

test('should write integers as four bytes in two’s complement, the highest first', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const writer = new ByteWriter(1)
      writer.int32(value)
      expect(writer.buffer.readInt32BE(0)).toBe(value)
      expect(writer.position).toBe(4)
    }),
  )
})
