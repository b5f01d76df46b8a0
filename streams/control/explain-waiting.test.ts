/** What each kind of operator says that it waits for. */
import { afterEach, describe, expect, it } from 'vitest'
import { ControlCluster } from '../../tests/support/control-harness.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { Pattern } from '../cep/pattern.ts'
import { type KeyedContext, KeyedProcessor } from '../dsl/keyed-processor.ts'
import { defineTopology, type StreamBuilder } from '../dsl/stream-builder.ts'
import { RecordBatchBuilder } from '../records/record-batch.ts'
import { serdes } from '../serde/serdes.ts'
import { session } from '../time/session-windows.ts'
import { hopping } from '../time/windows.ts'
import { type WaitingView, waitingIn } from './explain-waiting.ts'

const events = jsonTopic<string>('events')
const partners = jsonTopic<string>('partners')
const atMs = Date.UTC(2026, 10, 23, 10, 31, 10)

class Timed extends KeyedProcessor<string, string> {
  override process(_event: string, { timers, timestampMs }: KeyedContext<string, never>): void {
    timers.eventTime(timestampMs + 50_000)
    timers.wallClock(Date.UTC(2099, 0, 1))
  }

  override onTimer(): void {}
}

const created = Pattern.of<string>()
  .begin('created')
  .where((event) => event === 'created')
  .followedBy('paid')
  .where((event) => event === 'paid')
  .within(30_000)

describe('waitingIn', () => {
  let cluster: ControlCluster

  afterEach(() => cluster.close())

  /** What waits once a record of 10:31:10 was processed, and the time stands there. */
  const waiting = async (
    declare: (builder: StreamBuilder) => void,
    isExpected: (found: WaitingView) => boolean,
  ): Promise<WaitingView> => {
    const topology = defineTopology('waits', declare)
    cluster = await ControlCluster.open({ topologies: () => [topology], services: () => [], partitions: 1 })
    const instance = await cluster.start()
    await cluster.settled('waits')
    for (const topic of topology.topics) {
      const batch = new RecordBatchBuilder(topic.name, 0)
      batch.append(
        Buffer.from('k'),
        Buffer.from('"created"'),
        topic.name === 'partners' ? atMs - 40_000 : atMs,
      )
      await cluster.log.append([batch.build()])
    }
    const task = `${topology.subTopologies[0]!.name}_0`
    let found: readonly WaitingView[] = []
    const look = (): WaitingView | undefined => {
      found = waitingIn(instance.streams.running('waits'), task, cluster.clock.now())
      return found.find(isExpected)
    }
    const state = (): string => found.map((one) => one.text).join('; ')
    return waitFor('what is expected waits', look, { deadlineMs: 5_000, state })
  }

  it.each<[string, (builder: StreamBuilder) => void, string]>([
    [
      'windows',
      (builder) => {
        builder
          .stream(events)
          .groupByKey()
          .windowedBy(hopping(60_000, 30_000).grace(15_000))
          .emit('on-close')
          .count({ store: 'kept' })
      },
      'the window from 2026-11-23T10:30:30Z to 2026-11-23T10:31:30Z closes when the watermark passes 2026-11-23T10:31:45Z, 35 s from ' +
        'now by event time',
    ],
    [
      'sessions',
      (builder) => {
        builder
          .stream(events)
          .groupByKey()
          .windowedBy(session(20_000).grace(5_000))
          .emit('on-close')
          .count({ store: 'kept' })
      },
      'a window that ends at 2026-11-23T10:31:10Z, unless records prolong it, closes when the watermark passes ' +
        '2026-11-23T10:31:35.001Z, 25 s from now by event time',
    ],
    [
      'rows that are held',
      (builder) => {
        builder.table(events, { store: 'rows' }).suppress({ untilMs: 10_000, store: 'kept' })
      },
      'the change of a row of 2026-11-23T10:31:10Z is passed on when the watermark passes 2026-11-23T10:31:20Z, 10 s from now by event ' +
        'time',
    ],
    [
      'partial matches',
      (builder) => {
        builder
          .stream(events)
          .groupByKey()
          .match(created, { store: 'kept', select: () => 1 })
      },
      'events that earlier ones may still overtake are matched, or a partial match times out when the watermark passes ' +
        '2026-11-23T10:31:40Z, 30 s from now by event time',
    ],
    [
      'timers',
      (builder) => {
        builder
          .stream(events)
          .groupByKey()
          .process('kept', () => new Timed())
      },
      'a timer that is set for 2026-11-23T10:32:00Z fires when the watermark passes 2026-11-23T10:32:00Z, 50 s from now by event time',
    ],
    [
      'schedules',
      (builder) => {
        builder.stream(events).process('kept', {
          stores: {},
          outputs: {},
          schedules: { report: { everyMs: 60_000, by: 'event-time' } },
          create: ({ schedules }) => {
            schedules.report(() => {})
            return () => {}
          },
        })
      },
      'schedule "report" is called when the watermark passes 2026-11-23T10:32:00Z, 50 s from now by event time',
    ],
  ])('should say for %s what is due and when', async (_kind, declare, text) => {
    const found = await waiting(declare, (one) => one.text === text)
    expect(found.byClock).toBe(false)
    expect(found.operator).not.toBe('')
  })

  it('should say by which clock timers go', async () => {
    const found = await waiting(
      (builder) => {
        builder
          .stream(events)
          .groupByKey()
          .process('kept', () => new Timed())
      },
      (one) => one.byClock,
    )
    expect(found.dueMs).toBe(Date.UTC(2099, 0, 1))
    expect(found.text).toMatch(
      /^a timer that is set for 2099-01-01T00:00:00Z fires at 2099-01-01T00:00:00Z by the clock, in /,
    )
  })

  it('should say for joins which record has no partner yet', async () => {
    const text =
      'a record of 2026-11-23T10:31:10Z for which no partner has come is passed on alone when the watermark passes ' +
      '2026-11-23T10:31:30.001Z, 1 min from now by event time'
    await waiting(
      (builder) => {
        builder
          .stream(events, { idle: 'wait' })
          .leftJoin(builder.stream(partners, { idle: 'wait' }), (left, right) => `${left} ${right}`, {
            store: 'kept',
            withinMs: 20_000,
            value: serdes.json<string>(),
            otherValue: serdes.json<string>(),
          })
      },
      (one) => one.text === text,
    )
  })

  it('should not tell times of 1970 before a time is known', async () => {
    const topology = defineTopology('waits', (builder) => {
      builder.stream(events).process('kept', {
        stores: {},
        outputs: {},
        schedules: { report: { everyMs: 60_000, by: 'event-time' } },
        create: ({ schedules }) => {
          schedules.report(() => {})
          return () => {}
        },
      })
    })
    cluster = await ControlCluster.open({ topologies: () => [topology], services: () => [], partitions: 1 })
    const instance = await cluster.start()
    await cluster.settled('waits')
    const found = waitingIn(instance.streams.running('waits'), 'events_0', cluster.clock.now())
    expect(found.map((one) => one.text)).toEqual(['schedule "report" is called as soon as a time is known'])
  })
})
