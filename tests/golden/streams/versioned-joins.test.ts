import { describe, expect, it } from 'vitest'
import { defineTopology, output as processorOutput, serdes, versionedStore } from '../../../streams/index.ts'
import { versionedJoin } from '../../support/versioned-join-oracle.ts'
import {
  casesOf,
  type GoldenCase,
  type GoldenOutput,
  goldenTopic,
  type Json,
  output,
  type Versioned,
  versionedIf,
} from './cases.ts'
import { expectGolden, runCase, writtenOutput } from './run-case.ts'

const pair = (left: string, right: string | null): Json => [left, right]

type Join = Versioned & { readonly type: 'inner' | 'left'; readonly graceMs: number | null }

/** What a plain oracle makes of a case: in Kafka Streams records that are dropped do not tell the time, here they do. */
function oracleOf({ parameters, input }: GoldenCase<Join>, droppedTellTime: boolean) {
  const { type, graceMs, historyRetentionMs = 0 } = parameters
  const inputs = input.map(({ topic, key, value, timestampMs }) => {
    return { from: topic === 'table' ? ('table' as const) : ('stream' as const), key, value, timestampMs }
  })
  const results = versionedJoin({ type, historyMs: historyRetentionMs, graceMs }, inputs, droppedTellTime)
  return results.map(({ row, value, ...result }) => ({ ...result, value: [value, row] }))
}

/** Records of equal time and different keys leave in any order. */
function inOneOrder(results: readonly GoldenOutput[]): GoldenOutput[] {
  const place = (a: GoldenOutput, b: GoldenOutput) =>
    a.inputIndex - b.inputIndex || a.timestampMs - b.timestampMs
  return results.toSorted((a, b) => place(a, b) || String(a.key).localeCompare(String(b.key)))
}

const joins = casesOf<Join>('stream-versioned-table-join')

/** The case in which a record that is dropped lets another go earlier, which then finds another row. */
const droppedLetGo = 'stream-versioned-table-join-0005'

async function runJoin({ parameters, ...golden }: GoldenCase<Join>) {
  const { type, graceMs } = parameters
  const topology = defineTopology('stream-versioned-table-join', (builder) => {
    const stream = builder.stream(goldenTopic<string>('stream'))
    const table = builder.table(goldenTopic<string>('table'), versionedIf(parameters))
    const grace = graceMs === null ? {} : { name: 'joined', graceMs }
    const joined = type === 'inner' ? stream.join(table, pair, grace) : stream.leftJoin(table, pair, grace)
    joined.to(output)
  })
  const outcome = await runCase(topology, { parameters, ...golden })
  expect(outcome.drops).toEqual(golden.drops)
  return inOneOrder(outcome.output)
}

describe('join of a stream with a versioned table', () => {
  it.each(joins)('should be in Kafka Streams as the oracle says: $name $parameters', (golden) => {
    expect(inOneOrder(oracleOf(golden, false))).toEqual(inOneOrder(writtenOutput(golden)))
  })

  it.each(joins.filter(({ name }) => name !== droppedLetGo))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      expect(await runJoin(golden)).toEqual(inOneOrder(writtenOutput(golden)))
    },
  )

  it.each(joins.filter(({ name }) => name === droppedLetGo))(
    'should let what is dropped tell the time, as Kafka Streams does not: $name',
    async (golden) => {
      const results = await runJoin(golden)
      expect(results).toEqual(inOneOrder(oracleOf(golden, true)))
      expect(results, 'what differs').not.toEqual(inOneOrder(writtenOutput(golden)))
    },
  )
})

describe('look-up of versions', () => {
  it.each(casesOf<Versioned>('versioned-lookup'))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      const rows = versionedStore({
        name: 'rows',
        key: serdes.string,
        value: serdes.string,
        historyMs: golden.parameters.historyRetentionMs ?? 0,
      })
      const topology = defineTopology('versioned-lookup', (builder) => {
        builder.stream(goldenTopic<string>('table')).process('write', {
          stores: { rows },
          outputs: {},
          create:
            ({ stores }) =>
            (key, value) => {
              if (key === null) return
              if (value === null) stores.rows.delete(key)
              else stores.rows.put(key, value)
            },
        })
        const { answers } = builder.stream(goldenTopic<number | 'latest'>('queries')).process('answer', {
          stores: { rows },
          outputs: { answers: processorOutput<string | null, Json>() },
          create:
            ({ stores, outputs }) =>
            (key, time) => {
              if (key === null || time === null) return
              const row = time === 'latest' ? stores.rows.getTimestamped(key) : stores.rows.getAsOf(key, time)
              outputs.answers(
                key,
                row === undefined ? null : { value: row.value, validFromMs: row.timestampMs },
              )
            },
        })
        answers.to(output)
      })
      await expectGolden(topology, golden)
    },
  )
})
