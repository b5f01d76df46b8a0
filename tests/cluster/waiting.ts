/** Waiting for conditions, never for time. */

const limitMs = 90_000

/**
 * Resolves with the first answer that is neither undefined nor false.
 * @throws after a generous limit, with what was missing; `state` says how far it had come by then.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  state: () => string = () => '',
): Promise<T> {
  const end = performance.now() + limitMs
  for (;;) {
    const answer = await probe()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain until ${what}; ${state()}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
