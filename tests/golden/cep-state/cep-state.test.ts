/**
 * State of patterns that was once written must be read for ever. Each folder here holds what a release wrote: never change a
 * file in it. A state was written after the events of `before` and with those of `early` waiting; `matches` and `timedOut` are
 * what the release found when time then came to `early` and to the end.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { matchStateCodec } from '../../../streams/cep/match-state-codec.ts'
import { Matcher } from '../../../streams/cep/matcher.ts'
import { compilePattern } from '../../../streams/cep/nfa.ts'
import { ByteWriter } from '../../../streams/records/byte-writer.ts'
import { avro } from '../../../streams/serde/avro.ts'
import type { AvroSchema } from '../../../streams/serde/avro-schema.ts'
import { MemoryRegistry } from '../../../streams/testing/memory-registry.ts'
import { type CaseEvent, type CasePattern, patternOf } from '../cep/cases.ts'

interface GoldenState {
  readonly name: string
  readonly pattern: CasePattern
  readonly before: readonly CaseEvent[]
  readonly early: readonly CaseEvent[]
  readonly bytes: string
  readonly findings: readonly unknown[]
}

const schema: AvroSchema<CaseEvent> = {
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'type', type: 'string' },
    { name: 'value', type: 'int' },
    { name: 'timestampMs', type: 'long' },
  ],
}

const folder = import.meta.dirname
const releases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
const states = releases.flatMap(({ name: release }) =>
  readFileSync(join(folder, release, 'states.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ release, golden: JSON.parse(line) as GoldenState })),
)

async function opened(pattern: CasePattern) {
  const matcher = new Matcher(compilePattern(patternOf(pattern)))
  const events = await avro(schema).open({ registry: new MemoryRegistry(), subject: 'events' })
  return { matcher, codec: matchStateCodec(matcher.nfa, events) }
}

describe.each(states)('state of $golden.name, as release $release wrote it', ({ golden }) => {
  const { pattern, before, early, bytes, findings } = golden

  it('should be read, and go on as it did', async () => {
    const { matcher, codec } = await opened(pattern)
    const stored = Buffer.from(bytes, 'hex')
    const state = codec.decode(stored, 0, stored.length)
    expect(matcher.advance(state, Number.POSITIVE_INFINITY)).toEqual(findings)
    expect(state.isEmpty).toBe(true)
  })

  it('should be written the same', async () => {
    const { matcher, codec } = await opened(pattern)
    const state = matcher.newState()
    for (const event of before) matcher.take(state, event, event.timestampMs)
    for (const event of early) state.expect(event, event.timestampMs)
    const writer = new ByteWriter()
    codec.encode(state, writer)
    expect(writer.copy(0, writer.position).toString('hex')).toBe(bytes)
  })
})
