/**
 * The inner modules of kafkajs that the adapter builds on, as far as they are used. kafkajs is pinned to 2.2.4, the last
 * one, which has no `exports` map and ships types for its public API only; `kafkajs-client.ts` checks the version.
 */
declare module 'kafkajs/src/network/requestQueue/index.js' {
  import type { KafkaJsLogger } from 'kafkajs/src/loggers/index.js'

  class RequestQueue {
    constructor(options: {
      maxInFlightRequests: number | null
      requestTimeout: number
      enforceRequestTimeout: boolean
      clientId: string
      broker: string
      logger: KafkaJsLogger
    })
    throttledUntil: number
    pending: readonly unknown[]
    throttleCheckTimeoutId: NodeJS.Timeout | null
    checkPendingRequests(): void
    scheduleCheckPendingRequests(): void
    maybeThrottle(clientSideThrottleTimeMs: number): void
    push(request: {
      entry: { correlationId: number; resolve(answer: unknown): void; reject(error: unknown): void }
      expectResponse: boolean
      requestTimeout: number
      sendRequest(): void
    }): void
  }
  export default RequestQueue
}

/** Its list of error codes, to compare ours with. */
declare module 'kafkajs/src/protocol/error.js' {
  const errors: { readonly errorCodes: readonly { readonly code: number; readonly type: string }[] }
  export default errors
}

declare module 'kafkajs/src/loggers/index.js' {
  export interface LogEntry {
    readonly level: number
    readonly namespace: string | undefined
    readonly log: { readonly message: string; readonly [field: string]: unknown }
  }
  export interface KafkaJsLogger {
    readonly namespace: (name: string) => KafkaJsLogger
  }
  const loggers: {
    createLogger(options: {
      level: number
      logCreator: (level: number) => (entry: LogEntry) => void
    }): KafkaJsLogger
    readonly LEVELS: {
      readonly NOTHING: 0
      readonly ERROR: 1
      readonly WARN: 2
      readonly INFO: 4
      readonly DEBUG: 5
    }
  }
  export default loggers
}

declare module 'kafkajs/src/network/socketFactory.js' {
  import type { ISocketFactory } from 'kafkajs'
  export default function createSocketFactory(): ISocketFactory
}

declare module 'kafkajs/src/network/connection.js' {
  import type { Socket } from 'node:net'

  export interface QueuedRequest {
    readonly entry: {
      readonly apiKey: number
      readonly apiName: string
      readonly apiVersion: number
      readonly correlationId: number
      resolve(answer: { readonly payload: Buffer }): void
      reject(error: unknown): void
    }
    readonly expectResponse: boolean
    /** Used where it is more than the connection's own. */
    readonly requestTimeout: number
    sendRequest(): void
  }
  export interface Connection {
    isConnected(): boolean
    isAuthenticated(): boolean
    authenticate(): Promise<void>
    /** @throws a KafkaJSConnectionError */
    failIfNotConnected(): void
    nextCorrelationId(): number
    readonly clientId: string
    readonly socket: Socket
    readonly requestQueue: {
      push(request: QueuedRequest): void
      /** For how long no further request may be sent over the connection (KIP-219). */
      maybeThrottle(throttleMs: number): void
    }
    rejectRequests(error: Error): void
    disconnect(): Promise<boolean>
  }
}

declare module 'kafkajs/src/cluster/index.js' {
  import type { ConnectionOptions } from 'node:tls'
  import type { ISocketFactory, RetryOptions, SASLOptions } from 'kafkajs'
  import type { KafkaJsLogger } from 'kafkajs/src/loggers/index.js'
  import type { Connection } from 'kafkajs/src/network/connection.js'

  export interface ConnectionPool {
    readonly host: string
    readonly port: number
    readonly rack: string | null
    getConnection(index: number): Promise<Connection>
    map(use: (connection: Connection) => void): void
    destroy(): Promise<void>
  }

  export type ApiVersions = Readonly<
    Record<number, { readonly minVersion: number; readonly maxVersion: number }>
  >

  export interface Broker {
    readonly nodeId: number | string | null
    readonly connectionPool: ConnectionPool
    readonly versions: ApiVersions | null
    connect(): Promise<void>
    disconnect(): Promise<void>
  }

  export interface ClusterOptions {
    readonly logger: KafkaJsLogger
    readonly socketFactory: ISocketFactory
    readonly brokers: readonly string[]
    readonly ssl: ConnectionOptions | boolean | undefined
    readonly sasl: SASLOptions | undefined
    readonly clientId: string
    readonly connectionTimeout: number
    readonly authenticationTimeout: number
    readonly reauthenticationThreshold: number
    readonly requestTimeout: number
    readonly enforceRequestTimeout: boolean
    readonly metadataMaxAge: number
    readonly retry: RetryOptions
    readonly allowAutoTopicCreation: boolean
    readonly maxInFlightRequests: number | null
    readonly isolationLevel: number
  }

  class Cluster {
    constructor(options: ClusterOptions)
    readonly connectionPoolBuilder: {
      build(destination: { host: string; port: number; rack: string | null }): Promise<ConnectionPool>
    }
    readonly brokerPool: {
      readonly versions: ApiVersions | null
      /** By node id. */
      readonly brokers: Readonly<Record<string, Broker>>
      createBroker(options: {
        connectionPool: ConnectionPool
        logger: KafkaJsLogger
        versions: ApiVersions | null
        nodeId: number | string | null
      }): Broker
      findConnectedBroker(): Promise<Broker>
    }
    connect(): Promise<void>
    disconnect(): Promise<void>
    refreshMetadata(): Promise<void>
    findBroker(options: { nodeId: string }): Promise<Broker>
    findControllerBroker(): Promise<Broker>
  }
  export default Cluster
}

/** Its record codec, to compare ours with. */
declare module 'kafkajs/src/protocol/recordBatch/v0/index.js' {
  import type Encoder from 'kafkajs/src/protocol/encoder.js'

  const recordBatch: {
    RecordBatch(options: Readonly<Record<string, unknown>>): Promise<Encoder & { readonly buffer: Buffer }>
  }
  export default recordBatch
}

declare module 'kafkajs/src/protocol/recordBatch/record/v0/index.js' {
  export default function encodeRecord(options: Readonly<Record<string, unknown>>): unknown
}

declare module 'kafkajs/src/protocol/recordBatch/v0/decoder.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js'
  export interface DecodedBatch {
    readonly inTransaction: boolean
    readonly producerId: string
    readonly producerEpoch: number
    readonly firstSequence: number
    readonly records: readonly {
      readonly offset: string
      readonly timestamp: string
      readonly key: Buffer | null
      readonly value: Buffer | null
      readonly headers: Readonly<Record<string, Buffer | Buffer[]>>
    }[]
  }
  export default function decodeBatch(decoder: Decoder): Promise<DecodedBatch>
}

declare module 'kafkajs/src/protocol/decoder.js' {
  class Decoder {
    constructor(bytes: Buffer)
  }
  export default Decoder
}
