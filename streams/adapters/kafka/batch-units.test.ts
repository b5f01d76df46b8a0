import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchOf, plainRecords } from '../../testing/plain-records.ts'
import { splitUnit, type Unit, unitsOf } from './batch-units.ts'

function valuesOf({ ranges }: Unit): (string | null)[] {
  return ranges
    .flatMap(({ batch, from, to }) => plainRecords(batch).slice(from, to))
    .map(({ value }) => value)
}

describe('units', () => {
  const batches = fc.array(
    fc.record({ partition: fc.integer({ min: 0, max: 2 }), sizes: fc.array(fc.nat(300), { maxLength: 12 }) }),
    { maxLength: 8 },
  )

  it('should hold each record of a partition once, in order, and not grow beyond the limit', () => {
    fc.assert(
      fc.property(batches, fc.integer({ min: 50, max: 2000 }), (specification, maxBytes) => {
        let next = 0
        const sent = specification.map(({ partition, sizes }) =>
          batchOf(
            't',
            partition,
            sizes.map((size) => ({ key: null, value: `${next++}`.padEnd(size, '.') })),
          ),
        )
        for (const units of unitsOf(sent, maxBytes)) {
          const { partition } = units[0]!
          const own = sent.filter((batch) => batch.partition === partition)
          const expected = own.flatMap(plainRecords).map(({ value }) => value)
          expect(units.flatMap(valuesOf)).toEqual(expected)
          expect(units.flatMap(splitAll).flatMap(valuesOf)).toEqual(expected)
          for (const unit of units) {
            const bytes = valuesOf(unit).reduce((sum, value) => sum + value!.length + 24, 0)
            expect(unit.count).toBe(valuesOf(unit).length)
            if (unit.count > 1) expect(bytes).toBeLessThanOrEqual(maxBytes)
          }
        }
      }),
    )
  })
})

function splitAll(unit: Unit): Unit[] {
  return unit.count === 1 ? [unit] : splitUnit(unit).flatMap(splitAll)
}
