import { describe, expect, it } from 'vitest'
import { decideIdle, type IdleDecision, type IdleFacts } from './idle.ts'

const facts: IdleFacts = {
  nowMs: 10_000,
  atEndSinceMs: 5_000,
  idle: 'ignore',
  idleAfterMs: 5_000,
  disorderMs: 300,
}

const table: [string, Partial<IdleFacts>, IdleDecision][] = [
  ['idle once it has been at its end for long enough', {}, { kind: 'idle' }],
  ['active a millisecond before', { nowMs: 9_999 }, { kind: 'active' }],
  ['active while it has, or may have, records to read', { atEndSinceMs: undefined }, { kind: 'active' }],
  ['active for ever where it is waited for', { idle: 'wait', nowMs: 1e12 }, { kind: 'active' }],
  [
    'with the clock where that is told, less the disorder',
    { idle: 'wall-clock' },
    { kind: 'advance', watermarkMs: 9_700 },
  ],
  ['active before that', { idle: 'wall-clock', nowMs: 9_999 }, { kind: 'active' }],
]

describe('decideIdle', () => {
  it.each(table)('should take an input for %s', (_, changed, decision) => {
    expect(decideIdle({ ...facts, ...changed })).toEqual(decision)
  })
})
