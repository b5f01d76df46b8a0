/** Topologies that have all that a commit moves, each with a plain oracle of what its results must be. */
import {
  defineTopology,
  keyValueStore,
  nullable,
  output,
  type Sink,
  serdes,
  type Topology,
  topic,
} from '../../streams/index.ts'
import { partitionForKey } from '../../streams/records/murmur2.ts'

export const partitions = 2

export interface TestRecord {
  readonly partition: number
  readonly key: string | null
  readonly value: Buffer
  readonly timestampMs: number
}

export interface Row {
  readonly id: string
  readonly value: number
}

/** A result, as text: what was written under which key, in the order of writing. */
export interface Result {
  readonly key: string
  readonly value: number
}

export interface Case {
  readonly name: string
  readonly topology: (sink: Sink<Row>) => Topology
  /** The topic that holds the results; undefined when they are the sink's rows. */
  readonly output: string | undefined
  readonly store: string | undefined
  /** What is read into the sink, row for row. */
  readonly sinkReads?: 'input' | 'output'
  /** All results, in order where `ordered` says so: of each key. */
  readonly expected: (records: readonly Valid[]) => readonly Result[]
  /** Whether each result appears in the output, or only the last of each key, after others on the way to it. */
  readonly emits: 'each' | 'last'
  /** By key, what the store holds in the end. */
  readonly expectedState?: (records: readonly Valid[]) => Map<string, number>
}

export interface Place {
  readonly partition: number
  readonly offset: number
}

/** A record with its place. */
export interface Placed extends Result, Place {}

/** A record that comes through the source, and is not thrown on. */
export interface Valid extends Placed {
  readonly timestampMs: number
  /** The highest timestamp of its partition so far, of records that were thrown on, too. */
  readonly streamTimeMs: number
}

export const input = topic('events', { key: serdes.string, value: serdes.long })
const results = topic('results', { key: serdes.string, value: nullable(serdes.long) })

/** An operator that throws on negative values. */
function checked(value: number): number {
  if (value < 0) throw new Error(`${value} is negative`)
  return value
}

const ttlMs = 100

/** A row for each record, by its coordinates; the sinks of these tests reject multiples of 5. */
function rowsOf(value: number | null, key: string, place: Place): Row[] {
  return value === null ? [] : [{ id: `${place.partition}-${place.offset}-${key}`, value }]
}

export function isRejected({ value }: { readonly value: number }): boolean {
  return value % 5 === 0
}

const stateless: Case = {
  name: 'stateless',
  topology: () =>
    defineTopology('stateless', (builder) => {
      builder
        .stream(input)
        .mapValues((value) => 2 * checked(value))
        .to(results)
    }),
  output: results.name,
  store: undefined,
  emits: 'each',
  expected: (records) => records.map(({ key, value }) => ({ key, value: 2 * value })),
}

export const keyedCount: Case = {
  name: 'keyed count',
  topology: () =>
    defineTopology('keyed-count', (builder) => {
      builder
        .stream(input)
        .peek((value) => void checked(value))
        .groupByKey()
        .count({ store: 'counts' })
        .toStream()
        .to(results)
    }),
  output: results.name,
  store: 'counts',
  emits: 'each',
  expected: (records) => counts(records, ({ key }) => key).results,
  expectedState: (records) => counts(records, ({ key }) => key).totals,
}

const combinedCount: Case = {
  name: 'combined count',
  topology: () =>
    defineTopology('combined-count', (builder) => {
      builder
        .stream(input)
        .groupBy((value) => lastDigit(checked(value)), serdes.string)
        .count({ store: 'by-digit' })
        .toStream()
        .to(results)
    }),
  output: results.name,
  store: 'by-digit',
  emits: 'last',
  expected: (records) => counts(records, ({ value }) => lastDigit(value)).results,
  expectedState: (records) => counts(records, ({ value }) => lastDigit(value)).totals,
}

const sums = keyValueStore({ name: 'sums', key: serdes.string, value: serdes.long, ttlMs })

const expiringSum: Case = {
  name: 'expiring sum',
  topology: () =>
    defineTopology('expiring-sum', (builder) => {
      builder
        .stream(input)
        .process('sum', {
          stores: { sums },
          outputs: { all: output<string, number | null>() },
          create:
            ({ stores, outputs }) =>
            (key, value) => {
              const sum = (stores.sums.get(key) ?? 0) + checked(value)
              stores.sums.put(key, sum)
              outputs.all(key, sum)
            },
        })
        .all.to(results)
    }),
  output: results.name,
  store: 'sums',
  emits: 'each',
  expected: (records) => expiringSums(records).results,
}

export const externalSink: Case = {
  name: 'external sink',
  topology: (sink) =>
    defineTopology('external-sink', (builder) => {
      builder
        .stream(input)
        .peek((value) => void checked(value))
        .toSink('rows', sink, rowsOf)
    }),
  output: undefined,
  store: undefined,
  sinkReads: 'input',
  emits: 'each',
  expected: (records) => records,
}

/** State and a sink in one topology: the sink reads what the state gave. */
export const countIntoSink: Case = {
  ...keyedCount,
  name: 'count into a sink',
  topology: (sink) =>
    defineTopology('count-into-sink', (builder) => {
      builder
        .stream(input)
        .peek((value) => void checked(value))
        .groupByKey()
        .count({ store: 'counts' })
        .toStream()
        .to(results)
      builder.stream(results).toSink('rows', sink, rowsOf)
    }),
  sinkReads: 'output',
}

export const cases: readonly Case[] = [
  stateless,
  keyedCount,
  combinedCount,
  expiringSum,
  externalSink,
  countIntoSink,
]

function lastDigit(value: number): string {
  return `digit-${value % 10}`
}

function counts(records: readonly Valid[], keyOf: (record: Valid) => string) {
  const totals = new Map<string, number>()
  const results = records.map((record) => {
    const key = keyOf(record)
    const value = (totals.get(key) ?? 0) + 1
    totals.set(key, value)
    return { key, value }
  })
  return { results, totals }
}

/** Sums by key, where a key is forgotten once the stream time of its partition is `ttlMs` past its last record. */
function expiringSums(records: readonly Valid[]) {
  const rows = new Map<string, { sum: number; timestampMs: number }>()
  const results = records.map(({ key, value, timestampMs, streamTimeMs }) => {
    const row = rows.get(key)
    const alive = row !== undefined && row.timestampMs + ttlMs > streamTimeMs
    const sum = (alive ? row.sum : 0) + value
    rows.set(key, { sum, timestampMs })
    return { key, value: sum }
  })
  return { results }
}

const keys = ['ann', 'bob', 'cy', 'dee', 'eve', 'fay', 'gus', 'hal']

/** Records of both partitions, one in ten of which cannot be decoded, and another one is thrown on. */
export function inputRecords(perPartition = 40): TestRecord[] {
  return Array.from({ length: perPartition * partitions * 2 }, (_, index) => {
    const key = keys[(index * 7 + (index >> 3)) % keys.length]!
    const value = Buffer.alloc(8)
    value.writeBigInt64BE(BigInt(index % 10 === 4 ? -index : index))
    return {
      key,
      partition: partitionForKey(Buffer.from(key), 0, key.length, partitions),
      value: index % 10 === 7 ? Buffer.from('bad') : value,
      timestampMs: 1_000 + index * 9 + (index % 3 === 0 ? -90 : 0),
    }
  })
}

/** What a source and a check for negative values let through, and the coordinates of the rest. */
export function sortOut(records: readonly TestRecord[]): { valid: Valid[]; dead: Place[] } {
  const offsets = Array.from({ length: partitions }, () => 0)
  const streamTimesMs = Array.from({ length: partitions }, () => 0)
  const valid: Valid[] = []
  const dead: Place[] = []
  for (const { partition, key, value: bytes, timestampMs } of records) {
    const offset = offsets[partition]!++
    const value = bytes.length === 8 ? Number(bytes.readBigInt64BE()) : undefined
    if (value !== undefined) streamTimesMs[partition] = Math.max(streamTimesMs[partition]!, timestampMs)
    const streamTimeMs = streamTimesMs[partition]!
    if (value === undefined || value < 0) dead.push({ partition, offset })
    else valid.push({ partition, offset, key: key ?? '', value, timestampMs, streamTimeMs })
  }
  return { valid, dead }
}
