/** What an input without records does to the time of its task. Pure: facts in, decision out. */
import type { SourceTiming } from '../topology/source.ts'

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
