import { describe, expect, it } from 'vitest'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import { serdes } from '../serde/serdes.ts'
import { noTime, SourceTime, UpstreamTime } from '../time/input-time.ts'
import { tumbling } from '../time/windows.ts'
import { timedInputs, timedTopics } from './timed-inputs.ts'

const topology = defineTopology('t', (builder) => {
  const events = builder.stream(jsonTopic<number>('events'), { disorderMs: 30 })
  events.groupBy(String, serdes.string).count({ store: 'untimed' })
  events
    .selectKey(String)
    .repartition({ name: 'first', key: serdes.string, value: serdes.json<number>() })
    .groupBy((value) => `${value % 2}`, serdes.string)
    .windowedBy(tumbling(10))
    .count({ store: 'timed' })
})

const partitionCounts = new Map([
  ['events', 2],
  ['t-untimed-repartition', 3],
  ['t-first-repartition', 3],
  ['t-timed-repartition', 1],
])

function timesOf(readTopic: string, checkpoint?: Pick<Checkpoint, 'input_watermarks'>) {
  const subTopology = topology.subTopologies.find(({ sources }) =>
    sources.some(({ topic }) => topic.name === readTopic),
  )!
  return timedInputs({
    environment: { topology, partitionCounts, timedTopics: timedTopics(topology) },
    subTopology,
    checkpoint,
  })(readTopic)
}

describe('the times of inputs', () => {
  it('should be told through every repartition topic in front of what needs to know them, and no other', () => {
    expect([...timedTopics(topology)].sort()).toEqual(['t-first-repartition', 't-timed-repartition'])
    expect(timesOf('t-untimed-repartition').time).toBeInstanceOf(SourceTime)
    expect(timesOf('t-untimed-repartition').isRepartition).toBe(true)
  })

  it('should be those of the records of a source, with its disorder', () => {
    const { time, isRepartition } = timesOf('events')
    expect([time.observe(100, undefined), isRepartition]).toEqual([70, false])
  })

  it('should wait for all the tasks that write a repartition topic', () => {
    const { time } = timesOf('t-timed-repartition')
    const tell = (partition: number, watermarkMs: number) =>
      time.hear({ task: `t-first-repartition_${partition}`, watermarkMs, isIdle: false, hasEnded: false })
    expect(time).toBeInstanceOf(UpstreamTime)
    tell(0, 50)
    tell(2, 70)
    expect(time.watermarkMs).toBe(noTime)
    tell(1, 60)
    expect(time.watermarkMs).toBe(50)
  })

  it('should be as the checkpoint says', () => {
    const heard = (partition: number, watermark: number | null, idle = false) => {
      return { task: `t-first-repartition_${partition}`, watermark, idle, ended: false }
    }
    const input_watermarks = [
      { topic: 'events', watermark: 500, upstream: [] },
      {
        topic: 't-timed-repartition',
        watermark: 400,
        upstream: [heard(0, 400), heard(1, 450), heard(2, null, true), heard(7, 1)],
      },
    ]
    expect(timesOf('events', { input_watermarks }).time.watermarkMs).toBe(500)
    const { time } = timesOf('t-timed-repartition', { input_watermarks })
    expect(time.watermarkMs).toBe(400)
    time.hear({ task: 't-first-repartition_0', watermarkMs: 600, isIdle: false, hasEnded: false })
    expect(time.watermarkMs, 'the others need not say again where they are').toBe(450)
  })
})
