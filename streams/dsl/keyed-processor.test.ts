import { describe, expect, it } from 'vitest'
import { jsonTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import { serdes } from '../serde/serdes.ts'
import type { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import { type KeyedContext, KeyedProcessor, type TimerContext } from './keyed-processor.ts'
import { defineTopology } from './stream-builder.ts'

const events = jsonTopic<string>('events')
const results = jsonTopic<string>('results')
const others = jsonTopic<number>('others')

type Script = (value: string, context: KeyedContext<string, string>, processor: Scripted) => void
type TimerScript = (timeMs: number, context: TimerContext<string, string>, processor: Scripted) => void

/** Does what each test says, with state and timers of every kind. */
class Scripted extends KeyedProcessor<string, string, string> {
  readonly count = this.value('count', serdes.long)
  readonly history = this.list('history', serdes.string)
  readonly perWord = this.map('per-word', { key: serdes.string, value: serdes.long })
  readonly numbers = this.output<number>()
  private readonly script: Script
  private readonly timerScript: TimerScript

  constructor(
    script: Script,
    timerScript: TimerScript = (timeMs, context) => context.forward(`${context.name}@${timeMs}`),
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

  it('should fire thousands of timers that are due at once a slice at a time, in order, with commits in between', async () => {
    const topology = topologyOf((_value, { timers, timestampMs }) => {
      for (let n = 0; n < 2500; n++) timers.eventTime(timestampMs + 1000 + ((n * 7919) % 2500))
    })
    const commits: number[] = []
    const settings = { transactionMaxKeys: 700, wakeMaxRows: 100 }
    const observer = { onCommitted: ({ timer_count }: Checkpoint) => void commits.push(timer_count) }
    await withDriver(topology, { settings, observer }, async (driver) => {
      await driver.pipe(events, at(0), at(0, '', 'b'))
      expect(commits).toEqual([2500, 5000])
      expect(pendingIn(driver)).toBe(5000)
      await driver.endInput()
      const fired = await driver.read(results)
      const wanted = Array.from({ length: 2500 }, (_, n) => [`a="@${n + 1000}"`, `b="@${n + 1000}"`]).flat()
      expect(fired.map(({ key, value }) => `${key}=${JSON.stringify(value)}`)).toEqual(wanted)
      expect(driver.pendingTimers('scripted')).toEqual([])
      expect(commits.at(-1)).toBe(0)
      expect(pendingIn(driver)).toBe(0)
    })
  })

  it('should set a timer of one time and name once, and take it back', async () => {
    const topology = topologyOf((value, { timers }) => {
      if (value === 'cancel') {
        timers.cancelEventTime(50)
        timers.cancelWallClock(50, 'none')
      } else {
        timers.eventTime(50)
        timers.eventTime(50)
        timers.eventTime(50, 'kept')
      }
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1), at(2), at(3, 'cancel'), at(4, 'cancel'), at(60, 'cancel'))
      expect(shown(await driver.read(results))).toEqual(['a="kept@50"@50'])
    })
  })

  it('should fire a timer for a time that has passed after the record that sets it', async () => {
    const topology = topologyOf((value, context) => {
      context.timers.eventTime(5)
      context.forward(value)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.write(events, at(10, 'first'), at(11, 'second'))
      await driver.run()
      expect((await driver.read(results)).map(({ value }) => value)).toEqual(['first', '@5', 'second', '@5'])
    })
  })

  it('should know which of its timers fires, and that it may set others', async () => {
    const topology = topologyOf(
      (value, { timers }) => value === 'set' && timers.eventTime(50, 'remind'),
      (timeMs, { name, by, timers }, { count }) => {
        count.set((count.get() ?? 0) + 1)
        if (name === 'remind') timers.eventTime(timeMs + 50, 'cancel')
        forwarded.push(`${by} ${name} ${count.get()}`)
      },
    )
    const forwarded: string[] = []
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'set'), at(99), at(100), at(101))
      expect(forwarded).toEqual(['event-time remind 1', 'event-time cancel 2'])
    })
  })

  it('should fire what is set at the end of input too, but not for ever', async () => {
    const periodic: TimerScript = (timeMs, context) => {
      context.forward(`${timeMs}`)
      if (!context.inputEnded || timeMs < 30) context.timers.eventTime(timeMs + 10)
    }
    await withDriver(
      topologyOf((_value, { timers }) => timers.eventTime(10), periodic),
      {},
      async (driver) => {
        await driver.pipe(events, at(1))
        await driver.endInput()
        expect((await driver.read(results)).map(({ value }) => value)).toEqual(['10', '20', '30'])
        await driver.pipe(events, at(2), at(40))
        expect((await driver.read(results)).map(({ value }) => value)).toEqual(['10', '20', '30', '40'])
      },
    )
    const endless: TimerScript = (timeMs, { timers }) => timers.eventTime(timeMs + 10)
    await withDriver(
      topologyOf((_value, { timers }) => timers.eventTime(10), endless),
      {},
      async (driver) => {
        await driver.pipe(events, at(1))
        await expect(driver.endInput()).rejects.toMatchObject({
          code: 'TIMERS_ENDLESS',
          message: expect.stringContaining('inputEnded'),
        })
      },
    )
  })

  it('should send a timer on which it throws to the dead letters, and go on', async () => {
    const topology = topologyOf(
      (_value, { timers }) => timers.eventTime(50),
      (_timeMs, context) => {
        if (context.key === 'a') throw new Error('no luck')
        context.forward('fired')
      },
    )
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1), at(1, '', 'b'), at(60))
      expect(shown(await driver.read(results))).toEqual(['b="fired"@50'])
      expect(await driver.deadLetters()).toMatchObject([
        { topic: 'test-scripted-timers-changelog', operator: 'scripted', message: 'no luck' },
      ])
      expect(driver.pendingTimers('scripted')).toEqual([])
    })
  })

  it('should reject a record that sets a timer for no time at all', async () => {
    const topology = topologyOf((value, { timers }) => timers.eventTime(Number(value)))
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'x'), at(1, '1.5'), at(1, '-1'))
      expect((await driver.deadLetters()).map(({ code }) => code)).toEqual(Array(3).fill('TIMER_INVALID'))
    })
  })

  it('should send its records through a topic of its own when their keys have changed', async () => {
    const topology = defineTopology('test', (builder) => {
      builder
        .stream(events)
        .groupBy((value) => value[0]!, serdes.string, serdes.string)
        .process('scripted', () => new Scripted((value, { timers }) => timers.eventTime(100, value)))
        .main.to(results)
    })
    await withDriver(topology, { partitions: 3 }, async (driver) => {
      await driver.write(events, ...['x1', 'y2', 'x3'].map((value, index) => at(10, value, `${index}`)))
      await driver.run()
      await driver.endInput()
      const fired = (await driver.read(results)).map(({ key, value }) => `${key} ${value}`)
      expect(fired.sort()).toEqual(['x x1@100', 'x x3@100', 'y y2@100'])
    })
  })

  it('should say what to do when it sets timers without onTimer, or uses state outside', async () => {
    class NoTimer extends KeyedProcessor<string, string> {
      readonly state = this.value('state', serdes.long)
      override process(_value: string, { timers }: KeyedContext<string, never>): void {
        timers.eventTime(1)
      }
    }
    const topology = defineTopology('test', (builder) => {
      builder
        .stream(events)
        .groupByKey()
        .process('none', () => new NoTimer())
    })
    await withDriver(topology, {}, async (driver) => {
      await expect(driver.pipe(events, at(1))).rejects.toThrow(
        'processor "none" sets timers and has no onTimer',
      )
    })
    expect(() => new NoTimer().state.get()).toThrow('state "state" was used outside process and onTimer')
  })

  it('should forget state after its time to live, by the time of the records', async () => {
    class Forgetful extends KeyedProcessor<string, string, string> {
      private readonly last = this.value('last', serdes.string, { ttlMs: 100 })
      private readonly all = this.list('all', serdes.string, { ttlMs: 100 })
      private readonly each = this.map('each', { key: serdes.string, value: serdes.long }, { ttlMs: 100 })

      override process(value: string, { forward }: KeyedContext<string, string>): void {
        forward(`${this.last.get()} ${this.all.values()} ${this.each.entries().map(([name]) => name)}`)
        this.last.set(value)
        this.all.add(value)
        this.each.set(value, 1)
      }
    }
    const topology = defineTopology('test', (builder) => {
      builder
        .stream(events)
        .groupByKey()
        .process('forgetful', () => new Forgetful())
        .main.to(results)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'x'), at(100, 'y'), at(101, 'z'), at(201, 'w'))
      expect((await driver.read(results)).map(({ value }) => value)).toEqual([
        'undefined  ',
        'x x x',
        'y y y',
        'undefined  ',
      ])
    })
  })

  it('should look things up in a global table, as it is when a record comes or a timer fires', async () => {
    const rules = jsonTopic<string>('rules')
    const topology = defineTopology('test', (builder) => {
      const table = builder.globalTable(rules, { store: 'rules' })
      class Ruled extends KeyedProcessor<string, string, string> {
        private readonly rules = this.lookup(table)

        override process(value: string, { forward, timers }: KeyedContext<string, string>): void {
          forward(`${value} ${this.rules.get('any')}`)
          timers.eventTime(Number(value))
        }

        override onTimer(timeMs: number, { forward }: TimerContext<string, string>): void {
          forward(`@${timeMs} ${this.rules.get('any')}`)
        }
      }
      builder
        .stream(events)
        .groupByKey()
        .process('ruled', () => new Ruled())
        .main.to(results)
    })
    expect(topology.nodes.find(({ name }) => name === 'ruled')?.globalTables).toEqual(['rules'])
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, '15'))
      await driver.pipe(rules, { key: 'any', value: 'strict' })
      await driver.pipe(events, at(10, '12'))
      await driver.pipe(rules, { key: 'any', value: 'mild' })
      await driver.pipe(events, at(20, '30'))
      expect((await driver.read(results)).map(({ value }) => value)).toEqual([
        '15 undefined',
        '12 strict',
        '30 mild',
        '@12 mild',
        '@15 mild',
      ])
    })
  })
})

function pendingIn(driver: TopologyTestDriver): number {
  return driver.metrics
    .snapshot()
    .flatMap((reading) =>
      reading.name === 'streams_timers_pending' && reading.kind === 'gauge' ? [reading.value] : [],
    )
    .reduce((sum, value) => sum + value, 0)
}
