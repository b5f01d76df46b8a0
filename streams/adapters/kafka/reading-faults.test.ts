import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { api, errorAnswer, fetchedAnswer, ScriptedBroker } from '../../../tests/kafka/scripted-broker.ts'
import type { StreamsError } from '../../errors.ts'
import type { GroupMember, LogReader } from '../../ports/log.ts'
import { ByteWriter } from '../../records/byte-writer.ts'
import { plainRecords, valuesBatch } from '../../testing/plain-records.ts'
import { encodeRecordBatch } from './codec/encode-batch.ts'
import type { KafkaLogOptions } from './kafka-options.ts'
import { WireReader } from './protocol/wire.ts'

let broker: ScriptedBroker
beforeEach(() => {
  broker = new ScriptedBroker()
  broker.topics.set('t', 1)
})
afterEach(async () => {
  await broker.close()
})

const partition = { topic: 't', partition: 0 }

function batchBytes(...values: string[]): Buffer {
  const writer = new ByteWriter()
  encodeRecordBatch([{ batch: valuesBatch('t', 0, ...values), from: 0, to: values.length }], writer)
  return writer.copy(0, writer.position)
}

/** The offset that a fetch of one partition asks for. */
function askedOffset(body: Buffer): number {
  const reader = new WireReader(body)
  reader.advance(4 + 4 + 4 + 4 + 1 + 4 + 4 + 4)
  reader.string()
  reader.advance(4 + 4 + 4)
  return reader.int64()
}

describe('a reader', () => {
  const taken: (string | null)[] = []
  const errors: StreamsError[] = []

  async function openReader(options: Partial<KafkaLogOptions> = {}): Promise<LogReader> {
    taken.length = 0
    errors.length = 0
    const log = await broker.openLog(options)
    const reader: LogReader = log.openReader({
      onReady: () => {
        for (let batch = reader.take(partition); batch !== null; batch = reader.take(partition)) {
          taken.push(...plainRecords(batch).map(({ value }) => value))
        }
      },
      onError: (_partition, error) => errors.push(error),
    })
    reader.follow(partition, 0)
    return reader
  }

  const empty = fetchedAnswer('t', 0, Buffer.alloc(0), 2)

  it('should read damaged bytes again, since they may have been damaged on their way', async () => {
    const bytes = batchBytes('a', 'b')
    const damaged = Buffer.from(bytes)
    damaged[70] = damaged[70]! ^ 1
    broker.on(api.fetch, ({ number, body }) => {
      if (askedOffset(body) > 0) return empty
      return fetchedAnswer('t', 0, number === 1 ? damaged : bytes, 2)
    })
    const reader = await openReader()
    await expect.poll(() => taken).toEqual(['a', 'b'])
    expect(errors).toEqual([])
    expect(reader.position(partition)).toBe(2)
  })

  it('should report bytes that stay damaged', async () => {
    const bytes = batchBytes('a', 'b')
    bytes[70] = bytes[70]! ^ 1
    broker.on(api.fetch, () => fetchedAnswer('t', 0, bytes, 2))
    await openReader()
    await expect.poll(() => errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ code: 'LOG_UNREADABLE' })
    expect(taken).toEqual([])
  })

  it.each([
    ['the leader has moved', fetchedAnswer('t', 6, Buffer.alloc(0), 0)],
    ['the connection breaks', 'hang up' as const],
    ['an answer is cut off', (writer: { int16(value: number): void }) => writer.int16(0)],
  ])('should go on when %s', async (_case, answer) => {
    broker.on(api.fetch, ({ number, body }) => {
      if (number < 3) return answer
      return askedOffset(body) > 0 ? empty : fetchedAnswer('t', 0, batchBytes('a', 'b'), 2)
    })
    await openReader()
    await expect.poll(() => taken).toEqual(['a', 'b'])
    expect(errors).toEqual([])
  })

  it('should wait for ever for a log that is away', async () => {
    broker.on(api.fetch, ({ number }) => (number < 6 ? 'hang up' : fetchedAnswer('t', 0, batchBytes('a'), 1)))
    await openReader()
    await expect.poll(() => taken, { timeout: 10_000 }).toContain('a')
    expect(errors).toEqual([])
  })

  it('should be silent while the log does not answer, and only then', async () => {
    broker.on(api.fetch, ({ number }) => {
      if (number === 1) return fetchedAnswer('t', 0, batchBytes('a'), 1)
      return number < 8 ? 'hang up' : fetchedAnswer('t', 0, Buffer.alloc(0), 1)
    })
    const reader = await openReader({ requestTimeoutMs: 100 })
    await expect.poll(() => taken).toEqual(['a'])
    expect(reader.isSilent).toBe(false)
    await expect.poll(() => reader.isSilent, { timeout: 10_000 }).toBe(true)
    await expect.poll(() => reader.isSilent, { timeout: 10_000 }).toBe(false)
  })

  it.each([
    [1, 'OFFSET_OUT_OF_RANGE'],
    [29, 'LOG_REFUSED'],
  ])('should report error %i as %s', async (errorCode, expected) => {
    broker.on(api.fetch, () => fetchedAnswer('t', errorCode, Buffer.alloc(0), 0))
    await openReader()
    await expect.poll(() => errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ code: expected, message: expect.stringContaining('t-0') })
  })
})

describe('fetches of many readers', () => {
  it('should gather in few requests, and let a newcomer wait briefly only', async () => {
    broker.topics.set('t', 9)
    broker.on(api.fetch, () => 'silence')
    const log = await broker.openLog({ fetchWaitMs: 400 })
    const reader = log.openReader({ onReady: () => {}, onError: () => {} })
    for (let next = 0; next < 3; next++) {
      reader.follow({ topic: 't', partition: 2 * next }, 0)
      reader.follow({ topic: 't', partition: 2 * next + 1 }, 0)
      await expect.poll(() => broker.count(api.fetch)).toBe(next + 1)
    }
    // No lane is left for this one.
    reader.follow({ topic: 't', partition: 8 }, 0)
    await log.offsetRanges([]).catch(() => {})
    expect(broker.bodies(api.fetch).map((body) => body.readInt32BE(4))).toEqual([400, 400, 20])
  })
})

describe('a topic that may not be read', () => {
  it('should be said to be refused, not unknown', async () => {
    broker.topics.set('secret', 0)
    const log = await broker.openLog()
    const refused = { code: 'LOG_REFUSED', message: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') }
    const errors: StreamsError[] = []
    const reader = log.openReader({ onReady: () => {}, onError: (_partition, error) => errors.push(error) })
    reader.follow({ topic: 'secret', partition: 0 }, 0)
    await expect.poll(() => errors).toMatchObject([refused])
    await expect(log.offsetRanges([{ topic: 'secret', partition: 0 }])).rejects.toMatchObject(refused)
  })
})

describe('a member of a group', () => {
  const events: string[] = []
  const lost: StreamsError[] = []
  const everything = {
    name: 'everything',
    assign: (members: readonly { memberId: string }[]) =>
      new Map(
        members.map(({ memberId }) => [memberId, { partitions: [partition], userData: Buffer.from('u') }]),
      ),
  }

  async function join(options: Partial<KafkaLogOptions> = {}): Promise<GroupMember> {
    events.length = 0
    lost.length = 0
    const log = await broker.openLog(options)
    return log.joinGroup({
      groupId: 'g',
      topics: ['t'],
      assignor: everything,
      userData: () => Buffer.alloc(0),
      onRebalancing: () => events.push('rebalancing'),
      onAssigned: ({ memberId, generation }) => events.push(`${memberId} in ${generation}`),
      onLost: (error) => lost.push(error),
    })
  }

  beforeEach(() => {
    // Describing the topics that are asked for.
    broker.on(
      32,
      () => (writer) =>
        writer.array(['t'], (topic) => {
          writer.int16(0)
          writer.string(null)
          writer.int8(2)
          writer.string(topic)
          writer.int32(0)
        }),
    )
    let generation = 0
    broker.on(api.joinGroup, ({ body }) => {
      const reader = new WireReader(body)
      reader.string()
      reader.advance(8)
      const memberId = reader.string()
      return (writer) => {
        writer.int16(memberId === '' ? 79 : 0)
        writer.int32(memberId === '' ? -1 : ++generation)
        writer.string('everything')
        writer.string('another')
        writer.string(memberId === '' ? `member-${broker.count(api.joinGroup)}` : memberId)
        writer.int32(0)
      }
    })
    broker.on(api.syncGroup, () => (writer) => {
      writer.int16(0)
      writer.byteString(Buffer.alloc(0))
    })
    broker.on(api.heartbeat, () => errorAnswer(0))
  })

  it('should keep its id over a rebalance, and its place when the coordinator moves', async () => {
    broker.on(api.heartbeat, ({ number }) => errorAnswer(number === 2 ? 16 : number === 4 ? 27 : 0))
    await join()
    await expect.poll(() => events).toEqual(['member-1 in 1', 'rebalancing', 'member-1 in 2'])
    await expect.poll(() => broker.count(api.heartbeat)).toBeGreaterThan(6)
    expect(events).toHaveLength(3)
    expect(lost).toEqual([])
  })

  it('should come back as another when the coordinator does not know it any more', async () => {
    broker.on(api.heartbeat, ({ number }) => errorAnswer(number === 1 ? 25 : 0))
    await join()
    await expect.poll(() => events).toEqual(['member-1 in 1', 'rebalancing', 'member-3 in 2'])
  })

  it('should go on over broken connections', async () => {
    broker.on(api.heartbeat, ({ number }) => (number % 3 === 1 ? 'hang up' : errorAnswer(0)))
    await join()
    await expect.poll(() => broker.count(api.heartbeat)).toBeGreaterThan(5)
    expect(events).toEqual(['member-1 in 1'])
    expect(lost).toEqual([])
  })

  it('should try anew in time when a heartbeat gets no answer', async () => {
    broker.on(api.heartbeat, ({ number }) => (number === 1 ? 'silence' : errorAnswer(0)))
    const member = await join({ sessionTimeoutMs: 900 })
    await expect.poll(() => broker.count(api.heartbeat), { timeout: 5000 }).toBeGreaterThan(3)
    expect(member.isConfirmed).toBe(true)
    expect(events).toEqual(['member-1 in 1'])
  })

  it('should join again when the answer to its join never comes, as the member that it is', async () => {
    const answer = broker.handlerOf(api.joinGroup)
    broker.on(api.joinGroup, (request) => (request.number === 2 ? 'silence' : answer(request)))
    await join({ sessionTimeoutMs: 300, rebalanceTimeoutMs: 200 })
    await expect.poll(() => events, { timeout: 5000 }).toEqual(['member-1 in 1'])
    expect(broker.count(api.joinGroup)).toBe(3)
  })

  it('should not storm the coordinator when rebalance follows rebalance', async () => {
    broker.on(api.syncGroup, () => (writer) => {
      writer.int16(27)
      writer.byteString(Buffer.alloc(0))
    })
    const member = await join()
    const begun = performance.now()
    await expect.poll(() => broker.count(api.syncGroup), { timeout: 5000 }).toBeGreaterThan(6)
    expect(performance.now() - begun).toBeGreaterThan(20 + 40 + 80 + 160)
    await member.leave()
    expect([events, lost]).toEqual([[], []])
  })

  it('should be confirmed only while the coordinator answers its heartbeats', async () => {
    const member = await join({ sessionTimeoutMs: 300 })
    await expect.poll(() => broker.count(api.heartbeat)).toBeGreaterThan(1)
    expect(member.isConfirmed).toBe(true)
    broker.on(api.heartbeat, () => 'hang up')
    await expect.poll(() => member.isConfirmed).toBe(false)
    expect(lost).toEqual([])
    broker.on(api.heartbeat, () => errorAnswer(0))
    await expect.poll(() => member.isConfirmed).toBe(true)
    await member.leave()
    expect(member.isConfirmed).toBe(false)
  })

  it('should not be confirmed from the moment that the coordinator does not know it', async () => {
    const member = await join()
    await expect.poll(() => events).toHaveLength(1)
    broker.on(api.joinGroup, () => 'silence')
    broker.on(api.heartbeat, () => errorAnswer(25))
    await expect.poll(() => events).toContain('rebalancing')
    expect(member.isConfirmed).toBe(false)
  })

  it.each([
    ['while it waits for its share', api.joinGroup],
    ['while it is settled', api.heartbeat],
    ['when it says farewell', api.leaveGroup],
  ])(
    'should leave within seconds although the coordinator hangs: %s',
    async (_when, hanging) => {
      const member = await join({ retryBudgetMs: 60_000 })
      await expect.poll(() => events).toEqual(['member-1 in 1'])
      broker.on(hanging, () => 'silence')
      if (hanging === api.joinGroup) member.rejoin()
      if (hanging !== api.leaveGroup) {
        const before = broker.count(hanging)
        await expect.poll(() => broker.count(hanging)).toBeGreaterThan(before)
        // All of it hangs then, as in a network that is cut.
        broker.on(api.leaveGroup, () => 'silence')
        broker.on(api.findCoordinator, () => 'silence')
      }
      const begun = performance.now()
      await member.leave()
      expect(performance.now() - begun).toBeLessThan(6000)
      expect(lost).toEqual([])
    },
    15_000,
  )

  it('should say so when it cannot come back', async () => {
    broker.on(api.heartbeat, () => errorAnswer(25))
    await join()
    broker.on(api.joinGroup, () => (writer) => {
      writer.int16(30)
      writer.int32(-1)
      for (let field = 0; field < 3; field++) writer.string('')
      writer.int32(0)
    })
    await expect.poll(() => lost).toMatchObject([{ code: 'LOG_REFUSED' }])
  })

  it('should say when the group is refused: in the join, and later', async () => {
    await join()
    broker.on(api.heartbeat, () => errorAnswer(30))
    await expect.poll(() => lost).toHaveLength(1)
    expect(lost[0]).toMatchObject({ code: 'LOG_REFUSED' })
    broker.on(api.joinGroup, () => (writer) => {
      writer.int16(30)
      writer.int32(-1)
      for (let field = 0; field < 3; field++) writer.string('')
      writer.int32(0)
    })
    await expect(join()).rejects.toMatchObject({ code: 'LOG_REFUSED' })
  })
})
