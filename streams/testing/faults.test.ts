import { beforeEach, describe, expect, it } from 'vitest'
import { openEmbeddedLog } from '../adapters/embedded/embedded-log.ts'
import { MemoryStoreProvider } from '../adapters/memory/memory-store.ts'
import { StreamsError } from '../errors.ts'
import type { Log } from '../ports/log.ts'
import { crashAt, Faults, faultyLog, faultySink } from './faults.ts'
import { ManualClock } from './manual-clock.ts'
import { MemorySink } from './memory-sink.ts'
import { valuesBatch } from './plain-records.ts'

const away = new StreamsError('LOG_UNAVAILABLE', 'away')
const partition = { topic: 'in', partition: 0 }

let log: Log
let faults: Faults
let faulty: Log

beforeEach(async () => {
  const store = await new MemoryStoreProvider().open('log')
  log = await openEmbeddedLog({ store, clock: new ManualClock(), cleaningIntervalMs: null })
  await log.createTopics([{ name: 'in', partitions: 1, cleanup: 'delete', timestampType: 'create' }])
  faults = new Faults()
  faulty = faultyLog(log, faults)
})

async function end(): Promise<number> {
  return (await log.offsetRanges([partition]))[0]!.end
}

describe('Faults', () => {
  it('should fail the call that is its turn, once', async () => {
    faults.place({ call: 'send', nth: 2, error: away })
    await faulty.append([valuesBatch('in', 0, 'a')])
    await expect(faulty.append([valuesBatch('in', 0, 'b')])).rejects.toBe(away)
    await faulty.append([valuesBatch('in', 0, 'c')])
    expect(await end()).toBe(2)
    expect(faults.struck).toHaveLength(1)
  })

  it('should fail before the call took effect, or after it did', async () => {
    const producer = await faulty.openTransactionalProducer({ transactionalId: 't', timeoutMs: 1_000 })
    await producer.send([valuesBatch('in', 0, 'a')])
    faults.place({ call: 'commit', error: away, when: 'before' })
    await expect(producer.commit()).rejects.toBe(away)
    expect(await end()).toBe(0)
    faults.place({ call: 'commit', error: away, when: 'after' })
    await expect(producer.commit()).rejects.toBe(away)
    expect(await end()).toBe(1)
  })

  it('should place several, each counted for itself', async () => {
    faults.place({ call: 'send-offsets', nth: 1, error: away })
    faults.place({ call: 'send-offsets', nth: 3, error: away })
    const outcomes: string[] = []
    for (let offset = 1; offset <= 4; offset++) {
      const commit = faulty.commitOffsets('group', [{ ...partition, offset }])
      outcomes.push(
        await commit.then(
          () => 'done',
          () => 'failed',
        ),
      )
    }
    expect(outcomes).toEqual(['failed', 'done', 'failed', 'done'])
  })

  it('should reach the sessions of a sink', async () => {
    const sink = new MemorySink<string>()
    const session = await faultySink(sink, faults).open({ id: 'task', partitions: [partition] })
    await session.prepare(['row'], [{ ...partition, offset: 1 }])
    faults.place({ call: 'commit-rows', error: away, when: 'after' })
    await expect(session.commit()).rejects.toBe(away)
    expect(sink.rows).toEqual(['row'])
  })
})

describe('crashAt', () => {
  it('should hold the task at the nth time of the step, and tell at that very moment', async () => {
    const moments: string[] = []
    const crash = crashAt('sent', 2, () => moments.push('crash'))
    const step = crash.observer.onCommitStep!
    expect(step('a', 'sent')).toBeUndefined()
    expect(step('a', 'committed')).toBeUndefined()
    const held = step('b', 'sent')
    expect(moments).toEqual(['crash'])
    expect(await crash.reached).toBe('b')
    expect(step('a', 'sent'), 'the tasks that are not held go on').toBeUndefined()
    crash.release()
    await held
  })

  it('should refuse to count from 0', () => {
    expect(() => crashAt('sent', 0)).toThrow(expect.objectContaining({ code: 'CONFIGURATION_INVALID' }))
  })
})
