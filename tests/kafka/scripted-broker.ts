/**
 * A broker for tests that answers as it is told, so that what a real one does once in a year happens on call: lost answers,
 * moved leaders, damaged bytes.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { KafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import type { KafkaLogOptions } from '../../streams/adapters/kafka/kafka-options.ts'
import { WireReader, WireWriter } from '../../streams/adapters/kafka/protocol/wire.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'

export const api = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
  apiVersions: 18,
  initProducerId: 22,
  addPartitions: 24,
  addOffsets: 25,
  endTransaction: 26,
} as const

export interface Request {
  readonly apiKey: number
  readonly version: number
  /** Of this kind, from 1 on. */
  readonly number: number
  readonly body: Buffer
}

/** Writes the body of the answer behind its throttle time; or says that none comes. */
export type Answer = ((writer: WireWriter) => void) | 'hang up' | 'silence'
export type Handler = (request: Request) => Answer

/** The first version of each kind of request with tagged fields. */
const flexibleFrom: Readonly<Record<number, number>> = { [api.initProducerId]: 2, 9: 6 }
const newestVersions: Readonly<Record<number, number>> = { [api.produce]: 8, [api.fetch]: 11 }

export class ScriptedBroker {
  readonly requests: Request[] = []
  /** Topics and their partition counts; one of none may not be read. */
  readonly topics = new Map<string, number>()
  private readonly handlers = new Map<number, Handler>()
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly logs = new Set<KafkaLog>()
  private port = 0

  constructor() {
    this.server = createServer((socket) => this.serve(socket))
    this.on(api.apiVersions, () => (writer) => this.writeVersions(writer))
    this.on(
      api.metadata,
      ({ version }) =>
        (writer) =>
          this.writeMetadata(writer, version),
    )
    this.on(api.findCoordinator, () => (writer) => {
      writer.int16(0)
      writer.string(null)
      writer.int32(1)
      writer.string('127.0.0.1')
      writer.int32(this.port)
    })
    this.on(api.initProducerId, ({ number }) => (writer) => {
      writer.int16(0)
      writer.int64(1000)
      writer.int16(number)
      writer.noTags()
    })
    this.on(api.leaveGroup, () => errorAnswer(0))
  }

  on(apiKey: number, handler: Handler): void {
    this.handlers.set(apiKey, handler)
  }

  /** What it answers so far, to answer differently now and then. */
  handlerOf(apiKey: number): Handler {
    return this.handlers.get(apiKey)!
  }

  /** A log on this broker, with short budgets. */
  async openLog(options: Partial<KafkaLogOptions> = {}): Promise<KafkaLog> {
    if (this.port === 0) await this.listen()
    const log = new KafkaLog({
      brokers: [`127.0.0.1:${this.port}`],
      clock: systemClock,
      retryBudgetMs: 400,
      unknownTopicGraceMs: 50,
      fetchWaitMs: 10,
      heartbeatIntervalMs: 10,
      ...options,
    })
    this.logs.add(log)
    return log
  }

  count(apiKey: number): number {
    return this.requests.filter((request) => request.apiKey === apiKey).length
  }

  bodies(apiKey: number): Buffer[] {
    return this.requests.filter((request) => request.apiKey === apiKey).map(({ body }) => body)
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.sockets.size
  }

  async close(): Promise<void> {
    await Promise.all([...this.logs].map((log) => log.close()))
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private listen(): Promise<void> {
    return new Promise((resolve) => {
      this.server.listen(0, '127.0.0.1', () => {
        const address = this.server.address()
        if (typeof address === 'object' && address !== null) this.port = address.port
        resolve()
      })
    })
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket)
    let received = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const end = 4 + received.readInt32BE(0)
        this.answer(socket, received.subarray(4, end))
        received = received.subarray(end)
      }
    })
  }

  private answer(socket: Socket, frame: Buffer): void {
    const reader = new WireReader(frame)
    const apiKey = reader.int16()
    const version = reader.int16()
    const correlationId = reader.int32()
    reader.nullableString()
    const flexible = version >= (flexibleFrom[apiKey] ?? Number.POSITIVE_INFINITY)
    if (flexible) reader.skipTags()
    const number = this.count(apiKey) + 1
    const request = { apiKey, version, number, body: Buffer.from(frame.subarray(reader.at)) }
    this.requests.push(request)
    const answer = this.handlers.get(apiKey)?.(request) ?? 'hang up'
    if (answer === 'silence') return
    if (answer === 'hang up') {
      socket.destroy()
      return
    }
    const writer = new WireWriter()
    writer.int32(0)
    writer.int32(correlationId)
    if (flexible) writer.noTags()
    const throttleFirst = apiKey !== api.produce && apiKey !== api.apiVersions
    if (throttleFirst) writer.int32(0)
    answer(writer)
    if (!throttleFirst) writer.int32(0)
    writer.buffer.writeInt32BE(writer.position - 4, 0)
    socket.write(writer.copy(0, writer.position))
  }

  private writeVersions(writer: WireWriter): void {
    writer.int16(0)
    const keys = Array.from({ length: 40 }, (_, key) => key)
    writer.array(keys, (key) => {
      writer.int16(key)
      writer.int16(0)
      writer.int16(newestVersions[key] ?? 7)
    })
  }

  private writeMetadata(writer: WireWriter, version: number): void {
    writer.array([1], (nodeId) => {
      writer.int32(nodeId)
      writer.string('127.0.0.1')
      writer.int32(this.port)
      writer.string(null)
    })
    writer.string(null)
    writer.int32(1)
    // kafkajs asks in an older version, and for the brokers only.
    writer.array(version < 7 ? [] : [...this.topics], ([topic, count]) => {
      writer.int16(count === 0 ? 29 : 0)
      writer.string(topic)
      writer.bool(false)
      writer.array(
        Array.from({ length: count }, (_, partition) => partition),
        (partition) => {
          writer.int16(0)
          writer.int32(partition)
          writer.int32(1)
          writer.int32(0)
          for (let list = 0; list < 3; list++) writer.int32(0)
        },
      )
    })
  }
}

/** An answer that is an error code alone. */
export function errorAnswer(errorCode: number): Answer {
  return (writer) => writer.int16(errorCode)
}

/** An answer with an error code for partition 0 of a topic. */
export function partitionAnswer(topic: string, errorCode: number): Answer {
  return (writer) =>
    writer.array([topic], (name) => {
      writer.string(name)
      writer.array([0], (partition) => {
        writer.int32(partition)
        writer.int16(errorCode)
      })
    })
}

/** An answer to a produce request of one batch for partition 0. */
export function producedAnswer(topic: string, errorCode: number, baseOffset = 0): Answer {
  return (writer) =>
    writer.array([topic], (name) => {
      writer.string(name)
      writer.array([0], (partition) => {
        writer.int32(partition)
        writer.int16(errorCode)
        writer.int64(baseOffset)
        writer.int64(-1)
        writer.int64(0)
        writer.int32(0)
        writer.string(null)
      })
    })
}

/** An answer to a fetch of partition 0. */
export function fetchedAnswer(topic: string, errorCode: number, bytes: Uint8Array, end: number): Answer {
  return (writer) => {
    writer.int16(0)
    writer.int32(0)
    writer.array([topic], (name) => {
      writer.string(name)
      writer.array([0], (partition) => {
        writer.int32(partition)
        writer.int16(errorCode)
        writer.int64(end)
        writer.int64(end)
        writer.int64(0)
        writer.int32(-1)
        writer.int32(-1)
        writer.byteString(bytes)
      })
    })
  }
}

/** What a produce request for partition 0 of one topic carries: its batch, with what identifies it. */
export function producedBatch(body: Buffer): {
  readonly bytes: Buffer
  readonly count: number
  readonly producerId: number
  readonly epoch: number
  readonly sequence: number
} {
  const reader = new WireReader(body)
  reader.nullableString()
  reader.int16()
  reader.int32()
  reader.int32()
  reader.string()
  reader.int32()
  reader.int32()
  const bytes = reader.byteString()
  return {
    bytes,
    count: bytes.readInt32BE(57),
    producerId: Number(bytes.readBigInt64BE(43)),
    epoch: bytes.readInt16BE(51),
    sequence: bytes.readInt32BE(53),
  }
}
