/** A service for tests of what lies around services: its messages are JSON, and its handlers are given. */
import type { Handlers } from '../../control/call.ts'

export interface Ask {
  readonly text: string
  readonly requestId?: string
}

function coder<T>(): { encode(value: T): Buffer; decode(bytes: Buffer): T } {
  return {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(bytes.toString()) as T,
  }
}

const { encode: requestSerialize, decode: requestDeserialize } = coder<Ask>()
const { encode: responseSerialize, decode: responseDeserialize } = coder<Ask>()
const coded = {
  requestStream: false,
  requestSerialize,
  requestDeserialize,
  responseSerialize,
  responseDeserialize,
} as const

export const echoDefinition = {
  getEcho: { ...coded, path: '/test.Echo/GetEcho', responseStream: false },
  change: { ...coded, path: '/test.Echo/Change', responseStream: false },
  watch: { ...coded, path: '/test.Echo/Watch', responseStream: true },
} as const

export type EchoHandlers = Handlers<typeof echoDefinition>

export const plainEcho: EchoHandlers = {
  getEcho: async ({ text }) => ({ text }),
  change: async ({ text }) => ({ text }),
  async *watch({ text }) {
    yield { text }
  },
}
