import Cluster from 'kafkajs/src/cluster/index.js'
import loggers from 'kafkajs/src/loggers/index.js'
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ScriptedBroker } from '../../../tests/kafka/scripted-broker.ts'
import { waitFor } from '../../../tests/support/waiting.ts'
import { ManualClock } from '../../testing/manual-clock.ts'
import { kafkaSettings } from './kafka-options.ts'
import { checkVersion, createCluster } from './kafkajs-client.ts'

const options = { brokers: ['127.0.0.1:9'], clock: new ManualClock() }

describe('kafkajs', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('should be refused in any version but the one whose inner modules are used', () => {
    expect(() => checkVersion({ version: '2.2.4' })).not.toThrow()
    expect(() => checkVersion({ version: '2.3.0' })).toThrow(
      /kafkajs 2\.3\.0 is installed.*install kafkajs@2\.2\.4/,
    )
  })

  it('should set no timer while no request waits', () => {
    createCluster(kafkaSettings(options), new Set())
    vi.useFakeTimers()
    const queue = new RequestQueue({
      maxInFlightRequests: null,
      requestTimeout: 1000,
      enforceRequestTimeout: false,
      clientId: 'c',
      broker: 'b',
      logger: loggers.createLogger({ level: 0, logCreator: () => () => {} }),
    })
    queue.checkPendingRequests()
    expect(vi.getTimerCount()).toBe(0)
    // A throttled broker makes a request wait, and the one timer that sends it.
    queue.maybeThrottle(50)
    const sendRequest = vi.fn()
    const entry = { correlationId: 1, resolve: () => {}, reject: () => {} }
    queue.push({ entry, expectResponse: true, requestTimeout: 0, sendRequest })
    expect([vi.getTimerCount(), sendRequest.mock.calls.length]).toEqual([1, 0])
    vi.advanceTimersByTime(50)
    expect([vi.getTimerCount(), sendRequest.mock.calls.length]).toEqual([0, 1])
  })
})

describe('a log that is closed', () => {
  it('should leave no connection open, also of those that kafkajs has forgotten', async () => {
    // It forgets one when several callers have it connect anew to its first broker at once.
    const forgetful = vi.spyOn(Cluster.prototype, 'disconnect').mockResolvedValue()
    const broker = new ScriptedBroker()
    try {
      const log = await broker.openLog()
      await log.connect()
      expect(broker.connectionCount).toBe(1)
      await log.close()
      await waitFor('no connection is open', () => broker.connectionCount === 0)
    } finally {
      forgetful.mockRestore()
      await broker.close()
    }
  })
})

describe('the options', () => {
  it.each([
    [{ brokers: [] }, /brokers is none; give at least one/],
    [{ brokers: ['host'] }, /brokers is "host"; give each as host:port/],
    [
      { sessionTimeoutMs: 2000 },
      /heartbeatIntervalMs is 1000; it must be at most a third of sessionTimeoutMs, 2000/,
    ],
  ])('should be refused where they cannot work: %o', (wrong, message) => {
    expect(() => kafkaSettings({ ...options, ...wrong })).toThrow(message)
  })
})
