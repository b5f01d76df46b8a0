import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OrderMemory } from '../../schemas/generated/records.ts'
import { type Decision, type OrderEvent, rememberEvent } from './memory.ts'

const day = 24 * 60 * 60 * 1000

function event(status: string, timeMs: number, ...lineNumbers: number[]): OrderEvent {
  return { status, timeMs, lineNumbers }
}

function play(events: readonly OrderEvent[], limits?: Parameters<typeof rememberEvent>[2]): Decision[] {
  let memory: OrderMemory | null = null
  return events.map((next) => {
    const decision = rememberEvent(memory, next, limits)
    memory = decision.memory
    return decision
  })
}

describe('rememberEvent', () => {
  it('should number the events of an order and tell the lines that went', () => {
    const decisions = play([event('CREATED', 10, 1, 2, 3), event('PAID', 20, 3, 4), event('SHIPPED', 30, 4)])
    expect(
      decisions.map(({ outcome, eventNumber, removedLineNumbers }) => [
        outcome,
        eventNumber,
        removedLineNumbers,
      ]),
    ).toEqual([
      ['new', 1, []],
      ['update', 2, [1, 2]],
      ['update', 3, [3]],
    ])
  })

  it('should know a repeat and leave its memory as it was', () => {
    const [first, repeat] = play([event('PAID', 10, 1), event('PAID', 10, 2)])
    expect(repeat).toMatchObject({ outcome: 'repeat', eventNumber: 1 })
    expect(repeat!.memory).toBe(first!.memory)
  })

  it('should not take the same status at another time, or another status at the same time, for a repeat', () => {
    expect(
      play([event('PAID', 10), event('PAID', 11), event('SHIPPED', 11)]).map(({ outcome }) => outcome),
    ).toEqual(['new', 'update', 'update'])
  })

  it('should count an older event that arrives late, but keep time and lines of the latest', () => {
    const [, late] = play([event('PAID', 20, 1, 2), event('CREATED', 10, 3)])
    expect(late).toMatchObject({
      outcome: 'stale-update',
      eventNumber: 2,
      latest: false,
      removedLineNumbers: [],
    })
    expect(late!.memory).toMatchObject({
      placed_time: 10,
      latest_time: 20,
      line_numbers: [1, 2],
      event_count: 2,
    })
  })

  it('should forget events older than seven days before the latest, but never the order', () => {
    const decisions = play([
      event('CREATED', 0),
      event('PAID', 7 * day),
      event('SHIPPED', 7 * day + 1),
      event('CREATED', 0),
    ])
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['new', 'update', 'update', 'stale-update'])
    expect(decisions[2]!.memory.events.map(({ status }) => status)).toEqual(['PAID', 'SHIPPED'])
  })

  it('should know the repeat of an event that came late by more than seven days', () => {
    const outcomes = play([event('SHIPPED', 8 * day), event('CREATED', 0), event('CREATED', 0)]).map(
      (d) => d.outcome,
    )
    expect(outcomes).toEqual(['new', 'stale-update', 'repeat'])
  })

  it('should remember no more events than allowed', () => {
    const events = Array.from({ length: 50 }, (_, time) => event('PAID', time))
    expect(
      play(events, { retentionMs: day, maxEvents: 5 })
        .at(-1)!
        .memory.events.map(({ time }) => time),
    ).toEqual([45, 46, 47, 48, 49])
  })

  it('should agree with the whole history kept in a list', () => {
    const anyEvent = fc.record({
      status: fc.constantFrom('CREATED', 'PAID', 'SHIPPED'),
      timeMs: fc.integer({ min: 0, max: 6 }),
      lineNumbers: fc.uniqueArray(fc.integer({ min: 1, max: 5 })),
    })
    fc.assert(
      fc.property(fc.array(anyEvent), (events) => {
        const history: OrderEvent[] = []
        for (const [index, decision] of play(events).entries()) {
          const next = events[index]!
          const isRepeat = history.some((e) => e.status === next.status && e.timeMs === next.timeMs)
          expect(decision.outcome === 'repeat').toBe(isRepeat)
          if (isRepeat) continue
          // The last of those with the greatest time: sorting is stable.
          const before = [...history].sort((a, b) => a.timeMs - b.timeMs).at(-1)
          history.push(next)
          const latest = [...history].sort((a, b) => a.timeMs - b.timeMs).at(-1)
          expect(decision.latest).toBe(latest === next)
          expect(decision.eventNumber).toBe(history.length)
          expect(decision.memory.placed_time).toBe(Math.min(...history.map(({ timeMs }) => timeMs)))
          expect(decision.memory.line_numbers).toEqual([...latest!.lineNumbers].sort((a, b) => a - b))
          const gone =
            latest === next ? (before?.lineNumbers ?? []).filter((n) => !next.lineNumbers.includes(n)) : []
          expect([...decision.removedLineNumbers].sort()).toEqual([...gone].sort())
          const times = decision.memory.events.map(({ time }) => time)
          expect(times).toEqual([...times].sort((a, b) => a - b))
        }
      }),
    )
  })
})
