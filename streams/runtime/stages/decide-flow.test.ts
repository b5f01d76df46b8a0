import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defineTopology } from '../../dsl/stream-builder.ts'
import { serdes } from '../../serde/serdes.ts'
import { topic } from '../../serde/topic.ts'
import { decideGates, decideOrders, type GateFacts, type StagedTask } from './decide-flow.ts'
import type { StandingCommand } from './stage.ts'

const left = topic('left', { key: serdes.string, value: serdes.string })
const right = topic('right', { key: serdes.string, value: serdes.string })

const topology = defineTopology('both', (builder) => {
  const all = builder
    .stream(left)
    .peek(() => {}, 'of-left')
    .merge(builder.stream(right).peek(() => {}, 'of-right'))
  all
    .peek(() => {}, 'of-both')
    .groupBy((value) => value, serdes.string)
    .count({ store: 'counts' })
})
const [reading, counting] = topology.subTopologies
const partitionCounts = new Map([
  ['left', 3],
  ['right', 3],
  ['both-counts-repartition', 2],
])

function task(subTopology = reading!, partition = 1): StagedTask {
  return { taskId: `${subTopology.name}_${partition}`, topology, subTopology, partition, partitionCounts }
}

function command(own: Partial<StandingCommand>): StandingCommand {
  return {
    sub_topology: null,
    operator: null,
    kind: 'PAUSE',
    reason: '',
    commanded_by: 'alice',
    commanded_time: 0,
    until: null,
    hold: 'h',
    step_total: 0,
    task_steps: [],
    records_per_second: 0,
    drain_to: [],
    revision: 1,
    ...own,
  }
}

function facts(own: Partial<GateFacts> & { readonly at?: Readonly<Record<string, number>> } = {}): GateFacts {
  const at = own.at ?? {}
  return {
    inputs: ['left', 'right'].map((name) => ({
      topic: name,
      hasReached: (offset) => (at[name] ?? 0) >= offset,
      isRepeating: false,
    })),
    stepsUsed: new Map(),
    isFinishingStep: false,
    isDrained: () => false,
    mayTake: true,
    ...own,
  }
}

const gatesOf = (commands: readonly StandingCommand[], own = facts(), nowMs = 0) =>
  decideGates(decideOrders(commands, task(), nowMs).holds, own)

describe('what is commanded for a task', () => {
  it('should be what is for its topology, its sub-topology and its operators', () => {
    const heldTopics = (own: Partial<StandingCommand>, of = task()) =>
      decideOrders([command(own)], of, 0).holds.flatMap(({ topics }) => [...topics])
    expect(heldTopics({})).toEqual(['left', 'right'])
    expect(heldTopics({ sub_topology: reading!.name })).toEqual(['left', 'right'])
    expect(heldTopics({ sub_topology: counting!.name })).toEqual([])
    expect(heldTopics({ sub_topology: counting!.name }, task(counting!))).toEqual(['both-counts-repartition'])
    expect(heldTopics({ sub_topology: reading!.name, operator: 'of-left' })).toEqual(['left'])
    expect(heldTopics({ sub_topology: reading!.name, operator: 'of-both' })).toEqual(['left', 'right'])
    expect(heldTopics({ sub_topology: 'its name of old', operator: 'of-right' })).toEqual(['right'])
    expect(heldTopics({ operator: 'of-left' }, task(counting!))).toEqual([])
  })

  it('should end when its time is up, and tell when that is', () => {
    const until = [command({ until: 500 }), command({ kind: 'LIMIT', until: 300, records_per_second: 5 })]
    expect(decideOrders(until, task(), 0)).toMatchObject({ untilMs: 300, recordsPerSecond: 1 })
    expect(decideOrders(until, task(), 300)).toMatchObject({ untilMs: 500, recordsPerSecond: null })
    expect(decideOrders(until, task(), 500)).toEqual({
      holds: [],
      recordsPerSecond: null,
      untilMs: Number.POSITIVE_INFINITY,
    })
    expect(decideOrders([command({ kind: 'RUN' })], task(), 0).holds).toEqual([])
  })

  it('should be its share of the lowest limit', () => {
    const limits = [
      command({ kind: 'LIMIT', records_per_second: 50 }),
      command({ kind: 'LIMIT', records_per_second: 12, sub_topology: reading!.name }),
    ]
    expect(decideOrders(limits, task(), 0).recordsPerSecond).toBe(4)
    expect(decideOrders(limits, task(counting!), 0).recordsPerSecond).toBe(10)
  })

  it('should count the steps of all tasks and its own', () => {
    const steps = [
      command({
        step_total: 3,
        task_steps: [
          { task: task().taskId, records: 2 },
          { task: 'another', records: 9 },
        ],
      }),
    ]
    expect(decideOrders(steps, task(), 0).holds[0]!.steps).toBe(5)
  })

  it('should end a drain where the inputs of its own partition end', () => {
    const drain_to = [0, 1].map((partition) => ({ topic: 'left', partition, offset: 10 + partition }))
    const [hold] = decideOrders([command({ kind: 'DRAIN', drain_to })], task(), 0).holds
    expect(hold!.ends).toEqual(new Map([['left', 11]]))
  })
})

describe('what may pass', () => {
  const operator = command({ operator: 'of-left', hold: 'left' })

  it('should be nothing of what is paused, and no alarm', () => {
    const gates = gatesOf([command({})])
    expect([...gates.stopped]).toEqual(['left', 'right'])
    expect([gates.eventTimeHeld, gates.clockHeld]).toEqual(['all', 'all'])
    expect([...gates.closed]).toEqual(['h'])
  })

  it('should be what an operator that is paused is not reached by', () => {
    const gates = gatesOf([operator])
    expect([...gates.stopped]).toEqual(['left'])
    const { id } = reading!.nodes.find(({ name }) => name === 'of-left')!
    expect([gates.eventTimeHeld, gates.clockHeld]).toEqual([new Set([id]), new Set([id])])
  })

  it('should be the records of steps, but nothing by the clock', () => {
    const gates = gatesOf([command({ step_total: 7 })], facts({ stepsUsed: new Map([['h', 3]]) }))
    expect([...gates.stopped, ...gates.closed]).toEqual([])
    expect([...gates.held]).toEqual(['left', 'right'])
    expect([gates.maxRecords, gates.eventTimeHeld, gates.clockHeld]).toEqual([4, new Set(), 'all'])
  })

  it('should be who is to be woken for the last record of a step', () => {
    const used = { stepsUsed: new Map([['h', 7]]), isFinishingStep: true }
    const gates = gatesOf([command({ step_total: 7 })], facts(used))
    expect([gates.stopped.size, gates.closed.size, gates.eventTimeHeld]).toEqual([2, 0, new Set()])
  })

  it('should be one record at a time while the steps of an operator are under way', () => {
    expect(gatesOf([{ ...operator, step_total: 7 }]).maxRecords).toBe(1)
  })

  it('should be what lies before the end of a drain, and by the clock as long as there is any', () => {
    const drain_to = ['left', 'right'].map((name) => ({ topic: name, partition: 1, offset: 10 }))
    const drain = command({ kind: 'DRAIN', drain_to })
    const half = gatesOf([drain], facts({ at: { left: 10, right: 9 } }))
    expect([[...half.stopped], half.closed.size, half.clockHeld]).toEqual([['left'], 0, new Set()])
    const whole = gatesOf([drain], facts({ at: { left: 10, right: 10 } }))
    expect([whole.stopped.size, [...whole.closed]]).toEqual([2, ['h']])
    expect([whole.clockHeld, whole.eventTimeHeld]).toEqual(['all', new Set()])
    expect(gatesOf([drain], facts({ isDrained: () => true })).eventTimeHeld).toBe('all')
  })

  it('should be what was committed before and the sink does not have, before all else', () => {
    const inputs = facts().inputs.map((input) => ({ ...input, isRepeating: input.topic === 'left' }))
    const gates = gatesOf([command({})], facts({ inputs }))
    expect([[...gates.stopped], gates.isRepeating]).toEqual([['right'], true])
  })

  it('should be nothing while the limit does not allow for it, although nothing is held', () => {
    const gates = gatesOf([], facts({ mayTake: false }))
    expect([gates.stopped.size, gates.held.size]).toEqual([2, 0])
  })

  it('should never be more with one command more', () => {
    const some = fc.record({
      kind: fc.constantFrom('PAUSE' as const, 'DRAIN' as const),
      operator: fc.constantFrom(null, 'of-left', 'of-right', 'of-both'),
      step_total: fc.nat({ max: 3 }),
      hold: fc.constantFrom('a', 'b', 'c', 'd'),
    })
    fc.assert(
      fc.property(fc.array(some, { maxLength: 4 }), some, (before, one) => {
        const fewer = gatesOf(before.map(command))
        const more = gatesOf([...before, one].map(command))
        expect([...fewer.stopped].every((name) => more.stopped.has(name))).toBe(true)
        expect([...fewer.held].every((name) => more.held.has(name))).toBe(true)
        expect(more.maxRecords).toBeLessThanOrEqual(fewer.maxRecords)
      }),
    )
  })
})
