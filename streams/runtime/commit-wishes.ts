/** Those who wait until all that a task has done so far is committed. */
import { StreamsError } from '../errors.ts'

interface Wish {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class CommitWishes {
  private wishes: Wish[] = []
  /** Those whose commit is under way. */
  private taken: Wish[] = []

  get any(): boolean {
    return this.wishes.length > 0
  }

  /** Resolves with the commit that follows. @throws CLOSED when the task is closed before that */
  add(): Promise<void> {
    return new Promise((resolve, reject) => this.wishes.push({ resolve, reject }))
  }

  /** Takes those that wait now; a commit that begins later is for them. */
  take(): () => void {
    const taken = this.wishes
    if (taken.length === 0) return nothing
    this.wishes = []
    this.taken.push(...taken)
    return () => {
      this.taken = this.taken.filter((wish) => !taken.includes(wish))
      for (const { resolve } of taken) resolve()
    }
  }

  /** The task is closed: what was not committed will be done again, by whoever opens it next. */
  fail(taskId: string): void {
    const all = [...this.taken, ...this.wishes]
    this.taken = []
    this.wishes = []
    for (const { reject } of all)
      reject(new StreamsError('CLOSED', `task ${taskId} was let go before it had committed`))
  }
}

function nothing(): void {}
