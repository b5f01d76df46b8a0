/** Letting several things go: one that cannot be closed must not keep the others open, above all a database its lock. */

/** Closes in order. @throws the first error, after all were tried */
export async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = []
  for (const close of closers) {
    try {
      await close()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
