import { describe, expect, it } from 'vitest'
import { ScriptedReader, TextProcessor } from '../../../tests/support/scripted-reader.ts'
import { defineTopology } from '../../dsl/stream-builder.ts'
import { serdes } from '../../serde/serdes.ts'
import { topic } from '../../serde/topic.ts'
import { SourceTime } from '../../time/input-time.ts'
import { TaskTime } from '../../time/task-time.ts'
import { defaultTiming } from '../../topology/source.ts'
import { TaskInputs } from '../task-inputs.ts'
import type { StageCommands } from './command-follower.ts'
import type { StandingCommand } from './stage.ts'
import { TaskFlow } from './task-flow.ts'

const topology = defineTopology('one', (builder) => {
  builder.stream(topic('in', { key: serdes.string, value: serdes.string })).peek(() => {})
})

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

/** A task that has to write records anew that its sink has lost. */
function flowThatRepeats(standing: readonly StandingCommand[]): TaskFlow {
  const offsets = [{ topic: 'in', partition: 0, offset: 0 }]
  const inputs = new TaskInputs(
    { processors: new Map([['in', new TextProcessor()]]), readAheadStores: new Map() },
    new ScriptedReader(),
    { offsets, committed: [{ ...offsets[0]!, offset: 1000 }], repeatsTo: [1000], groupIsBehind: false },
    () => ({ time: new SourceTime(defaultTiming), isRepartition: false, recipient: 'one/in' }),
  )
  const commands: StageCommands = {
    version: 1,
    revision: 1,
    all: () => standing,
    isDrained: () => false,
    catchUp: async () => {},
    onChange: () => {},
  }
  const [subTopology] = topology.subTopologies
  const partitionCounts = new Map([['in', 1]])
  const task = { taskId: 'in_0', topology, subTopology: subTopology!, partition: 0, partitionCounts }
  return new TaskFlow({ task, commands, inputs, time: new TaskTime(), checkpoint: undefined, nowMs: 0 })
}

describe('TaskFlow', () => {
  it('should let pass what is repeated while paused whatever the rate, and count none of it against the rate', () => {
    const limit = command({ kind: 'LIMIT', records_per_second: 10, hold: '' })
    const flow = flowThatRepeats([command({}), limit])
    flow.look(0)
    expect(flow.limit(500, 0)).toBe(500)
    flow.passed(500, undefined)
    flow.look(200)
    expect(flow.wakeInMs(200), 'a token is there').toBe(Number.POSITIVE_INFINITY)
  })
})
