/** Every setting: its type, its default, what it is for, and what a right value looks like. */
import { z } from 'zod'
import { defaultOrderLimits } from '../orders/rule.ts'
import { defaultSettings } from '../streams/index.ts'
import { defaultMemoryLimits } from '../topologies/cleanse/memory.ts'
import { defaultOrderMemoryMs } from '../topologies/cleanse/topology.ts'

/** What is told of a setting beside its type. */
interface SettingText {
  readonly purpose: string
  /** Completes "it must be …". */
  readonly wanted: string
}

const texts = z.registry<SettingText>()

function described<S extends z.ZodType>(schema: S, purpose: string, wanted: string): S {
  texts.add(schema, { purpose, wanted })
  return schema
}

function text(purpose: string, byDefault: string) {
  return described(z.string().min(1).default(byDefault), purpose, 'a text that is not empty')
}

function integer(purpose: string, byDefault: number, least: number, most = Number.MAX_SAFE_INTEGER) {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`
  return described(z.int().min(least).max(most).default(byDefault), purpose, `a whole number ${range}`)
}

function choice<const C extends readonly [string, ...string[]]>(
  purpose: string,
  choices: C,
  byDefault: C[number],
) {
  return described(z.enum(choices).prefault(byDefault), purpose, `one of ${choices.join(', ')}`)
}

const latestYear = 9998

export const settings = {
  dataDir: text('Where the log, the state and orders.db are kept', './data'),
  apiHost: text('The address that the Order API listens on', '127.0.0.1'),
  apiPort: integer('The port of the Order API; 0 takes any that is free', 8081, 0, 65_535),
  logLevel: choice('The least severe messages to log', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
  logFormat: choice(
    'text: to order-streams.log in the data directory; json: to stderr',
    ['text', 'json'],
    'text',
  ),

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
  cacheMaxBytesPerTask: integer(
    'Live state that a task keeps in memory',
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
    'How often a task is opened again after an error that may pass',
    defaultSettings.taskMaxAttempts,
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

/** Environment variables and flags are text: what looks like a number or a truth value is taken for one where it is wanted. */
export function fromText(name: SettingName, value: string): unknown {
  const inner = settings[name].unwrap()
  return inner instanceof z.ZodNumber && /^-?\d+$/.test(value) ? Number(value) : value
}

/** Checks one value; undefined asks for the default. */
export function check(name: SettingName, value: unknown): { readonly value: unknown } | undefined {
  const result = settings[name].safeParse(value)
  return result.success ? { value: result.data } : undefined
}
