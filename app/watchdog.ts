/**
 * The watchdog of the event loop: while that is blocked no timer fires, no heartbeat goes out and no probe is answered, so
 * a thread of its own has to watch, and to end the process.
 *
 * Invariants:
 * 1. Time is counted in the watching thread's own ticks: a process that was stopped (SIGSTOP, a suspended machine) has not
 *    been blocked, because both threads stood still.
 * 2. It keeps no process alive.
 */
import { Worker } from 'node:worker_threads'

export interface EventLoopWatchdog {
  close(): Promise<void>
}

interface Watched {
  /** One counter, which the main thread moves. */
  readonly beats: SharedArrayBuffer
  readonly tickMs: number
  readonly deadlineTicks: number
  readonly line: string
}

const deadlineTicks = 10

/**
 * Ends the process with a line on stderr, the stack of what blocks it, and SIGABRT, once its event loop has been blocked
 * for `deadlineMs`. A debugger that halts the program blocks it, too.
 */
export function startEventLoopWatchdog({ deadlineMs }: { deadlineMs: number }): EventLoopWatchdog {
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  const counter = new Int32Array(beats)
  const tickMs = Math.max(1, Math.round(deadlineMs / deadlineTicks))
  const timer = setInterval(() => Atomics.add(counter, 0, 1), tickMs)
  timer.unref()
  const line = `order-streams: the event loop has been blocked for ${deadlineMs} ms (eventLoopDeadlineMs), so the process ends itself\n`
  const workerData: Watched = { beats, tickMs, deadlineTicks, line }
  // As text, for no file that a thread could load is the same in the sources and in what is built from them.
  const worker = new Worker(`(${watch})(require('node:worker_threads').workerData)`, {
    eval: true,
    workerData,
    env: {},
    execArgv: [],
  })
  worker.unref()
  return {
    async close() {
      clearInterval(timer)
      await worker.terminate()
    },
  }
}

/** Runs in the other thread, and therefore uses nothing of this module. */
function watch({ beats, tickMs, deadlineTicks: allowed, line }: Watched): void {
  const { writeSync } = process.getBuiltinModule('node:fs')
  const { Session } = process.getBuiltinModule('node:inspector')
  const counter = new Int32Array(beats)
  let seen = Atomics.load(counter, 0)
  let missed = 0
  const timer = setInterval(() => {
    const now = Atomics.load(counter, 0)
    missed = now === seen ? missed + 1 : 0
    seen = now
    if (missed < allowed) return
    clearInterval(timer)
    // What the main thread does is not interrupted where it is in native code; then a signal has to do.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000)
    writeSync(2, line)
    // Told by the inspector to abort, it prints where it was. That also ends process 1 of a container, which no signal of
    // its own does.
    const session = new Session()
    session.connectToMainThread()
    session.post('Runtime.evaluate', { expression: 'process.abort()' })
  }, tickMs)
}
