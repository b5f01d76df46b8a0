import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  defineTopology,
  followToEnd,
  keyAt,
  partitionForKey,
  RecordBatchBuilder,
  serdes,
  type Topology,
  topic,
  valueAt,
} from '../../streams/index.ts'
import {
  type CallOptions,
  ControlCluster,
  type ControlInstance,
  failureOf,
} from '../../tests/support/control-harness.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { type Operation, OperationsService } from '../generated/google/longrunning/operations.ts'
import {
  CheckpointServiceService as Calls,
  Savepoint,
  StateVerification,
} from '../generated/orderstreams/control/v1/checkpoint_service.ts'
import { checkpointService } from './checkpoint-service.ts'
import { instanceService } from './instance-service.ts'

const clicks = topic('clicks', { key: serdes.string, value: serdes.long })
const sums = topic('sums', { key: serdes.string, value: serdes.long })

/** State in front of a repartition topic and behind it. */
const clickCount = () =>
  defineTopology('click-count', (builder) => {
    const stream = builder.stream(clicks)
    stream.groupByKey().count({ store: 'per-user' })
    stream
      .groupBy((value) => `page-${value}`, serdes.string)
      .count({ store: 'per-page' })
      .toStream()
      .mapValues((count) => count ?? 0)
      .to(sums)
  })

const all = { topology: 'click-count', task: '', pageSize: 0, pageToken: '' }
const asked = { topology: 'click-count', task: '', requestId: '' }

describe('CheckpointService', () => {
  let cluster: ControlCluster
  let folder: string
  /** What the release has. */
  let release: () => Topology

  beforeEach(() => {
    release = clickCount
    folder = mkdtempSync(join(tmpdir(), 'checkpoint-service-'))
  })

  afterEach(async () => {
    await cluster.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function opened(instances: number, settings = {}): Promise<readonly ControlInstance[]> {
    cluster = await ControlCluster.open({
      topologies: () => [release()],
      services: (context) => [instanceService(context), checkpointService(context)],
      savepointDirectory: folder,
      settings,
    })
    const started: ControlInstance[] = []
    for (let index = 0; index < instances; index++) started.push(await cluster.start())
    await cluster.settled('click-count')
    return started
  }

  /** One click of each user on each page. */
  async function click(pages: readonly number[], users = ['ann', 'bob', 'fay', 'gus', 'hal']): Promise<void> {
    const batches = [0, 1].map((partition) => new RecordBatchBuilder('clicks', partition))
    for (const page of pages) {
      for (const user of users) {
        const value = Buffer.alloc(8)
        value.writeBigInt64BE(BigInt(page))
        const key = Buffer.from(user)
        batches[partitionForKey(key, 0, key.length, 2)]!.append(key, value, 1_000)
      }
    }
    await cluster.log.append(batches.map((batch) => batch.build()))
  }

  /** The newest sum of each page that was written. */
  async function pageSums(): Promise<Record<string, number>> {
    const newest: Record<string, number> = {}
    const from = [0, 1].map((partition) => ({ topic: 'sums', partition, offset: 0 }))
    await followToEnd(cluster, from, (batch) => {
      for (let index = 0; index < batch.length; index++)
        newest[keyAt(batch, index)!.toString()] = Number(valueAt(batch, index)!.readBigInt64BE())
    })
    return newest
  }

  function ended(instance: ControlInstance, operation: Operation | undefined): Promise<Operation> {
    return waitFor('the operation ends', async () => {
      const found = await instance.call(OperationsService.getOperation, { name: operation!.name })
      return found.done ? found : undefined
    })
  }

  async function made(
    instance: ControlInstance,
    savepoint: string,
    options?: CallOptions,
  ): Promise<Savepoint> {
    const request = { topology: 'click-count', savepoint, reason: 'a test', requestId: '' }
    const { operation } = await instance.call(Calls.createSavepoint, request, options)
    return savepointOf(await ended(instance, operation))
  }

  it('should commit at once wherever tasks run, and list what they committed', async () => {
    const [first, second] = await opened(2, { commitIntervalMs: 3_600_000, watermarkIntervalMs: 3_600_000 })
    await click([1, 2])
    await waitFor('the clicks are read', () => {
      const drivers = [first!, second!].flatMap(({ streams }) => [
        ...streams.running('click-count').drivers.values(),
      ])
      const fronts = drivers.filter(({ taskId }) => taskId.startsWith('clicks_'))
      return fronts.reduce((sum, { openTask }) => sum + (openTask?.view().recordsIn ?? 0), 0) === 10
    })
    expect(await failureOf(first!.call(Calls.listCheckpoints, { ...all, task: 'clicks_0' }))).toMatchObject({
      reason: 'TASK_NOT_FOUND',
    })
    const { checkpoints } = await first!.call(Calls.triggerCheckpoint, asked)
    const fronts = checkpoints.filter(({ task }) => task.startsWith('clicks_'))
    expect(fronts.map(({ task }) => task)).toEqual(['clicks_0', 'clicks_1'])
    expect(new Set(fronts.map(({ instanceId }) => instanceId)).size).toBeLessThanOrEqual(2)
    const read = fronts.flatMap(({ inputOffsets }) => inputOffsets.map(({ offset }) => offset))
    expect(read.reduce((sum, offset) => sum + offset, 0)).toBe(10)
    for (const checkpoint of fronts) {
      expect(checkpoint).toMatchObject({ topology: 'click-count', lag: 0, commitNumber: 1 })
      expect(checkpoint.changelogOffsets.map(({ topic: name }) => name)).toEqual([
        'click-count-per-user-changelog',
      ])
      expect(checkpoint.commitTime!.getTime()).toBeGreaterThan(Date.now() - 60_000)
    }
    const again = await second!.call(Calls.triggerCheckpoint, { ...asked, task: 'clicks_0' })
    expect(again.checkpoints).toEqual([fronts[0]])
    await expect(second!.call(Calls.triggerCheckpoint, { ...asked, task: 'x_0' })).rejects.toMatchObject({
      reason: 'TASK_NOT_FOUND',
    })
    await expect(first!.call(Calls.triggerCheckpoint, { ...asked, topology: 'x' })).rejects.toMatchObject({
      reason: 'TOPOLOGY_NOT_FOUND',
    })
  })

  it('should tell the history of a task page by page, and what it did between two commits', async () => {
    const [instance] = await opened(1)
    const task = 'clicks_0'
    for (let page = 1; page <= 5; page++) {
      await click([page])
      await waitFor('the clicks are committed', async () => {
        const { checkpoints } = await instance!.call(Calls.triggerCheckpoint, { ...asked, task })
        return checkpoints[0]?.lag === 0 && checkpoints[0].inputOffsets[0]!.offset > 0 ? true : undefined
      })
    }
    const history = await instance!.call(Calls.listCheckpoints, { ...all, task, pageSize: 1000 })
    const numbers = history.checkpoints.map(({ commitNumber }) => commitNumber)
    expect(numbers.length).toBeGreaterThanOrEqual(5)
    expect(numbers).toEqual([...numbers].sort((a, b) => b - a))
    const paged: number[] = []
    let pageToken = ''
    do {
      const page = await instance!.call(Calls.listCheckpoints, { ...all, task, pageSize: 2, pageToken })
      paged.push(...page.checkpoints.map(({ commitNumber }) => commitNumber))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(paged).toEqual(numbers)

    const [newest, , third] = history.checkpoints
    const request = {
      topology: 'click-count',
      task,
      fromCommitNumber: third!.commitNumber,
      toCommitNumber: 0,
    }
    const diff = await instance!.call(Calls.diffCheckpoints, request)
    expect(diff.to!.commitNumber).toBe(newest!.commitNumber)
    const passed = newest!.inputOffsets[0]!.offset - third!.inputOffsets[0]!.offset
    expect(diff.recordsRead).toEqual([{ name: 'clicks-0', count: passed }])
    const one = await instance!.call(Calls.getCheckpoint, {
      topology: 'click-count',
      task,
      commitNumber: third!.commitNumber,
    })
    expect(one.checkpoint).toEqual({ ...third, lag: one.checkpoint!.lag })
    for (const [commitNumber, reason] of [
      [9_999, 'CHECKPOINT_NOT_FOUND'],
      [-1, 'REQUEST_INVALID'],
    ] as const) {
      const wanted = { topology: 'click-count', task, commitNumber }
      expect(await failureOf(instance!.call(Calls.getCheckpoint, wanted))).toMatchObject({ reason })
    }
    const wrong = { ...request, fromCommitNumber: newest!.commitNumber }
    expect(await failureOf(instance!.call(Calls.diffCheckpoints, wrong))).toMatchObject({
      reason: 'REQUEST_INVALID',
    })
  })

  it('should tell the checkpoints of instances that are gone, also from one that never ran the topology', async () => {
    const [instance] = await opened(1)
    await click([1])
    await waitFor('all is committed', async () => Object.keys(await pageSums()).length === 1)
    await instance!.stop()
    const stranger = await cluster.start({ isStarted: false })
    const { checkpoints } = await stranger.call(Calls.listCheckpoints, all)
    expect(checkpoints.map(({ task }) => task)).toContain('clicks_0')
    expect(new Set(checkpoints.map(({ instanceId }) => instanceId))).toEqual(new Set(['instance-1']))
    expect(
      await failureOf(stranger.call(Calls.listCheckpoints, { ...all, topology: 'nobody' })),
    ).toMatchObject({
      reason: 'TOPOLOGY_NOT_FOUND',
    })
    expect(
      await failureOf(stranger.call(Calls.listCheckpoints, { ...all, task: 'nothing_0' })),
    ).toMatchObject({
      reason: 'TASK_NOT_FOUND',
    })
  })

  it('should verify every task where it runs, whichever instance is asked', async () => {
    const [first, second] = await opened(2)
    await click([1, 2, 3])
    await waitFor('all is committed', async () => Object.keys(await pageSums()).length === 3)
    for (const instance of [first!, second!]) {
      const { operation } = await instance.call(Calls.verifyState, asked)
      const { result } = await ended(instance, operation)
      const { same, stores } = StateVerification.decode(
        result!.$case === 'response' ? result!.value.value : Buffer.of(),
      )
      expect(same).toBe(true)
      expect(stores.map(({ task, store }) => `${task} ${store}`).sort()).toEqual([
        'click-count-per-page-repartition_0 per-page',
        'click-count-per-page-repartition_1 per-page',
        'clicks_0 per-user',
        'clicks_1 per-user',
      ])
      expect(stores.reduce((sum, { rows }) => sum + rows, 0)).toBe(8)
    }
  })

  it('should make a savepoint while the topology runs on two instances, and let it go on', async () => {
    const [first, second] = await opened(2)
    await click([1, 2])
    const savepoint = await made(second!, 'monday')
    expect(savepoint).toMatchObject({ savepoint: 'monday', topology: 'click-count', reason: 'a test' })
    expect(savepoint.stores.reduce((sum, { rows }) => sum + rows, 0)).toBe(7)
    const positions = savepoint.inputOffsets.filter(({ topic: name }) => name === 'clicks')
    expect(positions.reduce((sum, { offset }) => sum + offset, 0)).toBe(10)
    await click([1])
    await waitFor('it goes on', async () => (await pageSums())['page-1'] === 10)
    const listed = await first!.call(Calls.listSavepoints, { topology: '', pageSize: 0, pageToken: '' })
    expect(listed.savepoints).toEqual([savepoint])
    expect((await first!.call(Calls.getSavepoint, { savepoint: 'monday' })).savepoint).toEqual(savepoint)
    const twice = { topology: 'click-count', savepoint: 'monday', reason: '', requestId: '' }
    expect(await failureOf(first!.call(Calls.createSavepoint, twice))).toMatchObject({
      reason: 'SAVEPOINT_EXISTS',
    })
    await first!.call(Calls.deleteSavepoint, { savepoint: 'monday', requestId: '' })
    expect(await failureOf(first!.call(Calls.getSavepoint, { savepoint: 'monday' }))).toMatchObject({
      reason: 'SAVEPOINT_NOT_FOUND',
    })
  })

  it('should refuse names that lead elsewhere', async () => {
    const [instance] = await opened(1)
    for (const savepoint of ['../x', '.', '..', 'a/b', '-a', 'ä', 'x'.repeat(129)]) {
      const request = { topology: 'click-count', savepoint, reason: '', requestId: '' }
      for (const call of [
        instance!.call(Calls.createSavepoint, request),
        instance!.call(Calls.getSavepoint, request),
        instance!.call(Calls.deleteSavepoint, request),
      ])
        expect(await failureOf(call)).toMatchObject({ reason: 'REQUEST_INVALID' })
    }
  })

  it('should put a stopped topology back, through an instance of another one, and refuse it while it runs', async () => {
    const [instance] = await opened(1)
    await click([1, 2])
    await made(instance!, 'good')
    const request = { savepoint: 'good', topology: 'click-count', requestId: '' }
    expect(await failureOf(instance!.call(Calls.restoreSavepoint, request))).toMatchObject({
      reason: 'TOPOLOGY_RUNNING',
    })
    await click([1, 3])
    await waitFor('all is counted', async () => (await pageSums())['page-3'] === 5)
    await instance!.stop()

    const helper = await cluster.start({ isStarted: false })
    const wrong = { ...request, topology: 'other' }
    expect(await failureOf(helper.call(Calls.restoreSavepoint, wrong))).toMatchObject({
      reason: 'REQUEST_INVALID',
    })
    const { operation } = await helper.call(Calls.restoreSavepoint, request)
    expect(savepointOf(await ended(helper, operation)).savepoint).toBe('good')
    await helper.stop()

    // What came after the savepoint is read once more, and counted once.
    await cluster.start({ instanceId: 'instance-1', stores: instance!.stores })
    await click([2])
    await waitFor('all is counted', async () => {
      const counted = await pageSums()
      return counted['page-1'] === 10 && counted['page-2'] === 10 && counted['page-3'] === 5
    })
  })

  it('should not put back what the release of another instance has no store for, whatever runs there', async () => {
    const [instance] = await opened(1)
    await click([1])
    await made(instance!, 'old')
    await instance!.stop()
    release = () =>
      defineTopology('click-count', (builder) => {
        builder.stream(clicks).groupByKey().count({ store: 'by-user' })
      })
    const copying = () =>
      defineTopology('copying', (builder) => {
        builder.stream(clicks).to(sums)
      })
    const helper = await cluster.start({ isStarted: false, topologies: () => [copying()] })
    const request = { savepoint: 'old', topology: 'click-count', requestId: '' }
    const { operation } = await helper.call(Calls.restoreSavepoint, request)
    expect((await ended(helper, operation)).result).toMatchObject({
      $case: 'error',
      value: { message: expect.stringMatching(/does not fit topology click-count/) },
    })
  })

  it('should name the file of a savepoint that is damaged, and write nothing', async () => {
    const [instance] = await opened(1)
    await click([1])
    const { path } = await made(instance!, 'bad')
    await instance!.stop()
    writeFileSync(join(path, 'rows-00001.records'), 'something else')
    const helper = await cluster.start({ isStarted: false })
    const request = { savepoint: 'bad', topology: 'click-count', requestId: '' }
    const { operation } = await helper.call(Calls.restoreSavepoint, request)
    const { result } = await ended(helper, operation)
    expect(result).toMatchObject({
      $case: 'error',
      value: { message: expect.stringContaining('rows-00001.records') },
    })
    await helper.stop()
    await cluster.start({ instanceId: 'instance-1', stores: instance!.stores })
    await click([1])
    await waitFor('it runs as before', async () => (await pageSums())['page-1'] === 10)
  })

  it('should let the topology go on when the savepoint is cancelled', async () => {
    const [instance] = await opened(1)
    await click([1])
    const controller = new AbortController()
    const request = { topology: 'click-count', savepoint: 'never', reason: '', requestId: '' }
    const { operation } = await instance!.call(Calls.createSavepoint, request, { signal: controller.signal })
    await instance!.call(OperationsService.cancelOperation, { name: operation!.name })
    await ended(instance!, operation)
    await click([1])
    await waitFor('it goes on', async () => (await pageSums())['page-1'] === 10)
  })
})

function savepointOf({ result }: Operation): Savepoint {
  if (result?.$case === 'response') return Savepoint.decode(result.value.value)
  throw new Error(`the operation failed: ${JSON.stringify(result)}`)
}
