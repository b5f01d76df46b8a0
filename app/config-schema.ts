/** Every setting: its type, its default, what it is for, and what a right value looks like. */
import { z } from 'zod'
import { defaultOrderLimits } from '../orders/rule.ts'
import { defaultSettings } from '../streams/index.ts'
import { defaultMemoryLimits } from '../topologies/cleanse/memory.ts'
import { defaultOrderMemoryMs } from '../topologies/cleanse/topology.ts'
import { defaultThresholds, thresholdRanges } from '../topologies/detection/rules.ts'
import { defaultDetectionSettings } from '../topologies/detection/topology.ts'
import { defaultStatisticsSettings } from '../topologies/statistics/topology.ts'
import {
  choice,
  integer,
  optional,
  type SettingText,
  share,
  text,
  texts,
  threshold,
} from './setting-kinds.ts'

const latestYear = 9998

export const settings = {
  dataDir: text('Single-node mode: where the log, the state and orders.db are kept', './data'),

  brokers: optional(
    'Cluster mode: some brokers of Apache Kafka; empty is single-node mode',
    'host:port, several with commas in between',
  ),
  registryUrl: optional(
    'Cluster mode: the schema registry, Confluent-compatible',
    'http://host:port or https://host:port, with a path if it has one',
    'password-in-url',
  ),
  databaseUrl: optional(
    'Cluster mode: the MySQL or MariaDB database that the tables are in',
    'mysql://user:password@host:port/database',
    'password-in-url',
  ),
  databaseTlsCaFile: optional(
    'With `?ssl=true` in databaseUrl: the authorities that its server is trusted by, PEM; else those of Node.js',
    'a path',
  ),
  stateDir: text('Cluster mode: where this instance keeps the state of its tasks', './state'),
  instanceId: optional('Names this instance; else a name is made up once and kept in the state directory'),
  zone: optional('Where this instance runs: standbys are placed in other zones'),
  standbyReplicas: integer('Other instances that keep a copy of the state of each task', 0, 0, 100),
  warmUpMaxLag: integer('Changelog records that a copy may lack before a task moves to it', 10_000, 0),
  maxWarmUps: integer('Tasks at most that another instance catches up with at a time', 2, 1, 1000),
  replicationFactor: integer(
    'Copies of topics that are yet to be created; -1 is as the brokers are set up',
    -1,
    -1,
    32_767,
  ),
  kafkaTls: choice('Whether the connections to the brokers are encrypted', ['off', 'on'], 'off'),
  kafkaTlsCaFile: optional(
    'The authorities that brokers are trusted by, PEM; else those of Node.js',
    'a path',
  ),
  kafkaTlsCertFile: optional('The certificate of this client, PEM', 'a path'),
  kafkaTlsKeyFile: optional('The private key to it, PEM', 'a path'),
  kafkaSaslMechanism: choice(
    'How this client logs in to the brokers',
    ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    'none',
  ),
  kafkaSaslUsername: optional('The name that it logs in with'),
  kafkaSaslPassword: optional('The password to it', 'a text', 'whole'),
  kafkaCompression: choice(
    'How records are compressed; zstd needs Node.js 22.15',
    ['none', 'gzip', 'lz4', 'snappy', 'zstd'],
    'none',
  ),
  registryUsername: optional('The name to log in to the schema registry with'),
  registryPassword: optional('The password to it', 'a text', 'whole'),
  registerSchemas: choice(
    'at-start: `run` makes what is missing of topics, tables and schemas; migrate-only: only `migrate` does',
    ['at-start', 'migrate-only'],
    'at-start',
  ),
  sessionTimeoutMs: integer(
    'How long an instance may be silent before its tasks go to others',
    15_000,
    3000,
    1_800_000,
  ),
  healthHost: text('With healthPort: the address, instead of httpHost', '127.0.0.1'),
  healthPort: integer('An older name of httpPort, which it takes the place of; 0 is none', 0, 0, 65_535),
  httpServer: choice('Whether `/livez`, `/readyz` and `/metrics` are served over HTTP', ['on', 'off'], 'on'),
  httpHost: text('The address that they are served on', '127.0.0.1'),
  httpPort: integer(
    'Their port; 0 takes any that is free, and so does the default where it is taken',
    8080,
    0,
    65_535,
  ),
  controlServer: choice('Whether the control services are served over gRPC', ['on', 'off'], 'on'),
  controlHost: text('The address that they are served on', '127.0.0.1'),
  controlPort: integer(
    'Their port; 0 takes any that is free, and so does the default where it is taken',
    50_051,
    0,
    65_535,
  ),
  controlEndpoint: optional(
    'Where other instances reach them; else controlHost, or an address of this machine where that is any, unless it is loopback',
    'host:port, or a host',
  ),
  controlHealthPort: integer(
    'A port on controlHost that answers grpc.health.v1 only, without TLS, for probes, from the start on; 0 is none',
    0,
    0,
    65_535,
  ),
  savepointDir: optional(
    'Where savepoints are kept, which all instances must see; in single-node mode else `savepoints` in the data directory',
    'a path',
  ),
  controlInsecure: choice(
    'on: the control server may listen beyond this machine without TLS or without credentials',
    ['off', 'on'],
    'off',
  ),
  controlTlsCertFile: optional(
    'The certificate of the control server, PEM, with those up to its authority; by it this instance also calls others',
    'a path',
  ),
  controlTlsKeyFile: optional('The private key to it, PEM', 'a path'),
  controlPeerCaFile: optional(
    'The authorities that the certificates of other instances are trusted by, PEM; else controlClientCaFile, else those of Node.js',
    'a path',
  ),
  controlClientCaFile: optional(
    'The authorities whose certificates callers are let in with, PEM: mutual TLS',
    'a path',
  ),
  controlClientRoles: optional(
    'Who has which role by a name in the certificate; the first that fits holds, `*` is any text',
    'rules such as `CN:ops=operator, DNS:*.orders.svc=instance, URI:spiffe://corp/*=viewer`',
  ),
  controlTokenFile: optional(
    'The hashes of bearer tokens, as `order-streams control-token` makes them; read again when it changes',
    'a path',
  ),
  controlJwks: optional(
    'The keys that JWTs are verified by: the URL of a JSON Web Key Set, or a file',
    'https://…, or a path',
  ),
  controlJwtIssuer: optional('Who must have issued a JWT', 'its claim `iss`'),
  controlJwtAudience: optional('Whom it must be for', 'its claim `aud`'),
  controlJwtAlgorithms: text('The signatures that are taken, with commas in between', 'RS256,ES256'),
  controlJwtRoleClaim: text('The claim that the role comes from; a path inside objects', 'roles'),
  controlJwtRoles: text(
    'Which values of it give which role; the first rule that fits holds',
    'operator=operator, viewer=viewer',
  ),
  controlJwtClockSkewMs: integer('How far the clock of the issuer may be off', 30_000, 0, 600_000),
  controlCallsPerSecond: integer('Calls of one caller; twice as many after a rest; 0 is no limit', 100, 0),
  controlMaxMessageBytes: integer(
    'The largest request that is taken',
    4 * 1024 * 1024,
    1024,
    64 * 1024 * 1024,
  ),
  controlMaxStreams: integer('Calls at the same time on one connection', 200, 1, 100_000),
  controlMaxConnections: integer('Connections at the same time; more are closed at once', 1000, 1, 100_000),
  shutdownGraceMs: integer(
    'How long stopping in order may take before the process ends nevertheless, with an error',
    25_000,
    1,
  ),
  startWaitMs: integer('How long a start waits for services that cannot be reached', 60_000, 0),
  taskDeadlineMs: integer('A task that makes no turn for this long fails its topology', 300_000, 1),
  eventLoopDeadlineMs: integer('A process that is blocked for this long is killed', 60_000, 1),

  ctlAddress: text('Where `order-streams ctl` finds a control service, as host:port', '127.0.0.1:50051'),
  ctlToken: optional('The bearer token that it shows', 'a text', 'whole'),
  ctlTokenFile: optional('A file with that token; only where there is no ctlToken', 'a path'),
  ctlTls: choice('Whether it encrypts; the three files that follow imply it', ['off', 'on'], 'off'),
  ctlCaFile: optional('The authorities that it trusts the service by, PEM; else those of Node.js', 'a path'),
  ctlCertFile: optional('The certificate that it shows of itself, PEM', 'a path'),
  ctlKeyFile: optional('The private key to it, PEM', 'a path'),
  ctlTimeoutMs: integer('How long a call of it may take; streams may take any time', 30_000, 1),

  apiHost: text('The address that the Order API listens on', '127.0.0.1'),
  apiPort: integer('The port of the Order API; 0 takes any that is free', 8081, 0, 65_535),
  logLevel: choice('The least severe messages to log', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
  logFormat: choice(
    'text: to order-streams.log in the data directory, in cluster mode to stderr; json: to stderr',
    ['text', 'json'],
    'text',
  ),

  tracing: choice('Whether orders and control calls are traced, to a receiver of OTLP', ['off', 'on'], 'off'),
  tracingEndpoint: optional(
    'Where traces are sent, by OTLP over HTTP; else OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318',
    'http://host:port or https://host:port; `/v1/traces` is meant where it has no path',
  ),
  tracingSampleRatio: share(
    'Share of the traces begun here that is recorded; of those that a caller has begun, what he records is',
    0.01,
  ),
  tracingServiceName: text('The service that traces say they are of', 'order-streams'),

  partitions: integer(
    'Partitions of topics that are yet to be created',
    defaultSettings.defaultPartitions,
    1,
    1024,
  ),
  durability: choice(
    'What a commit survives; process-crash is faster, and may lose the last commits when the machine dies',
    ['power-failure', 'process-crash'],
    'power-failure',
  ),
  processingGuarantee: choice(
    'Whether an event may be counted again after a crash',
    ['exactly-once', 'at-least-once'],
    defaultSettings.processingGuarantee,
  ),
  onDecodeError: choice(
    'What becomes of a record whose bytes cannot be read',
    ['dead-letter', 'stop'],
    defaultSettings.onDecodeError,
  ),
  onProcessingError: choice(
    'What becomes of a record that an operator throws on',
    ['dead-letter', 'stop'],
    defaultSettings.onProcessingError,
  ),
  commitIntervalMs: integer(
    'How often a task commits, at the latest',
    defaultSettings.commitIntervalMs,
    1,
    3_600_000,
  ),
  batchMaxRecords: integer('Records decoded at a time', defaultSettings.batchMaxRecords, 1),
  memoryBudgetBytes: integer(
    'What the process may take of memory; -1 is 75% of what its container or the machine has, 0 is no budget',
    -1,
    -1,
  ),
  cacheMaxBytesPerTask: integer(
    'Live state that a task keeps in memory, if the budget has as much',
    defaultSettings.cacheMaxBytesPerTask,
    1,
  ),
  transactionMaxBytes: integer(
    'A task with more to write commits early',
    defaultSettings.transactionMaxBytes,
    1,
  ),
  transactionMaxKeys: integer(
    'A task with more changed keys commits early',
    defaultSettings.transactionMaxKeys,
    1,
  ),
  sinkMaxRows: integer(
    'A task with more rows for the database commits early',
    defaultSettings.sinkMaxRows,
    1,
  ),
  inputMaxBufferedBytes: integer(
    'Fetched records of a partition that wait to be processed',
    defaultSettings.inputMaxBufferedBytes,
    1,
  ),
  taskMaxAttempts: integer(
    'How often in a row a task is opened again after an error that starting over may mend',
    defaultSettings.taskMaxAttempts,
    1,
  ),
  outageMaxMs: integer(
    'How long a task waits for Kafka, registry or database to come back before its topology stops',
    defaultSettings.outageMaxMs,
    1,
  ),

  orderEarliestYear: integer(
    'Orders from before this year are rejected',
    new Date(defaultOrderLimits.earliestTimeMs).getUTCFullYear(),
    1000,
    latestYear,
  ),
  orderMaxAheadMs: integer('How far ahead of its receipt an order may lie', defaultOrderLimits.maxAheadMs, 0),
  orderMaxAmount: integer(
    'Larger amounts are rejected; in hundredths of the currency',
    defaultOrderLimits.maxAmount,
    1,
    defaultOrderLimits.maxAmount,
  ),
  orderMaxQuantity: integer('Larger quantities are rejected', defaultOrderLimits.maxQuantity, 1),
  orderUnusualQuantity: integer(
    'From here on a quantity is accepted with a warning',
    defaultOrderLimits.unusualQuantity,
    1,
  ),
  repeatMemoryMs: integer(
    'How long an event is remembered to know its repeats',
    defaultMemoryLimits.retentionMs,
    1,
  ),
  repeatMemoryMaxEvents: integer('Events remembered of one order', defaultMemoryLimits.maxEvents, 1),
  orderMemoryMs: integer(
    'How long an order is remembered after its last event; not less than repeatMemoryMs',
    defaultOrderMemoryMs,
    1,
  ),

  statisticsDisorderMs: integer(
    'How much older than the newest order of its partition one may be without being late',
    defaultStatisticsSettings.timing.disorderMs,
    0,
  ),
  statisticsIdle: choice(
    'What a partition without orders does to the time of the others: ignore leaves it out, wait holds the time, wall-clock goes on by the clock, which makes orders of the past late',
    ['ignore', 'wait', 'wall-clock'],
    defaultStatisticsSettings.timing.idle,
  ),
  statisticsIdleAfterMs: integer(
    'How long a partition has been read to its end when it counts as idle',
    defaultStatisticsSettings.timing.idleAfterMs,
    0,
  ),
  statisticsGraceMs: integer(
    'How long after their end minutes, hours and sessions are corrected by late orders',
    defaultStatisticsSettings.graceMs,
    0,
  ),
  lastHourGraceMs: integer(
    'The same of the hour up to each order of a user',
    defaultStatisticsSettings.lastHourGraceMs,
    0,
  ),
  sessionGapMs: integer(
    "A user's orders that lie further apart are of different sessions",
    defaultStatisticsSettings.sessionGapMs,
    1,
  ),
  milestoneOrders: integer('So many orders are a batch', defaultStatisticsSettings.milestoneOrders, 1),

  detectionDisorderMs: integer(
    'How much older than the newest order event of its partition one may be and still be judged in its place',
    defaultDetectionSettings.timing.disorderMs,
    0,
  ),
  detectionIdle: choice(
    'What a partition without orders does to their time: wall-clock goes on by the clock, so that unpaid orders are found; with ignore and wait that takes the next order',
    ['ignore', 'wait', 'wall-clock'],
    defaultDetectionSettings.timing.idle,
  ),
  detectionIdleAfterMs: integer(
    'How long a partition has been read to its end when it counts as idle',
    defaultDetectionSettings.timing.idleAfterMs,
    0,
  ),
  largeOrderAmount: threshold(
    'Orders of more are large; in hundredths of the currency',
    thresholdRanges['large-order'].amount,
    defaultThresholds['large-order'].amount,
  ),
  burstMaxOrders: threshold(
    'More orders of a user than this within burstWithinMs are a burst',
    thresholdRanges.burst.max_orders,
    defaultThresholds.burst.max_orders,
  ),
  burstWithinMs: threshold(
    'The orders of a burst lie less than this apart',
    thresholdRanges.burst.within_ms,
    defaultThresholds.burst.within_ms,
  ),
  unpaidWithinMs: threshold(
    'How long an order has to be paid',
    thresholdRanges.unpaid.within_ms,
    defaultThresholds.unpaid.within_ms,
  ),
  repeatPurchaseWithinMs: threshold(
    'A product that comes again in another order of the user sooner than this is a repeat purchase',
    thresholdRanges['repeat-purchase'].within_ms,
    defaultThresholds['repeat-purchase'].within_ms,
  ),
  escalatingPercent: threshold(
    'Three orders of a user in one currency escalate when each comes to at least so many percent of the one before',
    thresholdRanges['escalating-amount'].percent,
    defaultThresholds['escalating-amount'].percent,
  ),
  escalatingWithinMs: threshold(
    'The last of them comes sooner than this after the first',
    thresholdRanges['escalating-amount'].within_ms,
    defaultThresholds['escalating-amount'].within_ms,
  ),
}

export type SettingName = keyof typeof settings

export type Config = { readonly [N in SettingName]: z.output<(typeof settings)[N]> }

export const settingNames = Object.keys(settings) as SettingName[]

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settings, name)
}

export function textOf(name: SettingName): SettingText {
  return texts.get(settings[name])!
}

/** A value as it may be seen by anybody. */
export function shownValue(name: SettingName, value: unknown): unknown {
  const { secret } = textOf(name)
  if (secret === undefined || value === '') return value
  return secret === 'whole' ? hidden : withoutPassword(String(value))
}

const hidden = '***'

/** All that may be a password goes: from behind the user's name to the last `@`. */
function withoutPassword(url: string): string {
  const at = url.lastIndexOf('@')
  if (at < 0) return url
  const [user = ''] = /^[a-z][a-z0-9+]*:\/\/[^:/@]*:/i.exec(url) ?? []
  return `${user}${hidden}${url.slice(at)}`
}

/** Environment variables and flags are text: what looks like a number or a truth value is taken for one where it is wanted. */
export function fromText(name: SettingName, value: string): unknown {
  const inner = settings[name].unwrap()
  return inner instanceof z.ZodNumber && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
}

/** Checks one value; undefined asks for the default. */
export function check(name: SettingName, value: unknown): { readonly value: unknown } | undefined {
  const result = settings[name].safeParse(value)
  return result.success ? { value: result.data } : undefined
}
