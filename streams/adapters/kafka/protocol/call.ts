/** A request with the reading of its answer, in the shape that kafkajs's connections send. */
import type { RawCall } from 'kafkajs/src/network/connection.js'
import { WireReader, WireWriter } from './wire.ts'

export interface Call<T> {
  readonly apiKey: number
  readonly version: number
  readonly name: string
  /** From some version of each request on, its header and its answer's have tagged fields. */
  readonly flexible?: boolean
  /** How much longer than other requests the broker may take to answer. */
  readonly extraTimeoutMs?: number
  /** About how large the request will be, so that its buffer need not grow. */
  readonly sizeHintBytes?: number
  write(writer: WireWriter): void
  read(reader: WireReader): T
  /** Where the answer says for how long it was throttled. */
  readonly throttleTime?: 'first' | 'last'
}

export function toRawCall<T>(call: Call<T>, requestTimeoutMs: number): RawCall<T> {
  return {
    request: {
      apiKey: call.apiKey,
      apiVersion: call.version,
      apiName: call.name,
      encode: async () => {
        const writer = new WireWriter(call.sizeHintBytes ?? 256)
        if (call.flexible === true) writer.noTags()
        call.write(writer)
        const buffer = writer.buffer.subarray(0, writer.position)
        return { buf: buffer, buffer }
      },
    },
    response: {
      decode: async (bytes) => readAnswer(call, bytes),
      parse: async ({ value }) => value,
    },
    requestTimeout: requestTimeoutMs + (call.extraTimeoutMs ?? 0),
    logResponseError: false,
  }
}

function readAnswer<T>(call: Call<T>, bytes: Buffer): { value: T; clientSideThrottleTime: number } {
  const reader = new WireReader(bytes)
  if (call.flexible === true) reader.skipTags()
  const first = call.throttleTime === 'last' ? 0 : reader.int32()
  const value = call.read(reader)
  const clientSideThrottleTime = call.throttleTime === 'last' ? reader.int32() : first
  return { value, clientSideThrottleTime }
}

/** Groups items by topic, as requests have them. */
export function byTopic<T extends { readonly topic: string }>(items: readonly T[]): [string, T[]][] {
  const topics = new Map<string, T[]>()
  for (const item of items) {
    const ofTopic = topics.get(item.topic)
    if (ofTopic === undefined) topics.set(item.topic, [item])
    else ofTopic.push(item)
  }
  return [...topics]
}

/** The answer about one partition. */
export interface PartitionAnswer<T> {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage?: string | null
  readonly value: T
}

/** Reads an array of topics, each an array of partitions. */
export function readTopics<T>(
  reader: WireReader,
  readPartition: (topic: string) => PartitionAnswer<T>,
): PartitionAnswer<T>[] {
  const answers: PartitionAnswer<T>[] = []
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      answers.push(readPartition(topic))
    })
  })
  return answers
}
