/** Runs a golden case record by record, every update passed on, and gives back what came of each record. */
import { expect } from 'vitest'
import type { Topology } from '../../../streams/index.ts'
import { TopologyTestDriver } from '../../../streams/testing/index.ts'
import {
  type GoldenCase,
  type GoldenDrop,
  type GoldenOutput,
  type GoldenWindow,
  goldenTopic,
  type Json,
  output,
} from './cases.ts'

interface Outcome {
  readonly output: readonly GoldenOutput[]
  readonly drops: readonly GoldenDrop[]
}

export async function runCase(topology: Topology, { input }: GoldenCase<unknown>): Promise<Outcome> {
  const driver = await TopologyTestDriver.open(topology)
  try {
    const emitted: GoldenOutput[] = []
    const drops: GoldenDrop[] = []
    const droppedBefore = new Map<string, number>()
    for (const [inputIndex, { topic, key, value, timestampMs }] of input.entries()) {
      await driver.pipe(goldenTopic<Json>(topic), { key, value, timestampMs })
      for (const record of await driver.read(output)) {
        emitted.push({ key: record.key, value: record.value, timestampMs: record.timestampMs, inputIndex })
      }
      for (const [reason, dropped] of droppedBy(driver)) {
        const count = dropped - (droppedBefore.get(reason) ?? 0)
        if (count > 0) drops.push({ inputIndex, count, reason })
        droppedBefore.set(reason, dropped)
      }
    }
    expect(await driver.deadLetters()).toEqual([])
    return { output: emitted, drops }
  } finally {
    await driver.close()
  }
}

function droppedBy(driver: TopologyTestDriver): [reason: string, count: number][] {
  return [
    ['null', driver.droppedCount('null-key') + driver.droppedCount('null-value')],
    ['late', driver.droppedCount('late')],
  ]
}

/** A result of a window, as the topology of a case writes it: the window goes with the value. */
export function inWindow({ startMs, endMs }: GoldenWindow, value: Json): Json {
  return { startMs, endMs, value }
}

/** Everything in order: keys, values, timestamps, tombstones, the input that caused each, and what was dropped. */
export async function expectGolden(topology: Topology, golden: GoldenCase<unknown>): Promise<void> {
  const outcome = await runCase(topology, golden)
  expect(outcome.output).toEqual(writtenOutput(golden))
  expect(outcome.drops).toEqual(golden.drops)
}

/** The same for a case that differs here, for a reason that its test states. */
export async function expectInstead(
  topology: Topology,
  golden: GoldenCase<unknown>,
  instead: Pick<GoldenCase<unknown>, 'output' | 'drops'>,
): Promise<void> {
  expect(writtenOutput(instead), 'what differs').not.toEqual(writtenOutput(golden))
  await expectGolden(topology, { ...golden, ...instead })
}

export function writtenOutput({ output }: Pick<GoldenCase<unknown>, 'output'>): GoldenOutput[] {
  return output.map(({ window, value, ...emitted }) => ({
    ...emitted,
    value: window === null ? value : inWindow(window, value),
  }))
}
