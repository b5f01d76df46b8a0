/**
 * The states of a transactional producer, and every event in each.
 *
 *     ready ─ began ─► open ─ committed, aborted ─► ready
 *                        └─ failed ─► broken ─ renewed ─► ready          any ─ fenced ─► fenced          any ─ closed ─► closed
 *
 * - `ready`: the identity is good and no transaction is open.
 * - `open`: the coordinator may know of partitions or offsets of a transaction.
 * - `broken`: something failed, so that it is open what was written. Only ending the transaction and taking a new epoch
 *   leads out of it: sequence numbers of the old epoch could be taken for those of other batches (K2, K3).
 */
export type TransactionState = 'ready' | 'open' | 'broken' | 'fenced' | 'closed'
export type TransactionEvent = 'began' | 'committed' | 'aborted' | 'failed' | 'renewed' | 'fenced' | 'closed'

/** Null where an event cannot be. */
export const transactionTable: Readonly<
  Record<TransactionState, Readonly<Record<TransactionEvent, TransactionState | null>>>
> = {
  ready: {
    began: 'open',
    committed: 'ready',
    aborted: 'ready',
    failed: 'broken',
    renewed: null,
    fenced: 'fenced',
    closed: 'closed',
  },
  open: {
    began: 'open',
    committed: 'ready',
    aborted: 'ready',
    failed: 'broken',
    renewed: null,
    fenced: 'fenced',
    closed: 'closed',
  },
  broken: {
    began: null,
    committed: null,
    aborted: null,
    failed: 'broken',
    renewed: 'ready',
    fenced: 'fenced',
    closed: 'closed',
  },
  fenced: {
    began: null,
    committed: null,
    aborted: null,
    failed: 'fenced',
    renewed: null,
    fenced: 'fenced',
    closed: 'closed',
  },
  closed: {
    began: null,
    committed: null,
    aborted: null,
    failed: 'closed',
    renewed: null,
    fenced: 'closed',
    closed: 'closed',
  },
}
