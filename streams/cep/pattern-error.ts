import { StreamsError } from '../errors.ts'

/** @param where the stage or part of the pattern that is at fault, as a person would name it. */
export function patternError(where: string, fault: string, remedy: string): StreamsError {
  return new StreamsError('PATTERN_INVALID', `${where}: ${fault}; ${remedy}`, { details: { where } })
}
