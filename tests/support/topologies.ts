/** Topologies of one test: topics of JSON, and a run that gives back all that came out. */

import type { StreamBuilder } from '../../streams/dsl/stream-builder.ts'
import { defineTopology } from '../../streams/dsl/stream-builder.ts'
import type { DeadLetter } from '../../streams/schemas/generated/records.ts'
import { nullable } from '../../streams/serde/serde.ts'
import { serdes } from '../../streams/serde/serdes.ts'
import { type Topic, topic } from '../../streams/serde/topic.ts'
import {
  type TestDriverOptions,
  type TestInput,
  type TestRecord,
  TopologyTestDriver,
} from '../../streams/testing/topology-test-driver.ts'
import type { Topology } from '../../streams/topology/topology.ts'

/** A topic with text for keys and JSON for values, neither ever null. */
export function jsonTopic<V>(name: string): Topic<string, V> {
  return topic(name, { key: serdes.string, value: serdes.json<V>() })
}

/** The same, where keys and values may be null. */
export function nullableTopic<V>(name: string): Topic<string | null, V | null> {
  return topic(name, { key: nullable(serdes.string), value: nullable(serdes.json<V>()) })
}

/** Hands the driver records, with their topic's types. */
export type Piped = (driver: TopologyTestDriver) => Promise<void>

export function into<K, V>(to: Topic<K, V>, ...inputs: readonly TestInput<K, V>[]): Piped {
  return (driver) => driver.pipe(to, ...inputs)
}

/** Opens the topology, lets the test do its work, and closes it whatever happens. */
export async function withDriver<T>(
  topology: Topology,
  options: TestDriverOptions,
  work: (driver: TopologyTestDriver) => Promise<T>,
): Promise<T> {
  const driver = await TopologyTestDriver.open(topology, options)
  try {
    return await work(driver)
  } finally {
    await driver.close()
  }
}

export interface Outcome<K, V> {
  readonly records: readonly TestRecord<K, V>[]
  readonly deadLetters: readonly DeadLetter[]
  readonly dropped: (reason?: string) => number
}

/** Declares a topology, pipes the inputs in their order, and reads what it wrote to a topic. */
export function outcomeOf<K, V>(
  declare: (builder: StreamBuilder) => void,
  output: Topic<K, V>,
  inputs: readonly Piped[],
  options: TestDriverOptions = {},
): Promise<Outcome<K, V>> {
  return withDriver(defineTopology('test', declare), options, async (driver) => {
    for (const pipe of inputs) await pipe(driver)
    return {
      records: await driver.read(output),
      deadLetters: await driver.deadLetters(),
      dropped: (reason) => driver.droppedCount(reason),
    }
  })
}

/** Records as `key=value@timestamp`, for short expectations. */
export function shown(records: readonly TestRecord<unknown, unknown>[]): string[] {
  return records.map(({ key, value, timestampMs }) => `${key}=${JSON.stringify(value)}@${timestampMs}`)
}

/** The newest value of each key; deleted keys are not there. */
export function latest<K, V>(records: readonly TestRecord<K, V>[]): Map<K, V> {
  const rows = new Map<K, V>()
  for (const { key, value } of records) {
    if (value === null) rows.delete(key)
    else rows.set(key, value)
  }
  return rows
}
