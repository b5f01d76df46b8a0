/** Timers of keys, plainly: a list that is searched for the earliest. */

export interface PlainTimer {
  readonly timeMs: number
  readonly key: string
  readonly name: string
}

export class PlainTimers {
  private pending: PlainTimer[] = []

  set(timer: PlainTimer): void {
    this.cancel(timer)
    this.pending.push(timer)
  }

  cancel({ timeMs, key, name }: PlainTimer): void {
    this.pending = this.pending.filter((one) => one.timeMs !== timeMs || one.key !== key || one.name !== name)
  }

  /** Fires what is due, also what is set meanwhile, earliest first; among those of a time by key, then by name. */
  fire(reachedMs: number, onTimer: (timer: PlainTimer) => void): void {
    for (;;) {
      const [next] = this.pending
        .filter(({ timeMs }) => timeMs <= reachedMs)
        .sort((a, b) => a.timeMs - b.timeMs || compare(a.key, b.key) || compare(a.name, b.name))
      if (next === undefined) return
      this.cancel(next)
      onTimer(next)
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
