/** Runs a golden case record by record, every update passed on, and gives back what came of each record. */
import { expect } from 'vitest'
import type { Topology } from '../../../streams/index.ts'
import { TopologyTestDriver } from '../../../streams/testing/index.ts'
import {
  type GoldenCase,
  type GoldenDrop,
  type GoldenOutput,
  goldenTopic,
  type Json,
  output,
} from './cases.ts'

interface Outcome {
  readonly output: readonly GoldenOutput[]
  readonly drops: readonly GoldenDrop[]
}

async function runCase(topology: Topology, { input }: GoldenCase<unknown>): Promise<Outcome> {
  const driver = await TopologyTestDriver.open(topology)
  try {
    const emitted: GoldenOutput[] = []
    const drops: GoldenDrop[] = []
    let droppedBefore = 0
    for (const [inputIndex, { topic, key, value, timestampMs }] of input.entries()) {
      await driver.pipe(goldenTopic<Json>(topic), { key, value, timestampMs })
      for (const record of await driver.read(output)) {
        emitted.push({ key: record.key, value: record.value, timestampMs: record.timestampMs, inputIndex })
      }
      const dropped = driver.droppedCount()
      if (dropped > droppedBefore) {
        drops.push({ inputIndex, count: dropped - droppedBefore, reason: 'null' })
        droppedBefore = dropped
      }
    }
    expect(await driver.deadLetters()).toEqual([])
    return { output: emitted, drops }
  } finally {
    await driver.close()
  }
}

/** Everything in order: keys, values, timestamps, tombstones, the input that caused each, and what was dropped. */
export async function expectGolden(topology: Topology, golden: GoldenCase<unknown>): Promise<void> {
  const outcome = await runCase(topology, golden)
  expect(outcome.output).toEqual(golden.output.map(({ window: _none, ...emitted }) => emitted))
  expect(outcome.drops).toEqual(golden.drops)
}
