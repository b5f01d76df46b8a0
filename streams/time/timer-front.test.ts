import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openRowStoreOf } from '../../tests/support/row-store.ts'
import { serdes } from '../serde/serdes.ts'
import { TimerFront } from './timer-front.ts'
import { type Timer, timerStore } from './timer-key.ts'

const timer = fc.record({
  by: fc.constantFrom('event-time' as const, 'wall-clock' as const),
  timeMs: fc.integer({ min: 0, max: 40 }),
  key: fc.constantFrom('a', 'b', 'c', 'ä'),
  name: fc.constantFrom('', 'x', 'ü'),
})
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('set' as const), timer }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), timer }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      by: fc.constantFrom('event-time' as const, 'wall-clock' as const),
      reachedMs: fc.oneof(fc.integer({ min: 0, max: 45 }), fc.constant(Number.POSITIVE_INFINITY)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
)

const order = ({ timeMs, key, name }: Timer<string>): Buffer => {
  const time = Buffer.alloc(8)
  time.writeDoubleBE(timeMs)
  return Buffer.concat([time, Buffer.from(key), Buffer.from(name), Buffer.from([Buffer.byteLength(name)])])
}

it('should give due timers in the order of time, key and name, however many it holds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 6 }),
      async (steps, held) => {
        let home = await openRowStoreOf(timerStore('rows', serdes.string))
        const frontsOf = () => ({
          'event-time': new TimerFront(home.store, 'event-time', held),
          'wall-clock': new TimerFront(home.store, 'wall-clock', held),
        })
        let fronts = frontsOf()
        const pending = new Map<string, Timer<string>>()
        const idOf = (one: Timer<string>): string => JSON.stringify(one)
        for (const action of steps) {
          const { store } = home
          if (action.kind === 'set' && !pending.has(idOf(action.timer))) {
            store.put(action.timer, 0, 0)
            fronts[action.timer.by].add(action.timer)
            pending.set(idOf(action.timer), action.timer)
          } else if (action.kind === 'cancel') {
            store.delete(action.timer, 0)
            pending.delete(idOf(action.timer))
          } else if (action.kind === 'take') {
            const wanted = [...pending.values()]
              .filter(({ by, timeMs }) => by === action.by && timeMs <= action.reachedMs)
              .sort((a, b) => order(a).compare(order(b)))
            const taken: Timer<string>[] = []
            for (;;) {
              const next = fronts[action.by].take(action.reachedMs)
              if (next === undefined) break
              if (store.get(next) === undefined) continue
              store.delete(next, 0)
              taken.push(next)
            }
            expect(taken).toEqual(wanted)
            for (const one of wanted) pending.delete(idOf(one))
            expect(fronts[action.by].nextMs).toBeGreaterThan(
              action.reachedMs === Number.POSITIVE_INFINITY ? 1e9 : action.reachedMs,
            )
          } else if (action.kind === 'commit') {
            home.commit()
          } else if (action.kind === 'reopen') {
            home.commit()
            home = await home.reopen()
            fronts = frontsOf()
          }
        }
      },
    ),
    { numRuns: 300 },
  )
})

it('should keep times, keys and names as they are, of any length', async () => {
  const long = 'n'.repeat(255)
  const store = (await openRowStoreOf(timerStore('rows', serdes.string))).store
  store.put({ by: 'wall-clock', timeMs: Number.MAX_SAFE_INTEGER, key: '', name: long }, 3, 0)
  expect([...store.range()]).toEqual([
    [{ by: 'wall-clock', timeMs: Number.MAX_SAFE_INTEGER, key: '', name: long }, 3],
  ])
  expect(() => store.put({ by: 'wall-clock', timeMs: 1, key: '', name: `${long}n` }, 0, 0)).toThrow(
    'it may have 255',
  )
})
