import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface ProcessResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface TypeScriptProcess {
  readonly child: ChildProcess
  /** Resolves once the process has printed this many lines, or rejects when it ends before. */
  lines(count: number): Promise<void>
  readonly ended: Promise<ProcessResult>
}

const runner = fileURLToPath(new URL('./run-typescript.mjs', import.meta.url))

/** Starts a TypeScript file as a process of its own, so that a test can kill it; its arguments are in `process.argv[3…]`. */
export function startTypeScript(file: URL, ...args: string[]): TypeScriptProcess {
  const child = spawn(process.execPath, [runner, fileURLToPath(file), ...args])
  let stdout = ''
  let stderr = ''
  let onOutput = (): void => {}
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    onOutput()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<ProcessResult>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return {
    child,
    ended,
    lines(count) {
      return new Promise((resolve, reject) => {
        onOutput = () => {
          if (stdout.split('\n').length > count) resolve()
        }
        onOutput()
        ended.then((result) => reject(new Error(`ended with ${result.code}: ${result.stderr}`)))
      })
    },
  }
}
