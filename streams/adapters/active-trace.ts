/** The trace that work belongs to, for the log: what is awaited and what is called back is part of the work that began it. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { TraceContext } from '../ports/tracing.ts'

const active = new AsyncLocalStorage<TraceContext>()

export function withinTrace<T>(context: TraceContext, work: () => T): T {
  return active.run(context, work)
}

/** Undefined where nothing is traced. */
export function activeTrace(): TraceContext | undefined {
  return active.getStore()
}
