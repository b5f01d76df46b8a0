/** What a pattern keeps of keys, what it writes of that, and who is told when user code throws. */
import { describe, expect, it } from 'vitest'
import { jsonTopic, shown, withDriver } from '../../tests/support/topologies.ts'
import { Pattern } from '../cep/pattern.ts'
import { keyAt, valueAt } from '../records/record-batch.ts'
import { followToEnd } from '../runtime/follow-to-end.ts'
import type { TopologyTestDriver } from '../testing/topology-test-driver.ts'
import type { MatchOptions } from './match.ts'
import { defineTopology } from './stream-builder.ts'

interface Step {
  readonly kind: string
  readonly n: number
}

const events = jsonTopic<Step>('events')
const results = jsonTopic<string>('results')
const discarded = jsonTopic<string>('discarded')

const at = (timestampMs: number, kind: string, key = 'k', n = timestampMs) => ({
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
  .where(({ kind, n }) => {
    if (kind === 'paid' && n === 13) throw new Error('unlucky')
    return kind === 'paid'
  })
  .within(100)

type Fields = NonNullable<(typeof payment)['fields']>
type Options = Partial<MatchOptions<string, Step, Fields, string, string, string>>

function topologyOf(options: Options = {}, disorderMs = 0) {
  return defineTopology('test', (builder) => {
    const found = builder
      .stream(events, { disorderMs })
      .groupByKey()
      .match<Fields, string, string, string>(payment, {
        store: 'payments',
        select: ({ created, paid }) => `${created[0].n}-${paid[0].n}`,
        ...options,
      })
    found.main.to(results)
    found.discarded.to(discarded)
  })
}

/** All that was ever written of a store: keys, deletions marked. */
async function changelogOf({ log, clock }: TopologyTestDriver, store: string): Promise<string[]> {
  const written: string[] = []
  await followToEnd(
    { log, clock },
    [{ topic: `test-${store}-changelog`, partition: 0, offset: 0 }],
    (batch) => {
      for (let i = 0; i < batch.length; i++) {
        written.push(`${valueAt(batch, i) === null ? '-' : '+'}${keyAt(batch, i)!.toString()}`)
      }
    },
  )
  return written
}

function rowsOf(driver: TopologyTestDriver, store: string): number {
  return [...driver.store(store).range()].length
}

describe('what is kept of a key', () => {
  it('should be one record in the changelog for each key and commit, however many events came', async () => {
    await withDriver(topologyOf(), {}, async (driver) => {
      await driver.write(
        events,
        at(1, 'created'),
        at(2, 'created'),
        at(3, 'created', 'other'),
        at(4, 'created'),
      )
      await driver.run()
      expect(await changelogOf(driver, 'payments')).toEqual(['+k', '+other'])
      await driver.write(events, at(5, 'created'), at(6, 'created'))
      await driver.run()
      expect(await changelogOf(driver, 'payments')).toEqual(['+k', '+other', '+k'])
    })
  })

  it('should be removed when only the start is left: by a match, by a time-out', async () => {
    await withDriver(topologyOf(), {}, async (driver) => {
      await driver.pipe(events, at(1, 'created'), at(2, 'created', 'slow'))
      expect([rowsOf(driver, 'payments'), rowsOf(driver, 'payments-due')]).toEqual([2, 2])
      await driver.pipe(events, at(3, 'paid'))
      expect([rowsOf(driver, 'payments'), rowsOf(driver, 'payments-due')]).toEqual([1, 1])
      await driver.pipe(events, at(102, 'noise'))
      expect([rowsOf(driver, 'payments'), rowsOf(driver, 'payments-due')]).toEqual([0, 0])
      expect(await changelogOf(driver, 'payments')).toEqual(['+k', '+slow', '-k', '-slow'])
    })
  })

  it('should not be written for an event that changes nothing of it', async () => {
    await withDriver(topologyOf(), {}, async (driver) => {
      await driver.pipe(events, at(1, 'created'), at(2, 'noise'), at(3, 'noise', 'other'), at(4, 'noise'))
      expect(await changelogOf(driver, 'payments')).toEqual(['+k'])
      expect(rowsOf(driver, 'payments')).toBe(1)
    })
  })

  it('should write nothing at all when what began ends before the commit', async () => {
    await withDriver(topologyOf(), {}, async (driver) => {
      await driver.write(events, at(1, 'created'), at(2, 'paid'))
      await driver.run()
      expect(shown(await driver.read(results))).toEqual(['k="1-2"@2'])
      expect(await changelogOf(driver, 'payments')).toEqual([])
      expect(await changelogOf(driver, 'payments-due')).toEqual([])
    })
  })
})

describe('partial matches that give way to the limits', () => {
  it('should be passed on for what is to be made of them, and counted', async () => {
    const options: Options = {
      limits: { maxRuns: 2 },
      discarded: ({ created }) => `gave way: ${created[0]?.n}`,
    }
    await withDriver(topologyOf(options), {}, async (driver) => {
      await driver.pipe(events, at(1, 'created'), at(2, 'created'), at(3, 'created'), at(4, 'paid'))
      expect(shown(await driver.read(results))).toEqual(['k="2-4"@4', 'k="3-4"@4'])
      expect(shown(await driver.read(discarded))).toEqual(['k="gave way: 1"@3'])
      expect(driver.droppedCount('pattern-limit')).toBe(1)
    })
  })

  it('should stop the task instead when told to, with what to do', async () => {
    const options: Options = { limits: { maxRuns: 1, whenFull: 'fail' } }
    await withDriver(topologyOf(options), {}, async (driver) => {
      await expect(driver.pipe(events, at(1, 'created'), at(2, 'created'))).rejects.toMatchObject({
        code: 'PATTERN_LIMIT_REACHED',
        message: expect.stringContaining('raise the limits'),
      })
    })
  })
})

describe('events of equal time', () => {
  const ties = (left: Step, right: Step): number => left.n - right.n

  it('should be taken in the order that is given for them, whichever comes first', async () => {
    await withDriver(topologyOf({ ties }), {}, async (driver) => {
      await driver.pipe(events, at(5, 'paid', 'k', 2), at(5, 'created', 'k', 1))
      expect(await driver.read(results)).toEqual([])
      await driver.pipe(events, at(6, 'noise', 'other'))
      expect(shown(await driver.read(results))).toEqual(['k="1-2"@5'])
    })
  })

  it('should be taken as they came without one', async () => {
    await withDriver(topologyOf(), {}, async (driver) => {
      await driver.pipe(events, at(5, 'paid', 'k', 2), at(5, 'created', 'k', 1), at(6, 'noise', 'other'))
      expect(await driver.read(results)).toEqual([])
    })
  })

  it('should time out in time although they wait', async () => {
    const options: Options = { ties, timedOut: ({ created }) => `${created[0]?.n}` }
    await withDriver(topologyOf(options), {}, async (driver) => {
      await driver.pipe(events, at(5, 'created'), at(105, 'paid'), at(106, 'noise'))
      expect(await driver.read(results)).toEqual([])
      expect([rowsOf(driver, 'payments'), rowsOf(driver, 'payments-due')]).toEqual([1, 1])
      await driver.endInput()
      expect(rowsOf(driver, 'payments')).toBe(0)
    })
  })
})

describe('a condition that throws', () => {
  it('should make the event that waited a dead letter with all that its key had, not the record that moved time', async () => {
    await withDriver(topologyOf({}, 10), {}, async (driver) => {
      await driver.pipe(events, at(5, 'created'), at(9, 'paid', 'k', 13))
      expect(await driver.deadLetters()).toEqual([])
      await driver.pipe(events, at(30, 'noise'), at(31, 'paid'), at(60, 'noise', 'other'))
      const letters = await driver.deadLetters()
      expect(letters).toMatchObject([
        { topic: 'test-payments-changelog', operator: 'payments', message: 'unlucky' },
      ])
      expect(Buffer.from(letters[0]!.value!).toString('latin1')).toContain('{"kind":"paid","n":13}')
      // The record at hand was taken, and the runs are as they were.
      expect(shown(await driver.read(results))).toEqual(['k="5-31"@31'])
    })
  })

  it('should blame the record that brought it about when that is its event, among others that waited', async () => {
    await withDriver(topologyOf({}, 10), {}, async (driver) => {
      await driver.write(
        events,
        at(5, 'created'),
        at(16, 'paid', 'k', 13),
        at(26, 'paid'),
        at(40, 'noise', 'other'),
      )
      await driver.run()
      expect(shown(await driver.read(results))).toEqual(['k="5-26"@26'])
      expect((await driver.deadLetters()).map(({ topic }) => topic)).toEqual(['test-payments-changelog'])
    })
    await withDriver(topologyOf(), {}, async (driver) => {
      await driver.pipe(events, at(5, 'created'), at(16, 'paid', 'k', 13), at(26, 'paid'))
      expect(shown(await driver.read(results))).toEqual(['k="5-26"@26'])
      expect(await driver.deadLetters()).toMatchObject([{ topic: 'events', offset: 1, message: 'unlucky' }])
    })
  })
})
