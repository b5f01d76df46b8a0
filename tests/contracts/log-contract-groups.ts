import { expect, it } from 'vitest'
import type { Log } from '../../streams/ports/log.ts'
import { newTopic, settled, TestMember, uniqueName, waitFor } from './log-fixture.ts'

/** The log contract's part on consumer groups. */
export function groupContract(log: () => Log): void {
  it('should give a single member everything', async () => {
    const [topic, other] = [await newTopic(log(), { partitions: 3 }), await newTopic(log())]
    const member = await new TestMember().join(log(), uniqueName('group'), [topic, other])
    const [partitions] = await settled([member])
    expect(partitions).toEqual([`${topic}-0`, `${topic}-1`, `${topic}-2`, `${other}-0`].sort())
    expect(member.assigned!.memberId).toBe(member.memberId)
    expect(member.isConfirmed).toBe(true)
    await member.leave()
    expect(member.isConfirmed).toBe(false)
  })

  it('should share partitions out: each to one member, none left over', async () => {
    const topic = await newTopic(log(), { partitions: 5 })
    const groupId = uniqueName('group')
    const members: TestMember[] = []
    for (let i = 0; i < 3; i++) members.push(await new TestMember().join(log(), groupId, [topic]))
    const shares = await settled(members)
    expect(shares.flat().sort()).toEqual([0, 1, 2, 3, 4].map((partition) => `${topic}-${partition}`))
    expect(shares.map((share) => share.length).sort()).toEqual([1, 2, 2])
    expect(new Set(members.map((member) => member.memberId)).size).toBe(3)
    for (const member of members) await member.leave()
  })

  it('should tell members of a rebalance before it assigns anew, in a later generation', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const groupId = uniqueName('group')
    const first = await new TestMember().join(log(), groupId, [topic])
    await settled([first])
    const alone = first.assigned!.generation

    const second = await new TestMember().join(log(), groupId, [topic])
    const shares = await settled([first, second], alone)
    expect(shares.flat().sort()).toEqual([`${topic}-0`, `${topic}-1`])
    const together = first.assigned!.generation

    await second.leave()
    const [partitions] = await settled([first], together)
    expect(partitions).toEqual([`${topic}-0`, `${topic}-1`])
    expectRebalancingBeforeEachAssignment(first)
    expect(second.lost).toEqual([])
    await first.leave()
  })

  it('should pass user data to the assignor afresh and its answer to the members', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const groupId = uniqueName('group')
    const first = await new TestMember().join(log(), groupId, [topic], 'a')
    await settled([first])
    expect(Buffer.from(first.assigned!.userData).toString()).toBe('a')
    const alone = first.assigned!.generation
    first.userData = 'a2'
    const second = await new TestMember().join(log(), groupId, [topic], 'b')
    await settled([first, second], alone)
    for (const member of [first, second])
      expect(Buffer.from(member.assigned!.userData).toString()).toBe('a2,b')
    await first.leave()
    await second.leave()
  })

  it.each(['the eldest', 'the youngest'])('should share out anew when %s member wishes', async (who) => {
    const topic = await newTopic(log(), { partitions: 2 })
    const groupId = uniqueName('group')
    const members = [
      await new TestMember().join(log(), groupId, [topic], 'a'),
      await new TestMember().join(log(), groupId, [topic], 'b'),
    ]
    await settled(members)
    const wishing = members[who === 'the eldest' ? 0 : 1]!
    const other = members[who === 'the eldest' ? 1 : 0]!
    other.userData = 'o'
    for (const userData of ['x', 'y', 'y']) {
      const [before, eventCount] = [wishing.assigned!.generation, wishing.events.length]
      wishing.userData = userData
      wishing.rejoin()
      expect(wishing.events).toHaveLength(eventCount)
      await settled(members, before)
      expect(wishing.events.slice(eventCount)).toEqual(['rebalancing', wishing.assigned])
      for (const member of members)
        expect(Buffer.from(member.assigned!.userData).toString()).toBe(`o,${userData}`)
    }
    for (const member of members) expectRebalancingBeforeEachAssignment(member)
    for (const member of members) await member.leave()
  })

  it('should share out anew for a wish that comes while it does, and for none of a member that has left', async () => {
    const topic = await newTopic(log())
    const groupId = uniqueName('group')
    const member = await new TestMember().join(log(), groupId, [topic], 'a')
    member.userData = 'b'
    member.rejoin()
    const saysB = () => member.assigned && Buffer.from(member.assigned.userData).toString() === 'b'
    await waitFor('the new user data', saysB)
    member.userData = 'c'
    for (let i = 0; i < 3; i++) member.rejoin()
    await waitFor('newer user data', () => Buffer.from(member.assigned?.userData ?? []).toString() === 'c')
    expectRebalancingBeforeEachAssignment(member)
    await member.leave()
    const eventCount = member.events.length
    member.rejoin()
    const last = await new TestMember().join(log(), groupId, [topic])
    await settled([last])
    expect(member.events).toHaveLength(eventCount)
    await last.leave()
  })

  it('should give the place of a member to who joins under its name, unnoticed by others', async () => {
    const topic = await newTopic(log(), { partitions: 4 })
    const groupId = uniqueName('group')
    const other = await new TestMember().named('other').join(log(), groupId, [topic], 'o')
    const first = await new TestMember().named('one').join(log(), groupId, [topic], 'a')
    const shares = await settled([other, first])
    const [events, generation] = [other.events.length, other.assigned!.generation]

    const second = await new TestMember().named('one').join(log(), groupId, [topic], 'b')
    expect(await settled([other, second])).toEqual(shares)
    expect(second.assigned!.generation).toBe(generation)
    expect(other.events).toHaveLength(events)
    await waitFor('the first to be told', () => first.lost.length > 0)
    expect(first.lost).toMatchObject([{ code: 'INSTANCE_FENCED' }])
    expect(second.memberId).not.toBe(first.memberId)

    other.rejoin()
    await settled([other, second], generation)
    expect(Buffer.from(second.assigned!.userData).toString()).toBe('b,o')
    await first.leave()
    const before = second.assigned!.generation
    await second.leave()
    const [left] = await settled([other], before)
    expect(left).toHaveLength(4)
    await other.leave()
  })

  it('should say who is in a group and has what, whoever asks', async () => {
    const topic = await newTopic(log(), { partitions: 3 })
    const groupId = uniqueName('group')
    expect(await log().describeGroup(groupId)).toEqual({ isSettled: false, isEmpty: true, members: [] })
    const members = [
      await new TestMember().join(log(), groupId, [topic], 'a'),
      await new TestMember().join(log(), groupId, [topic], 'b'),
    ]
    await waitFor('members in the group', async () => !(await log().describeGroup(groupId)).isEmpty)
    const shares = await settled(members)
    await waitFor('the group to be settled', async () => (await log().describeGroup(groupId)).isSettled)
    const described = await log().describeGroup(groupId)
    expect(described.members).toHaveLength(2)
    for (const [index, { memberId }] of members.entries()) {
      const found = described.members.find((one) => one.memberId === memberId)!
      expect(found.topics).toEqual([topic])
      expect(Buffer.from(found.userData).toString()).toBe(index === 0 ? 'a' : 'b')
      const partitions = found.assignment.partitions.map(({ partition }) => `${topic}-${partition}`)
      expect(partitions.sort()).toEqual(shares[index])
      expect(Buffer.from(found.assignment.userData).toString()).toBe('a,b')
    }
    for (const member of members) await member.leave()
  })

  it('should give members only partitions of topics that they asked for', async () => {
    const [left, right] = [await newTopic(log(), { partitions: 2 }), await newTopic(log(), { partitions: 2 })]
    const groupId = uniqueName('group')
    const one = await new TestMember().join(log(), groupId, [left])
    const two = await new TestMember().join(log(), groupId, [right])
    expect(await settled([one, two])).toEqual([
      [`${left}-0`, `${left}-1`],
      [`${right}-0`, `${right}-1`],
    ])
    await one.leave()
    await two.leave()
  })

  it('should keep groups apart', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const one = await new TestMember().join(log(), uniqueName('group'), [topic])
    const two = await new TestMember().join(log(), uniqueName('group'), [topic])
    const everything = [`${topic}-0`, `${topic}-1`]
    expect([...(await settled([one])), ...(await settled([two]))]).toEqual([everything, everything])
    await one.leave()
    await two.leave()
  })

  it('should take offsets of a group that has members, outside a transaction and in one', async () => {
    const topic = await newTopic(log(), { partitions: 2 })
    const partitions = [0, 1].map((partition) => ({ topic, partition }))
    const [groupId, transactionalId] = [uniqueName('group'), uniqueName('transactional')]
    const member = await new TestMember().join(log(), groupId, [topic])
    await settled([member])

    await log().commitOffsets(groupId, [{ topic, partition: 0, offset: 1 }])
    const producer = await log().openTransactionalProducer({ transactionalId, timeoutMs: 60_000 })
    await producer.sendOffsets(groupId, [{ topic, partition: 1, offset: 2 }])
    await producer.commit()
    const committed = () => log().committedOffsets(groupId, partitions)
    await waitFor('the offsets', async () => (await committed()).every((offset) => offset !== null))
    expect(await committed()).toEqual([1, 2])

    await producer.close()
    await member.leave()
    expect(await committed()).toEqual([1, 2])
  })

  it('should forget a member that leaves, whoever it was', async () => {
    const topic = await newTopic(log(), { partitions: 3 })
    const groupId = uniqueName('group')
    const eldest = await new TestMember().join(log(), groupId, [topic])
    const younger = await new TestMember().join(log(), groupId, [topic])
    await settled([eldest, younger])
    const together = younger.assigned!.generation
    await eldest.leave()
    const [partitions] = await settled([younger], together)
    expect(partitions).toHaveLength(3)
    const eventCount = eldest.events.length
    await younger.leave()
    const last = await new TestMember().join(log(), groupId, [topic])
    await waitFor('the last member', () => last.assigned)
    expect(eldest.events).toHaveLength(eventCount)
    await last.leave()
  })
}

function expectRebalancingBeforeEachAssignment(member: TestMember): void {
  const assignments = member.events.flatMap((event, i) => (event === 'rebalancing' ? [] : [i]))
  for (const index of assignments.slice(1)) expect(member.events[index - 1]).toBe('rebalancing')
  const { generations } = member
  for (let i = 1; i < generations.length; i++) expect(generations[i]).toBeGreaterThan(generations[i - 1]!)
}
