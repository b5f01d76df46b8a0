/** Replays that crash, fail and meet: every record is sent once, and its letter says so. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type DeadLetterDeskOptions,
  type Letter,
  type SettleStep,
  StreamsError,
  settleSteps,
} from '../../streams/index.ts'
import { type Fault, Faults, faultyLog } from '../../streams/testing/index.ts'
import { LetterWorld, orders, seen, shop } from '../support/letter-world.ts'

const isBad = (order: string) => order.startsWith('bad')
const by = 'ann'

async function withFailures(...values: string[]): Promise<LetterWorld> {
  const world = await LetterWorld.create(2)
  await world.give(
    orders.name,
    values.map((value, index) => ({ key: value.slice(-1), value, partition: index % 2 })),
  )
  await world.process([shop(isBad)])
  return world
}

/** Comes to a step, keeps what a kill leaves there, and never goes on. */
function dyingAt(world: LetterWorld, step: SettleStep) {
  let reach: (survivor: Promise<LetterWorld>) => void = () => {}
  const reached = new Promise<LetterWorld>((resolve) => {
    reach = resolve
  })
  const onStep: DeadLetterDeskOptions['onStep'] = (at) => {
    if (at !== step) return undefined
    reach(world.snapshot())
    return new Promise<void>(() => {})
  }
  return { reached, onStep }
}

const replayAll = (world: LetterWorld, own: Partial<DeadLetterDeskOptions> = {}, who = by) =>
  world.desk(own).replayAll({ kind: 'dead-letters', filter: {}, by: who, attemptsMax: 3 })

async function expectEachOnce(world: LetterWorld, values: readonly string[]): Promise<void> {
  expect(await world.values(orders.name)).toEqual([...values, ...values.filter(isBad)].sort())
  const letters = await world.listed(world.desk(), { withSettled: true })
  expect(letters).toHaveLength(values.filter(isBad).length)
  expect(await world.listed(world.desk())).toEqual([])
  await world.process([shop(() => false)])
  expect(await world.values(seen.name)).toEqual([...values].sort())
}

describe('a replay', () => {
  const values = ['bad-a', 'bad-b', 'good-c', 'bad-a2']

  it.each(settleSteps)(
    'should have sent each once after a kill at %s, once it is asked for again',
    async (step) => {
      const world = await withFailures(...values)
      const { reached, onStep } = dyingAt(world, step)
      replayAll(world, { onStep }).catch(() => {})
      const survivor = await world.run(reached)
      const pending = await survivor.listed(survivor.desk())
      expect(pending).toHaveLength(step === 'committed' ? 0 : 3)
      await survivor.run(replayAll(survivor))
      await expectEachOnce(survivor, values)
    },
  )

  const failures: [string, Fault][] = [
    [
      'the producer cannot be opened',
      { call: 'open-producer', error: new StreamsError('LOG_UNAVAILABLE', 'away') },
    ],
    ['the copies cannot be sent', { call: 'send', error: new StreamsError('LOG_UNAVAILABLE', 'away') }],
    [
      'the answer to the copies is lost',
      { call: 'send', error: new StreamsError('LOG_UNAVAILABLE', 'away'), when: 'after' },
    ],
    [
      'the marks cannot be sent',
      { call: 'send', nth: 2, error: new StreamsError('TRANSACTION_ABORTED', 'aborted') },
    ],
    ['it is fenced', { call: 'commit', error: new StreamsError('PRODUCER_FENCED', 'fenced') }],
    [
      'the commit is lost',
      { call: 'commit', error: new StreamsError('TRANSACTION_OUTCOME_UNKNOWN', 'lost') },
    ],
    [
      'the answer to the commit is lost',
      { call: 'commit', error: new StreamsError('TRANSACTION_OUTCOME_UNKNOWN', 'lost'), when: 'after' },
    ],
  ]

  it.each(failures)('should send each once when %s', async (_when, fault) => {
    const world = await withFailures(...values)
    const faults = new Faults()
    faults.place(fault)
    const summary = await world.run(replayAll(world, { log: faultyLog(world.log, faults) }))
    expect(faults.struck).toEqual([fault])
    expect(summary.replayed).toBe(3)
    await expectEachOnce(world, values)
  })

  it('should give up on what no trying again mends, with nothing sent', async () => {
    const world = await withFailures(...values)
    const faults = new Faults()
    faults.place({ call: 'send', error: new StreamsError('LOG_REFUSED', 'no permission') })
    const log = faultyLog(world.log, faults)
    await expect(world.run(replayAll(world, { log }))).rejects.toMatchObject({ code: 'LOG_REFUSED' })
    expect(await world.listed(world.desk())).toHaveLength(3)
    await world.run(replayAll(world))
    await expectEachOnce(world, values)
  })

  it.each(settleSteps)(
    'should be overtaken by another instance at %s, and send nothing twice',
    async (step) => {
      const world = await withFailures(...values)
      let others: Promise<unknown> | undefined
      const meeting = replayAll(world, {
        onStep: async (at) => {
          if (at !== step || others !== undefined) return
          others = replayAll(world, {}, 'bob')
          await others
        },
      })
      const summary = await world.run(meeting)
      expect(summary.replayed).toBe(step === 'committed' ? 3 : 0)
      await expectEachOnce(world, values)
    },
  )

  it('should send each once whatever instances do at the same time, each key in its order', async () => {
    const action = fc.record({
      instance: fc.nat({ max: 2 }),
      what: fc.constantFrom('replay-all' as const, 'replay-one' as const, 'discard-one' as const),
      which: fc.nat({ max: 7 }),
      /** Whether others come in between, and where. */
      pausesAt: fc.option(fc.constantFrom(...settleSteps), { nil: undefined }),
      fault: fc.option(fc.constantFrom(...failures.map(([, fault]) => fault)), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 }),
        fc.array(action, { minLength: 1, maxLength: 6 }),
        async (keys, actions) => {
          const world = await withFailures(...keys.map((key, index) => `bad${index}-${key}`))
          const letters = await world.listed(world.desk())
          const doing = actions.map(({ what, which, pausesAt, fault }) => {
            const faults = new Faults()
            if (fault !== undefined) faults.place(fault)
            const { clock } = world.open
            const desk = world.desk({
              log: faultyLog(world.log, faults),
              onStep: async (step) => {
                if (step === pausesAt) for (let turn = 0; turn < 3; turn++) await clock.yieldTurn()
              },
            })
            const letter: Letter = letters[which % letters.length]!
            if (what === 'replay-all')
              return desk.replayAll({ kind: 'dead-letters', filter: {}, by, attemptsMax: 3 })
            if (what === 'replay-one') return desk.replay(letter.place, { by })
            return desk.discard(letter.place, { by, reason: 'not needed' })
          })
          // Those that fence each other too often give up, and may be asked again.
          await world.run(Promise.allSettled(doing))
          await world.run(replayAll(world))
          const states = await world.run(collect(world))
          const copies = (await world.read(orders.name)).filter(({ headers }) => headers.length > 0)
          const sent = states.filter(({ state }) => state === 'REPLAYED').map(({ value }) => value)
          expect(copies.map(({ value }) => value).sort()).toEqual(sent.sort())
          expect(states).toHaveLength(keys.length)
          for (const { value, place } of states) {
            if (place === undefined) continue
            const copy = copies.find(
              ({ partition, offset }) => partition === place.partition && offset === place.offset,
            )
            expect(copy?.value).toBe(value)
          }
        },
      ),
      { numRuns: 25 },
    )
  })
})

async function collect(world: LetterWorld) {
  const states: {
    value: string
    state: string | undefined
    place: { partition: number; offset: number } | undefined
  }[] = []
  for await (const { content, status } of world.desk().all('dead-letters', {})) {
    const value = content?.value?.toString() ?? ''
    states.push({ value, state: status?.state, place: status?.replayed_as ?? undefined })
  }
  return states
}
