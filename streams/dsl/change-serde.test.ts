import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../records/byte-writer.ts'
import { serdes } from '../serde/serdes.ts'
import { MemoryRegistry } from '../testing/memory-registry.ts'
import { changeSerde } from './change-serde.ts'

const value = fc.option(fc.string({ unit: 'grapheme' }))

describe('changes of rows', () => {
  it('should be read back as they were written, wherever they lie', async () => {
    const codec = await changeSerde(serdes.string).open({
      registry: new MemoryRegistry(),
      subject: 'changes',
    })
    fc.assert(
      fc.property(fc.nat(20), value, value, (offset, newValue, oldValue) => {
        const writer = new ByteWriter(1)
        writer.bytes(Buffer.alloc(offset, 0xff))
        codec.encode({ newValue, oldValue }, writer)
        const end = writer.position
        writer.bytes(Buffer.from('what follows'))
        expect(codec.decode(writer.buffer, offset, end)).toEqual({ newValue, oldValue })
      }),
    )
  })

  it('should take one byte more than the value where only one is there', async () => {
    const codec = await changeSerde(serdes.string).open({
      registry: new MemoryRegistry(),
      subject: 'changes',
    })
    const bytesOf = (newValue: string | null, oldValue: string | null) => {
      const writer = new ByteWriter()
      codec.encode({ newValue, oldValue }, writer)
      return writer.copy(0, writer.position).toString('hex')
    }
    expect(bytesOf('ab', null)).toBe('016162')
    expect(bytesOf(null, 'ab')).toBe('026162')
    expect(bytesOf('a', 'b')).toBe('03000000016162')
  })
})
