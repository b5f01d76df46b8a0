import { describe, expect, it } from 'vitest'
import { decodeAssignmentData, decodeMemberData, encodeMemberData, type MemberData } from './member-data.ts'
import { taskAssignor } from './task-assignor.ts'
import type { TopologyShape } from './topology-shape.ts'

const shape: TopologyShape = [
  { name: 'orders', topics: ['orders'], stores: ['totals'] },
  { name: 'totals', topics: ['totals'], stores: [] },
]
const changed: TopologyShape = [{ name: 'orders', topics: ['orders'], stores: ['totals', 'seen'] }, shape[1]!]
const counts = new Map([
  ['orders', 2],
  ['totals', 1],
])

function member(memberId: string, data: Partial<MemberData> = {}) {
  const userData = encodeMemberData({
    instanceId: memberId,
    zone: null,
    endpoint: null,
    topology: shape,
    running: [],
    lags: {},
    ...data,
  })
  return { memberId, topics: ['orders', 'totals'], userData }
}

function assign(...members: ReturnType<typeof member>[]) {
  const settings = { standbyReplicas: 0, warmUpMaxLag: 0, maxWarmUps: 1 }
  const answers = taskAssignor(settings).assign(members, counts)
  return members.map(({ memberId }) => {
    const { partitions, userData } = answers.get(memberId)!
    return { partitions, ...decodeAssignmentData(userData)! }
  })
}

describe('taskAssignor', () => {
  it('should give the inputs of every task to one member', () => {
    const shares = assign(member('a'), member('b'))
    expect(shares.map(({ refusal }) => refusal)).toEqual([null, null])
    expect(shares.map(({ partitions }) => partitions.length).sort()).toEqual([1, 2])
    expect(
      new Set(shares.flatMap(({ partitions }) => partitions.map((one) => JSON.stringify(one)))).size,
    ).toBe(3)
  })

  it('should refuse a member whose topology differs from what runs, and say in what', () => {
    const [old, fresh] = assign(member('a', { running: ['orders_0'] }), member('b', { topology: changed }))
    expect(old).toMatchObject({ refusal: null })
    expect(old!.partitions).toHaveLength(3)
    expect(fresh).toMatchObject({ partitions: [], refusal: 'store seen is here only' })
  })

  it('should go by the members when nothing runs yet, and by what runs over their number', () => {
    expect(assign(member('a', { topology: changed }), member('b'), member('c'))[0]!.refusal).not.toBeNull()
    const [one, two, three] = assign(
      member('a', { topology: changed, running: ['orders_0', 'orders_1'] }),
      member('b', { running: ['totals_0'] }),
      member('c'),
    )
    expect([one!.refusal === null, two!.refusal === null, three!.refusal === null]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('should take the same parts in another order for the same topology', () => {
    const [one, two] = assign(member('a'), member('b', { topology: [...shape].reverse() }))
    expect([one!.refusal, two!.refusal]).toEqual([null, null])
  })

  it('should refuse a member that it does not understand', () => {
    const stranger = { ...member('x'), userData: Buffer.from('{"version":2}') }
    const [stranded, known] = assign(stranger, member('a'))
    expect(stranded!.refusal).toMatch(/another release/)
    expect(known!.partitions).toHaveLength(3)
  })
})

describe('what members say', () => {
  it('should come back as it was said', () => {
    const data: MemberData = {
      instanceId: 'host-1',
      zone: 'a',
      endpoint: 'host:1',
      topology: shape,
      running: ['orders_0'],
      lags: { orders_0: 0, orders_1: 12 },
    }
    expect(decodeMemberData(encodeMemberData(data))).toEqual(data)
  })

  it.each(['', 'x', '[]', '{"version":1}', '{"version":1,"instanceId":1}'])(
    'should not be made out of %j',
    (text) => {
      expect(decodeMemberData(Buffer.from(text))).toBeUndefined()
    },
  )
})
