/** What the peer benchmark tells a peer by its environment. */
import type { ProcessingGuarantee } from '../../streams/index.ts'

export interface PeerEnvironment {
  readonly bootstrap: string
  readonly inputTopic: string
  readonly outputTopic: string
  readonly job: string
  readonly guarantee: ProcessingGuarantee
  readonly groupId: string
  readonly commitIntervalMs: number
  readonly stateDirectory: string
}

/** What cannot be run as asked: the peer says so and ends with status 2. */
export class UsageError extends Error {}

/** @throws UsageError naming the variable */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): PeerEnvironment {
  const given = (name: string): string => {
    const value = variables[name]
    if (value === undefined || value === '') throw new UsageError(`${name} is not set`)
    return value
  }
  const guarantee = given('MODE')
  if (guarantee !== 'exactly-once' && guarantee !== 'at-least-once')
    throw new UsageError(`MODE is "${guarantee}"; give exactly-once or at-least-once`)
  const commitIntervalMs = Number(given('COMMIT_MS'))
  if (!Number.isSafeInteger(commitIntervalMs) || commitIntervalMs < 1)
    throw new UsageError(`COMMIT_MS is "${variables['COMMIT_MS']}"; give whole milliseconds, at least 1`)
  return {
    bootstrap: given('BOOTSTRAP'),
    inputTopic: given('INPUT_TOPIC'),
    outputTopic: given('OUTPUT_TOPIC'),
    job: given('JOB'),
    guarantee,
    groupId: given('GROUP_ID'),
    commitIntervalMs,
    stateDirectory: given('STATE_DIR'),
  }
}
