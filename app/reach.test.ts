import { describe, expect, it } from 'vitest'
import { StreamsError, silentLogger } from '../streams/index.ts'
import { ManualClock } from '../streams/testing/index.ts'
import { Stopped } from './failure.ts'
import { reach } from './reach.ts'

const service = { name: 'Kafka at one:9092', setting: '--brokers' }
const away = () => new StreamsError('LOG_UNAVAILABLE', 'connect ECONNREFUSED')

/** Moves the clock from timer to timer until the promise is settled. */
async function settled<T>(clock: ManualClock, promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  let isSettled = false
  const result = Promise.allSettled([promise]).finally(() => {
    isSettled = true
  })
  while (!isSettled) {
    await new Promise((resolve) => setImmediate(resolve))
    if (clock.nextTimerMs !== undefined) clock.advanceTo(clock.nextTimerMs)
  }
  return (await result)[0]
}

describe('reach', () => {
  it('should answer at once when the service is there', async () => {
    const clock = new ManualClock()
    expect(await reach(service, { clock, logger: silentLogger, waitMs: 0 }, async () => 7)).toBe(7)
    expect(clock.now()).toBe(0)
  })

  it('should wait for a service that comes, and say so', async () => {
    const clock = new ManualClock()
    const told: string[] = []
    const logger = { ...silentLogger, warn: (_: unknown, text: string) => told.push(text) }
    const connect = async (): Promise<string> => {
      if (clock.now() < 2000) throw away()
      return 'there'
    }
    const reached = await settled(clock, reach(service, { clock, logger, waitMs: 60_000 }, connect))
    expect(reached).toEqual({ status: 'fulfilled', value: 'there' })
    expect(told[0]).toBe('Kafka at one:9092 cannot be reached; trying again for 60 s')
    expect(told.length).toBeLessThan(6)
  })

  it('should give up after the time it has, naming the service, the setting and the reason', async () => {
    const clock = new ManualClock()
    const waiting = reach(service, { clock, logger: silentLogger, waitMs: 60_000 }, () =>
      Promise.reject(away()),
    )
    expect(await settled(clock, waiting)).toMatchObject({
      status: 'rejected',
      reason: {
        code: 'LOG_UNAVAILABLE',
        message:
          'Kafka at one:9092 could not be reached for 60 s (startWaitMs): start it, or correct --brokers\n  connect ECONNREFUSED',
      },
    })
    expect(clock.now()).toBe(60_000)
  })

  it('should not try again what no retry mends', async () => {
    const clock = new ManualClock()
    const refused = new StreamsError('LOG_REFUSED', 'wrong password')
    const waiting = reach(service, { clock, logger: silentLogger, waitMs: 60_000 }, () =>
      Promise.reject(refused),
    )
    expect(await settled(clock, waiting)).toEqual({ status: 'rejected', reason: refused })
    expect(clock.now()).toBe(0)
  })

  it('should stop waiting when somebody asks to stop', async () => {
    const clock = new ManualClock()
    const stop = new AbortController()
    const waiting = reach(
      service,
      { clock, logger: silentLogger, waitMs: 60_000, signal: stop.signal },
      async () => {
        stop.abort()
        throw away()
      },
    )
    await expect(waiting).rejects.toThrow(Stopped)
    expect(clock.nextTimerMs).toBeUndefined()
  })
})
