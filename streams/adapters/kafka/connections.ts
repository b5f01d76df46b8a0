/**
 * Sends calls to brokers: over a connection that all share, or over one of its own for calls that the broker holds back,
 * since a connection's requests are answered one after another.
 *
 * Invariants:
 * 1. What fails says so in words of ours (`connection-errors.ts`); nothing of kafkajs leaves this file.
 * 2. Nothing here waits or tries again: callers know what may be repeated.
 * 3. Once it is closed no socket is left open.
 */

import type { Socket } from 'node:net'
import type Cluster from 'kafkajs/src/cluster/index.js'
import type { Broker, ConnectionPool } from 'kafkajs/src/cluster/index.js'
import loggers from 'kafkajs/src/loggers/index.js'
import type { Connection } from 'kafkajs/src/network/connection.js'
import { StreamsError } from '../../errors.ts'
import { connectionError } from './connection-errors.ts'
import type { KafkaSettings } from './kafka-options.ts'
import { createCluster } from './kafkajs-client.ts'
import type { Call } from './protocol/call.ts'
import { sendCall } from './send-call.ts'

/** The newest request that each kind of call needs, by API key; brokers have them from Kafka 2.5 on. */
const neededVersions: readonly (readonly [apiKey: number, version: number])[] = [
  [0, 8],
  [1, 11],
  [9, 7],
  [22, 3],
]

export class Connections {
  private readonly settings: KafkaSettings
  private readonly cluster: Cluster
  private readonly own = new Set<OwnConnection>()
  private readonly sockets = new Set<Socket>()
  private connecting: Promise<void> | undefined
  private closed = false

  constructor(settings: KafkaSettings) {
    this.settings = settings
    this.cluster = createCluster(settings, this.sockets)
  }

  /** @throws LOG_UNAVAILABLE, LOG_REFUSED */
  async connect(): Promise<void> {
    if (this.closed) throw closedError()
    this.connecting ??= translated(this.settings, async () => {
      await this.cluster.connect()
      await this.cluster.refreshMetadata()
      checkVersions(this.cluster.brokerPool.versions)
    }).catch((error: unknown) => {
      this.connecting = undefined
      throw error
    })
    await this.connecting
  }

  /** @throws LOG_UNAVAILABLE, LOG_REFUSED */
  async call<T>(nodeId: number, call: Call<T>): Promise<T> {
    await this.connect()
    return translated(this.settings, async () => {
      const broker = await this.broker(nodeId)
      return sendCall(await broker.connectionPool.getConnection(0), call, this.settings.requestTimeoutMs)
    })
  }

  /** Any broker answers. */
  async callAny<T>(call: Call<T>): Promise<T> {
    await this.connect()
    return translated(this.settings, async () => {
      const broker = await this.cluster.brokerPool.findConnectedBroker()
      return sendCall(await broker.connectionPool.getConnection(0), call, this.settings.requestTimeoutMs)
    })
  }

  /** The broker that changes topics: any since KRaft, one in particular before. */
  async callController<T>(call: Call<T>): Promise<T> {
    await this.connect()
    return translated(this.settings, async () => {
      await this.cluster.refreshMetadata()
      const broker = await this.cluster.findControllerBroker()
      return sendCall(await broker.connectionPool.getConnection(0), call, this.settings.requestTimeoutMs)
    })
  }

  /** A connection that nobody else uses. */
  async openOwn(nodeId: number): Promise<OwnConnection> {
    await this.connect()
    return translated(this.settings, async () => {
      const { connectionPool } = await this.broker(nodeId)
      const { host, port, rack } = connectionPool
      const { brokerPool, connectionPoolBuilder } = this.cluster
      const broker = brokerPool.createBroker({
        connectionPool: await connectionPoolBuilder.build({ host, port, rack }),
        logger: loggers.createLogger({ level: loggers.LEVELS.NOTHING, logCreator: () => () => {} }),
        versions: brokerPool.versions,
        nodeId,
      })
      await broker.connect()
      const own = new OwnConnection(broker, this.settings, () => this.own.delete(own))
      this.own.add(own)
      if (this.closed) own.close()
      return own
    })
  }

  /** What is under way fails. */
  async close(): Promise<void> {
    this.closed = true
    for (const own of [...this.own]) own.close()
    // kafkajs would wait for the answers.
    for (const { connectionPool } of Object.values(this.cluster.brokerPool.brokers)) {
      connectionPool.map((connection) => connection.rejectRequests(closedError()))
    }
    try {
      await translated(this.settings, () => this.cluster.disconnect())
    } finally {
      // One that kafkajs has forgotten would keep the process from ending.
      for (const socket of this.sockets) socket.destroy()
    }
  }

  private broker(nodeId: number): Promise<Broker> {
    return this.cluster.findBroker({ nodeId: `${nodeId}` })
  }
}

/** A connection for one user, for calls that the broker holds back. */
export class OwnConnection {
  private readonly pool: ConnectionPool
  private readonly settings: KafkaSettings
  private readonly onClosed: () => void
  private connection: Connection | undefined
  private closed = false

  constructor(broker: Broker, settings: KafkaSettings, onClosed: () => void) {
    this.pool = broker.connectionPool
    this.settings = settings
    this.onClosed = onClosed
  }

  /** @throws LOG_UNAVAILABLE, LOG_REFUSED; then the connection is of no more use */
  call<T>(call: Call<T>): Promise<T> {
    return translated(this.settings, async () => {
      this.connection ??= await this.pool.getConnection(0)
      if (this.closed) throw new StreamsError('CLOSED', 'the connection was closed')
      return sendCall(this.connection, call, this.settings.requestTimeoutMs)
    })
  }

  /** What is under way fails. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.onClosed()
    this.connection?.rejectRequests(new Error('the connection was closed'))
    // Nobody waits for the socket; a failure to end it changes nothing.
    this.pool.destroy().catch(() => {})
  }
}

function closedError(): StreamsError {
  return new StreamsError('CLOSED', 'the log was used after it had been closed')
}

function checkVersions(
  versions: Readonly<Record<number, { minVersion: number; maxVersion: number }>> | null,
): void {
  for (const [apiKey, version] of neededVersions) {
    const offered = versions?.[apiKey]
    if (offered !== undefined && offered.minVersion <= version && offered.maxVersion >= version) continue
    throw new StreamsError(
      'LOG_REFUSED',
      `the brokers do not speak version ${version} of request ${apiKey}; use Apache Kafka 2.5 or newer`,
    )
  }
}

async function translated<T>(settings: KafkaSettings, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw connectionError(error, settings)
  }
}
