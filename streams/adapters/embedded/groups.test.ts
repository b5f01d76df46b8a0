import { describe, expect, it } from 'vitest'
import { newTopic, openNew } from '../../../tests/support/embedded-log.ts'
import type { Assignor, GroupOptions } from '../../ports/log.ts'

/** Everything to the first. */
const allToFirst: Assignor = {
  name: 'all-to-first',
  assign(members, counts) {
    const partitions = [...counts].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    )
    return new Map([[members[0]!.memberId, { partitions, userData: Buffer.alloc(0) }]])
  },
}

function member(name: string, heard: string[], change: Partial<GroupOptions> = {}): GroupOptions {
  return {
    groupId: 'group',
    topics: ['topic'],
    assignor: allToFirst,
    userData: () => Buffer.from(name),
    onRebalancing: () => heard.push(`${name} rebalancing`),
    onAssigned: ({ generation, partitions }) => heard.push(`${name} ${generation}: ${partitions.length}`),
    onLost: (error) => heard.push(`${name} lost: ${error.code}`),
    ...change,
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

describe('joinGroup', () => {
  it('should take members that come in one turn into one generation', async () => {
    const { log } = await openNew()
    await newTopic(log, { partitions: 3 })
    const heard: string[] = []
    await Promise.all([log.joinGroup(member('a', heard)), log.joinGroup(member('b', heard))])
    await turns()
    expect(heard).toEqual(['a 1: 3', 'b 1: 0'])
    const third = await log.joinGroup(member('c', heard))
    await third.leave()
    await turns()
    expect(heard.slice(2)).toEqual(['a rebalancing', 'b rebalancing', 'a 2: 3', 'b 2: 0'])
  })

  it('should let the next eldest lead when the leader leaves, and say nothing more to the one that left', async () => {
    const { log } = await openNew()
    await newTopic(log, { partitions: 2 })
    const heard: string[] = []
    const eldest = await log.joinGroup(member('a', heard))
    await log.joinGroup(member('b', heard, { assignor: { ...allToFirst, name: 'other' } }))
    await turns()
    heard.length = 0
    await eldest.leave()
    await eldest.leave()
    await turns()
    expect(heard).toEqual(['b rebalancing', 'b 2: 2'])
  })

  it.each([
    ['a partition to two', ['topic'], (id: string[]) => id.map(() => ({ topic: 'topic', partition: 0 }))],
    ['a partition that is not', ['topic'], () => [{ topic: 'topic', partition: 2 }]],
    ['a topic that was not asked for', ['topic'], () => [{ topic: 'other', partition: 0 }]],
  ])('should end all memberships when the assignor gives %s', async (_, topics, partitionsOf) => {
    const { log } = await openNew()
    await newTopic(log, { partitions: 2 })
    await newTopic(log, { name: 'other' })
    const heard: string[] = []
    const assignor: Assignor = {
      name: 'bad',
      assign: (members) => {
        const given = partitionsOf(members.map(({ memberId }) => memberId))
        return new Map(
          members.flatMap(({ memberId }, i) => {
            const own = given[i]
            return own === undefined
              ? []
              : [[memberId, { partitions: [own], userData: Buffer.alloc(0) }] as const]
          }),
        )
      },
    }
    await log.joinGroup(member('a', heard, { assignor, topics }))
    await log.joinGroup(member('b', heard, { assignor, topics }))
    await turns()
    expect(heard).toEqual(['a lost: INVARIANT_VIOLATED', 'b lost: INVARIANT_VIOLATED'])
    await log.joinGroup(member('c', heard))
    await turns()
    expect(heard.slice(2)).toEqual(['c 2: 2'])
  })

  it('should end all memberships when a callback throws, rather than stand still', async () => {
    const { log } = await openNew()
    await newTopic(log)
    const heard: string[] = []
    const throwing = () => {
      throw new Error('no user data')
    }
    await log.joinGroup(member('a', heard, { userData: throwing }))
    await turns()
    await log.joinGroup(member('b', heard))
    await turns()
    expect(heard).toEqual(['a lost: INVARIANT_VIOLATED', 'b 2: 1'])
  })

  it('should tell members when the log is closed under them, and refuse unknown topics', async () => {
    const { log } = await openNew()
    await newTopic(log)
    const heard: string[] = []
    const unknown = log.joinGroup(member('x', heard, { topics: ['topic', 'missing'] }))
    await expect(unknown).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' })
    await log.joinGroup(member('a', heard))
    await turns()
    await log.close()
    await turns()
    expect(heard).toEqual(['a 1: 1', 'a lost: CLOSED'])
  })
})
