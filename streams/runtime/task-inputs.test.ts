import { describe, expect, it } from 'vitest'
import { ScriptedReader, TextProcessor } from '../../tests/support/scripted-reader.ts'
import { batchOf } from '../testing/plain-records.ts'
import { SourceTime } from '../time/input-time.ts'
import { defaultTiming } from '../topology/source.ts'
import { TaskInputs } from './task-inputs.ts'

function place(topic: string, offset = 0) {
  return { topic, partition: 0, offset }
}

function open(
  start: { offsets: number[]; committed?: number[]; groupIsBehind?: boolean } = { offsets: [0, 0] },
) {
  const reader = new ScriptedReader()
  const topics = ['fast', 'slow']
  const processors = new Map(topics.map((topic) => [topic, new TextProcessor()]))
  const startingPoint = {
    offsets: topics.map((topic, index) => place(topic, start.offsets[index])),
    committed: topics.map((topic, index) => place(topic, (start.committed ?? start.offsets)[index])),
    repeatsTo: start.offsets,
    groupIsBehind: start.groupIsBehind ?? false,
  }
  const inputs = new TaskInputs({ processors, readAheadStores: new Map() }, reader, startingPoint, () => ({
    time: new SourceTime(defaultTiming),
    isRepartition: false,
    recipient: 'topology/fast+slow',
  }))
  const deliver = (topic: string, offset: number, timesMs: readonly number[], end?: number): void => {
    const records = timesMs.map((timestampMs) => ({
      key: 'k',
      value: `${topic} ${timestampMs}`,
      timestampMs,
    }))
    const batch = batchOf(topic, 0, records)
    reader.deliver(
      {
        ...batch,
        offsets: batch.offsets.map((_, index) => offset + index),
        nextOffset: offset + timesMs.length,
      },
      end,
    )
  }
  /** Timestamps in the order in which records are taken, until none may be. */
  const drain = async (): Promise<number[]> => {
    const taken: number[] = []
    let progress = -1
    while (progress !== inputs.progress) {
      progress = inputs.progress
      await inputs.fill(2)
      for (let input = inputs.next(); input !== undefined; input = inputs.next()) {
        taken.push(input.timestampOfHead())
        input.advance()
      }
    }
    return taken
  }
  return { reader, inputs, deliver, drain }
}

describe('TaskInputs', () => {
  it('should take records in the order of their time over all inputs', async () => {
    const { deliver, drain } = open()
    deliver('fast', 0, [10, 20, 30, 40, 50])
    deliver('slow', 0, [5, 25, 45, 55])
    expect(await drain()).toEqual([5, 10, 20, 25, 30, 40, 45, 50, 55])
  })

  it('should wait for an input that has more or was not fetched yet, however much another has', async () => {
    const { reader, deliver, drain } = open()
    deliver('fast', 0, [10, 20, 30])
    expect(await drain(), 'nothing is known of the slow one').toEqual([])
    deliver('slow', 0, [15], 3)
    expect(await drain(), 'two more records of the slow one are on their way').toEqual([10, 15])
    deliver('slow', 1, [16, 17])
    expect(await drain()).toEqual([16, 17, 20, 30])
    deliver('fast', 3, [40])
    expect(await drain(), 'the slow one is at its end').toEqual([40])
    reader.setEnd(place('slow'), 4)
    deliver('fast', 4, [50])
    expect(await drain()).toEqual([])
  })

  it('should take the first input where times are equal', async () => {
    const { inputs, deliver } = open()
    deliver('slow', 0, [10])
    deliver('fast', 0, [10])
    await inputs.fill(10)
    expect(inputs.next()?.partition.topic).toBe('fast')
  })

  it('should have something to commit once it moved, and nothing after', async () => {
    const { inputs, deliver, drain } = open({ offsets: [0, 3] })
    expect(inputs.hasMoved).toBe(false)
    deliver('slow', 3, [1])
    deliver('fast', 0, [])
    await drain()
    expect(inputs.hasMoved).toBe(true)
    expect(inputs.offsets()).toEqual([place('fast', 0), place('slow', 4)])
    inputs.markCommitted(inputs.offsets())
    expect(inputs.hasMoved).toBe(false)
    expect(inputs.committedOffsets).toEqual([place('fast', 0), place('slow', 4)])
  })

  it('should never take the group back to where a sink is that lags', async () => {
    const { inputs, deliver, drain } = open({ offsets: [2, 0], committed: [5, 0] })
    expect(inputs.hasMoved).toBe(false)
    deliver('fast', 2, [1])
    deliver('slow', 0, [])
    await drain()
    expect(inputs.offsets()[0]!.offset).toBe(3)
    expect(inputs.groupOffsets()[0]!.offset).toBe(5)
    deliver('fast', 3, [2, 3, 4])
    await drain()
    expect(inputs.groupOffsets()[0]!.offset).toBe(6)
  })

  it('should tell the group where the task stands when it does not know', () => {
    const { inputs } = open({ offsets: [5, 0], committed: [2, 0], groupIsBehind: true })
    expect(inputs.hasMoved).toBe(true)
    expect(inputs.groupOffsets()[0]!.offset).toBe(5)
    inputs.markCommitted(inputs.offsets())
    expect(inputs.hasMoved).toBe(false)
  })

  it('should be at the end only once every input is known to have no more', async () => {
    const { inputs, deliver, drain } = open()
    expect(inputs.isAtEnd).toBe(false)
    deliver('fast', 0, [10, 20], 2)
    deliver('slow', 0, [5], 3)
    await drain()
    expect(inputs.isAtEnd).toBe(false)
    deliver('slow', 1, [30, 40], 3)
    expect(inputs.isAtEnd).toBe(false)
    await drain()
    expect(inputs.isAtEnd).toBe(true)
  })
})
