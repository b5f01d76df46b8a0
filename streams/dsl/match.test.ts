import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { canonical, type inOrderOfTime, patternOf, run } from '../../tests/golden/cep/cases.ts'
import { caseInput, casePattern } from '../../tests/support/random-patterns.ts'
import { jsonTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import { Pattern } from '../cep/pattern.ts'
import { serdes } from '../serde/serdes.ts'
import { type KeyedContext, KeyedProcessor, type TimerContext } from './keyed-processor.ts'
import { defineTopology } from './stream-builder.ts'

interface Step {
  readonly kind: string
  readonly n: number
}

const events = jsonTopic<Step>('events')
const results = jsonTopic<string>('results')
const timeOuts = jsonTopic<string>('time-outs')
const lateEvents = jsonTopic<Step>('late')

const at = (timestampMs: number, kind: string, n = timestampMs, key = 'k') => ({
  key,
  value: { kind, n },
  timestampMs,
})
const kind =
  (wanted: string) =>
  ({ kind }: Step): boolean =>
    kind === wanted

const payment = Pattern.of<Step>()
  .begin('created')
  .where(kind('created'))
  .followedBy('paid')
  .where(kind('paid'))
  .within(100)

function paymentTopology(disorderMs = 0) {
  return defineTopology('test', (builder) => {
    const found = builder
      .stream(events, { disorderMs })
      .groupByKey()
      .match(payment, {
        store: 'payments',
        select: ({ created, paid }) => `${created[0].n}-${paid[0].n}`,
        timedOut: ({ created }) => `unpaid ${created[0]?.n}`,
      })
    found.main.to(results)
    found.timedOut.to(timeOuts)
    found.late.to(lateEvents)
  })
}

describe('matching a pattern in a stream', () => {
  it('should pass on what is made of matches, with the time of the event that completed them', async () => {
    await withDriver(paymentTopology(), {}, async (driver) => {
      await driver.pipe(events, at(1, 'created'), at(2, 'created', 2, 'other'), at(5, 'noise'), at(9, 'paid'))
      expect(shown(await driver.read(results))).toEqual(['k="1-9"@9'])
      await driver.pipe(events, at(10, 'paid', 10, 'other'))
      expect(shown(await driver.read(results))).toEqual(['other="2-10"@10'])
    })
  })

  it('should pass on partial matches that timed out, at the time at which they did', async () => {
    await withDriver(paymentTopology(), {}, async (driver) => {
      await driver.pipe(
        events,
        at(1, 'created'),
        at(50, 'created', 50, 'other'),
        at(101, 'noise', 0, 'third'),
      )
      expect(shown(await driver.read(timeOuts))).toEqual(['k="unpaid 1"@101'])
      await driver.endInput()
      expect(shown(await driver.read(timeOuts))).toEqual(['other="unpaid 50"@150'])
      expect(await driver.read(results)).toEqual([])
    })
  })

  it('should take events in the order of their times, as the watermark comes to them', async () => {
    await withDriver(paymentTopology(10), {}, async (driver) => {
      await driver.pipe(events, at(9, 'paid'), at(5, 'created'))
      expect(await driver.read(results)).toEqual([])
      await driver.pipe(events, at(19, 'noise', 0, 'other'))
      expect(shown(await driver.read(results))).toEqual(['k="5-9"@9'])
    })
  })

  it('should pass late records on, count them, and take no notice of them', async () => {
    await withDriver(paymentTopology(10), {}, async (driver) => {
      await driver.pipe(
        events,
        at(30, 'created'),
        at(19, 'created'),
        at(20, 'created'),
        at(31, 'paid'),
        at(50, 'noise'),
      )
      expect(shown(await driver.read(results))).toEqual(['k="20-31"@31', 'k="30-31"@31'])
      expect(shown(await driver.read(lateEvents))).toEqual(['k={"kind":"created","n":19}@19'])
      expect(driver.droppedCount('late')).toBe(1)
    })
  })

  it('should make any number of values of a match with flatSelect', async () => {
    const topology = defineTopology('test', (builder) => {
      builder
        .stream(events)
        .groupByKey()
        .match(payment, {
          store: 'payments',
          flatSelect: function* ({ created, paid }, { key, timestampMs }) {
            yield `${key} ${created[0].n}`
            yield `${paid[0].n} ${timestampMs}`
          },
        })
        .main.to(results)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'created'), at(2, 'paid'))
      expect(shown(await driver.read(results))).toEqual(['k="k 1"@2', 'k="2 2"@2'])
    })
  })

  it('should match in one task what was grouped by another key', async () => {
    const topology = defineTopology('test', (builder) => {
      builder
        .stream(events)
        .groupBy((event) => String(event.n), { ...events.key })
        .match(payment, { store: 'payments', select: ({ paid }) => paid[0].kind })
        .main.to(results)
    })
    await withDriver(topology, { partitions: 3 }, async (driver) => {
      await driver.pipe(events, at(1, 'created', 7, 'a'), at(2, 'created', 8, 'b'))
      await driver.pipe(events, at(3, 'paid', 7, 'c'))
      await driver.endInput()
      expect(shown(await driver.read(results))).toEqual(['7="paid"@3'])
    })
  })

  it('should take what an operator in front held back in the order of its times, however far the watermark is by then', async () => {
    class HeldBack extends KeyedProcessor<string, Step, Step> {
      private readonly held = this.map('held', { key: serdes.string, value: serdes.json<Step>() })
      override process(step: Step, { record, timers }: KeyedContext<string, Step>): void {
        this.held.set(`${step.n}`, step)
        timers.eventTime(record.timestampMs, `${step.n}`)
      }
      override onTimer(timeMs: number, { name, forward }: TimerContext<string, Step>): void {
        forward(this.held.get(name)!, timeMs)
      }
    }
    const topology = defineTopology('test', (builder) => {
      const heldBack = builder
        .stream(events, { disorderMs: 50 })
        .groupByKey()
        .process('hold-back', () => new HeldBack())
      const found = heldBack.main.groupByKey().match(payment, {
        store: 'payments',
        value: serdes.json<Step>(),
        select: ({ created, paid }) => `${created[0].n}-${paid[0].n}`,
      })
      found.main.to(results)
      found.late.to(lateEvents)
    })
    for (const wakeMaxRows of [1, 500]) {
      await withDriver(topology, { settings: { wakeMaxRows } }, async (driver) => {
        await driver.pipe(events, at(9, 'paid'), at(5, 'created'), at(90, 'noise', 0, 'other'))
        expect(shown(await driver.read(results))).toEqual(['k="5-9"@9'])
        expect(await driver.read(lateEvents)).toEqual([])
      })
    }
  })

  it('should make the record a dead letter that a condition throws on, and go on', async () => {
    const topology = defineTopology('test', (builder) => {
      const picky = Pattern.of<Step>()
        .begin('a')
        .where(kind('created'))
        .followedBy('b')
        .where(({ n }) => {
          if (n === 13) throw new Error('unlucky')
          return true
        })
      builder
        .stream(events)
        .groupByKey()
        .match(picky, { store: 'picky', select: ({ b }) => `${b[0].n}` })
        .main.to(results)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'created'), at(2, 'other', 13), at(3, 'other'))
      expect(shown(await driver.read(results))).toEqual(['k="3"@3'])
      expect(await driver.deadLetters()).toMatchObject([
        { operator: 'picky', message: expect.stringContaining('unlucky') },
      ])
    })
  })

  it('should pass on the other matches of an event when select throws on one', async () => {
    const topology = defineTopology('test', (builder) => {
      const select = ({ created }: { readonly created: readonly [Step, ...Step[]] }) => {
        if (created[0].n === 2) throw new Error('unlucky')
        return String(created[0].n)
      }
      builder.stream(events).groupByKey().match(payment, { store: 'payments', select }).main.to(results)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'created'), at(2, 'created'), at(3, 'created'), at(4, 'paid'))
      expect(shown(await driver.read(results))).toEqual(['k="1"@4', 'k="3"@4'])
      expect(await driver.deadLetters()).toHaveLength(1)
    })
  })

  it('should count what gave way to the limits', async () => {
    const topology = defineTopology('test', (builder) => {
      builder
        .stream(events)
        .groupByKey()
        .match(payment, {
          store: 'payments',
          select: ({ created }) => `${created[0].n}`,
          limits: { maxRuns: 2 },
        })
        .main.to(results)
    })
    await withDriver(topology, {}, async (driver) => {
      await driver.pipe(events, at(1, 'created'), at(2, 'created'), at(3, 'created'), at(4, 'paid'))
      expect(shown(await driver.read(results))).toEqual(['k="2"@4', 'k="3"@4'])
      expect(driver.droppedCount('pattern-limit')).toBe(1)
    })
  })

  it('should find what a matcher finds, however the records of each key lie and come', async () => {
    const cases = jsonTopic<Parameters<typeof inOrderOfTime>[0][number]>('cases')
    const found = jsonTopic<unknown>('found')
    const ids = (taken: Readonly<Record<string, readonly { readonly id: number }[]>>) =>
      Object.fromEntries(
        Object.entries(taken).flatMap(([name, list]) =>
          list.length === 0 ? [] : [[name, list.map(({ id }) => id)]],
        ),
      )
    await fc.assert(
      fc.asyncProperty(
        casePattern({ full: true }),
        caseInput,
        // Without disorder each event is taken at once, with some they wait for one another.
        fc.constantFrom(0, 3),
        fc.infiniteStream(fc.nat(3)),
        async (pattern, input, disorderMs, delays) => {
          const topology = defineTopology('test', (builder) => {
            const streams = builder
              .stream(cases, { disorderMs })
              .groupByKey()
              .match(patternOf(pattern), {
                store: 'found',
                select: (match) => ({ match: ids(match) }),
                timedOut: (match, { timestampMs }) => ({ match: ids(match), timestampMs }),
              })
            streams.main.to(found)
            streams.timedOut.to(jsonTopic<unknown>('found-late'))
          })
          // Each record up to 3 ms late, those of equal time in their order.
          const delayed = input.map((event) => ({ event, comesMs: event.timestampMs }))
          const delayOf = new Map<number, number>()
          for (const one of delayed) {
            const delay = delayOf.get(one.event.timestampMs) ?? Math.min(delays.next().value ?? 0, disorderMs)
            delayOf.set(one.event.timestampMs, delay)
            one.comesMs += delay
          }
          delayed.sort((a, b) => a.comesMs - b.comesMs)
          await withDriver(topology, {}, async (driver) => {
            for (const { event } of delayed) {
              await driver.pipe(cases, { key: 'k', value: event, timestampMs: event.timestampMs })
            }
            await driver.endInput()
            expect(driver.droppedCount('late')).toBe(0)
            const matches = (await driver.read(found)).map(({ value }) => value as { match: never })
            const timedOut = (await driver.read(jsonTopic('found-late'))).map(({ value }) => value as never)
            expect(canonical({ matches: matches.map(({ match }) => match), timedOut })).toEqual(
              canonical(run({ pattern, input })),
            )
          })
        },
      ),
      { numRuns: 100 },
    )
  })

  it('should type matches by the stages of the pattern', () => {
    const pattern = Pattern.of<Step>()
      .begin('first')
      .notFollowedBy('not')
      .where(kind('x'))
      .next('perhaps')
      .optional()
      .next(Pattern.of<Step>().begin('inner').followedBy('more').times(0, 2))
    defineTopology('test', (builder) => {
      builder
        .stream(events)
        .groupByKey()
        .match(payment, {
          store: 'typed',
          select: (match) => {
            expectTypeOf(match.created).toEqualTypeOf<readonly [Step, ...Step[]]>()
            return 1
          },
        })
    })
    type Fields = NonNullable<(typeof pattern)['fields']>
    expectTypeOf<Fields>().toEqualTypeOf<{
      readonly first: 'always'
      readonly perhaps: 'maybe'
      readonly inner: 'always'
      readonly more: 'maybe'
    }>()
  })
})
