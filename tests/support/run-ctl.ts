/** Commands in this process: what they print, and their exit code. */
import { vi } from 'vitest'
import { main } from '../../app/main.ts'

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
    const code = await main(args)
    return { code, stdout, stderr }
  } finally {
    onOut.mockRestore()
    onError.mockRestore()
  }
}
