/** What must be true of a world once everything is processed, whatever happened on the way. */
import { expect } from 'vitest'
import { openLogRegistry } from '../../streams/adapters/registry/log-registry.ts'
import {
  type Clock,
  deadLetterTopic,
  internalTopics,
  type Log,
  type PartitionOffset,
  type ProcessingGuarantee,
  type StoreProvider,
  type Topology,
} from '../../streams/index.ts'
import { keyAt, valueAt } from '../../streams/records/record-batch.ts'
import { databaseName } from '../../streams/runtime/task-environment.ts'
import { deadLetterSchema } from '../../streams/schemas/generated/records.ts'
import { avro } from '../../streams/serde/avro.ts'
import { section, TaskDatabase } from '../../streams/state/task-database.ts'
import { MemorySink } from '../../streams/testing/index.ts'
import {
  type Case,
  input,
  isRejected,
  type Place,
  type Placed,
  type Result,
  type Row,
  sortOut,
  type TestRecord,
} from './cases.ts'
import { readTopic, run } from './world.ts'

/** What processes leave behind: open for reading, with nobody writing any more. */
export interface Remains {
  readonly log: Log
  readonly clock: Clock
  readonly tasks: StoreProvider
  readonly rows: readonly Row[]
}

/** Compares everything with the oracle. */
export async function verify(
  remains: Remains,
  testCase: Case,
  records: readonly TestRecord[],
  guarantee: ProcessingGuarantee,
): Promise<void> {
  const { valid, dead } = sortOut(records)
  // The sink is not written to: only the names of the topology matter here.
  const topology = testCase.topology(new MemorySink())
  const exactly = guarantee === 'exactly-once'
  const expected = testCase.expected(valid)
  const { output } = testCase
  const results = output === undefined ? [] : await readResults(remains, output)

  expect(await uncommitted(remains, topology), 'input that the group has not committed').toEqual([])
  if (output !== undefined) {
    if (exactly) expectExactly(byKey(results), byKey(expected), testCase)
    else expectNothingLost(byKey(results), byKey(expected), testCase)
  }

  const rows = testCase.sinkReads === 'output' ? results : testCase.sinkReads === 'input' ? valid : []
  // The sink keeps its own positions, so it has each row once whatever the log guarantees.
  const wantedRows = rows
    .filter((row) => !isRejected(row))
    .map(({ partition, offset, key, value }) => ({
      id: `${partition}-${offset}-${key}`,
      value,
    }))
  expect(byId(remains.rows)).toEqual(byId(wantedRows))

  const rejected = rows.filter(isRejected).map((row) => placeName(output ?? input.name, row))
  const wanted = [...dead.map((place) => placeName(input.name, place)), ...rejected].sort()
  const letters = await deadLetters(remains, topology)
  expect(exactly ? letters : [...new Set(letters)], 'dead letters').toEqual(wanted)

  if (testCase.store !== undefined) {
    const state = await stateOf(remains, topology, testCase.store)
    for (const [key, total] of testCase.expectedState?.(valid) ?? []) {
      if (exactly) expect([key, state.get(key)]).toEqual([key, total])
      else expect(state.get(key)).toBeGreaterThanOrEqual(total)
    }
  }
}

function byId(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => (a.id < b.id ? -1 : 1))
}

function placeName(topic: string, { partition, offset }: Place): string {
  return `${topic}-${partition}-${offset}`
}

type ByKey = Map<string, number[]>

function byKey(results: readonly Result[]): ByKey {
  const map: ByKey = new Map()
  for (const { key, value } of results) map.set(key, [...(map.get(key) ?? []), value])
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function expectExactly(results: ByKey, expected: ByKey, { emits }: Case): void {
  if (emits === 'each') {
    expect(results).toEqual(expected)
    return
  }
  expect([...results.keys()]).toEqual([...expected.keys()])
  for (const [key, values] of results) {
    expect(values.at(-1), key).toBe(expected.get(key)!.at(-1))
    expect(values, `${key} grows with every result`).toEqual([...new Set(values)].sort((a, b) => a - b))
  }
}

function expectNothingLost(results: ByKey, expected: ByKey, { name, emits, expectedState }: Case): void {
  for (const [key, values] of expected) {
    const got = results.get(key) ?? []
    if (name === 'stateless') expect(got, key).toEqual(expect.arrayContaining(values))
    if (emits === 'each') expect(got.length, key).toBeGreaterThanOrEqual(values.length)
    if (expectedState !== undefined) expect(got.at(-1), key).toBeGreaterThanOrEqual(values.at(-1)!)
  }
}

async function uncommitted({ log }: Remains, { name, subTopologies }: Topology): Promise<PartitionOffset[]> {
  const read = subTopologies.flatMap(({ sources }) => sources.map(({ topic }) => topic.name))
  const topics = await log.describeTopics(read)
  const ranges = await log.offsetRanges(
    topics.flatMap(({ name: topic, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    ),
  )
  const committed = await log.committedOffsets(name, ranges)
  return ranges.flatMap(({ topic, partition, start, end }, index) => {
    const offset = committed[index] ?? start
    return offset === end ? [] : [{ topic, partition, offset }]
  })
}

async function readResults({ log, clock }: Remains, topic: string): Promise<Placed[]> {
  const batches = await run(clock, readTopic(log, clock, topic))
  return batches.flatMap((batch) =>
    Array.from({ length: batch.length }, (_, index) => ({
      partition: batch.partition,
      offset: batch.offsets[index]!,
      key: keyAt(batch, index)!.toString(),
      value: Number(valueAt(batch, index)!.readBigInt64BE()),
    })),
  )
}

/** Coordinates of all dead letters, sorted. */
async function deadLetters({ log, clock }: Remains, { name }: Topology): Promise<string[]> {
  const registry = await run(clock, openLogRegistry({ log, clock }))
  const { name: topic } = deadLetterTopic(name)
  const codec = await run(clock, avro(deadLetterSchema).open({ registry, subject: `${topic}-value` }))
  const batches = await run(clock, readTopic(log, clock, topic))
  const places = batches.flatMap((batch) =>
    Array.from({ length: batch.length }, (_, index) => {
      const value = valueAt(batch, index)!
      const letter = codec.decode(value, 0, value.length)
      return placeName(letter.topic, letter)
    }),
  )
  return places.sort()
}

/** What the databases hold of a store, having been compared with the changelog byte by byte. */
async function stateOf(
  { log, clock, tasks }: Remains,
  topology: Topology,
  store: string,
): Promise<Map<string, number>> {
  const sub = topology.subTopologies.find(({ stores }) => stores.some(({ name }) => name === store))!
  const changelog = internalTopics.changelog(topology.name, store)
  const [settings] = await log.describeTopics([changelog])
  const folds = Array.from({ length: settings!.partitions }, () => new Map<string, string>())
  for (const batch of await run(clock, readTopic(log, clock, changelog))) {
    for (let index = 0; index < batch.length; index++) {
      const row = valueAt(batch, index)
      const key = keyAt(batch, index)!.toString('hex')
      if (row === null) folds[batch.partition]!.delete(key)
      else folds[batch.partition]!.set(key, row.toString('hex'))
    }
  }
  const state = new Map<string, number>()
  for (let partition = 0; partition < folds.length; partition++) {
    const name = databaseName(topology.name, `${sub.name}_${partition}`)
    const database = await TaskDatabase.open(tasks, name, sub.stores)
    const prefix = database.prefix(store, section.rows)
    const held = new Map<string, string>()
    for (const { key, value } of database.store.range({
      from: prefix,
      to: database.prefix(store, section.expiry),
    })) {
      held.set(key.subarray(prefix.length).toString('hex'), value.toString('hex'))
      state.set(key.subarray(prefix.length).toString(), Number(value.readBigInt64BE(8)))
    }
    expect(held, `store ${store} of partition ${partition} and its changelog`).toEqual(folds[partition])
    await database.close()
  }
  return state
}
