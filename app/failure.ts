/** From what was thrown to what a person reads, and to the exit code: 0 done, 1 failed, 2 wrong usage or configuration. */
import { OrderApiError } from '../api/errors.ts'
import { messageOf, StreamsError } from '../streams/index.ts'
import { ConfigError } from './config.ts'

export const exitCodes = { done: 0, failed: 1, usage: 2 } as const

/** What the user asked for cannot be, and how to put it right. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Somebody asked to stop before the work could begin. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** The command could not do its work for a reason that the message tells in full. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

export interface Failure {
  readonly text: string
  readonly exitCode: number
}

export function failureOf(error: unknown): Failure {
  if (error instanceof ConfigError) {
    const list = error.problems.map((problem) => `  ${problem}`).join('\n')
    const text = `the configuration is wrong:\n${list}\n\`order-streams config --help\` lists the settings.`
    return { text, exitCode: exitCodes.usage }
  }
  if (error instanceof UsageError) return { text: error.message, exitCode: exitCodes.usage }
  if (error instanceof CommandFailed || error instanceof Stopped || error instanceof OrderApiError) {
    return { text: error.message, exitCode: exitCodes.failed }
  }
  if (error instanceof StreamsError) {
    const exitCode = error.code === 'CONFIGURATION_INVALID' ? exitCodes.usage : exitCodes.failed
    return { text: `${error.message} [${error.code}]`, exitCode }
  }
  const trace = error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error)
  return { text: `an error that nobody foresaw; please report it:\n${trace}`, exitCode: exitCodes.failed }
}
