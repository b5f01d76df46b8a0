/** One run of a program under test: its marks, and its end by `kill -9`. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { InstanceEnvironment } from './environment.ts'

export interface Program {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
}

export class InstanceProcess {
  /** When it was started, as `performance.now()` tells. */
  readonly startedMs = performance.now()
  /** Milliseconds from the start of the process, as it says itself. */
  readonly marks = new Map<string, number>()
  private readonly child: ChildProcess
  private readonly ended: Promise<string>

  constructor(program: Program, environment: InstanceEnvironment) {
    this.child = spawn(program.command, program.args, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => resolve(`exit ${code ?? signal}`))
      this.child.once('error', (error) => resolve(error.message))
    })
    if (this.child.stdout !== null) {
      createInterface(this.child.stdout).on('line', (line) => {
        const [word, what, ms] = line.split(' ')
        if (word === 'mark' && what !== undefined && !this.marks.has(what)) this.marks.set(what, Number(ms))
      })
    }
  }

  /** Rejects when the process ends by itself. */
  async whileRunning<T>(work: Promise<T>): Promise<T> {
    const died = this.ended.then((how) => {
      throw new Error(`the program ended by itself: ${how}`)
    })
    died.catch(() => {})
    return Promise.race([work, died])
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }
}
