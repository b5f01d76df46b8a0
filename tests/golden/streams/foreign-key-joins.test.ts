/**
 * Foreign-key joins. What leaves for one record is compared in any order, and without deletions of rows that are not there, which
 * Kafka Streams emits: they change nothing in a table that somebody builds from it.
 */
import { describe, expect, it } from 'vitest'
import { defineTopology, serdes } from '../../../streams/index.ts'
import {
  casesOf,
  type GoldenDrop,
  type GoldenOutput,
  goldenTopic,
  type Json,
  output,
  type Versioned,
  versionedIf,
} from './cases.ts'
import { runCase, writtenOutput } from './run-case.ts'

type Reference = { readonly ref: string | null; readonly n: number }

const pair = (left: Reference, right: string | null): Json => [{ ref: left.ref, n: left.n }, right]

/** Without deletions of what is not there, in one order. */
function whatChanges(results: readonly GoldenOutput[]): string[] {
  const rows = new Set<string | null>()
  const changes = results.filter(({ key, value }) => {
    if (value !== null) rows.add(key)
    return value !== null || rows.delete(key)
  })
  const line = ({ inputIndex, key, value, timestampMs }: GoldenOutput) =>
    [String(inputIndex).padStart(4), key, JSON.stringify(value), timestampMs].join(' ')
  return changes.map(line).sort()
}

/** What is late and has no name either was recorded as the one or the other. */
function places(drops: readonly GoldenDrop[]) {
  return drops.map(({ inputIndex, count }) => ({ inputIndex, count }))
}

describe('join of tables by foreign key', () => {
  it.each(casesOf<Versioned & { type: 'inner' | 'left' }>('foreign-key-join'))(
    'should answer as Kafka Streams does: $name $parameters',
    async (golden) => {
      const topology = defineTopology('foreign-key-join', (builder) => {
        const left = builder.table(goldenTopic<Reference>('left'), versionedIf(golden.parameters))
        const right = builder.table(goldenTopic<string>('right'), versionedIf(golden.parameters))
        const options = { store: 'joined', value: serdes.json<Json>() }
        const joined =
          golden.parameters.type === 'inner'
            ? left.joinOn(right, ({ ref }) => ref, pair, options)
            : left.leftJoinOn(right, ({ ref }) => ref, pair, options)
        joined.toStream().to(output)
      })
      const outcome = await runCase(topology, golden)
      expect(whatChanges(outcome.output)).toEqual(whatChanges(writtenOutput(golden)))
      expect(places(outcome.drops)).toEqual(places(golden.drops))
    },
  )
})
