import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Call, frameRequest } from './call.ts'
import { WireReader } from './wire.ts'

/** A request of byte strings, of which some are attached. */
function callOf(parts: readonly { readonly bytes: Uint8Array; readonly attach: boolean }[]): Call<null> {
  return {
    apiKey: 7,
    version: 2,
    name: 'Test',
    sizeHintBytes: 1,
    write(writer) {
      for (const { bytes, attach } of parts) attach ? writer.attached(bytes) : writer.byteString(bytes)
    },
    read: () => null,
  }
}

test('should give the same request whether or not bytes are attached, with its length and header before it', () => {
  const parts = fc.array(fc.record({ bytes: fc.uint8Array({ maxLength: 300 }), attach: fc.boolean() }), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(parts, fc.nat(0x7fffffff), fc.string({ maxLength: 20 }), (given, correlationId, clientId) => {
      const request = Buffer.concat(frameRequest(callOf(given), correlationId, clientId))
      const reader = new WireReader(request)
      expect(reader.int32()).toBe(request.length - 4)
      expect([reader.int16(), reader.int16(), reader.int32()]).toEqual([7, 2, correlationId])
      expect(reader.string()).toBe(Buffer.from(clientId).toString())
      for (const { bytes } of given) expect([...reader.byteString()]).toEqual([...bytes])
      expect(reader.at).toBe(request.length)
    }),
  )
})

test('should not copy what is attached', () => {
  const bytes = new Uint8Array(1000)
  const pieces = frameRequest(callOf([{ bytes, attach: true }]), 1, 'c')
  expect(pieces.some((piece) => piece.buffer === bytes.buffer)).toBe(true)
})
