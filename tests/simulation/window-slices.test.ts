/** Windows that are due together are passed on in slices: a task commits, and yields, long before all are done. */
import { describe, expect, it } from 'vitest'
import {
  defineTopology,
  type EventWindows,
  keyAt,
  nullable,
  serdes,
  session,
  sliding,
  topic,
  tumbling,
  type WindowEmission,
} from '../../streams/index.ts'
import { type Case, input } from './cases.ts'
import { worldOfInputs } from './phases.ts'
import { append, openLog, readTopic, run, startProcess } from './world.ts'

const out = topic('out', { key: serdes.string, value: nullable(serdes.long) })
const keys = Array.from({ length: 2_000 }, (_, index) => `k${String(index).padStart(4, '0')}`)
const settings = {
  transactionMaxBytes: 1_000,
  transactionMaxKeys: 1_000_000,
  commitIntervalMs: 1_000,
  batchMaxRecords: 10_000,
  wakeMaxRows: 10,
}

function counting(windows: EventWindows, emit: WindowEmission): Case {
  return {
    name: 'many',
    topology: () =>
      defineTopology('many', (builder) => {
        const grouped = builder.stream(input).groupByKey()
        const windowed =
          'gapMs' in windows
            ? grouped.windowedBy(windows)
            : 'differenceMs' in windows
              ? grouped.windowedBy(windows)
              : grouped.windowedBy(windows)
        const counts = windowed.emit(emit).count({ store: 'counts' })
        counts.toStream(({ key }) => key).to(out)
      }),
    output: undefined,
    store: undefined,
    expected: () => [],
    emits: 'last',
  }
}

const one = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])
const early = { everyMs: 100 }
const cases: readonly (readonly [what: string, windows: EventWindows, emit: WindowEmission])[] = [
  ['tumbling windows that close', tumbling(100), 'on-close'],
  ['sessions that close', session(50), 'on-close'],
  ['sliding windows that close', sliding(50), 'on-close'],
  ['tumbling windows that are due early', tumbling(1_000), early],
  ['sessions that are due early', session(1_000), early],
]

describe('windows', () => {
  it.each(cases)(
    'should be passed on thousands at a time, in slices with commits in between: %s',
    async (_, ...how) => {
      const world = await worldOfInputs()
      const open = await openLog(world)
      let commits = 0
      const observer = { onCommitted: () => void commits++ }
      const testCase = counting(...how)
      const { app } = await startProcess(open, world, testCase, { settings, observer })
      const give = async (timestampMs: number, some: readonly string[]): Promise<void> => {
        await append(
          open.log,
          input.name,
          some.map((key) => ({ partition: 0, key, value: one, timestampMs })),
        )
        await run(open.clock, app.drained())
      }
      await give(10, keys)
      commits = 0
      await give(150, ['last'])
      const commitsOfSlices = commits
      await run(open.clock, app.stop())
      const written = (await run(open.clock, readTopic(open.log, open.clock, out.name))).flatMap((batch) =>
        Array.from({ length: batch.length }, (_row, index) => keyAt(batch, index)!.toString()),
      )
      expect(written.sort()).toEqual(keys)
      // A result has some ten bytes, and a transaction may have a thousand.
      expect(commitsOfSlices).toBeGreaterThan(10)
      await open.log.close()
    },
  )
})
