import { setTimeout as passed } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { startTypeScript } from '../tests/support/typescript-process.ts'

const watched = new URL('../tests/integration/processes/watched-loop.ts', import.meta.url)

describe('startEventLoopWatchdog', () => {
  it('should end a process whose loop is blocked, and say where it was', async () => {
    const { ended } = startTypeScript(watched, 'block', '500')
    const { signal, stderr } = await ended
    expect(signal).toBe('SIGABRT')
    expect(stderr).toMatch(
      /^order-streams: the event loop has been blocked for 500 ms \(eventLoopDeadlineMs\)/,
    )
    // Modules of a test process are evaluated, so that the stack has no name of a file.
    expect(stderr).toMatch(/JavaScript stack trace -----\s+1: .*\s+2: \[eval\]/)
  })

  it('should end a process that is blocked in native code', async () => {
    const { ended } = startTypeScript(watched, 'block-native', '500')
    const { signal, stderr } = await ended
    expect(signal).toBe('SIGKILL')
    expect(stderr).toContain('the event loop has been blocked for 500 ms')
  })

  it('should leave a process alone that was stopped for longer, and go on watching', async () => {
    const { child, lines, ended } = startTypeScript(watched, 'live', '300')
    await lines(1)
    child.kill('SIGSTOP')
    await passed(1200)
    child.kill('SIGCONT')
    await passed(1200)
    child.stdin?.end()
    expect(await ended).toMatchObject({ code: 7, stderr: '' })
  })

  it('should keep no process alive', async () => {
    expect(await startTypeScript(watched, 'end', '60000').ended).toMatchObject({ code: 0, signal: null })
  })
})
