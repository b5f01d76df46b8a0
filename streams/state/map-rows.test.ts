import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openRowStoreOf } from '../../tests/support/row-store.ts'
import { serdes } from '../serde/serdes.ts'
import { MapRows, mapKeySerde } from './map-rows.ts'

const spec = { name: 'rows', key: mapKeySerde(serdes.string, serdes.string), value: serdes.long }

const names = ['', 'a', 'ab', 'b', '\u0000', '\u0001']
const key = fc.constantFrom(...names)
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('set' as const), key, field: key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key, field: key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
)

it('should be maps by key, through commits and openings', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      let home = await openRowStoreOf(spec, { cacheMaxBytes: 500 })
      let maps = new MapRows(home.store)
      const model = new Map<string, Map<string, number>>(names.map((name) => [name, new Map()]))
      for (const [index, action] of steps.entries()) {
        if (action.kind === 'set') {
          maps.set(action.key, action.field, index, 0)
          model.get(action.key)!.set(action.field, index)
        } else if (action.kind === 'delete') {
          maps.delete(action.key, action.field, 0)
          model.get(action.key)!.delete(action.field)
        } else if (action.kind === 'clear') {
          maps.clear(action.key, 0)
          model.get(action.key)!.clear()
        } else {
          home.commit()
          if (action.kind === 'reopen') {
            home = await home.reopen()
            maps = new MapRows(home.store)
          }
        }
        for (const [name, entries] of model) {
          expect(maps.entries(name)).toEqual([...entries].sort(([a], [b]) => (a < b ? -1 : 1)))
          for (const field of names) expect(maps.get(name, field)).toBe(entries.get(field))
        }
      }
      home.commit()
      const stored = [...model.values()].reduce((sum, { size }) => sum + size, 0)
      expect([...home.store.range()]).toHaveLength(stored)
    }),
    { numRuns: 100 },
  )
})

it('should write one row for an entry, however large the map is', async () => {
  const home = await openRowStoreOf(spec)
  const maps = new MapRows(home.store)
  for (let field = 0; field < 1000; field++) maps.set('a', `${field}`, field, 0)
  home.commit()
  maps.set('a', '500', 0, 0)
  home.commit()
  expect(home.changelog.map(({ length }) => length)).toEqual([1000, 1])
})
