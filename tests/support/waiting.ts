/** Waiting for conditions, never for time. */

export interface WaitOptions {
  readonly deadlineMs?: number
  /** Looks follow one another at once in the beginning, and less and less often later. */
  readonly longestPauseMs?: number
  /** How far it had come, for the message in the end. */
  readonly state?: () => string
}

/** Resolves with the first answer that is neither undefined nor false. @throws after the deadline, with what was missing */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { deadlineMs = 30_000, longestPauseMs = 50, state = () => '' }: WaitOptions = {},
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (let pauseMs = 0; ; pauseMs = Math.min(longestPauseMs, 1 + 1.2 * pauseMs)) {
    const answer = await probe()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain: ${what} ${state()}`)
    await new Promise((resolve) => (pauseMs === 0 ? setImmediate(resolve) : setTimeout(resolve, pauseMs)))
  }
}
