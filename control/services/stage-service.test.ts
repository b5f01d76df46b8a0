import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineTopology, nullable, RecordBatchBuilder, serdes, topic } from '../../streams/index.ts'
import { ControlCluster, type ControlInstance, failureOf } from '../../tests/support/control-harness.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { ControlError } from '../errors.ts'
import type { Stage } from '../generated/orderstreams/control/v1/common.ts'
import { FlowState } from '../generated/orderstreams/control/v1/instance_service.ts'
import {
  StageCommandKind,
  StageServiceService,
  type StageStatus,
} from '../generated/orderstreams/control/v1/stage_service.ts'
import { instanceService } from './instance-service.ts'
import { stageService } from './stage-service.ts'

const words = topic('words', { key: serdes.string, value: serdes.string })
const counts = topic('counts', { key: serdes.string, value: nullable(serdes.long) })

/** Two sub-topologies: one that reads words, and one that counts them by their first letters. */
function letterCount() {
  return defineTopology('letter-count', (builder) => {
    builder
      .stream(words)
      .filter((word) => word !== '')
      .groupBy((word) => word.slice(0, 1), serdes.string)
      .count({ store: 'letters' })
      .toStream()
      .to(counts)
  })
}

const whole: Stage = { topology: 'letter-count', subTopology: '', operator: '' }
const reading: Stage = { ...whole, subTopology: 'words' }
const told = { reason: 'the database is being moved', requestId: '' }
const forever = { until: undefined }

let cluster: ControlCluster
let first: ControlInstance
let second: ControlInstance
let written = 0

beforeEach(async () => {
  written = 0
  cluster = await ControlCluster.open({
    topologies: () => [letterCount()],
    services: (context) => [stageService(context), instanceService(context)],
  })
  first = await cluster.start()
  second = await cluster.start()
  await cluster.settled('letter-count')
})

afterEach(() => cluster.close())

async function write(count: number): Promise<void> {
  const batches = [0, 1].map((partition) => {
    const batch = new RecordBatchBuilder('words', partition)
    for (let index = 0; index < count; index++)
      batch.append(Buffer.from('k'), Buffer.from(`w${written++}`), 1_000 + written)
    return batch.build()
  })
  await cluster.log.append(batches)
}

/** How far a topic's readers have committed, over its partitions. */
async function committed(name: string): Promise<number> {
  const offsets = await cluster.log.committedOffsets(
    'letter-count',
    [0, 1].map((partition) => ({ topic: name, partition })),
  )
  return offsets.reduce<number>((sum, offset) => sum + (offset ?? 0), 0)
}

async function statusOf(stage: Stage, instance = second): Promise<StageStatus> {
  const { status } = await instance.call(StageServiceService.getStage, { stage })
  return status!
}

async function settled(stage: Stage, instance = second): Promise<StageStatus> {
  return waitFor('the stage is as it is wanted', async () => {
    const status = await statusOf(stage, instance)
    return status.settled && status
  })
}

const states = ({ tasks }: StageStatus) => tasks.map(({ flow }) => flow?.state)

describe('StageService', () => {
  it('should pause a stage on all instances, also for one that joins and one that is started again', async () => {
    const { wanted } = await first.call(StageServiceService.pauseStage, {
      stage: reading,
      ...told,
      ...forever,
    })
    expect(wanted).toMatchObject({
      kind: StageCommandKind.STAGE_COMMAND_KIND_PAUSE,
      reason: told.reason,
      commandedBy: 'anonymous',
      stage: reading,
    })
    const status = await settled(reading)
    expect(status.wanted).toEqual([wanted])
    expect(status.tasks.map(({ task }) => task)).toEqual(['words_0', 'words_1'])
    expect(states(status)).toEqual([FlowState.FLOW_STATE_PAUSED, FlowState.FLOW_STATE_PAUSED])
    expect(status.tasks[0]!.flow).toMatchObject({ heldBy: [reading], stageRevision: wanted!.revision })

    const third = await cluster.start()
    await cluster.settled('letter-count')
    await first.stop()
    await second.stop()
    await cluster.settled('letter-count')
    await write(5)
    const later = await settled(reading, third)
    expect(new Set(later.tasks.map(({ instanceId }) => instanceId))).toEqual(new Set([third.instanceId]))
    expect(states(later)).toEqual([FlowState.FLOW_STATE_PAUSED, FlowState.FLOW_STATE_PAUSED])
    expect(await committed('words')).toBe(0)
    await third.call(StageServiceService.resumeStage, { stage: reading, ...told })
    await third.streams.drained()
    expect(await committed('words')).toBe(10)
  })

  it('should let exactly the records of steps through, of all tasks or of one', async () => {
    await first.call(StageServiceService.pauseStage, { stage: reading, ...told, ...forever })
    await write(20)
    const step = { stage: reading, task: '', requestId: '' }
    const { wanted } = await second.call(StageServiceService.stepStage, { ...step, records: 3 })
    expect(wanted).toMatchObject({ stepTotal: 3, reason: told.reason })
    await settled(reading)
    expect(await committed('words')).toBe(6)
    await second.call(StageServiceService.stepStage, { ...step, records: 0 })
    await first.call(StageServiceService.stepStage, { ...step, records: 2, task: 'words_1' })
    await settled(reading)
    expect(await committed('words')).toBe(6 + 2 + 2)
    await first.call(StageServiceService.resumeStage, { stage: reading, ...told })
    expect(
      await failureOf(second.call(StageServiceService.stepStage, { ...step, records: 1 })),
    ).toMatchObject({
      reason: 'STAGE_NOT_PAUSED',
    })
    await waitFor('all is processed', async () => (await committed('words')) === 40)
  })

  it('should drain a topology to where its inputs end, and all that comes of it, and then hold it', async () => {
    await write(30)
    const { wanted } = await first.call(StageServiceService.drainStage, { stage: whole, ...told })
    expect(wanted!.drainTo.map(({ topic: of, offset }) => [of, offset])).toEqual([
      ['words', 30],
      ['words', 30],
    ])
    await write(30)
    const status = await settled(whole)
    expect(states(status)).toEqual(status.tasks.map(() => FlowState.FLOW_STATE_DRAINED))
    expect(status.tasks).toHaveLength(4)
    expect(await committed('words')).toBe(60)
    const partitions = [0, 1].map((partition) => ({
      topic: 'letter-count-letters-repartition',
      partition,
    }))
    const ranges = await cluster.log.offsetRanges(partitions)
    expect(await committed(partitions[0]!.topic)).toBe(ranges.reduce((sum, { end }) => sum + end, 0))
    await second.call(StageServiceService.resumeStage, { stage: whole, ...told })
    await Promise.all([first.streams.drained(), second.streams.drained()])
    expect(await committed('words')).toBe(120)
  })

  it('should say which wider and narrower stages hold what was resumed', async () => {
    const operator: Stage = { ...whole, subTopology: '', operator: 'filter-1' }
    await first.call(StageServiceService.pauseStage, { stage: whole, ...told, ...forever })
    await first.call(StageServiceService.pauseStage, { stage: reading, ...told, ...forever })
    await first.call(StageServiceService.pauseStage, { stage: operator, ...told, ...forever })
    const { wanted, stillHeldBy } = await second.call(StageServiceService.resumeStage, {
      stage: reading,
      reason: 'done',
      requestId: '',
    })
    expect(wanted).toMatchObject({ kind: StageCommandKind.STAGE_COMMAND_KIND_RUN, reason: 'done' })
    expect(stillHeldBy.map(({ stage }) => stage)).toEqual([whole, { ...operator, subTopology: 'words' }])
    const status = await settled(reading)
    expect(status.alsoHeldBy).toHaveLength(2)
    expect(status.tasks[0]!.flow!.state).toBe(FlowState.FLOW_STATE_PAUSED)
    expect(status.tasks[0]!.flow!.heldBy).toHaveLength(2)
  })

  it('should limit the rate of a stage, and take the limit away', async () => {
    const limit = { stage: whole, ...told, ...forever }
    await first.call(StageServiceService.limitStageRate, { ...limit, recordsPerSecond: 100 })
    await settled(whole)
    const status = await settled(whole)
    expect(status.tasks.map(({ flow }) => flow!.recordsPerSecondMax)).toEqual([25, 25, 25, 25])
    const { wanted } = await first.call(StageServiceService.limitStageRate, { ...limit, recordsPerSecond: 0 })
    expect((await settled(whole)).wanted).toEqual([])
    expect(wanted!.recordsPerSecond).toBe(0)
    await write(50)
    await Promise.all([first.streams.drained(), second.streams.drained()])
  })

  it('should end a pause by the clock', async () => {
    const until = new Date(Date.now() + 300)
    await first.call(StageServiceService.pauseStage, { stage: whole, ...told, until })
    await write(5)
    await waitFor('the pause is over', async () => (await committed('words')) === 10)
    expect(Date.now()).toBeGreaterThanOrEqual(until.getTime())
    const status = await settled(whole)
    expect(status.wanted).toMatchObject([{ kind: StageCommandKind.STAGE_COMMAND_KIND_RUN, until }])
  })

  it('should list in pages what was commanded', async () => {
    await first.call(StageServiceService.pauseStage, { stage: reading, ...told, ...forever })
    await first.call(StageServiceService.limitStageRate, {
      stage: whole,
      ...told,
      ...forever,
      recordsPerSecond: 5,
    })
    const page = await second.call(StageServiceService.listStages, {
      topology: '',
      pageSize: 1,
      pageToken: '',
    })
    expect(page.stages.map(({ stage }) => stage)).toEqual([whole])
    const { stages, nextPageToken } = await second.call(StageServiceService.listStages, {
      topology: '',
      pageSize: 5,
      pageToken: page.nextPageToken,
    })
    expect(stages.map(({ stage }) => stage)).toEqual([reading])
    expect(nextPageToken).toBe('')
  })

  it.each([
    ['no topology', { topology: '', subTopology: '', operator: '' }, 'REQUEST_INVALID', /stage\.topology/],
    ['an unknown topology', { ...whole, topology: 'x' }, 'TOPOLOGY_NOT_FOUND', /letter-count/],
    [
      'an unknown sub-topology',
      { ...whole, subTopology: 'x' },
      'STAGE_NOT_FOUND',
      /words, letter-count-letters/,
    ],
    ['an unknown operator', { ...whole, operator: 'x' }, 'STAGE_NOT_FOUND', /it has .*filter-1/],
    [
      'an operator of another part',
      { ...reading, operator: 'letters' },
      'STAGE_NOT_FOUND',
      /sub-topology words/,
    ],
  ])('should refuse %s', async (_what, stage, reason, message) => {
    const error = await failureOf(first.call(StageServiceService.pauseStage, { stage, ...told, ...forever }))
    expect(error).toBeInstanceOf(ControlError)
    expect(error).toMatchObject({ reason, message: expect.stringMatching(message) })
  })

  it('should refuse values that make no sense, naming the field', async () => {
    const refused = async (call: Promise<unknown>): Promise<unknown> => {
      const error = await failureOf(call)
      return error instanceof ControlError && [error.reason, error.details.fields?.map(({ field }) => field)]
    }
    const operator = { ...whole, operator: 'filter-1' }
    const limit = { stage: whole, ...told, ...forever }
    const { limitStageRate, drainStage, pauseStage, stepStage } = StageServiceService
    expect(await refused(first.call(limitStageRate, { ...limit, recordsPerSecond: -1 }))).toEqual([
      'REQUEST_INVALID',
      ['records_per_second'],
    ])
    expect(
      await refused(first.call(limitStageRate, { ...limit, stage: operator, recordsPerSecond: 1 })),
    ).toEqual(['REQUEST_INVALID', ['stage.operator']])
    expect(await refused(first.call(drainStage, { stage: operator, ...told }))).toEqual([
      'REQUEST_INVALID',
      ['stage.operator'],
    ])
    expect(await refused(first.call(pauseStage, { stage: whole, ...told, until: new Date(0) }))).toEqual([
      'REQUEST_INVALID',
      ['until'],
    ])
    const step = { stage: whole, requestId: '' }
    expect(await refused(first.call(stepStage, { ...step, records: -1, task: '' }))).toEqual([
      'REQUEST_INVALID',
      ['records'],
    ])
    expect(await refused(first.call(stepStage, { ...step, records: 1, task: 'x_0' }))).toEqual([
      'TASK_NOT_FOUND',
      undefined,
    ])
  })
})
