/** Instances of the product: processes that run all topologies, each with a state directory and an id of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../bin/order-streams.js', import.meta.url))

export interface InstanceOptions {
  readonly id: string
  readonly directory: string
  readonly arguments: readonly string[]
  /** Commands that run it elsewhere, such as in a network of its own. */
  readonly prefix: readonly string[]
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const tailLines = 60

export class Instance {
  readonly id: string
  private readonly options: InstanceOptions
  private readonly pidFile: string
  private readonly lines: string[] = []
  /** Whether it has said, since it was started last, that its topologies run. */
  isUp = false
  private child: ChildProcess | undefined
  private ended: Promise<Ending> | undefined

  constructor(options: InstanceOptions) {
    this.id = options.id
    this.options = options
    mkdirSync(options.directory, { recursive: true })
    this.pidFile = join(options.directory, 'pid')
  }

  start(): this {
    const { prefix, arguments: own, directory, id } = this.options
    const [command, ...args] = [
      ...prefix,
      process.execPath,
      program,
      ...own,
      '--state-dir',
      join(directory, 'state'),
      '--set',
      `instanceId=${id}`,
    ]
    const child = spawn(command, args, {
      cwd: directory,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    this.isUp = false
    writeFileSync(this.pidFile, String(child.pid))
    this.lines.push(`--- started as process ${child.pid}`)
    let rest = ''
    const keep = (text: string): void => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      this.isUp ||= lines.some((line) => line.includes('running '))
      this.lines.push(...lines)
      this.lines.splice(0, this.lines.length - tailLines)
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    this.ended = once(child, 'close').then(([code, signal]): Ending => {
      rmSync(this.pidFile, { force: true })
      this.lines.push(`--- ended with ${signal ?? code}`)
      return { code, signal }
    })
    return this
  }

  /** Sends a signal, and leaves it at that. */
  signal(name: NodeJS.Signals): void {
    this.child?.kill(name)
  }

  /** Sends a signal and waits for the end. */
  async end(name: NodeJS.Signals): Promise<Ending> {
    this.signal(name)
    return (await this.ended) ?? { code: null, signal: null }
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  /** Deletes its state directory. */
  forget(): void {
    rmSync(join(this.options.directory, 'state'), { recursive: true, force: true })
  }

  /** The newest lines that it printed. */
  tail(): string {
    return this.lines.join('\n')
  }
}
