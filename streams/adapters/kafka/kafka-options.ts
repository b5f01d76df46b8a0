/** How the log reaches Apache Kafka, and the limits it keeps to. */

import { type ConnectionOptions, createSecureContext } from 'node:tls'
import type { SASLOptions } from 'kafkajs'
import { messageOf, StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Logger, silentLogger } from '../../ports/observability.ts'
import { type Compression, zstdAvailable } from './codec/compression.ts'

export interface KafkaLogOptions {
  /** Some of the cluster's brokers, as `host:port`; the others are learnt from them. */
  readonly brokers: readonly string[]
  readonly clock: Clock
  readonly logger?: Logger
  /** What the brokers' logs and quotas call this program. */
  readonly clientId?: string
  /** TLS: true, or Node's options, with `cert` and `key` for a client certificate. */
  readonly tls?: ConnectionOptions | boolean
  /** PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, AWS or OAUTHBEARER, as kafkajs takes them. */
  readonly sasl?: SASLOptions
  /** What records are written with; the broker's setting for the topic may change it. `none` by default. */
  readonly compression?: Compression
  /** Of topics that are created; -1, the default, takes the broker's. */
  readonly replicationFactor?: number
  /** How long a connection may take. 10 seconds by default. */
  readonly connectionTimeoutMs?: number
  /** How long a broker may take to answer. 30 seconds by default. */
  readonly requestTimeoutMs?: number
  /** How long a call is tried again for passing failures, before it fails with LOG_UNAVAILABLE. 60 seconds by default. */
  readonly retryBudgetMs?: number
  /** How long a topic may be unknown, since brokers learn of new topics at different times. 1.5 seconds by default. */
  readonly unknownTopicGraceMs?: number
  /** The largest record batch that is written; brokers take 1 MiB by default. */
  readonly maxBatchBytes?: number
  /** How long a broker may wait for records before it answers a fetch. 250 ms by default. */
  readonly fetchWaitMs?: number
  /** How long a member of a group may be silent before it is taken for dead. 15 seconds by default. */
  readonly sessionTimeoutMs?: number
  /** How long a rebalance waits for the members; they come with their next heartbeat. 20 seconds by default. */
  readonly rebalanceTimeoutMs?: number
  /** How often a member says that it is there, and so learns of a rebalance. 1 second by default. */
  readonly heartbeatIntervalMs?: number
}

export type KafkaSettings = Required<Omit<KafkaLogOptions, 'tls' | 'sasl'>> & {
  readonly tls: ConnectionOptions | boolean | undefined
  readonly sasl: SASLOptions | undefined
}

/** @throws CONFIGURATION_INVALID */
export function kafkaSettings(options: KafkaLogOptions): KafkaSettings {
  const settings = {
    logger: silentLogger,
    clientId: 'order-streams',
    tls: undefined,
    sasl: undefined,
    compression: 'none' as const,
    replicationFactor: -1,
    connectionTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    retryBudgetMs: 60_000,
    unknownTopicGraceMs: 1500,
    maxBatchBytes: 1_000_000,
    fetchWaitMs: 250,
    sessionTimeoutMs: 15_000,
    rebalanceTimeoutMs: 20_000,
    heartbeatIntervalMs: 1000,
    ...options,
  }
  if (settings.brokers.length === 0) throw invalid('brokers', 'none', 'give at least one as host:port')
  for (const broker of settings.brokers) {
    if (!/^[^:\s]+:\d+$/.test(broker)) throw invalid('brokers', `"${broker}"`, 'give each as host:port')
  }
  if (settings.compression === 'zstd' && !zstdAvailable) {
    throw invalid('compression', `"zstd" on Node.js ${process.version}`, 'it needs 22.15 or newer; use "lz4"')
  }
  checkTls(settings.tls)
  if (settings.heartbeatIntervalMs * 3 > settings.sessionTimeoutMs) {
    throw invalid(
      'heartbeatIntervalMs',
      `${settings.heartbeatIntervalMs}`,
      `it must be at most a third of sessionTimeoutMs, ${settings.sessionTimeoutMs}`,
    )
  }
  return settings
}

function checkTls(options: ConnectionOptions | boolean | undefined): void {
  if (typeof options !== 'object') return
  try {
    createSecureContext(options)
  } catch (error) {
    throw invalid('tls', 'not to be used', `check the CA, the certificate and its key: ${messageOf(error)}`)
  }
}

function invalid(setting: string, value: string, remedy: string): StreamsError {
  return new StreamsError('CONFIGURATION_INVALID', `the Kafka log's ${setting} is ${value}; ${remedy}`, {
    details: { setting, value },
  })
}
