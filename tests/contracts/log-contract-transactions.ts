import { expect, it } from 'vitest'
import type { Log, TransactionalProducer } from '../../streams/ports/log.ts'
import {
  endOf,
  type LogUnderTest,
  newTopic,
  readAll,
  TestReader,
  uniqueName,
  valuesBatch,
  waitFor,
} from './log-fixture.ts'

/** The log contract's part on transactions; `openLog` is for the tests that need a log of their own to crash. */
export function transactionContract(log: () => Log, openLog: () => Promise<LogUnderTest>): void {
  visibilityContract(log)
  offsetsContract(log)
  fencingContract(log)
  crashContract(openLog)
}

function openProducer(
  log: Log,
  transactionalId = uniqueName('transactional'),
  timeoutMs = 60_000,
): Promise<TransactionalProducer> {
  return log.openTransactionalProducer({ transactionalId, timeoutMs })
}

/** Waits until the values can be read, and nothing but them. */
async function expectValues(
  log: Log,
  topic: string,
  values: readonly string[],
  partition = 0,
): Promise<void> {
  await waitFor(
    `${values.length} records`,
    async () => (await readAll(log, topic, partition)).length >= values.length,
  )
  expect((await readAll(log, topic, partition)).map((record) => record.value)).toEqual(values)
}

function visibilityContract(log: () => Log): void {
  it('should show nothing of a transaction before its commit, and all of it afterwards', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const producer = await openProducer(log())
    const firsts = await producer.send([valuesBatch(topic, 0, 'a', 'b'), valuesBatch(topic, 1, 'c')])
    await producer.send([valuesBatch(topic, 0, 'd')])
    expect(await readAll(log(), topic, 0)).toEqual([])
    expect(await readAll(log(), topic, 1)).toEqual([])
    await producer.commit()
    await expectValues(log(), topic, ['a', 'b', 'd'])
    await expectValues(log(), topic, ['c'], 1)
    expect((await readAll(log(), topic))[0]!.offset).toBe(firsts[0])
    await producer.close()
  })

  it('should wake a reader that waits for the commit', async () => {
    const topic = await newTopic(log())
    const producer = await openProducer(log())
    const test = new TestReader(log())
    test.reader.follow({ topic, partition: 0 }, 0)
    await producer.send([valuesBatch(topic, 0, 'a')])
    expect(test.reader.take({ topic, partition: 0 })?.length ?? 0).toBe(0)
    const before = test.readyCount
    await producer.commit()
    await waitFor('onReady', () => test.readyCount > before)
    expect((await test.next({ topic, partition: 0 }, 1))[0]!.value).toBe('a')
    await test.reader.close()
    await producer.close()
  })

  it('should hold back what lies behind an open transaction: the last stable offset', async () => {
    const topic = await newTopic(log())
    const producer = await openProducer(log())
    await log().append([valuesBatch(topic, 0, 'before')])
    const [first] = await producer.send([valuesBatch(topic, 0, 'in')])
    await log().append([valuesBatch(topic, 0, 'behind')])
    await waitFor('the record before', async () => (await readAll(log(), topic)).length === 1)
    expect(await endOf(log(), topic)).toBeLessThanOrEqual(first!)
    expect((await readAll(log(), topic)).map((record) => record.value)).toEqual(['before'])
    await producer.commit()
    await expectValues(log(), topic, ['before', 'in', 'behind'])
    await producer.close()
  })

  it('should never show what was aborted, and go on with the next transaction', async () => {
    const topic = await newTopic(log())
    const producer = await openProducer(log())
    await producer.send([valuesBatch(topic, 0, 'dropped')])
    await log().append([valuesBatch(topic, 0, 'behind')])
    await producer.abort()
    await expectValues(log(), topic, ['behind'])
    await producer.send([valuesBatch(topic, 0, 'next')])
    await producer.commit()
    await expectValues(log(), topic, ['behind', 'next'])
    await producer.close()
  })

  it('should do nothing when a transaction that was never opened is ended', async () => {
    const producer = await openProducer(log())
    await producer.commit()
    await producer.abort()
    await producer.close()
  })

  it('should keep two open transactions on a partition apart', async () => {
    const topic = await newTopic(log())
    const [one, two] = [await openProducer(log()), await openProducer(log())]
    await one.send([valuesBatch(topic, 0, 'one')])
    await two.send([valuesBatch(topic, 0, 'two')])
    await one.send([valuesBatch(topic, 0, 'one again')])
    await two.commit()
    expect(await readAll(log(), topic)).toEqual([])
    await one.commit()
    await expectValues(log(), topic, ['one', 'two', 'one again'])
    await one.close()
    await two.close()
  })

  it('should abort a transaction that outlives its timeout', { timeout: 120_000 }, async () => {
    const topic = await newTopic(log())
    const producer = await openProducer(log(), uniqueName('transactional'), 1000)
    await producer.send([valuesBatch(topic, 0, 'dropped')])
    await log().append([valuesBatch(topic, 0, 'behind')])
    await expectValues(log(), topic, ['behind'])
    await expect(producer.commit()).rejects.toMatchObject({
      code: expect.stringMatching(/^(TRANSACTION_ABORTED|PRODUCER_FENCED)$/),
    })
  })
}

function offsetsContract(log: () => Log): void {
  it('should commit group offsets with the records, or neither', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const groupId = uniqueName('group')
    const partitions = [0, 1].map((partition) => ({ topic, partition }))
    const producer = await openProducer(log())

    await producer.send([valuesBatch(topic, 0, 'dropped')])
    await producer.sendOffsets(groupId, [{ topic, partition: 1, offset: 5 }])
    await producer.abort()
    expect(await log().committedOffsets(groupId, partitions)).toEqual([null, null])

    await producer.send([valuesBatch(topic, 0, 'kept')])
    await producer.sendOffsets(groupId, [{ topic, partition: 1, offset: 7 }])
    await producer.commit()
    await waitFor('the offset', async () => (await log().committedOffsets(groupId, partitions))[1] === 7)
    expect(await log().committedOffsets(groupId, partitions)).toEqual([null, 7])
    await expectValues(log(), topic, ['kept'])

    await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 2 ** 33 }])
    await producer.commit()
    await waitFor(
      'the offset',
      async () => (await log().committedOffsets(groupId, partitions))[0] === 2 ** 33,
    )
    await producer.close()
  })

  it('should commit offsets without a transaction, for each group its own', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const [one, two] = [uniqueName('group'), uniqueName('group')]
    const partitions = [1, 0].map((partition) => ({ topic, partition }))
    await log().commitOffsets(one, [{ topic, partition: 0, offset: 3 }])
    await log().commitOffsets(one, [
      { topic, partition: 0, offset: 4 },
      { topic, partition: 1, offset: 0 },
    ])
    expect(await log().committedOffsets(one, partitions)).toEqual([0, 4])
    expect(await log().committedOffsets(two, partitions)).toEqual([null, null])
  })
}

function fencingContract(log: () => Log): void {
  const fenced = { code: 'PRODUCER_FENCED' }

  it('should abort what a predecessor left open and fence it for good', async () => {
    const topic = await newTopic(log())
    const groupId = uniqueName('group')
    const transactionalId = uniqueName('transactional')
    const zombie = await openProducer(log(), transactionalId)
    await zombie.send([valuesBatch(topic, 0, 'zombie')])
    await zombie.sendOffsets(groupId, [{ topic, partition: 0, offset: 9 }])

    const successor = await openProducer(log(), transactionalId)
    await expect(zombie.send([valuesBatch(topic, 0, 'late')])).rejects.toMatchObject(fenced)
    await expect(zombie.commit()).rejects.toMatchObject(fenced)
    await expect(zombie.sendOffsets(groupId, [{ topic, partition: 0, offset: 9 }])).rejects.toMatchObject(
      fenced,
    )
    expect(await log().committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([null])

    await successor.send([valuesBatch(topic, 0, 'successor')])
    await expect(zombie.commit()).rejects.toMatchObject(fenced)
    await successor.commit()
    await expectValues(log(), topic, ['successor'])
    await zombie.close()
    await successor.send([valuesBatch(topic, 0, 'still there')])
    await successor.commit()
    await expectValues(log(), topic, ['successor', 'still there'])
    await successor.close()
  })

  it('should fence a predecessor that had nothing open', async () => {
    const topic = await newTopic(log())
    const transactionalId = uniqueName('transactional')
    const zombie = await openProducer(log(), transactionalId)
    await zombie.send([valuesBatch(topic, 0, 'committed')])
    await zombie.commit()
    const successor = await openProducer(log(), transactionalId)
    await expect(
      (async () => {
        await zombie.send([valuesBatch(topic, 0, 'zombie')])
        await zombie.commit()
      })(),
    ).rejects.toMatchObject(fenced)
    await expectValues(log(), topic, ['committed'])
    await successor.close()
  })

  it('should let a transactional id be used again after an orderly close, which aborts what is open', async () => {
    const topic = await newTopic(log())
    const transactionalId = uniqueName('transactional')
    const first = await openProducer(log(), transactionalId)
    await first.send([valuesBatch(topic, 0, 'dropped')])
    await first.close()
    const second = await openProducer(log(), transactionalId)
    await second.send([valuesBatch(topic, 0, 'second')])
    await second.commit()
    await expectValues(log(), topic, ['second'])
    await second.close()
  })
}

function crashContract(openLog: () => Promise<LogUnderTest>): void {
  it('should keep what was committed over a crash and nothing else', async () => {
    const subject = await openLog()
    try {
      const topic = await newTopic(subject.log, { partitions: 2 })
      const groupId = uniqueName('group')
      const transactionalId = uniqueName('transactional')
      const producer = await openProducer(subject.log, transactionalId)
      await producer.send([valuesBatch(topic, 0, 'a', 'b')])
      await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 4 }])
      await producer.commit()
      await subject.log.append([valuesBatch(topic, 1, 'c', 'd', 'e')])
      await subject.log.deleteRecords([{ topic, partition: 1, offset: 1 }])
      await producer.send([valuesBatch(topic, 0, 'uncommitted')])
      await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 5 }])
      const settings = await subject.log.describeTopics([topic])

      const log = await subject.reopen()
      expect(await log.describeTopics([topic])).toEqual(settings)
      await expectValues(log, topic, ['a', 'b'])
      await expectValues(log, topic, ['d', 'e'], 1)
      // Where the log outlived the crash, this aborts what was open.
      const successor = await openProducer(log, transactionalId)
      expect(await log.committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([4])
      await log.append([valuesBatch(topic, 0, 'after')])
      await expectValues(log, topic, ['a', 'b', 'after'])
      await successor.close()
    } finally {
      await subject.close()
    }
  })
}
