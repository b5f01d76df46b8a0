/** What was opened, to be closed the other way round. */
import type { Logger } from '../streams/index.ts'

export type Close = () => Promise<void> | void

export class Closers {
  private readonly closers: Close[] = []

  add(close: Close): void {
    this.closers.push(close)
  }

  /** Never throws: whatever made the program end says more than what that does to closing; all that was committed is safe. */
  async closeAll(logger: Logger): Promise<void> {
    for (const close of this.closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        logger.warn({ error }, 'closing failed')
      }
    }
  }
}
