import { describe, expect, it } from 'vitest'
import { jsonTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import { serdes } from '../serde/serdes.ts'
import { MemorySink } from '../testing/memory-sink.ts'
import { minutes } from '../time/windows.ts'
import { keyValueStore } from '../topology/store-spec.ts'
import { output } from './process.ts'
import type { Schedule } from './punctuation.ts'
import { defineTopology } from './stream-builder.ts'

const events = jsonTopic<string>('events')
const more = jsonTopic<string>('more')
const reports = jsonTopic<number>('reports')

/** Reports how many records there were since the last time. */
function counted(report: Schedule, topics = [events]) {
  return defineTopology('counted', (builder) => {
    for (const topic of topics) {
      builder
        .stream(topic, { idle: 'wait' })
        .process(`count-${topic.name}`, {
          outputs: { reports: output<string, number>() },
          schedules: { report },
          create: ({ outputs, schedules }) => {
            let count = 0
            schedules.report((timeMs) => {
              outputs.reports(`${topic.name} ${timeMs}`, count)
              count = 0
            })
            return () => count++
          },
        })
        .reports.to(reports)
    }
  })
}

const at = (timestampMs: number, key = 'a') => ({ key, value: '', timestampMs })

describe('punctuation', () => {
  it('should come by the watermark: not before records that may still be missing', async () => {
    const topology = defineTopology('disorder', (builder) => {
      const { times } = builder.stream(events, { disorderMs: 30 }).process('report', {
        outputs: { times: output<string, number>() },
        schedules: { tick: { everyMs: 100, by: 'event-time' } },
        create: ({ outputs, schedules }) => {
          schedules.tick((timeMs) => outputs.times('at', timeMs))
          return () => {}
        },
      })
      times.to(reports)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(20), at(40), at(129), at(130), at(229), at(450))
      expect(shown(await driver.read(reports))).toEqual(['at=10@10', 'at=100@100', 'at=420@420'])
    })
  })

  it('should come at the end of input, once, and again only after more input', async () => {
    await withDriver(counted({ everyMs: 100, by: 'event-time' }), {}, async (driver) => {
      await driver.endInput()
      expect(await driver.read(reports)).toEqual([])
      await driver.pipe(events, at(10), at(20), at(30))
      await driver.endInput()
      await driver.endInput()
      expect(shown(await driver.read(reports))).toEqual(['events 10=1@10', 'events 30=2@30'])
      await driver.pipe(events, at(40), at(101))
      expect(shown(await driver.read(reports))).toEqual(['events 101=2@101'])
      await driver.endInput()
      expect(shown(await driver.read(reports))).toEqual(['events 101=0@101'])
    })
  })

  it('should come by the wall clock, an interval after the start, once for all that were passed', async () => {
    const every = { everyMs: minutes(1), by: 'wall-clock' } as const
    await withDriver(counted(every), { startMs: 1000 }, async (driver) => {
      await driver.advanceWallClock(59_999)
      expect(await driver.read(reports)).toEqual([])
      await driver.pipe(events, at(5), at(6))
      await driver.advanceWallClock(1)
      await driver.advanceWallClock(150_000)
      await driver.advanceWallClock(29_999)
      expect(shown(await driver.read(reports))).toEqual(['events 61000=2@6', 'events 211000=0@6'])
      await driver.advanceWallClock(1)
      expect(shown(await driver.read(reports))).toEqual(['events 241000=0@6'])
      await driver.endInput()
      expect(await driver.read(reports)).toEqual([])
      await driver.endInput({ clockToo: true })
      expect(shown(await driver.read(reports))).toEqual(['events 241000=0@6'])
    })
  })

  it('should have the time of the clock while no record has come', async () => {
    await withDriver(counted({ everyMs: 100, by: 'wall-clock' }), { startMs: 1000 }, async (driver) => {
      await driver.advanceWallClock(100)
      expect(shown(await driver.read(reports))).toEqual(['events 1100=0@1100'])
    })
  })

  it('should be of each task by itself', async () => {
    await withDriver(counted({ everyMs: 100, by: 'event-time' }, [events, more]), {}, async (driver) => {
      await driver.pipe(events, at(10))
      await driver.pipe(more, at(500), at(510))
      await driver.pipe(events, at(20))
      expect(shown(await driver.read(reports))).toEqual(['events 10=1@10', 'more 500=1@500'])
    })
  })

  it('should let a processor that keeps keys forward under any that its store has', async () => {
    const seen = keyValueStore({ name: 'seen', key: serdes.string, value: serdes.long })
    const topology = defineTopology('kept', (builder) => {
      const { all } = builder.stream(events).processValues('kept', {
        stores: { seen },
        outputs: { all: output<string, number>() },
        schedules: { all: { everyMs: 100, by: 'event-time' } },
        create: ({ stores, outputs, schedules }) => {
          schedules.all(() => {
            for (const [key, count] of stores.seen.range()) outputs.all(key, count)
          })
          return (key) => stores.seen.put(key, (stores.seen.get(key) ?? 0) + 1)
        },
      })
      all.to(reports)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'a'), at(2, 'b'), at(3, 'a'), at(100, 'c'))
      expect(shown(await driver.read(reports))).toEqual(['a=1@1', 'a=2@100', 'b=1@100', 'c=1@100'])
    })
  })

  it('should stop the task when it throws or has no place to go, and refuse an interval of nothing', async () => {
    const failing = defineTopology('failing', (builder) => {
      builder.stream(events).process('failing', {
        outputs: {},
        schedules: { fail: { everyMs: 100, by: 'event-time' } },
        create: ({ schedules }) => {
          schedules.fail(() => {
            throw new Error('no luck')
          })
          return () => {}
        },
      })
    })
    await withDriver(failing, {}, async (driver) => {
      await expect(driver.pipe(events, at(1))).rejects.toThrow('no luck')
    })
    const intoSink = defineTopology('into-sink', (builder) => {
      const { out } = builder.stream(events).process('tick', {
        outputs: { out: output<string, number>() },
        schedules: { tick: { everyMs: 100, by: 'wall-clock' } },
        create: ({ outputs, schedules }) => {
          schedules.tick((timeMs) => outputs.out('tick', timeMs))
          return () => {}
        },
      })
      out.toSink('rows', new MemorySink(), (value) => [{ id: 'tick', value }])
    })
    await withDriver(intoSink, {}, async (driver) => {
      await expect(driver.advanceWallClock(100)).rejects.toThrow('write to a topic first')
    })
    expect(() => counted({ everyMs: 0, by: 'event-time' })).toThrow('everyMs of schedule "report" is 0')
  })
})
