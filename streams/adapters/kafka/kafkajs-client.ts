/**
 * What is taken of kafkajs: connections with TLS and SASL, and the brokers of a cluster. Requests, their retries and their
 * errors are ours, so that every wait is by the Clock port and every error code has its one meaning.
 *
 * Invariants:
 * 1. The inner modules used are those of kafkajs 2.2.4; any other version is refused before the first connection.
 * 2. No timer runs while nothing waits (K22), and none of kafkajs's defaults that depend on NODE_ENV is used (K28).
 */
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { ISocketFactory } from 'kafkajs'
import Cluster from 'kafkajs/src/cluster/index.js'
import loggers from 'kafkajs/src/loggers/index.js'
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import createSocketFactory from 'kafkajs/src/network/socketFactory.js'
import { StreamsError } from '../../errors.ts'
import type { Logger } from '../../ports/observability.ts'
import type { KafkaSettings } from './kafka-options.ts'

const neededVersion = '2.2.4'
const pendingCheckMs = 10

/**
 * @param sockets gets every socket that is opened, for as long as it is: kafkajs forgets those of connections to its first
 *   brokers when several callers open them anew at once, as they do when a broker has gone
 * @throws CONFIGURATION_INVALID when another version of kafkajs is installed
 */
export function createCluster(settings: KafkaSettings, sockets: Set<Socket>): Cluster {
  checkVersion(createRequire(import.meta.url)('kafkajs/package.json'))
  mendRequestQueue()
  return new Cluster({
    logger: loggers.createLogger({
      level: loggers.LEVELS.WARN,
      logCreator: () => (entry) => forward(settings.logger, entry),
    }),
    socketFactory: promptSockets(sockets),
    brokers: settings.brokers,
    ssl: settings.tls,
    sasl: settings.sasl,
    clientId: settings.clientId,
    connectionTimeout: settings.connectionTimeoutMs,
    authenticationTimeout: settings.connectionTimeoutMs,
    reauthenticationThreshold: 10_000,
    requestTimeout: settings.requestTimeoutMs,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    // Once per broker in the list: what comes after that is our own retry.
    retry: {
      retries: settings.brokers.length,
      initialRetryTime: 20,
      maxRetryTime: 100,
      factor: 0.2,
      multiplier: 2,
    },
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: 1,
  })
}

/** A request goes out at once, also while an earlier one over the same connection is not acknowledged. */
function promptSockets(sockets: Set<Socket>): ISocketFactory {
  const createSocket = createSocketFactory()
  return (target) => {
    const socket = createSocket(target).setNoDelay(true)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    return socket
  }
}

export function checkVersion(manifest: unknown): void {
  const version: unknown =
    typeof manifest === 'object' && manifest !== null && Reflect.get(manifest, 'version')
  if (version === neededVersion) return
  throw new StreamsError(
    'CONFIGURATION_INVALID',
    `kafkajs ${String(version)} is installed, but the Kafka log builds on the inner modules of ${neededVersion}; ` +
      `install kafkajs@${neededVersion}`,
  )
}

/**
 * kafkajs sets a timer anew for ever, a millisecond long, whether or not requests wait; this one is set only while some
 * do. A request that waits is also sent when an answer comes.
 */
function mendRequestQueue(): void {
  RequestQueue.prototype.scheduleCheckPendingRequests = function () {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
    const throttledMs = this.throttledUntil - Date.now()
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      throttledMs > 0 ? throttledMs : pendingCheckMs,
    )
  }
}

function forward(
  logger: Logger,
  { level, log }: { level: number; log: { readonly message: string; readonly [field: string]: unknown } },
): void {
  const { message, timestamp: _, stack: __, ...fields } = log
  // What fails is tried again by us, and said by us when it does not help.
  if (level <= loggers.LEVELS.WARN) logger.debug(fields, message)
}
