/** Commands in this process: what they print, and their exit code. */
import { vi } from 'vitest'
import { exitCodes, failureOf } from '../../app/failure.ts'
import { tell } from '../../app/output.ts'
import { createProgram } from '../../app/program.ts'

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** One at a time, as all of them print to the same streams. */
export async function runHere(...args: readonly string[]): Promise<Run> {
  let stdout = ''
  let stderr = ''
  const onOut = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text
    return true
  })
  const onError = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text
    return true
  })
  try {
    const code = await exitCodeOf(args)
    return { code, stdout, stderr }
  } finally {
    onOut.mockRestore()
    onError.mockRestore()
  }
}

/** As the program does it, but for what it does to its process. */
async function exitCodeOf(args: readonly string[]): Promise<number> {
  const context = { exitCode: 0 }
  try {
    await createProgram(context).parseAsync(args, { from: 'user' })
    return context.exitCode
  } catch (error) {
    if (error instanceof Error && error.name === 'CommanderError')
      return 'exitCode' in error && error.exitCode === 0 ? exitCodes.done : exitCodes.usage
    const { text, exitCode } = failureOf(error)
    tell(`order-streams: ${text}`)
    return exitCode
  }
}
