/**
 * A long window on one key: thousands of partial matches are open and nearly no event concerns any of them. What an event costs
 * must not grow with their number; what a commit costs does, for what a key has is one row.
 */

import { matchStateCodec } from '../streams/cep/match-state-codec.ts'
import { Matcher, type MatchWork } from '../streams/cep/matcher.ts'
import { compilePattern } from '../streams/cep/nfa.ts'
import { type AvroSchema, avro, ByteWriter, hours, Pattern } from '../streams/index.ts'
import { MemoryRegistry } from '../streams/testing/index.ts'

interface Reading {
  readonly kind: string
  readonly machine: number
}

const readingSchema: AvroSchema<Reading> = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'kind', type: 'string' },
    { name: 'machine', type: 'int' },
  ],
}

const windowMs = hours(1)
const hotMachines = 20

/** Runs wait in three states, one of them for events that are held against what the run has taken. */
const overheated = compilePattern(
  Pattern.of<Reading>()
    .begin('warm')
    .where(({ kind }) => kind === 'warm')
    .followedBy('hot')
    .where(({ kind }) => kind === 'hot')
    .where(({ machine }, { warm }) => machine === warm[0]?.machine)
    .oneOrMore()
    .notFollowedBy('cooled')
    .where(({ kind }) => kind === 'cooled')
    .followedBy('stopped')
    .where(({ kind }) => kind === 'stopped')
    .within(windowMs),
)

export interface LongWindowResult extends MatchWork {
  readonly openRuns: number
  readonly events: number
  readonly cpuNanosecondsPerEvent: number
  /** Of the key's row, which a commit writes when it changed. */
  readonly rowBytes: number
  readonly rowEncodeCpuMs: number
}

/**
 * Fills the window with open runs and then feeds it events, of which one in ten begins another run, as one times out; the others
 * concern nobody.
 */
export async function measureLongWindow(openRuns: number, events: number): Promise<LongWindowResult> {
  const limits = { maxRuns: 10 * openRuns, maxEvents: 10 * openRuns, whenFull: 'fail' } as const
  const matcher = new Matcher(overheated, limits)
  const state = matcher.newState()
  const stepMs = windowMs / openRuns / 10
  let nowMs = 0
  const feed = (count: number): void => {
    for (let n = 0; n < count; n++, nowMs += stepMs) {
      const kind = n % 10 === 0 ? 'warm' : 'steady'
      matcher.take(state, { kind, machine: n }, nowMs)
    }
  }
  feed(openRuns * 10)
  // Some wait for what comes behind the loop. Each of these is held against all runs: their test looks at what a run has taken.
  for (let nth = 0; nth < hotMachines; nth++) {
    const machine = 10 * Math.floor((nth * openRuns) / hotMachines)
    matcher.take(state, { kind: 'hot', machine }, nowMs)
  }
  const { conditionsAsked, runsTouched } = matcher.work
  const cpuBefore = process.cpuUsage()
  feed(events)
  const cpu = process.cpuUsage(cpuBefore)
  const after = matcher.work
  return {
    openRuns: state.runs,
    events,
    cpuNanosecondsPerEvent: Math.round(((cpu.user + cpu.system) * 1000) / events),
    conditionsAsked: after.conditionsAsked - conditionsAsked,
    runsTouched: after.runsTouched - runsTouched,
    ...(await encoded(state)),
  }
}

async function encoded(
  state: ReturnType<Matcher<Reading, never>['newState']>,
): Promise<Pick<LongWindowResult, 'rowBytes' | 'rowEncodeCpuMs'>> {
  const events = await avro(readingSchema).open({ registry: new MemoryRegistry(), subject: 'readings' })
  const codec = matchStateCodec(overheated, events)
  const writer = new ByteWriter()
  const rounds = 5
  const cpuBefore = process.cpuUsage()
  for (let round = 0; round < rounds; round++) {
    writer.clear()
    codec.encode(state, writer)
  }
  const cpu = process.cpuUsage(cpuBefore)
  return {
    rowBytes: writer.position,
    rowEncodeCpuMs: Math.round((cpu.user + cpu.system) / rounds / 10) / 100,
  }
}
