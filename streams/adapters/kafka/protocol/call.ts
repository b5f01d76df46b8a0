/** A request with the reading of its answer. */
import { WireReader, WireWriter } from './wire.ts'

const lengthBytes = 4

export interface Call<T> {
  readonly apiKey: number
  readonly version: number
  readonly name: string
  /** From some version of each request on, its header and its answer's have tagged fields. */
  readonly flexible?: boolean
  /** How much longer than other requests the broker may take to answer. */
  readonly extraTimeoutMs?: number
  /** About how large the request will be, attached bytes left out, so that its buffer need not grow. */
  readonly sizeHintBytes?: number
  write(writer: WireWriter): void
  read(reader: WireReader): T
  /** Where the answer says for how long it was throttled. */
  readonly throttleTime?: 'first' | 'last'
}

/**
 * The request as it goes over the connection: its length, its header and itself, in pieces that follow one another.
 * kafkajs's own encoder would copy all of it twice, into memory that it clears first.
 */
export function frameRequest<T>(call: Call<T>, correlationId: number, clientId: string): Uint8Array[] {
  const writer = new WireWriter(call.sizeHintBytes ?? 256)
  writer.int32(0)
  writer.int16(call.apiKey)
  writer.int16(call.version)
  writer.int32(correlationId)
  writer.string(clientId)
  if (call.flexible === true) writer.noTags()
  call.write(writer)
  const pieces = writer.pieces()
  const length = pieces.reduce((sum, piece) => sum + piece.length, -lengthBytes)
  pieces[0]!.writeInt32BE(length, 0)
  return pieces
}

export function readAnswer<T>(call: Call<T>, bytes: Buffer): { value: T; clientSideThrottleTime: number } {
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
