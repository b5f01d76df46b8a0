/** What the stores of every kind refuse, in the same words. */
import { StreamsError } from '../errors.ts'

/** One database cannot hold another: destroying the outer would destroy the inner. */
export function nestedStoreName(name: string, existing: string): StreamsError {
  return new StreamsError(
    'CONFIGURATION_INVALID',
    `database "${name}" cannot be created, because its path and that of the database "${existing}" contain one another: choose a name beside it`,
    { details: { name, existing } },
  )
}

export function storeClosed(name: string): StreamsError {
  return new StreamsError('CLOSED', `database "${name}" was used after it had been closed`, {
    details: { name },
  })
}

export function batchSpent(name: string): StreamsError {
  return new StreamsError(
    'INVARIANT_VIOLATED',
    `a batch of database "${name}" was used after it had been written, or was made by another store: make a new one with batch()`,
    { details: { name } },
  )
}

/** What `close` of a store rejects with, after it has closed. */
export function rangesLeftOpen(name: string, count: number): StreamsError {
  return new StreamsError(
    'INVARIANT_VIOLATED',
    `${count} range(s) of database "${name}" were still open when it was closed: run each to its end or return() it`,
    { details: { name, count } },
  )
}
