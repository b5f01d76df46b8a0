import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../streams/testing/index.ts'
import { callOf, failureOf } from '../../tests/support/control-harness.ts'
import { type Ask, echoDefinition } from '../../tests/support/echo-service.ts'
import type { Call } from '../call.ts'
import { ControlError } from '../errors.ts'
import { type RequestIdLimits, RequestIds } from './request-ids.ts'

const { change, getEcho } = echoDefinition

function world(limits: Partial<RequestIdLimits> = {}) {
  const clock = new ManualClock(0)
  const ids = new RequestIds(clock, limits)
  let executions = 0
  const ask = (
    request: Ask,
    call: Call = callOf(),
    work?: () => Promise<Ask>,
    method: typeof change | typeof getEcho = change,
  ) =>
    ids.once(method, request as never, call, async () => {
      executions++
      return work === undefined ? { text: `${request.text} ${executions}` } : work()
    })
  return { clock, ask, executions: () => executions }
}

const named = (name: string): Call => callOf({ caller: { name, role: 'operator' } })

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

describe('repeats of requests', () => {
  it('should get the first answer, as long as they are the same from the same caller', async () => {
    const { ask, executions } = world()
    const request = { text: 'a', requestId: '1' }
    expect(await ask(request)).toEqual({ text: 'a 1' })
    expect(await ask({ ...request })).toEqual({ text: 'a 1' })
    expect(await ask(request, named('other'))).toEqual({ text: 'a 2' })
    expect(await ask({ text: 'a', requestId: '2' })).toEqual({ text: 'a 3' })
    expect(executions()).toBe(3)
  })

  it('should be executed each time without an id', async () => {
    const { ask } = world()
    await ask({ text: 'a' })
    expect(await ask({ text: 'a', requestId: '' })).toEqual({ text: 'a 2' })
  })

  it('should refuse an id that another request had, or another method', async () => {
    const { ask } = world()
    await ask({ text: 'a', requestId: '1' })
    const reused = { reason: 'REQUEST_ID_REUSED', details: { fields: [{ field: 'request_id' }] } }
    expect(await failureOf(ask({ text: 'b', requestId: '1' }))).toMatchObject(reused)
    expect(await failureOf(ask({ text: 'a', requestId: '1' }, callOf(), undefined, getEcho))).toMatchObject(
      reused,
    )
    const endless = { text: 'a', requestId: 'x'.repeat(201) }
    expect(await failureOf(ask(endless))).toMatchObject({ reason: 'REQUEST_INVALID' })
  })

  it('should share one execution when they come at the same time', async () => {
    const { ask, executions } = world()
    const { opened, open } = gate()
    const request = { text: 'a', requestId: '1' }
    const work = async () => {
      await opened
      return { text: 'once' }
    }
    const answers = [1, 2, 3].map(() => ask(request, callOf(), work))
    open()
    expect(await Promise.all(answers)).toEqual([{ text: 'once' }, { text: 'once' }, { text: 'once' }])
    expect(executions()).toBe(1)
  })

  it('should get an error that stays, and be executed again after one that passes', async () => {
    const { ask, executions } = world()
    const failing = (reason: ControlError['reason']) => async () => {
      throw new ControlError(reason, reason)
    }
    const lasting = { text: 'a', requestId: 'lasting' }
    await failureOf(ask(lasting, callOf(), failing('STAGE_NOT_PAUSED')))
    expect(await failureOf(ask(lasting))).toMatchObject({ reason: 'STAGE_NOT_PAUSED' })
    expect(executions()).toBe(1)
    for (const reason of [
      'TASK_AWAY',
      'CALL_CANCELLED',
      'DEADLINE_EXCEEDED',
      'TRANSACTION_ABORTED',
    ] as const) {
      const passing = { text: 'a', requestId: reason }
      await failureOf(ask(passing, callOf(), failing(reason)))
      expect((await ask(passing)).text).toContain('a')
    }
    const unknown = { text: 'a', requestId: 'unknown' }
    await failureOf(
      ask(unknown, callOf(), async () => {
        throw new Error('a defect')
      }),
    )
    expect((await ask(unknown)).text).toContain('a')
  })

  it('should execute once more when the first caller goes and others wait', async () => {
    const { ask, executions } = world()
    const request = { text: 'a', requestId: '1' }
    const { opened, open } = gate()
    const first = failureOf(
      ask(request, callOf(), async () => {
        await opened
        throw new ControlError('CALL_CANCELLED', 'gone')
      }),
    )
    const others = [ask(request), ask(request)]
    open()
    expect(await first).toMatchObject({ reason: 'CALL_CANCELLED' })
    expect(await Promise.all(others)).toEqual([{ text: 'a 2' }, { text: 'a 2' }])
    expect(executions()).toBe(2)
  })

  it('should not wait longer than their own call', async () => {
    const { ask } = world()
    const request = { text: 'a', requestId: '1' }
    const { opened, open } = gate()
    const first = ask(request, callOf(), async () => {
      await opened
      return { text: 'late' }
    })
    const abort = new AbortController()
    const second = failureOf(ask(request, callOf({ signal: abort.signal })))
    abort.abort(new ControlError('DEADLINE_EXCEEDED', 'over'))
    expect(await second).toMatchObject({ reason: 'DEADLINE_EXCEEDED' })
    open()
    expect(await first).toEqual({ text: 'late' })
  })

  it('should be forgotten after their time, and the oldest when there are too many', async () => {
    const { ask, clock, executions } = world({ keptMs: 1_000, maxRequests: 3 })
    for (const requestId of ['1', '2', '3', '4']) await ask({ text: 'a', requestId })
    await ask({ text: 'a', requestId: '4' })
    expect(executions()).toBe(4)
    expect((await ask({ text: 'a', requestId: '1' })).text).toBe('a 5')
    clock.advance(1_001)
    expect((await ask({ text: 'a', requestId: '4' })).text).toBe('a 6')
  })
})
