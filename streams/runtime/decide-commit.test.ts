import { describe, expect, it } from 'vitest'
import { type CommitDecision, type CommitFacts, decideCommit } from './decide-commit.ts'

const limits = { commitIntervalMs: 100, transactionMaxBytes: 1_000, transactionMaxKeys: 50, sinkMaxRows: 20 }
const facts: CommitFacts = {
  nowMs: 1_050,
  lastCommitMs: 1_000,
  hasWork: true,
  transactionBytes: 10,
  changedKeys: 1,
  sinkRows: 1,
  requested: false,
}

const table: [string, Partial<CommitFacts>, CommitDecision][] = [
  ['nothing when nothing moved', { hasWork: false }, { kind: 'nothing' }],
  ['nothing when nothing moved, though asked to', { hasWork: false, requested: true }, { kind: 'nothing' }],
  ['nothing when nothing moved, however long ago', { hasWork: false, nowMs: 9_999 }, { kind: 'nothing' }],
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
