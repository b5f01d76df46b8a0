/** What is held stands still in time, too: its timers, its windows, and those of whoever waits for it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defineTopology,
  nullable,
  output,
  type Stage,
  type StreamOptions,
  serdes,
  stagesOf,
  topic,
  tumbling,
} from '../../streams/index.ts'
import { type Case, input } from './cases.ts'
import { more, worldOfInputs } from './phases.ts'
import {
  append,
  newWorld,
  type OpenLog,
  openLog,
  type Process,
  readNumbers,
  run,
  settle,
  startProcess,
} from './world.ts'

const closed = topic('closed', { key: serdes.string, value: nullable(serdes.long) })
const ticks = topic('ticks', { key: serdes.string, value: serdes.long })
const alice = { reason: 'a test', by: 'alice' }

/** Counts of both inputs by window and key, behind a repartition topic; and what the clock makes of the first input. */
function windows(options: StreamOptions<string, number>): Case {
  return {
    name: 'windows',
    topology: () =>
      defineTopology('windows', (builder) => {
        const events = builder.stream(input, options)
        const others = builder.stream(more, options).peek(() => {}, 'others')
        events
          .merge(others)
          .groupBy((value) => `k${value}`, serdes.string, serdes.long)
          .windowedBy(tumbling(100))
          .emit('on-close')
          .count({ store: 'counts' })
          .toStream(({ key, startMs }) => `${key}@${startMs}`)
          .to(closed)
        events
          .process('clocked', {
            outputs: { ticks: output<string, number>() },
            schedules: { tick: { everyMs: 1_000, by: 'wall-clock' } },
            create: ({ outputs, schedules }) => {
              schedules.tick((timeMs) => outputs.ticks('tick', timeMs))
              return () => {}
            },
          })
          .ticks.to(ticks)
      }),
    output: undefined,
    store: undefined,
    expected: () => [],
    emits: 'last',
  }
}

const whole: Stage = { topology: 'windows', subTopology: null, operator: null }
const stages = ({ app }: Process) => stagesOf(app.running('windows'))

function record(partition: number, value: number, timestampMs: number) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return { partition, key: 'k', value: bytes, timestampMs }
}

/** Lets time pass, timer by timer. */
async function pass({ clock }: OpenLog, durationMs: number): Promise<void> {
  const endMs = clock.now() + durationMs
  while (clock.now() < endMs) await settle(clock, 20)
}

describe('time of a held stage', () => {
  it('should wake nobody by the clock or by event time, whatever the idle policy says, until it is resumed', async () => {
    const world = await worldOfInputs()
    const open = await openLog(world)
    const process = await startProcess(open, world, windows({ idle: 'wall-clock', idleAfterMs: 500 }))
    await append(open.log, input.name, [record(0, 1, 1_000), record(1, 1, 1_000)])
    await run(open.clock, process.app.drained())
    await pass(open, 3_000)
    await run(open.clock, stages(process).pause({ stage: whole, ...alice }))
    await append(open.log, input.name, [record(0, 2, open.clock.now()), record(1, 2, open.clock.now())])
    await settle(open.clock, 20)
    const before = [await readNumbers(open, 'ticks'), await readNumbers(open, 'closed')]
    expect(before[0]!.length).toBeGreaterThan(0)
    await pass(open, 60_000)
    expect([await readNumbers(open, 'ticks'), await readNumbers(open, 'closed')]).toEqual(before)

    await run(open.clock, stages(process).resume({ stage: whole, ...alice }))
    await pass(open, 5_000)
    expect((await readNumbers(open, 'ticks')).length).toBeGreaterThan(before[0]!.length)
    expect((await readNumbers(open, 'closed')).filter(([key]) => key.startsWith('k2'))).toHaveLength(1)
    await run(open.clock, process.app.stop())
    await open.log.close()
  })

  it('should make nobody late behind an operator that was held with nothing to read', async () => {
    const world = await worldOfInputs()
    const open = await openLog(world)
    const process = await startProcess(open, world, windows({ idle: 'ignore', idleAfterMs: 500 }))
    await append(open.log, more.name, [record(0, 1, 1_000), record(1, 1, 1_000)])
    await run(open.clock, process.app.drained())
    await run(open.clock, stages(process).pause({ stage: { ...whole, operator: 'others' }, ...alice }))
    await append(open.log, input.name, [record(0, 1, 1_050), record(1, 1, 1_050)])
    await append(open.log, input.name, [record(0, 1, 9_000), record(1, 1, 9_000)])
    await pass(open, 10_000)
    // The inputs that nobody holds go on.
    const offsets = await open.log.committedOffsets('windows', [{ topic: input.name, partition: 0 }])
    expect(offsets).toEqual([2])
    expect(await readNumbers(open, 'closed')).toEqual([])

    await append(open.log, more.name, [record(0, 1, 1_010), record(1, 1, 1_020)])
    await run(open.clock, stages(process).resume({ stage: { ...whole, operator: 'others' }, ...alice }))
    await run(open.clock, process.app.drained({ endOfInput: true }))
    expect((await readNumbers(open, 'closed')).sort()).toEqual([
      ['k1@1000', 6],
      ['k1@9000', 2],
    ])
    await run(open.clock, process.app.stop())
    await open.log.close()
  })

  const command = fc.record({
    kind: fc.constantFrom('pause' as const, 'resume' as const, 'step' as const, 'drain' as const),
    stage: fc.nat({ max: 5 }),
    count: fc.integer({ min: 1, max: 8 }),
  })
  const happening = fc.oneof(
    { weight: 3, arbitrary: command },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('input' as const), count: fc.nat({ max: 10 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('time' as const), turns: fc.integer({ min: 1, max: 20 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  )

  it('should close each window once, with all its records, whatever was held on the way', async () => {
    const testCase = windows({ idle: 'wait' })
    const topology = testCase.topology(newWorld().sink)
    const parts = topology.subTopologies.map(({ name }) => ({ ...whole, subTopology: name }))
    const wide = [whole, ...parts]
    const all = [
      ...wide,
      { ...whole, operator: 'others' },
      { ...whole, operator: 'windowed-aggregate-counts' },
    ]
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 30 }), async (happenings) => {
        const world = await worldOfInputs()
        const open = await openLog(world)
        let process = await startProcess(open, world, testCase)
        let timestampMs = 1_000
        const expected = new Map<string, number>()
        const feed = async (count: number): Promise<void> => {
          for (let index = 0; index < count; index++) {
            timestampMs += 17
            for (const name of [input.name, more.name]) {
              for (const partition of [0, 1]) {
                await append(open.log, name, [record(partition, index % 3, timestampMs)])
                const key = `k${index % 3}@${Math.floor(timestampMs / 100) * 100}`
                expected.set(key, (expected.get(key) ?? 0) + 1)
              }
            }
          }
        }
        await feed(5)
        for (const one of happenings) {
          if (one.kind === 'input') await feed(one.count)
          else if (one.kind === 'time') await settle(open.clock, one.turns)
          else if (one.kind === 'restart') {
            await run(open.clock, process.app.stop())
            process = await startProcess(open, world, testCase)
          } else {
            const stage = all[one.stage % all.length]!
            const own = stages(process)
            const given: Promise<unknown> =
              one.kind === 'pause'
                ? own.pause({ stage, ...alice })
                : one.kind === 'resume'
                  ? own.resume({ stage, ...alice })
                  : one.kind === 'drain'
                    ? own.drain({ stage: wide[one.stage % wide.length]!, ...alice })
                    : own.step({ stage, by: 'bob', records: one.count }).catch(() => {})
            await run(open.clock, given)
          }
        }
        for (const stage of all) await run(open.clock, stages(process).resume({ stage, ...alice }))
        await run(open.clock, process.app.drained({ endOfInput: true }))
        expect((await readNumbers(open, 'closed')).sort()).toEqual([...expected].sort())
        await run(open.clock, process.app.stop())
        await open.log.close()
      }),
      { numRuns: 30 },
    )
  })
})
