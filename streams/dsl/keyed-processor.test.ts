import { describe, expect, it } from 'vitest'
import { jsonTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { type KeyedContext, KeyedProcessor, type TimerContext } from './keyed-processor.ts'
import { defineTopology } from './stream-builder.ts'

const events = jsonTopic<string>('events')
const results = jsonTopic<string>('results')
const others = jsonTopic<number>('others')

type Script = (value: string, context: KeyedContext<string, string>, processor: Scripted) => void

/** Does what each test says, with state and timers of every kind. */
class Scripted extends KeyedProcessor<string, string, string> {
  readonly count = this.value('count', serdes.long)
  readonly history = this.list('history', serdes.string)
  readonly perWord = this.map('per-word', { key: serdes.string, value: serdes.long })
  readonly numbers = this.output<number>()
  private readonly script: Script
  private readonly timerScript: (
    timeMs: number,
    context: TimerContext<string, string>,
    processor: Scripted,
  ) => void

  constructor(
    script: Script,
    timerScript: (timeMs: number, context: TimerContext<string, string>, processor: Scripted) => void = (
      timeMs,
      context,
    ) => context.forward(`${context.name}@${timeMs}`),
  ) {
    super()
    this.script = script
    this.timerScript = timerScript
  }

  override process(value: string, context: KeyedContext<string, string>): void {
    this.script(value, context, this)
  }

  override onTimer(timeMs: number, context: TimerContext<string, string>): void {
    this.timerScript(timeMs, context, this)
  }
}

function topologyOf(...scripts: ConstructorParameters<typeof Scripted>) {
  return defineTopology('test', (builder) => {
    const { main, numbers } = builder
      .stream(events)
      .groupByKey()
      .process('scripted', () => new Scripted(...scripts))
    main.to(results)
    numbers.to(others)
  })
}

const at = (timestampMs: number, value = '', key = 'a') => ({ key, value, timestampMs })

describe('a keyed processor', () => {
  it('should keep a value, a list and a map for each key', async () => {
    const topology = topologyOf((value, context, { count, history, perWord }) => {
      count.set((count.get() ?? 0) + 1)
      history.add(value)
      perWord.set(value, (perWord.get(value) ?? 0) + 1)
      context.forward(`${count.get()} ${history.values()} ${perWord.entries().map(([word, n]) => word + n)}`)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'x'), at(2, 'y'), at(3, 'x'), at(4, 'z', 'b'))
      expect((await driver.read(results)).map(({ key, value }) => `${key}: ${value}`)).toEqual([
        'a: 1 x x1',
        'a: 2 x,y x1,y1',
        'a: 3 x,y,x x2,y1',
        'b: 1 z z1',
      ])
    })
  })

  it('should fire timers by event time once the watermark has reached them, with their own time', async () => {
    const topology = topologyOf((value, { timers }) => timers.eventTime(Number(value)))
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(10, '50'), at(20, '30', 'b'), at(29, '100'))
      expect(await driver.read(results)).toEqual([])
      expect(driver.pendingTimers('scripted')).toMatchObject([
        { key: 'b', timeMs: 30 },
        { key: 'a', timeMs: 50 },
        { key: 'a', timeMs: 100 },
      ])
      await driver.pipe(events, at(60, '200'))
      expect(shown(await driver.read(results))).toEqual(['b="@30"@30', 'a="@50"@50'])
    })
  })

  it('should fire timers by the wall clock, with the newest time of the records', async () => {
    const topology = topologyOf((value, { timers, nowMs }) =>
      timers.wallClock(nowMs + Number(value), 'later'),
    )
    await withDriver(topology, { startMs: 1000 }, async (driver) => {
      await driver.pipe(events, at(10, '500'), at(20, '300', 'b'))
      await driver.advanceWallClock(299)
      expect(await driver.read(results)).toEqual([])
      await driver.advanceWallClock(1)
      expect(shown(await driver.read(results))).toEqual(['b="later@1300"@20'])
      await driver.advanceWallClock(1000)
      expect(shown(await driver.read(results))).toEqual(['a="later@1500"@20'])
      expect(driver.pendingTimers('scripted')).toEqual([])
    })
  })

  it('should fire what is pending by event time at the end of input, and by the wall clock only if asked', async () => {
    const topology = topologyOf((_value, { timers }) => {
      timers.eventTime(1e12)
      timers.wallClock(1e12, 'clock')
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(10))
      await driver.endInput()
      expect(shown(await driver.read(results))).toEqual(['a="@1000000000000"@1000000000000'])
      await driver.endInput({ clockToo: true })
      expect(shown(await driver.read(results))).toEqual(['a="clock@1000000000000"@10'])
    })
  })

  it('should send side outputs their own way, under the key at hand', async () => {
    const topology = topologyOf((value, _context, { numbers }) => {
      numbers.forward(value.length)
      numbers.forward(7, 99)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(10, 'four'))
      expect(shown(await driver.read(others))).toEqual(['a=4@10', 'a=7@99'])
      expect(await driver.read(results)).toEqual([])
    })
  })
})
