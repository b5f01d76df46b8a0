import { describe, expect, it } from 'vitest'
import { startTypeScript } from '../tests/support/typescript-process.ts'

const stopping = new URL('../tests/integration/processes/stop-in-order.ts', import.meta.url)

describe('onStopRequest', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'should let the program end in order after %s',
    async (signal) => {
      const { child, lines, ended } = startTypeScript(stopping, 'closes', '60000')
      await lines(1)
      child.kill(signal)
      expect(await ended).toMatchObject({
        code: 0,
        stderr: 'stopping in order (once more to stop at once) …\n',
      })
    },
  )

  it('should end the program when the grace is over, and name what hung', async () => {
    const { child, lines, ended } = startTypeScript(stopping, 'hangs', '200')
    await lines(1)
    child.kill('SIGTERM')
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr).toContain('not stopped within 200 ms (shutdownGraceMs), for the database did not end')
  })

  it('should count the grace from the signal on, whatever the program is doing', async () => {
    const { child, lines, ended } = startTypeScript(stopping, 'hangs-before', '200')
    await lines(1)
    child.kill('SIGTERM')
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr).toContain('for what was under way did not end')
  })

  it('should count the grace from closing on when no signal came', async () => {
    const { code, stderr } = await startTypeScript(stopping, 'fails', '200').ended
    expect(code).toBe(1)
    expect(stderr).toContain('for the database did not end')
  })

  it('should stop at once at the second signal', async () => {
    const { child, lines, ended } = startTypeScript(stopping, 'hangs', '60000')
    await lines(1)
    child.kill('SIGTERM')
    child.stderr?.once('data', () => child.kill('SIGINT'))
    expect((await ended).code).toBe(130)
  })
})
