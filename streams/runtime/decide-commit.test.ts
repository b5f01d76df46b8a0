import { describe, expect, it } from 'vitest'
import { type CommitDecision, type CommitFacts, decideCommit } from './decide-commit.ts'

const limits = { commitIntervalMs: 100, transactionMaxBytes: 1_000, transactionMaxKeys: 50, sinkMaxRows: 20 }
const facts: CommitFacts = {
  nowMs: 1_050,
  lastCommitMs: 1_000,
  hasMoved: true,
  transactionBytes: 10,
  changedKeys: 1,
  sinkRows: 1,
  requested: false,
}

const interval: CommitDecision = { kind: 'commit', reason: 'interval' }

/** Nothing has come since the last commit, and nothing came of time passing. */
const still = { hasMoved: false, transactionBytes: 0, changedKeys: 0, sinkRows: 0 }

const table: [string, Partial<CommitFacts>, CommitDecision][] = [
  ['nothing when nothing moved', still, { kind: 'nothing' }],
  ['nothing when nothing moved, though asked to', { ...still, requested: true }, { kind: 'nothing' }],
  ['nothing when nothing moved, however long ago', { ...still, nowMs: 9_999 }, { kind: 'nothing' }],
  ['a wait when only something is to be told', { ...still, hasMoved: true }, { kind: 'wait', forMs: 50 }],
  ['a commit of output that time caused', { ...still, transactionBytes: 1, nowMs: 1_100 }, interval],
  ['a commit of rows that time changed', { ...still, changedKeys: 1, nowMs: 1_100 }, interval],
  ['a wait for the rest of the interval', {}, { kind: 'wait', forMs: 50 }],
  ['a commit when it is asked to', { requested: true }, { kind: 'commit', reason: 'requested' }],
  ['a commit when the interval is over', { nowMs: 1_100 }, { kind: 'commit', reason: 'interval' }],
  ['a wait one millisecond before', { nowMs: 1_099 }, { kind: 'wait', forMs: 1 }],
  ['a commit at the bytes', { transactionBytes: 1_000 }, { kind: 'commit', reason: 'bytes' }],
  ['a wait one byte below', { transactionBytes: 999 }, { kind: 'wait', forMs: 50 }],
  ['a commit at the keys', { changedKeys: 50 }, { kind: 'commit', reason: 'keys' }],
  ['a commit at the rows', { sinkRows: 20 }, { kind: 'commit', reason: 'rows' }],
]

describe('decideCommit', () => {
  it.each(table)('should decide on %s', (_, changed, decision) => {
    expect(decideCommit({ ...facts, ...changed }, limits)).toEqual(decision)
  })
})
