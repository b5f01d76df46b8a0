/** What a transactional producer says when it cannot go on, with the remedy. */
import { StreamsError } from '../../errors.ts'

export function producerClosed(transactionalId: string): StreamsError {
  return new StreamsError('CLOSED', `the producer "${transactionalId}" was used after it had been closed`)
}

export function producerFenced(transactionalId: string): StreamsError {
  return new StreamsError(
    'PRODUCER_FENCED',
    `a newer producer with the transactional id "${transactionalId}" has started`,
    { details: { transactionalId } },
  )
}

export function transactionAborted(transactionalId: string, cause?: StreamsError): StreamsError {
  const why = cause === undefined ? '' : ` (${cause.message})`
  return new StreamsError(
    'TRANSACTION_ABORTED',
    `the transaction of "${transactionalId}" failed${why}: abort it and begin again`,
    { details: { transactionalId }, cause },
  )
}

export function outcomeUnknown(transactionalId: string, cause: StreamsError): StreamsError {
  return new StreamsError(
    'TRANSACTION_OUTCOME_UNKNOWN',
    `it is open whether the transaction of "${transactionalId}" was committed (${cause.message}): abort, and compare the ` +
      "group's committed offsets with those that were sent",
    { details: { transactionalId }, cause },
  )
}
