/**
 * Joins of two streams. Two inputs have two watermarks, and the task's is the earlier: unmatched results come later than in Kafka
 * Streams, so what is compared is everything that came in the end. The cases that differ, by the inner workings of Kafka Streams, are
 * compared with what a plain oracle makes of the same rules as everywhere; docs/semantics.md says why.
 */
import { describe, expect, it } from 'vitest'
import { defineTopology, type KStream, serdes, type Topology } from '../../../streams/index.ts'
import { TopologyTestDriver } from '../../../streams/testing/index.ts'
import { type JoinRecord, windowJoin } from '../../support/window-join-oracle.ts'
import { casesOf, type GoldenCase, goldenTopic, type Json, output } from './cases.ts'

interface Join {
  readonly type: 'inner' | 'left' | 'outer'
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
}

/** Late records that were joined with what happened to be left, results that were not final, partners that were forgotten. */
const innerWorkings = [
  'stream-stream-join-0036',
  'stream-stream-join-0038',
  'stream-stream-join-0046',
  'stream-stream-join-0056',
  'stream-stream-join-0068',
  'stream-stream-join-0091',
  'stream-stream-self-join-0010',
  'stream-stream-self-join-0013',
  'stream-stream-self-join-0016',
]

const pair = (left: string | null, right: string | null): Json => [left, right]

function topologyOf({ type, beforeMs, afterMs, graceMs }: Join, isSelfJoin: boolean): Topology {
  return defineTopology('window-join', (builder) => {
    const left: KStream<string | null, string | null> = builder.stream(
      goldenTopic<string>(isSelfJoin ? 'input' : 'left'),
    )
    const right = isSelfJoin ? left : builder.stream(goldenTopic<string>('right'))
    const options = { store: 'pairs', beforeMs, afterMs, graceMs, value: serdes.json<string | null>() }
    const joined = {
      inner: () => left.join(right, pair, options),
      left: () => left.leftJoin(right, pair, options),
      outer: () => left.outerJoin(right, pair, options),
    }[type]()
    joined.to(output)
  })
}

/** One result in a line, to be sorted. */
function line(key: string | null, value: Json, timestampMs: number): string {
  return JSON.stringify([key, value, timestampMs])
}

async function runJoin(golden: GoldenCase<Join>, isSelfJoin: boolean) {
  const driver = await TopologyTestDriver.open(topologyOf(golden.parameters, isSelfJoin))
  try {
    const droppedNull: number[] = []
    const dropped = () => driver.droppedCount('null-key') + driver.droppedCount('null-value')
    for (const [inputIndex, { topic, key, value, timestampMs }] of golden.input.entries()) {
      const before = dropped()
      await driver.pipe(goldenTopic<Json>(topic), { key, value, timestampMs })
      if (dropped() > before) droppedNull.push(inputIndex)
    }
    const last = golden.input.at(-1)!
    // The other input has to pass the time of the last record, too.
    const other = last.topic === 'left' ? 'right' : 'left'
    if (!isSelfJoin) {
      await driver.pipe(goldenTopic<Json>(other), { key: 'x', value: null, timestampMs: last.timestampMs })
    }
    const results = (await driver.read(output)).map((record) =>
      line(record.key, record.value, record.timestampMs),
    )
    expect(await driver.deadLetters()).toEqual([])
    return { results: results.sort(), droppedNull, droppedLate: driver.droppedCount('late') }
  } finally {
    await driver.close()
  }
}

/** What the rules of the join come to, by a plain oracle: only what has not closed by the end is left out. */
function oracleOf({ parameters, input }: GoldenCase<Join>, isSelfJoin: boolean) {
  const records = { left: [] as JoinRecord<string>[], right: [] as JoinRecord<string>[] }
  const results: string[] = []
  const watermarksMs = new Map<string, number>()
  const { type, beforeMs, afterMs } = parameters
  for (const { topic, key, value, timestampMs } of input) {
    const watermarkMs = Math.max(watermarksMs.get(topic) ?? 0, timestampMs)
    watermarksMs.set(topic, watermarkMs)
    if (typeof value !== 'string') continue
    const [isLeft, isRight] = [topic !== 'right', topic !== 'left']
    if (key === null) {
      if (isLeft && type !== 'inner') results.push(line(key, pair(value, null), timestampMs))
      if (isRight && type === 'outer') results.push(line(key, pair(null, value), timestampMs))
      continue
    }
    const record = { key, value, timestampMs, watermarkMs }
    if (isLeft) records.left.push(record)
    if (isRight) records.right.push(record)
  }
  // A record that may be paired with itself is never without a partner, so no window has to wait for one.
  const findsItself = isSelfJoin && beforeMs >= 0 && afterMs >= 0
  const window = findsItself ? { ...parameters, type: 'inner' as const } : parameters
  const outcome = windowJoin(window, records.left, records.right)
  const endMs = Math.max(...watermarksMs.values())
  for (const { key, left, right, timestampMs, closesMs = 0 } of outcome.results) {
    if (closesMs < endMs) results.push(line(key, pair(left, right), timestampMs))
  }
  return { ...outcome, lines: results.sort() }
}

describe.each(['stream-stream-join', 'stream-stream-self-join'])('%s', (operator) => {
  const isSelfJoin = operator === 'stream-stream-self-join'

  it.each(casesOf<Join>(operator).filter(({ name }) => !innerWorkings.includes(name)))(
    'should answer as Kafka Streams does in the end: $name $parameters',
    async (golden) => {
      const { results, droppedNull, droppedLate } = await runJoin(golden, isSelfJoin)
      const expected = recorded(golden)
      expect(results).toEqual(expected)
      const oracle = oracleOf(golden, isSelfJoin)
      expect(oracle.lines, 'the oracle').toEqual(expected)
      expect(droppedLate).toBe(lateOf(oracle, isSelfJoin))
      const nulls = golden.drops.filter(({ reason }) => reason === 'null')
      expect(droppedNull).toEqual(nulls.map(({ inputIndex }) => inputIndex))
    },
  )

  it.each(casesOf<Join>(operator).filter(({ name }) => innerWorkings.includes(name)))(
    'should drop what comes too late, and pass on without a partner only what has none: $name $parameters $traits',
    async (golden) => {
      const { results, droppedLate } = await runJoin(golden, isSelfJoin)
      const oracle = oracleOf(golden, isSelfJoin)
      expect(results).toEqual(oracle.lines)
      expect(results, 'what differs').not.toEqual(recorded(golden))
      expect(droppedLate).toBe(lateOf(oracle, isSelfJoin))
    },
  )
})

function recorded({ output: emitted }: GoldenCase<Join>): string[] {
  return emitted.map(({ key, value, timestampMs }) => line(key, value, timestampMs)).sort()
}

/** A record that is both sides of a pair is dropped once. */
function lateOf(
  { lateLeft, lateRight }: { readonly lateLeft: number; readonly lateRight: number },
  isSelfJoin: boolean,
): number {
  return isSelfJoin ? Math.max(lateLeft, lateRight) : lateLeft + lateRight
}
