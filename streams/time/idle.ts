/** What an input without records does to the time of its task. Pure: facts in, decision out. */

/**
 * - `wait`: it holds the time until its next record.
 * - `ignore`: the other inputs tell the time.
 * - `wall-clock`: its time follows the clock, so that the last window closes and the last timer fires. For sources that
 *   carry what happens now, not for history.
 */
export type IdlePolicy = 'wait' | 'ignore' | 'wall-clock'

export interface SourceTiming {
  /** How much older than the newest one a record of a partition may be without being late. */
  readonly disorderMs: number
  readonly idle: IdlePolicy
  /** A partition is idle once it has been read to its end for this long. */
  readonly idleAfterMs: number
}

export const defaultTiming: SourceTiming = { disorderMs: 0, idle: 'ignore', idleAfterMs: 5_000 }

export interface IdleFacts extends SourceTiming {
  readonly nowMs: number
  /** Since when nothing has been left to read; undefined while something is, or may be. */
  readonly atEndSinceMs: number | undefined
}

export type IdleDecision =
  | { readonly kind: 'active' }
  | { readonly kind: 'idle' }
  /** Nothing older is expected any more. */
  | { readonly kind: 'advance'; readonly watermarkMs: number }

export function decideIdle({ nowMs, atEndSinceMs, idle, idleAfterMs, disorderMs }: IdleFacts): IdleDecision {
  if (atEndSinceMs === undefined || nowMs - atEndSinceMs < idleAfterMs) return { kind: 'active' }
  switch (idle) {
    case 'wait':
      return { kind: 'active' }
    case 'ignore':
      return { kind: 'idle' }
    case 'wall-clock':
      return { kind: 'advance', watermarkMs: nowMs - disorderMs }
  }
}
