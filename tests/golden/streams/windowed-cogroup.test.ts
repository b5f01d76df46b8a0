import { describe, expect, it } from 'vitest'
import {
  defineTopology,
  type EventWindows,
  hopping,
  serdes,
  session,
  sliding,
  type Topology,
  tumbling,
} from '../../../streams/index.ts'
import {
  newestOf,
  sessionsOf,
  slidingWindowsOf,
  type Taken,
  takenOf,
} from '../../support/listed-window-oracle.ts'
import { aggregators } from './aggregators.ts'
import {
  casesOf,
  type GoldenCase,
  type GoldenInput,
  type GoldenOutput,
  goldenTopic,
  type Json,
  output,
} from './cases.ts'
import { inWindow, runCase, writtenOutput } from './run-case.ts'

type Fold = 'sum' | 'minus' | 'concat'
type Folded = number | number[]

interface Cogroup {
  readonly leftAggregator: Fold
  readonly rightAggregator: Fold
  readonly window: 'tumbling' | 'hopping' | 'sliding' | 'session'
  readonly sizeMs: number
  readonly advanceMs: number
  readonly timeDifferenceMs: number
  readonly inactivityGapMs: number
  readonly graceMs: number
  readonly emit: 'update' | 'suppress'
}

const adders: { readonly [N in Fold]: (folded: Folded, value: number, key: string) => Folded } = {
  sum: aggregators.sum.add,
  minus: (sum, value) => Number(sum) - value,
  concat: aggregators.concat.add,
}

function windowsOf({ window, sizeMs, advanceMs, timeDifferenceMs, inactivityGapMs }: Cogroup) {
  const windows = {
    tumbling: () => tumbling(sizeMs),
    hopping: () => hopping(sizeMs, advanceMs),
    sliding: () => sliding(timeDifferenceMs),
    session: () => session(inactivityGapMs),
  }
  return windows[window]()
}

function topologyOf(parameters: Cogroup): Topology {
  const { leftAggregator, rightAggregator, emit, graceMs } = parameters
  const { init } = leftAggregator === 'concat' ? aggregators.concat : aggregators.sum
  const merge = (left: Folded, right: Folded): Folded =>
    Array.isArray(left) && Array.isArray(right) ? [...left, ...right] : Number(left) + Number(right)
  const windows: EventWindows = windowsOf(parameters).grace(graceMs)
  return defineTopology('cogroup', (builder) => {
    builder
      .stream(goldenTopic<number>('left'))
      .groupByKey()
      .cogroup(adders[leftAggregator])
      .cogroup(builder.stream(goldenTopic<number>('right')).groupByKey(), adders[rightAggregator])
      .windowedBy(windows)
      .emit(emit === 'update' ? 'on-change' : 'on-close')
      .aggregate({ init, merge }, { store: 'aggregates', value: serdes.json() })
      .toStream()
      .map(({ key, ...bounds }, value) => [key, inWindow(bounds, value)])
      .to(output)
  })
}

/**
 * The cases in which a record is older than the newest of its own input by more than the grace: late here, for which sessions and
 * sliding windows it would still have found open depends on how the two inputs interleave.
 */
const someAreBehind = [
  'windowed-cogroup-0004',
  'windowed-cogroup-0006',
  'windowed-cogroup-0007',
  'windowed-cogroup-0012',
  'windowed-cogroup-0020',
  'windowed-cogroup-0021',
  'windowed-cogroup-0023',
]

const cases = casesOf<Cogroup>('windowed-cogroup')

describe('cogroup in windows', () => {
  it.each(cases.filter(({ name }) => !someAreBehind.includes(name)))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      await expectCogroup(golden)
    },
  )

  it.each(cases.filter(({ name }) => someAreBehind.includes(name)))(
    'should leave out what is behind its own input by more than the grace, as Kafka Streams does not: $name',
    async (golden) => {
      await expect(expectCogroup(golden)).rejects.toThrow()
      const { output: emitted, drops } = await runCase(topologyOf(golden.parameters), flushed(golden))
      const { taken, late } = inTime(golden)
      expect(sorted(finals(emitted))).toEqual(sorted(taken))
      expect(drops.map(({ count, reason }) => ({ count, reason }))).toEqual(
        late.map(() => ({ count: 1, reason: 'late' })),
      )
    },
  )
})

/** The flush is on one input only, and the watermark is the earliest: here the other gets one, too. */
function flushed(golden: GoldenCase<Cogroup>): GoldenCase<Cogroup> {
  const flush = golden.input.at(-1)!
  return {
    ...golden,
    input: [...golden.input, { ...flush, topic: flush.topic === 'left' ? 'right' : 'left' }],
  }
}

/** The results by the plain oracle. */
function inTime({ input, parameters }: GoldenCase<Cogroup>) {
  const { window, inactivityGapMs, timeDifferenceMs, leftAggregator } = parameters
  const { taken, late } = takenOf(
    input.filter(({ key }) => key !== 'flush'),
    parameters,
    (record) => (record as GoldenInput).topic,
  )
  const windows =
    window === 'session' ? sessionsOf(taken, inactivityGapMs) : slidingWindowsOf(taken, timeDifferenceMs)
  const empty: Folded = leftAggregator === 'concat' ? [] : 0
  const results = windows.map(({ key, startMs, endMs, records }) => ({
    key,
    timestampMs: newestOf(records),
    value: {
      startMs,
      endMs,
      value: records.reduce<Folded>((folded, record) => {
        const { topic, value } = record as Taken<Json> & GoldenInput
        const add = adders[topic === 'left' ? leftAggregator : parameters.rightAggregator]
        return add(folded, value as number, key)
      }, empty),
    },
  }))
  return { taken: results, late }
}

async function expectCogroup(golden: GoldenCase<Cogroup>): Promise<void> {
  const { emit, window } = golden.parameters
  const { output: emitted } = await runCase(topologyOf(golden.parameters), flushed(golden))
  const ours = emitted.filter(({ inputIndex }) => inputIndex < golden.input.length || emit === 'suppress')
  const expected = writtenOutput(golden)
  if (emit === 'suppress') expect(sorted(finals(ours))).toEqual(sorted(finals(expected)))
  else if (window === 'sliding') expect(new Set(sorted(ours))).toEqual(new Set(sorted(expected)))
  else expect(ours).toEqual(expected)
}

/** The last result of each window but those that were taken back; that of the last record's own is not final yet. */
function finals(emitted: readonly GoldenOutput[]): object[] {
  const last = new Map<string, object>()
  for (const { inputIndex: _position, ...line } of emitted) {
    const { startMs, endMs, value } = line.value as { startMs: number; endMs: number; value: Json }
    const id = `${line.key}/${startMs}/${endMs}`
    if (value === null) last.delete(id)
    else if (line.key !== 'flush') last.set(id, line)
  }
  return [...last.values()]
}

function sorted(lines: readonly object[]): string[] {
  const asText = (line: object) => JSON.stringify(Object.entries(line).sort(([a], [b]) => (a < b ? -1 : 1)))
  return lines.map(asText).sort()
}
