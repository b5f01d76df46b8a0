import { describe, expect, it } from 'vitest'
import { recordSpans } from '../../tests/support/recorded-spans.ts'
import { into, jsonTopic, withDriver } from '../../tests/support/topologies.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import { traceParentOf } from '../ports/trace-headers.ts'
import type { Headers } from '../records/record-batch.ts'
import { nullable } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import { MemorySink } from '../testing/memory-sink.ts'
import { deadLetterTopic } from './internal-topics.ts'
import { replayHeaders } from './replay-headers.ts'

const numbers = jsonTopic<number>('numbers')
const doubled = jsonTopic<number>('doubled')
const counts = topic('counts', { key: serdes.string, value: nullable(serdes.long) })

function sent(spanId: string, isSampled = true): Headers {
  const context = { traceId: 'c'.repeat(32), spanId: spanId.padStart(16, '0'), isSampled, traceState: '' }
  return [
    { key: 'tenant', value: Buffer.from('blue') },
    { key: 'traceparent', value: Buffer.from(traceParentOf(context)) },
  ]
}

function text(headers: Headers): Record<string, string | undefined> {
  return Object.fromEntries(headers.map(({ key, value }) => [key, value?.toString()]))
}

/** Doubles, counts, and fails on 13. */
const topology = defineTopology('arithmetic', (builder) => {
  const stream = builder.stream(numbers)
  stream
    .mapValues((n) => {
      if (n === 13) throw new Error('13 brings bad luck')
      return n * 2
    })
    .to(doubled)
  stream.groupByKey().count({ store: 'counts' }).toStream().to(counts)
})

const perCommit = { settings: { emission: 'per-commit' } } as const

describe('a task that traces', () => {
  it('should have a span for a sampled record, and pass it on in place of the context that the record brought', async () => {
    const tracer = recordSpans()
    await withDriver(topology, { ...perCommit, tracer }, async (driver) => {
      await into(numbers, { key: 'a', value: 4, headers: sent('1') })(driver)
      const [span] = tracer.named('process numbers')
      expect(span).toMatchObject({
        kind: 'consumer',
        parentId: '0000000000000001',
        context: { traceId: 'c'.repeat(32) },
        isEnded: true,
        error: undefined,
        attributes: {
          'messaging.operation.type': 'process',
          'messaging.destination.name': 'numbers',
          'messaging.destination.partition.id': '0',
          'messaging.kafka.offset': 0,
          'order_streams.topology': 'arithmetic',
          'order_streams.task': 'numbers_0',
        },
      })
      const [record] = await driver.read(doubled)
      expect(text(record!.headers)).toEqual({ tenant: 'blue', traceparent: traceParentOf(span!.context) })
    })
  })

  it('should link the commit to its sampled records, and pass on what came of many by the commit', async () => {
    const tracer = recordSpans()
    await withDriver(topology, { ...perCommit, tracer }, async (driver) => {
      await driver.write(
        numbers,
        { key: 'a', value: 1, headers: sent('1') },
        { key: 'a', value: 2 },
        { key: 'a', value: 3, headers: sent('3') },
      )
      await driver.run()
      const processed = tracer.named('process numbers')
      const [commit] = tracer.named('commit arithmetic')
      expect(commit).toMatchObject({
        parentId: undefined,
        links: processed.map(({ context: { spanId } }) => spanId),
        isEnded: true,
        attributes: { 'order_streams.commit.sampled_records': 2, 'order_streams.commit.number': 1 },
      })
      expect(commit!.events).toEqual([
        'flushed',
        'encoded',
        'sent',
        'offsets-sent',
        'committed',
        'state-applied',
      ])
      const [count] = await driver.read(counts)
      expect(count?.value).toBe(3)
      expect(text(count!.headers)).toEqual({ traceparent: traceParentOf(commit!.context) })
    })
  })

  it('should bound the links of a commit, and begin anew with the next one', async () => {
    const tracer = recordSpans()
    await withDriver(topology, { ...perCommit, tracer }, async (driver) => {
      await driver.write(
        numbers,
        ...Array.from({ length: 40 }, (_, n) => ({ key: 'a', value: n + 100, headers: sent('1') })),
      )
      await driver.run()
      await into(numbers, { key: 'a', value: 1 })(driver)
      await into(numbers, { key: 'a', value: 2, headers: sent('2') })(driver)
      const commits = tracer.named('commit arithmetic')
      expect(commits.map(({ links }) => links.length)).toEqual([32, 1])
      expect(commits[0]?.attributes['order_streams.commit.sampled_records']).toBe(40)
      const written = await driver.read(counts)
      expect(written.map(({ headers }) => headers.length)).toEqual([1, 0, 1])
    })
  })

  it('should say of a record that failed where it did, and let its dead letter carry the span', async () => {
    const tracer = recordSpans()
    await withDriver(topology, { ...perCommit, tracer }, async (driver) => {
      await into(numbers, { key: 'a', value: 13, headers: sent('1') })(driver)
      const [span] = tracer.named('process numbers')
      expect(span).toMatchObject({ error: '13 brings bad luck', isEnded: true })
      expect(span?.attributes['order_streams.operator']).toMatch(/map/i)
      const [letter] = await driver.read(deadLetterTopic('arithmetic'))
      expect(text(letter!.headers)).toEqual({ traceparent: traceParentOf(span!.context) })
      const original = letter!.value.headers.map(({ key }) => key)
      expect(original).toEqual(['tenant', 'traceparent'])
    })
  })

  it('should give a replayed record a trace of its own that leads to where it came from', async () => {
    const tracer = recordSpans()
    await withDriver(topology, { ...perCommit, tracer }, async (driver) => {
      const headers = replayHeaders(sent('1'), 'arithmetic/numbers', 2)
      await into(numbers, { key: 'a', value: 4, headers })(driver)
      const [span] = tracer.named('process numbers')
      expect(span).toMatchObject({
        parentId: undefined,
        links: ['0000000000000001'],
        attributes: { 'order_streams.replay.attempts_before': 2 },
      })
      const [record] = await driver.read(doubled)
      expect(text(record!.headers)).toEqual({ tenant: 'blue', traceparent: traceParentOf(span!.context) })
    })
  })

  it('should have a span for the rows of a sampled record, which ends when the sink has committed', async () => {
    const tracer = recordSpans()
    const sink = new MemorySink<number>({
      rejects: (n) => (n < 0 ? { code: 'NEGATIVE', message: `n is ${n}` } : undefined),
    })
    const rows = defineTopology('rows', (builder) => {
      builder.stream(numbers).toSink('write-rows', sink, (n) => [n])
    })
    await withDriver(rows, { tracer }, async (driver) => {
      await driver.write(
        numbers,
        { key: 'a', value: 1, headers: sent('1') },
        { key: 'b', value: 2 },
        { key: 'c', value: -3, headers: sent('3') },
      )
      await driver.run()
      const processed = tracer.named('process numbers')
      const [commit] = tracer.named('commit rows')
      const writes = tracer.spans.filter(({ kind }) => kind === 'client')
      expect(writes.map(({ parentId }) => parentId)).toEqual(processed.map(({ context }) => context.spanId))
      for (const write of writes) {
        expect(write).toMatchObject({
          isEnded: true,
          links: [commit?.context.spanId],
          attributes: { 'order_streams.sink.rows': 1, 'db.operation.batch.size': 3 },
        })
      }
      const [letter] = await driver.read(deadLetterTopic('rows'))
      expect(text(letter!.headers)).toEqual({ traceparent: traceParentOf(processed[1]!.context) })
    })
  })

  it('should end the span of a commit that failed with an error, and process its records in spans of their own again', async () => {
    const tracer = recordSpans()
    const fails = {
      onCommitStep: (_task: string, step: string) => {
        if (step === 'sent') throw new Error('the process died')
      },
    }
    await expect(
      withDriver(topology, { ...perCommit, tracer, observer: fails }, (driver) =>
        into(numbers, { key: 'a', value: 4, headers: sent('1') })(driver),
      ),
    ).rejects.toThrow('the process died')
    const [commit] = tracer.named('commit arithmetic')
    expect(commit).toMatchObject({ isEnded: true })
    expect(commit?.error).toContain('before its transaction was committed')
  })

  it.each<[what: string, headers: Headers | undefined]>([
    ['no headers', undefined],
    ['others only', [{ key: 'tenant', value: Buffer.from('blue') }]],
    ['a trace that is not sampled', sent('1', false)],
    ['a context that is broken', [{ key: 'traceparent', value: Buffer.from('nonsense') }]],
  ])(
    'should write for records with %s the very same as without tracing, and have no spans',
    async (_what, headers) => {
      const tracer = recordSpans()
      const outputs = (traced: boolean) =>
        withDriver(topology, { ...perCommit, ...(traced ? { tracer } : {}) }, async (driver) => {
          const more = headers === undefined ? {} : { headers }
          await driver.write(
            numbers,
            ...[1, 13, 2, 3].map((value) => ({ key: `key-${value % 2}`, value, ...more })),
          )
          await driver.run()
          return [
            await driver.read(doubled),
            await driver.read(counts),
            await driver.read(deadLetterTopic('arithmetic')),
          ]
        })
      expect(await outputs(true)).toEqual(await outputs(false))
      expect(tracer.spans).toEqual([])
    },
  )

  it('should write for sampled records the same as without tracing but for the context in the headers', async () => {
    const outputs = (traced: boolean) =>
      withDriver(topology, { ...perCommit, ...(traced ? { tracer: recordSpans() } : {}) }, async (driver) => {
        await driver.write(
          numbers,
          ...[1, 13, 2, 3].map((value) => ({ key: `key-${value % 2}`, value, headers: sent('1') })),
        )
        await driver.run()
        const read = [
          ...(await driver.read(doubled)),
          ...(await driver.read(counts)),
          ...(await driver.read(deadLetterTopic('arithmetic'))),
        ]
        return read.map((record) => ({
          ...record,
          headers: record.headers.filter(({ key }) => key !== 'traceparent'),
        }))
      })
    expect(await outputs(true)).toEqual(await outputs(false))
  })
})
