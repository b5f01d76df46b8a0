/**
 * Stages commanded, state asked for and a topology put back, by grpcurl, while events come in and instances are killed, started and
 * stopped. In the end everything must be exactly what a reckoning of the events says.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { waitFor } from '../support/waiting.ts'
import { at, ControlCluster, type Id, ids, listAt } from './control-cluster.ts'
import { whyNoCalls } from './grpcurl.ts'
import { patience } from './services.ts'

const whySkipped = whyNoCalls()
// For a machine that does much else: no test judges a time.
const limitMs = 600_000
const tasks = [0, 1, 2, 3].map((partition) => `order-parsed_${partition}`)
const stage = { topology: 'cleanse', sub_topology: 'order-parsed' }
const memory = { topology: 'cleanse', store: 'order-memory' }

it.skipIf(whySkipped !== '')(
  `should let exactly the records of a step through, answer from state, and lose and repeat nothing, while instances are killed and come${whySkipped}`,
  { timeout: limitMs },
  () =>
    ControlCluster.use([], async (control) => {
      await stepsWhileKilled(control)
      await limitsAndDrains(control)
      await answersWhileKilled(control)
      expect(await control.cluster.settle()).toEqual([])
      await answersAsReckoned(control)
      expect(await control.cluster.finish()).toEqual([])
    }),
)

it.skipIf(whySkipped !== '')(
  `should equal the reckoning after a savepoint, more input, the loss of all state, and the savepoint put back${whySkipped}`,
  { timeout: limitMs },
  () =>
    ControlCluster.use([], async (control) => {
      const { cluster, instances, savepointDir } = control
      const request = { topology: 'statistics', savepoint: 'before', request_id: 'before' }
      const making = await control.ask('a', 'CheckpointService/CreateSavepoint', request)
      const name = at(making, 'operation', 'name')
      expect(await control.ended('b', name)).toMatchObject({ response: { savepoint: 'before' } })
      await cluster.hasCaughtUp()

      for (const id of ids) {
        expect(await instances[id].end('SIGTERM')).toEqual({ code: 0, signal: null })
        instances[id].forget()
      }
      await cluster.command(['savepoint', 'restore', 'before', 'statistics'], { savepointDir })
      // Of what it is now another savepoint is the same, position by position and byte by byte.
      await cluster.command(['savepoint', 'create', 'statistics', '--name', 'after'], { savepointDir })
      expect(cutOf(savepointDir, 'after')).toEqual(cutOf(savepointDir, 'before'))
      for (const id of ids) instances[id].start()
      await cluster.isSharedBy(...Object.values(instances))
      await verifies(control, 'statistics')
      // It has the milestones of the time that was taken back twice, as a topic keeps what was written.
      expect(await cluster.finish('milestones of order-statistics')).toEqual([])
    }),
)

/** Of a savepoint, where each task reads on in what comes from outside, and a digest of each of its stores; tasks that write tables are not put back. */
function cutOf(savepointDir: string, savepoint: string): string[] {
  const manifest: unknown = JSON.parse(readFileSync(join(savepointDir, savepoint, 'manifest.json'), 'utf8'))
  const ofState = listAt(manifest, 'tasks').filter((task) => at(task, 'hasExternalSink') === false)
  return ofState.flatMap((task) => {
    const name = `${at(task, 'task')}`
    const inputs = listAt(task, 'inputs').filter((input) => at(input, 'unread') === null)
    const stores = listAt(task, 'stores')
    return [
      ...inputs.map((input) => `${name} reads ${at(input, 'topic')} on at ${at(input, 'offset')}`),
      ...stores.map(
        (store) => `${name} ${at(store, 'store')}: ${at(store, 'records')} rows, ${at(store, 'sha256')}`,
      ),
    ].sort()
  })
}

async function stepsWhileKilled(control: ControlCluster): Promise<void> {
  const { cluster, instances } = control
  await control.ask('a', 'StageService/PauseStage', { stage, reason: 'to step', request_id: 'pause' })
  await standsStill(control, 'a', 'FLOW_STATE_PAUSED')
  const paused = await positions(control, 'cleanse')

  await control.ask('b', 'StageService/StepStage', { stage, records: 7, request_id: 'step-7' })
  await instances.c.end('SIGKILL')
  // Its tasks go on with what they have left of the step, where they are now.
  await standsStill(control, 'a', 'FLOW_STATE_PAUSED')
  await passed(control, paused, 7)

  instances.c.start()
  await waitFor('instance c is up', () => instances.c.isUp, patience)
  await control.ask('a', 'StageService/StepStage', { stage, records: 5, request_id: 'step-5' })
  // The same request once more is no other step.
  await control.ask('a', 'StageService/StepStage', { stage, records: 5, request_id: 'step-5' })
  await standsStill(control, 'b', 'FLOW_STATE_PAUSED')
  await passed(control, paused, 12)
  await control.ask('b', 'StageService/ResumeStage', { stage, request_id: 'resume' })
  await cluster.hasCaughtUp()
  await cluster.isSharedBy(...Object.values(instances))
}

async function limitsAndDrains(control: ControlCluster): Promise<void> {
  const { cluster, instances } = control
  const perSecond = 20
  const limit = { stage, records_per_second: perSecond, request_id: 'limit' }
  await control.ask('c', 'StageService/LimitStageRate', limit)
  await settled(control, 'a')
  const [before, startMs] = [await positions(control, 'cleanse'), performance.now()]
  // Several times what is let through in a second, so that what a bucket has at the beginning does not matter.
  await waitFor(
    'some seconds of the limit have come through',
    async () => (await recordsPassed(control, before)).reduce((sum, count) => sum + count, 0) > 5 * perSecond,
    patience,
  )
  const sum = (await recordsPassed(control, before)).reduce((total, count) => total + count, 0)
  const seconds = (performance.now() - startMs) / 1000
  // What came between two commits, and a full bucket, come on top.
  expect(sum).toBeLessThan(perSecond * (seconds + 3))

  await control.ask('a', 'StageService/LimitStageRate', { stage, request_id: 'no-limit' })
  await control.ask('b', 'StageService/DrainStage', { stage, reason: 'to drain', request_id: 'drain' })
  await instances.b.end('SIGKILL')
  await standsStill(control, 'c', 'FLOW_STATE_DRAINED')
  instances.b.start()
  await waitFor('instance b is up', () => instances.b.isUp, patience)
  const drained = await positions(control, 'cleanse')
  await standsStill(control, 'b', 'FLOW_STATE_DRAINED')
  expect(await recordsPassed(control, drained)).toEqual([0, 0, 0, 0])
  await control.ask('c', 'StageService/ResumeStage', { stage, request_id: 'go-on' })
  await cluster.hasCaughtUp()
  await cluster.isSharedBy(...Object.values(instances))
}

/** Each answer is right, or tells that it may be asked for again, whoever is killed meanwhile. */
async function answersWhileKilled(control: ControlCluster): Promise<void> {
  const { cluster, instances } = control
  const known = [...cluster.eventCounts()].slice(0, 40)
  await cluster.hasCaughtUp()
  let isOver = false
  let answers = 0
  const wrong: string[] = []
  const asks = async (id: Id): Promise<void> => {
    for (let index = 0; !isOver; index = (index + 1) % known.length) {
      const [key, least] = known[index]!
      const options = { standby_lag_max: 1_000_000 }
      const request = { ...memory, key, ...(index % 2 === 0 ? {} : { options }) }
      const { code, messages, reasons, text } = await control.call(id, 'StateService/GetRow', request)
      const count = Number(at(messages[0], 'row', 'value', 'event_count'))
      const isStandby = at(messages[0], 'source', 'standby') === true
      const most = cluster.eventCounts().get(key)!
      const isRight = code === 0 && count <= most && (count >= least || isStandby)
      const isAway = code === 14 && reasons.length === 1
      if (isRight) answers++
      else if (!isAway) wrong.push(`of ${id}, ${key} (${least} to ${most}): ${text}`)
    }
  }
  const asking = (['a', 'b'] as const).map(asks)
  await instances.c.end('SIGKILL')
  await cluster.isSharedBy(instances.a, instances.b)
  instances.c.start()
  await cluster.isSharedBy(...Object.values(instances))
  isOver = true
  await Promise.all(asking)
  expect(wrong).toEqual([])
  expect(answers).toBeGreaterThan(20)
}

/** Once nothing comes in any more: every order, from each instance, and from the copies. */
async function answersAsReckoned(control: ControlCluster): Promise<void> {
  const reckoned = [...control.cluster.eventCounts()]
  const keys = reckoned.slice(0, 500).map(([key]) => key)
  const wanted = reckoned.slice(0, 500).map(([, count]) => count)
  for (const id of ids) {
    const { rows } = await control.ask(id, 'StateService/BatchGetRows', { ...memory, keys })
    expect(listAt(rows).map((row) => at(row, 'row', 'value', 'event_count'))).toEqual(wanted)
  }
  await verifies(control, 'cleanse')
}

/** The state of each task is what its changelogs make of nothing. */
async function verifies(control: ControlCluster, topology: string): Promise<void> {
  const verifying = await control.ask('c', 'CheckpointService/VerifyState', {
    topology,
    request_id: `verify-${topology}`,
  })
  const verified = await control.ended('a', at(verifying, 'operation', 'name'))
  expect(verified, JSON.stringify(verified)).toMatchObject({ response: { same: true } })
}

async function settled(control: ControlCluster, id: Id): Promise<void> {
  await waitFor(
    'the stage is as it is wanted',
    async () => at(await control.ask(id, 'StageService/GetStage', { stage }), 'status', 'settled') === true,
    patience,
  )
}

/** Resolves when all tasks are in a flow, with no steps left. */
async function standsStill(control: ControlCluster, id: Id, flow: string): Promise<void> {
  let newest: unknown
  await waitFor(
    `all tasks are ${flow}`,
    async () => {
      newest = await control.ask(id, 'StageService/GetStage', { stage })
      const found = listAt(newest, 'status', 'tasks')
      return (
        at(newest, 'status', 'settled') === true &&
        found.length === tasks.length &&
        found.every(
          (task) => at(task, 'flow', 'state') === flow && at(task, 'flow', 'stepRemaining') === undefined,
        )
      )
    },
    { ...patience, state: () => JSON.stringify(newest) },
  )
}

/** By topic and partition, up to where the newest checkpoints have read. */
async function positions(control: ControlCluster, topology: string): Promise<Map<string, number>> {
  const answer = await control.ask('a', 'CheckpointService/ListCheckpoints', { topology, page_size: 1000 })
  return new Map(
    listAt(answer, 'checkpoints')
      .flatMap((checkpoint) => listAt(checkpoint, 'inputOffsets'))
      .map((input) => [
        `${at(input, 'topic')} ${at(input, 'partition') ?? 0}`,
        Number(at(input, 'offset') ?? 0),
      ]),
  )
}

/** Of each partition of order-parsed, how many records were read and committed since; not counted as the product counts them. */
async function recordsPassed(control: ControlCluster, since: ReadonlyMap<string, number>): Promise<number[]> {
  const now = await positions(control, 'cleanse')
  const topic = 'order-parsed'
  return Promise.all(
    tasks.map((_, partition) => {
      const place = `${topic} ${partition}`
      return control.cluster.recordsBetween({ topic, partition }, since.get(place)!, now.get(place)!)
    }),
  )
}

/** Resolves when each task has let so many through; fails when one has let more. */
async function passed(
  control: ControlCluster,
  since: ReadonlyMap<string, number>,
  count: number,
): Promise<void> {
  const counts = await waitFor(
    `each task has let ${count} records through`,
    async () => {
      const found = await recordsPassed(control, since)
      return found.every((one) => one >= count) ? found : undefined
    },
    patience,
  )
  expect(counts).toEqual(tasks.map(() => count))
}
