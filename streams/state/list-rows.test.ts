import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openRowStoreOf } from '../../tests/support/row-store.ts'
import { serdes } from '../serde/serdes.ts'
import { ListRows, listKeySerde } from './list-rows.ts'

const spec = { name: 'rows', key: listKeySerde(serdes.string), value: serdes.long }

const key = fc.constantFrom('', 'a', 'ab', 'b')
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('add' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), key, count: fc.nat({ max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
)

it('should be lists by key, through commits and openings', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      let home = await openRowStoreOf(spec, { cacheMaxBytes: 500 })
      let lists = new ListRows(home.store)
      const model = new Map<string, number[]>(['', 'a', 'ab', 'b'].map((name) => [name, []]))
      for (const [index, action] of steps.entries()) {
        if (action.kind === 'add') {
          lists.add(action.key, index, 0)
          model.get(action.key)!.push(index)
        } else if (action.kind === 'remove') {
          lists.removeOldest(action.key, action.count, 0)
          model.get(action.key)!.splice(0, action.count)
        } else if (action.kind === 'clear') {
          lists.clear(action.key, 0)
          model.set(action.key, [])
        } else {
          home.commit()
          if (action.kind === 'reopen') {
            home = await home.reopen()
            lists = new ListRows(home.store)
          }
        }
        for (const [name, values] of model) {
          expect(lists.values(name)).toEqual(values)
          expect(lists.newest(name)).toBe(values.at(-1))
        }
      }
      home.commit()
      const stored = [...model.values()].reduce((sum, { length }) => sum + length, 0)
      expect([...home.store.range()]).toHaveLength(stored)
    }),
    { numRuns: 100 },
  )
})

it('should write one row for an element, however long the list is', async () => {
  const home = await openRowStoreOf(spec)
  const lists = new ListRows(home.store)
  for (let value = 0; value < 1000; value++) lists.add('a', value, 0)
  home.commit()
  lists.add('a', 1000, 0)
  home.commit()
  expect(home.changelog.map(({ length }) => length)).toEqual([1000, 1])
})

it('should forget each element by its own time', async () => {
  const home = await openRowStoreOf(spec, { ttlMs: 100 })
  const lists = new ListRows(home.store)
  lists.add('a', 1, 10)
  lists.add('a', 2, 50)
  home.time.streamTimeMs = 110
  expect(lists.values('a')).toEqual([2])
  home.time.streamTimeMs = 150
  expect(lists.values('a')).toEqual([])
  lists.add('a', 3, 150)
  expect(lists.values('a')).toEqual([3])
})
