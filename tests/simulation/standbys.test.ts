/** Copies of state: kept beside the task, taken over when its instance goes, fetched before a task moves. */
import { describe, expect, it } from 'vitest'
import type { Log } from '../../streams/index.ts'
import { decodeAssignmentData } from '../../streams/runtime/assignment/member-data.ts'
import { MemorySink, type MemoryStoreProvider } from '../../streams/testing/index.ts'
import { type Case, cases, input, inputRecords } from './cases.ts'
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

const counting = cases.find(({ name, store }) => store === 'counts' && name.includes('count'))!

interface Instance extends Process {
  readonly tasks: MemoryStoreProvider
}

async function openGroup(testCase: Case, settings: { standbyReplicas: number; warmUpMaxLag?: number }) {
  const records = inputRecords(60)
  const world = await worldWithInput(records.slice(0, 60))
  const open = await openLog(world)
  let given = 60
  return {
    open,
    join: async (instanceId: string, zone = 'one', tasks = newWorld().tasks): Promise<Instance> => {
      const options = { settings, instanceId, zone }
      return { ...(await startProcess(open, { tasks, sink: world.sink }, testCase, options)), tasks }
    },
    giveMore: async (): Promise<void> => {
      await append(open.log, input.name, records.slice(given, given + 60))
      given += 60
    },
    /** Ends everybody and compares with the oracle what is in the log and in `last`'s directory. */
    finish: async (...instances: Instance[]): Promise<void> => {
      await append(open.log, input.name, records.slice(given))
      await run(open.clock, instances.at(-1)!.app.drained())
      for (const { app } of instances) await run(open.clock, app.stop())
      for (const { tasks } of instances) await expectCopiesOfChangelogs(open, tasks, testCase)
      await open.log.close()
      await finish(world.snapshot(), testCase, 'exactly-once', records)
    },
  }
}

/** What the next member to join is assigned, from its first share on. */
function watchAssignments(log: Log): unknown[] {
  const shares: unknown[] = []
  const join = log.joinGroup.bind(log)
  log.joinGroup = (options) => {
    log.joinGroup = join
    return join({
      ...options,
      userData: () => options.userData(),
      onAssigned: (assignment) => {
        const { partitions, userData } = assignment
        shares.push({ partitions, userData: decodeAssignmentData(userData) })
        options.onAssigned(assignment)
      },
    })
  }
  return shares
}

/** The stateful tasks that an instance runs, and those that it keeps a copy of. */
function roles({ app }: Instance): { active: string[]; standby: string[] } {
  const [status] = app.status()
  const stateful = (id: string): boolean => !id.startsWith('results')
  return {
    active: [...status!.tasks.keys()].filter(stateful).sort(),
    standby: [...status!.standbys.keys()].sort(),
  }
}

async function until(
  what: string,
  open: { clock: Parameters<typeof settle>[0] },
  holds: () => boolean,
): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (holds()) return
    await settle(open.clock, 1)
  }
  throw new Error(`it never came to ${what}`)
}

function lags({ app }: Instance): (number | null)[] {
  return [...app.status()[0]!.standbys.values()].map((state) =>
    state.kind === 'following' ? state.lag : null,
  )
}

describe('standbys', () => {
  it('should copy the state of the tasks of others, in another zone, and take over without reading it again', async () => {
    const group = await openGroup(counting, { standbyReplicas: 1 })
    const { open } = group
    const [a, b, c] = [
      await group.join('a', 'one'),
      await group.join('b', 'one'),
      await group.join('c', 'two'),
    ]
    const all = () => [a, b, c].flatMap((instance) => roles(instance).standby)
    await group.giveMore()
    await until('two copies', open, () => all().length === 2 && new Set(all()).size === 2)
    for (const instance of [a, b, c]) {
      const { active, standby } = roles(instance)
      expect(standby.filter((id) => active.includes(id))).toEqual([])
    }
    for (const id of roles(a).active.concat(roles(b).active)) expect(roles(c).standby).toContain(id)

    await until('c to have all there is', open, () => lags(c).every((lag) => lag === 0))
    await run(open.clock, Promise.all([a.app.stop(), b.app.stop()]))
    await until('c to run all', open, () => roles(c).active.length === 2)
    await group.finish(a, b, c)
  })

  it('should bring the state to a new instance before the task', async () => {
    const group = await openGroup(counting, { standbyReplicas: 0, warmUpMaxLag: 1 })
    const { open } = group
    const a = await group.join('a')
    await run(open.clock, a.app.drained())
    const shares = watchAssignments(open.log)
    const b = await group.join('b')
    await until('b to run a task', open, () => roles(b).active.length === 1)
    expect(shares).toEqual([
      { partitions: [], userData: expect.objectContaining({ warmUp: [expect.any(String)] }) },
      { partitions: [expect.anything()], userData: expect.objectContaining({ warmUp: [] }) },
    ])
    expect(roles(a).active).toHaveLength(1)
    expect(await a.app.peers(counting.topology(new MemorySink()).name)).toMatchObject([
      { instanceId: 'a', zone: 'one', standby: [] },
      { instanceId: 'b', zone: 'one', standby: [] },
    ])
    await group.finish(a, b)
  })

  it('should give a restarted instance its tasks back, with nobody else noticing', async () => {
    const group = await openGroup(counting, { standbyReplicas: 1 })
    const { open } = group
    const a = await group.join('a')
    const b = await group.join('b')
    await until('copies that are up to date', open, () =>
      [a, b].every((one) => roles(one).standby.length === 1 && lags(one)[0] === 0),
    )
    const before = [roles(a), roles(b)]
    // It is not told to leave: as after a kill, with its directory as it was.
    const again = await group.join('b', 'one', b.tasks.snapshot())
    await until('it to run its task', open, () => roles(again).active.length === 1)
    expect([roles(a), roles(again)]).toEqual(before)
    await expect(b.app.failed).rejects.toMatchObject({ code: 'INSTANCE_FENCED' })
    await group.finish(a, again)
  })
})
