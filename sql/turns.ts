/**
 * Turns: at most so many holders at a time; the rest wait in line, for as long as it moves: a wait is too long when no turn was
 * given back for the limit, however many stand in front.
 */
import { StreamsError } from '../streams/index.ts'

/** Gives the turn back; again does nothing. */
export type Release = () => void

export class Turns {
  private readonly what: string
  private readonly waitLimitMs: number
  private free: number
  private lastReleaseMs = 0
  private readonly holders = new Set<{ readonly owner: string }>()
  private readonly line: Array<() => void> = []

  constructor(what: string, count: number, waitLimitMs: number) {
    this.what = what
    this.free = count
    this.waitLimitMs = waitLimitMs
  }

  /** @throws SINK_UNAVAILABLE when the turn did not come in time, naming who has it. */
  async take(owner: string): Promise<Release> {
    if (this.free > 0) this.free--
    else await this.waitInLine(owner)
    const holder = { owner }
    this.holders.add(holder)
    return () => {
      if (!this.holders.delete(holder)) return
      this.lastReleaseMs = performance.now()
      const next = this.line.shift()
      if (next === undefined) this.free++
      else next()
    }
  }

  private waitInLine(owner: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer)
        resolve()
      }
      const look = () => {
        const restMs = this.lastReleaseMs + this.waitLimitMs - performance.now()
        if (restMs > 0) {
          timer = setTimeout(look, restMs)
          return
        }
        this.line.splice(this.line.indexOf(enter), 1)
        reject(this.tooLate(owner))
      }
      let timer = setTimeout(look, this.waitLimitMs)
      this.line.push(enter)
    })
  }

  private tooLate(owner: string): StreamsError {
    const holders = [...this.holders].map((holder) => holder.owner).join(', ')
    return new StreamsError(
      'SINK_UNAVAILABLE',
      `${owner} waited ${this.waitLimitMs} ms for ${this.what}, which ${holders} has: it must commit or roll back sooner`,
      { details: { owner, holders, waitLimitMs: this.waitLimitMs } },
    )
  }
}
