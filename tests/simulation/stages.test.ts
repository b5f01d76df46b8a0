/** Stage commands over instances that come, go, crash and sleep: nothing is lost, nothing doubled, and steps are exactly so many. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CommitStep,
  messageOf,
  type Stage,
  StreamsError,
  stagesOf,
  type TaskFlowView,
  type TopologyStages,
} from '../../streams/index.ts'
import {
  crashAt,
  Faults,
  type FaultyCall,
  MemorySink,
  type MemoryStoreProvider,
} from '../../streams/testing/index.ts'
import { type Case, cases, input, inputRecords, isRejected, partitions, sortOut } from './cases.ts'
import { finish } from './runs.ts'
import {
  append,
  newProcess,
  newWorld,
  type OpenLog,
  openLog,
  type Process,
  run,
  settle,
  startProcess,
  stepsOf,
  type World,
  worldWithInput,
} from './world.ts'

const alice = { reason: 'a look at the database', by: 'alice' }

function nameOf(testCase: Case): string {
  return testCase.topology(new MemorySink()).name
}

function wholeOf(testCase: Case): Stage {
  return { topology: nameOf(testCase), subTopology: null, operator: null }
}

function stages({ app }: Process, testCase: Case): TopologyStages {
  return stagesOf(app.running(nameOf(testCase)))
}

function flows({ app }: Process, testCase: Case): TaskFlowView[] {
  return [...app.running(nameOf(testCase)).drivers.values()].map(({ flow }) => flow)
}

async function until(clock: OpenLog['clock'], what: string, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (holds()) return
    await settle(clock, 10)
  }
  throw new Error(`it never came to this: ${what}`)
}

/** All tasks are open, stand still, and have committed what they had. */
function standsStill(process: Process, testCase: Case): boolean {
  const { drivers } = process.app.running(nameOf(testCase))
  return (
    drivers.size > 0 &&
    [...drivers.values()].every(({ openTask, flow }) => openTask !== undefined && flow.state === 'paused')
  )
}

async function committedInput({ log }: OpenLog, testCase: Case): Promise<number[]> {
  const of = Array.from({ length: partitions }, (_, partition) => ({ topic: input.name, partition }))
  return (await log.committedOffsets(nameOf(testCase), of)).map((offset) => offset ?? 0)
}

/** A world whose topology was paused before it had any input. */
async function pausedWorld(testCase: Case): Promise<World> {
  const world = await worldWithInput([])
  const open = await openLog(world)
  const process = await startProcess(open, world, testCase)
  await run(open.clock, stages(process, testCase).pause({ stage: wholeOf(testCase), ...alice }))
  await run(open.clock, process.app.stop())
  await append(open.log, input.name, inputRecords(20))
  await open.log.close()
  return world.snapshot()
}

/** Lets records through, to a crash if it comes to that; answers the world that is left. */
async function stepToCrash(
  world: World,
  testCase: Case,
  records: number,
  at: { readonly step: CommitStep; readonly nth: number },
): Promise<World> {
  let left: World | undefined
  const crash = crashAt(at.step, at.nth, () => {
    left = world.snapshot()
  })
  const open = await openLog(world)
  const process = await newProcess(open, world, testCase, { observer: crash.observer })
  await run(open.clock, Promise.race([crash.reached, process.app.start()]))
  const stepped = stages(process, testCase).step({ stage: wholeOf(testCase), by: 'bob', records })
  await run(open.clock, Promise.race([crash.reached.then(() => undefined), stepped]))
  await run(open.clock, stepped)
  await until(open.clock, 'a crash or a stop', () => left !== undefined || standsStill(process, testCase))
  if (left !== undefined) return left
  await run(open.clock, process.app.stop())
  await open.log.close()
  return world.snapshot()
}

/** What a sink that reads the input has of the first records of each partition. */
function firstRows(count: number): { readonly id: string }[] {
  return sortOut(inputRecords(20))
    .valid.filter((record) => record.offset < count && !isRejected(record))
    .map(({ partition, offset, key }) => ({ id: `${partition}-${offset}-${key}` }))
}

function idsOf(rows: readonly { readonly id: string }[]): string[] {
  return rows.map(({ id }) => id).sort()
}

const sourceOnly = cases.filter(({ name }) => ['stateless', 'keyed count', 'external sink'].includes(name))

describe('steps of a paused topology', () => {
  const tries = sourceOnly.flatMap((testCase) =>
    stepsOf(testCase, 'exactly-once').flatMap((step) => [1, 2, 3].map((nth) => ({ testCase, step, nth }))),
  )

  it.each(tries)(
    'should let exactly their records through, with crash $nth after $step: $testCase.name',
    async ({ testCase, step, nth }) => {
      let world = await pausedWorld(testCase)
      for (const total of [4, 7]) {
        world = await stepToCrash(world, testCase, total === 4 ? 4 : 3, { step, nth })
        const open = await openLog(world)
        const process = await startProcess(open, world, testCase)
        await until(open.clock, 'it stands still', () => standsStill(process, testCase))
        expect(await committedInput(open, testCase)).toEqual([total, total])
        expect(flows(process, testCase).map(({ stepRemaining }) => stepRemaining)).toEqual([0, 0])
        if (testCase.sinkReads === 'input') expect(idsOf(world.sink.rows)).toEqual(idsOf(firstRows(total)))
        await run(open.clock, process.app.stop())
        await open.log.close()
        world = world.snapshot()
      }
      const open = await openLog(world)
      const process = await startProcess(open, world, testCase)
      await run(open.clock, stages(process, testCase).resume({ stage: wholeOf(testCase), ...alice }))
      await run(open.clock, process.app.stop())
      await open.log.close()
      await finish(world.snapshot(), testCase, 'exactly-once', inputRecords(20))
    },
  )
})

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
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('join' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expel' as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      which,
      call: fc.constantFrom(...calls),
      nth: fc.integer({ min: 1, max: 4 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('input' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('time' as const), turns: fc.integer({ min: 1, max: 8 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('command' as const),
      which,
      stage: fc.nat({ max: 20 }),
      command: fc.constantFrom(
        'pause' as const,
        'resume' as const,
        'step' as const,
        'limit' as const,
        'drain' as const,
      ),
      count: fc.integer({ min: 1, max: 12 }),
    }),
  },
)

type Command = Extract<typeof event extends fc.Arbitrary<infer E> ? E : never, { kind: 'command' }>

/** Gives a command, to a stage that it may be given to. */
async function give(
  process: Process,
  testCase: Case,
  { stage: index, command, count }: Command,
): Promise<void> {
  const topology = testCase.topology(new MemorySink())
  const whole = wholeOf(testCase)
  const parts = topology.subTopologies.map(({ name }) => ({ ...whole, subTopology: name }))
  const operators = topology.nodes.map(({ name }) => ({ ...whole, operator: name }))
  const wide = [whole, ...parts]
  const any = [...wide, ...operators]
  const stage = any[index % any.length]!
  const wideStage = wide[index % wide.length]!
  const all = stages(process, testCase)
  if (command === 'pause') await all.pause({ stage, ...alice })
  else if (command === 'resume') await all.resume({ stage, ...alice })
  else if (command === 'limit') await all.limit({ stage: wideStage, recordsPerSecond: count, ...alice })
  else if (command === 'drain') await all.drain({ stage: wideStage, ...alice })
  else {
    await all.step({ stage, by: 'bob', records: count }).catch((error: unknown) => {
      if (!(error instanceof StreamsError) || error.code !== 'STAGE_NOT_PAUSED') throw error
    })
  }
}

/** A call that was to fail may do so in a command. */
async function giveOrFail(process: Process, testCase: Case, command: Command): Promise<void> {
  await give(process, testCase, command).catch((error: unknown) => {
    if (messageOf(error) !== 'placed') throw error
  })
}

async function letGo(process: Process, testCase: Case): Promise<void> {
  const all = stages(process, testCase)
  for (const { kind, sub_topology: subTopology, operator } of await all.list()) {
    const stage = { ...wholeOf(testCase), subTopology, operator }
    if (kind === 'LIMIT') await all.limit({ stage, recordsPerSecond: 0, ...alice })
    else await all.resume({ stage, ...alice })
  }
}

interface Instance {
  readonly process: Process
  readonly faults: Faults
  readonly tasks: MemoryStoreProvider
}

describe('stage commands', () => {
  it('should lose and double nothing, whatever is commanded, and whoever comes, goes, sleeps or fails', async () => {
    const records = inputRecords(25)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...cases),
        fc.array(event, { minLength: 5, maxLength: 30 }),
        async (testCase, events) => {
          const world = await worldWithInput(records.slice(0, 20))
          const open = await openLog(world)
          let given = 20
          const feed = async (count: number): Promise<void> => {
            await append(open.log, input.name, records.slice(given, given + count))
            given += count
          }
          const members: Instance[] = []
          const zombies: Instance[] = []
          let joined = 0
          const join = async (): Promise<void> => {
            const faults = new Faults()
            const tasks = newWorld().tasks
            const instanceId = `instance-${++joined}`
            const process = await startProcess(open, { tasks, sink: world.sink }, testCase, {
              faults,
              instanceId,
            })
            members.push({ process, faults, tasks })
          }
          await join()
          for (const happening of events) {
            const member =
              'which' in happening ? members[happening.which % Math.max(1, members.length)] : undefined
            if (happening.kind === 'join' && members.length < 3) await join()
            if (happening.kind === 'input') await feed(10)
            if (happening.kind === 'time') await settle(open.clock, happening.turns)
            if (member === undefined) continue
            if (happening.kind === 'command')
              await run(open.clock, giveOrFail(member.process, testCase, happening))
            else if (happening.kind === 'leave') {
              members.splice(members.indexOf(member), 1)
              await run(open.clock, member.process.app.stop())
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
          await feed(records.length)
          for (const { process } of [...zombies, ...members]) await run(open.clock, process.app.stop())
          const last = await startProcess(open, { tasks: newWorld().tasks, sink: world.sink }, testCase)
          await run(open.clock, letGo(last, testCase))
          await run(open.clock, last.app.stop())
          await open.log.close()
          await finish(world.snapshot(), testCase, 'exactly-once', records)
        },
      ),
      { numRuns: 40 },
    )
  })
})
