/** When a task commits: facts in, decision out. */

export interface CommitFacts {
  readonly nowMs: number
  readonly lastCommitMs: number
  /** Whether positions have moved, or there is something to tell. */
  readonly hasMoved: boolean
  readonly transactionBytes: number
  readonly changedKeys: number
  readonly sinkRows: number
  /** Someone asked for a commit: a stop, a revoked partition, an operator of the control plane. */
  readonly requested: boolean
}

export interface CommitLimits {
  readonly commitIntervalMs: number
  readonly transactionMaxBytes: number
  readonly transactionMaxKeys: number
  readonly sinkMaxRows: number
}

export type CommitDecision =
  | { readonly kind: 'commit'; readonly reason: 'interval' | 'bytes' | 'keys' | 'rows' | 'requested' }
  | { readonly kind: 'wait'; readonly forMs: number }
  | { readonly kind: 'nothing' }

export function decideCommit(facts: CommitFacts, limits: CommitLimits): CommitDecision {
  const waits = facts.transactionBytes > 0 || facts.changedKeys > 0 || facts.sinkRows > 0
  if (!facts.hasMoved && !waits) return { kind: 'nothing' }
  if (facts.requested) return { kind: 'commit', reason: 'requested' }
  if (facts.transactionBytes >= limits.transactionMaxBytes) return { kind: 'commit', reason: 'bytes' }
  if (facts.changedKeys >= limits.transactionMaxKeys) return { kind: 'commit', reason: 'keys' }
  if (facts.sinkRows >= limits.sinkMaxRows) return { kind: 'commit', reason: 'rows' }
  const dueMs = facts.lastCommitMs + limits.commitIntervalMs
  if (facts.nowMs >= dueMs) return { kind: 'commit', reason: 'interval' }
  return { kind: 'wait', forMs: dueMs - facts.nowMs }
}
