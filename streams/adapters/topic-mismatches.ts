/** How adapters of the log say that topics exist with other settings than asked for: all of it at once. */
import { StreamsError } from '../errors.ts'

export interface TopicMismatch {
  readonly topic: string
  readonly setting: string
  readonly is: string | number
  readonly should: string | number
  readonly remedy: string
}

/** TOPIC_MISMATCH, with a line for each of at least one mismatch. */
export function topicMismatchError(mismatches: readonly TopicMismatch[]): StreamsError {
  const lines = mismatches.map(
    ({ topic, setting, is, should, remedy }) =>
      `topic "${topic}": ${setting} is ${is}, it should be ${should}: ${remedy}`,
  )
  const message =
    lines.length === 1
      ? lines[0]!
      : `${lines.length} settings of topics are not as needed:\n${lines.map((line) => `  ${line}`).join('\n')}`
  const { topic, setting, is, should } = mismatches[0]!
  const details = { topic, setting, is, should, mismatchCount: mismatches.length }
  return new StreamsError('TOPIC_MISMATCH', message, { details })
}
