import { describe, expect, it } from 'vitest'
import { into, jsonTopic, withDriver } from '../../tests/support/topologies.ts'
import { MemorySink } from '../testing/memory-sink.ts'
import { output } from './process.ts'
import { defineTopology } from './stream-builder.ts'

const numbers = jsonTopic<number>('numbers')

interface Row {
  readonly id: string
  readonly n: number
}

/** A database of one table that takes no negative numbers. */
function newSink(): MemorySink<Row> {
  return new MemorySink({
    rejects: ({ n }) => (n < 0 ? { code: 'NEGATIVE', message: `n is ${n}` } : undefined),
  })
}

describe('toSink', () => {
  it('should write the rows made of each record, and the offsets to go on from', async () => {
    const sink = newSink()
    const topology = defineTopology('rows', (builder) => {
      builder.stream(numbers).toSink('write-rows', sink, (n, key, record) => [
        { id: `${key}@${record.offset}`, n },
        { id: `${key}@${record.offset}`, n: n * 2 },
      ])
    })
    await withDriver(topology, {}, (driver) =>
      into(numbers, { key: 'a', value: 1 }, { key: 'b', value: 2 })(driver),
    )
    expect(sink.rows).toEqual([
      { id: 'a@0', n: 1 },
      { id: 'a@0', n: 2 },
      { id: 'b@1', n: 2 },
      { id: 'b@1', n: 4 },
    ])
    const partition = { topic: 'numbers', partition: 0 }
    const { positions } = await sink.open({ id: 'rows/numbers_0', partitions: [partition] })
    expect(positions).toEqual([2])
  })

  it('should send the record of a rejected row to the dead letters, under the name of the sink', async () => {
    const sink = newSink()
    const topology = defineTopology('rejecting', (builder) => {
      builder.stream(numbers).toSink('write-rows', sink, (n, key) => [{ id: key, n }])
    })
    const letters = await withDriver(topology, {}, async (driver) => {
      await driver.write(numbers, { key: 'a', value: 1 }, { key: 'b', value: -2 }, { key: 'c', value: 3 })
      await driver.run()
      return driver.deadLetters()
    })
    expect(sink.rows.map(({ id }) => id)).toEqual(['a', 'c'])
    expect(letters).toMatchObject([{ code: 'SINK_ROW_REJECTED', operator: 'write-rows', offset: 1 }])
    expect(letters[0]?.message).toContain('n is -2')
  })

  it.each<[what: string, declare: Parameters<typeof defineTopology>[1], message: RegExp]>([
    [
      'state before it',
      (builder) => {
        const { out } = builder
          .stream(numbers)
          .process('p', { outputs: { out: output<string, number>() }, create: ({ outputs }) => outputs.out })
        out.toSink('rows', newSink(), () => [])
        builder.table(jsonTopic<number>('other'), { store: 'rows' })
        builder
          .table(jsonTopic<number>('stateful'), { store: 'kept' })
          .toStream()
          .toSink('more-rows', newSink(), () => [])
      },
      /sub-topology stateful has the external sink "more-rows" and also "table-kept".*write to a topic first/,
    ],
    [
      'a topic beside it',
      (builder) => {
        const stream = builder.stream(numbers)
        stream.toSink('rows', newSink(), () => [])
        stream.to(jsonTopic<number>('copy'))
      },
      /external sink "rows" and also "copy-sink-1"/,
    ],
    [
      'a second one',
      (builder) => {
        const stream = builder.stream(numbers)
        stream.toSink('rows', newSink(), () => [])
        stream.toSink('more-rows', newSink(), () => [])
      },
      /two external sinks, "rows" and "more-rows"/,
    ],
  ])('should be refused with %s', (_what, declare, message) => {
    expect(() => defineTopology('refused', declare)).toThrow(message)
  })
})
