import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryMetrics } from './memory-metrics.ts'

describe('MemoryMetrics', () => {
  it('should give the same meter for the same name and labels, in whatever order they are named', () => {
    const metrics = new MemoryMetrics()
    metrics.counter('records_total', 'Records.', { topology: 'ingest', task: '0_0' }).add(2)
    metrics.counter('records_total', 'Records.', { task: '0_0', topology: 'ingest' }).add(3)
    metrics.gauge('lag_records', 'Lag.', {}).set(9)
    metrics.gauge('lag_records', 'Lag.', {}).set(4)
    expect(metrics.snapshot()).toEqual([
      {
        kind: 'counter',
        name: 'records_total',
        help: 'Records.',
        labels: { topology: 'ingest', task: '0_0' },
        value: 5,
      },
      { kind: 'gauge', name: 'lag_records', help: 'Lag.', labels: {}, value: 4 },
    ])
  })

  it('should sum the meters of a name over the labels left open', () => {
    const metrics = new MemoryMetrics()
    metrics.counter('records_total', '', { topology: 'ingest', task: '0_0' }).add(1)
    metrics.counter('records_total', '', { topology: 'ingest', task: '0_1' }).add(2)
    metrics.counter('records_total', '', { topology: 'cleanse', task: '0_0' }).add(4)
    expect(metrics.total('records_total')).toBe(7)
    expect(metrics.total('records_total', { topology: 'ingest' })).toBe(3)
    expect(metrics.total('records_total', { topology: 'ingest', task: '0_1' })).toBe(2)
    expect(metrics.total('other_total')).toBe(0)
  })

  it('should refuse one name for two kinds of meter', () => {
    const metrics = new MemoryMetrics()
    metrics.counter('records_total', '', {})
    expect(() => metrics.gauge('records_total', '', {})).toThrow(/is a counter already and cannot be a gauge/)
    expect(() => metrics.histogram('records_total', '', {})).toThrow(/cannot be a histogram/)
  })

  it('should aggregate a histogram, with quantiles at most a fifth too high', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-5, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (values, share) => {
          const histogram = new MemoryMetrics().histogram('commit_ms', '', {})
          for (const value of values) histogram.observe(value)
          const sorted = [...values].sort((left, right) => left - right)
          const exact = sorted[Math.ceil(share * sorted.length) - 1]!
          const quantile = histogram.quantile(share)
          expect(quantile).toBeGreaterThanOrEqual(exact * (1 - 1e-9))
          expect(quantile).toBeLessThanOrEqual(exact * 1.2)
          expect(histogram.reading()).toMatchObject({ count: values.length, max: sorted.at(-1) })
          expect(histogram.reading().sum).toBeCloseTo(values.reduce((sum, value) => sum + value, 0))
        },
      ),
    )
  })

  it('should take zero, negative and huge values, and answer 0 before the first', () => {
    const histogram = new MemoryMetrics().histogram('lag_ms', '', {})
    expect(histogram.quantile(0.5)).toBe(0)
    for (const value of [0, -1, 1e300]) histogram.observe(value)
    expect(histogram.quantile(1)).toBe(1e300)
    expect(histogram.reading().count).toBe(3)
  })
})
