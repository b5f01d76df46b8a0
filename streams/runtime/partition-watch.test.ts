import { describe, expect, it } from 'vitest'
import { StreamsError } from '../errors.ts'
import type { Log, TopicSettings } from '../ports/log.ts'
import { ManualClock } from '../testing/index.ts'
import { PartitionWatch } from './partition-watch.ts'

function watching(answers: (number | StreamsError)[]) {
  const clock = new ManualClock(0)
  const changes: StreamsError[] = []
  const log: Pick<Log, 'describeTopics'> = {
    describeTopics: async () => {
      const answer = answers.shift() ?? 4
      if (answer instanceof StreamsError) throw answer
      const settings: TopicSettings = {
        name: 'orders',
        partitions: answer,
        cleanup: 'delete',
        timestampType: 'create',
      }
      return [settings]
    },
  }
  const watch = new PartitionWatch({ log, clock }, ['orders'], new Map([['orders', 4]]), (error) => {
    changes.push(error)
  })
  const look = async (): Promise<void> => {
    clock.advance(30_000)
    await clock.yieldTurn()
  }
  return { watch, changes, look, asked: () => answers.length }
}

describe('PartitionWatch', () => {
  it('should name a topic that has grown, with both numbers, once', async () => {
    const { changes, look } = watching([4, 6, 6])
    await look()
    expect(changes).toEqual([])
    await look()
    await look()
    expect(changes).toMatchObject([
      { code: 'PARTITIONS_CHANGED', details: { topic: 'orders', before: 4, now: 6 } },
    ])
  })

  it('should look on while the log is away', async () => {
    const { changes, look } = watching([new StreamsError('LOG_UNAVAILABLE', 'away'), 5])
    await look()
    expect(changes).toEqual([])
    await look()
    expect(changes).toHaveLength(1)
  })

  it('should not look any more once it was closed', async () => {
    const { watch, look, asked } = watching([5])
    watch.close()
    await look()
    expect(asked()).toBe(1)
  })
})
