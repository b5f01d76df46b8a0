/** Instances of one application over one log, with standbys, joiners, leavers, zombies and failing calls in random order. */
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { StreamsError } from '../../streams/index.ts'
import { Faults, type FaultyCall, type MemoryStoreProvider } from '../../streams/testing/index.ts'
import { cases, input, inputRecords } from './cases.ts'
import { expectCopiesOfChangelogs } from './local-copies.ts'
import { finish } from './runs.ts'
import {
  append,
  newWorld,
  openLog,
  type Process,
  run,
  settle,
  startProcess,
  worldWithInput,
} from './world.ts'

interface Instance {
  readonly process: Process
  readonly faults: Faults
  readonly tasks: MemoryStoreProvider
}

const calls: readonly FaultyCall[] = [
  'send',
  'send-offsets',
  'commit',
  'open-producer',
  'prepare-rows',
  'commit-rows',
]

const which = fc.nat({ max: 5 })
const event = fc.oneof(
  fc.record({ kind: fc.constant('join' as const) }),
  fc.record({ kind: fc.constant('leave' as const), which }),
  fc.record({ kind: fc.constant('expel' as const), which }),
  fc.record({
    kind: fc.constant('fault' as const),
    which,
    call: fc.constantFrom(...calls),
    nth: fc.integer({ min: 1, max: 4 }),
    when: fc.constantFrom('before' as const, 'after' as const),
  }),
  fc.record({ kind: fc.constant('input' as const) }),
  fc.record({ kind: fc.constant('time' as const), turns: fc.integer({ min: 1, max: 8 }) }),
)

describe('a cluster', () => {
  it('should process everything exactly once, whoever comes, goes, sleeps or fails', async () => {
    const records = inputRecords(25)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cases),
        fc.array(event, { minLength: 5, maxLength: 25 }),
        fc.record({
          standbyReplicas: fc.nat({ max: 2 }),
          warmUpMaxLag: fc.constantFrom(0, 5, 10_000),
          maxWarmUps: fc.integer({ min: 1, max: 3 }),
          stateCleanupDelayMs: fc.constantFrom(1, 20_000),
        }),
        async (testCase, events, settings) => {
          const world = await worldWithInput(records.slice(0, 20))
          const open = await openLog(world)
          let given = 20
          const give = async (count: number): Promise<void> => {
            await append(open.log, input.name, records.slice(given, given + count))
            given += count
          }
          const members: Instance[] = []
          const zombies: Instance[] = []
          /** Directories that instances left behind, for later ones to find. */
          const left: MemoryStoreProvider[] = []
          const everyTasks: MemoryStoreProvider[] = []
          let joined = 0
          const join = async (): Promise<Instance> => {
            const faults = new Faults()
            const tasks = left.shift() ?? newWorld().tasks
            if (!everyTasks.includes(tasks)) everyTasks.push(tasks)
            const identity = { instanceId: `instance-${++joined}`, zone: `zone-${joined % 2}` }
            const process = await startProcess(open, { tasks, sink: world.sink }, testCase, {
              faults,
              settings,
              ...identity,
            })
            const instance = { process, faults, tasks }
            members.push(instance)
            return instance
          }
          await join()
          for (const happening of events) {
            const member =
              'which' in happening ? members[happening.which % Math.max(1, members.length)] : undefined
            if (happening.kind === 'join' && members.length < 4) await join()
            if (happening.kind === 'input') await give(10)
            if (happening.kind === 'time') await settle(open.clock, happening.turns)
            if (member === undefined) continue
            if (happening.kind === 'leave') {
              members.splice(members.indexOf(member), 1)
              await run(open.clock, member.process.app.stop())
              left.push(member.tasks)
            } else if (happening.kind === 'expel') {
              members.splice(members.indexOf(member), 1)
              zombies.push(member)
              await member.process.expel()
            } else if (happening.kind === 'fault') {
              const { call, nth, when } = happening
              const code = call === 'commit' ? 'TRANSACTION_OUTCOME_UNKNOWN' : 'LOG_UNAVAILABLE'
              member.faults.place({ call, nth, when, error: new StreamsError(code, 'placed') })
            }
          }
          await give(records.length)
          for (const { process } of [...zombies, ...members]) await run(open.clock, process.app.stop())
          for (const tasks of everyTasks) await expectCopiesOfChangelogs(open, tasks, testCase)
          await open.log.close()
          await finish(world.snapshot(), testCase, 'exactly-once', records)
        },
      ),
      { numRuns: 40 },
    )
  })
})
