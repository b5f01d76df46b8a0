import { afterEach, describe, expect, it } from 'vitest'
import { defineTopology, silentLogger } from '../../streams/index.ts'
import { ManualClock } from '../../streams/testing/index.ts'
import { ControlCluster, callOf, failureOf } from '../../tests/support/control-harness.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import type { Operations, WorkReport } from '../context.ts'
import { ControlError } from '../errors.ts'
import { type Operation, OperationsService } from '../generated/google/longrunning/operations.ts'
import { ErrorInfo } from '../generated/google/rpc/error_details.ts'
import { WorkProgress } from '../generated/orderstreams/control/v1/checkpoint_service.ts'
import { Stage } from '../generated/orderstreams/control/v1/common.ts'
import { openOperations } from './operations.ts'

const { getOperation, listOperations, cancelOperation, deleteOperation, waitOperation } = OperationsService

let cluster: ControlCluster

afterEach(async () => cluster?.close())

async function openCluster(instances: number) {
  cluster = await ControlCluster.open({
    topologies: () => [
      defineTopology('counting', (builder) => {
        builder.stream(jsonTopic('words')).groupByKey().count({ store: 'counts' })
      }),
    ],
    services: () => [],
  })
  const started = []
  for (let index = 0; index < instances; index++) started.push(await cluster.start())
  await cluster.settled('counting')
  return started
}

type Work = (report: (report: WorkReport) => void, signal: AbortSignal) => Promise<Stage>

function begin(operations: Operations, work: Work): Operation {
  return operations.start({
    call: 'VerifyState',
    target: 'counting',
    caller: { name: 'anna', role: 'operator' },
    response: { typeName: 'orderstreams.control.v1.Stage', encode: (value) => Stage.encode(value) },
    work,
  })
}

const atOnce: Work = async () => ({ topology: 'counting', subTopology: '', operator: '' })

const untilCancelled: Work = (_report, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('torn off'))))

function progressOf({ metadata }: Operation): WorkProgress {
  expect(metadata!.typeUrl).toBe('type.googleapis.com/orderstreams.control.v1.WorkProgress')
  return WorkProgress.decode(metadata!.value)
}

function reasonOf({ result }: Operation): string | undefined {
  const [info] = result?.$case === 'error' ? result.value.details : []
  return info === undefined ? undefined : ErrorInfo.decode(info.value).reason
}

const all = { name: '', filter: '', pageSize: 0, pageToken: '' }

describe('operations', () => {
  it('should be followed from their beginning to their response', async () => {
    const [instance] = await openCluster(1)
    let goOn: () => void = () => {}
    const { name, done } = begin(instance!.context.operations, async (report) => {
      report({ step: 'reading', done: 3, total: 10 })
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
      return { topology: 'counting', subTopology: 'words', operator: '' }
    })
    expect(done).toBe(false)
    expect(name).toBe('operations/instance-1/1')
    const running = await waitFor('it reports', async () => {
      const operation = await instance!.call(getOperation, { name })
      return progressOf(operation).step === 'reading' && operation
    })
    expect(progressOf(running)).toMatchObject({
      call: 'VerifyState',
      target: 'counting',
      done: 3,
      total: 10,
      startedBy: 'anna',
      endTime: undefined,
    })
    const still = await instance!.call(waitOperation, { name, timeout: { seconds: 0, nanos: 1e6 } })
    expect(still.done).toBe(false)
    const ended = instance!.call(waitOperation, { name, timeout: undefined })
    goOn()
    const { result, ...operation } = await ended
    expect(operation.done).toBe(true)
    expect(progressOf({ ...operation, result }).endTime).toBeInstanceOf(Date)
    expect(result?.$case === 'response' && Stage.decode(result.value.value)).toMatchObject({
      subTopology: 'words',
    })
    await instance!.call(deleteOperation, { name })
    expect(await failureOf(instance!.call(getOperation, { name }))).toMatchObject({
      reason: 'OPERATION_NOT_FOUND',
    })
  })

  it('should end with the error of their work, or as cancelled', async () => {
    const [instance] = await openCluster(1)
    const { operations } = instance!.context
    const failing = begin(operations, async () => {
      throw new ControlError('SAVEPOINT_EXISTS', 'there is one', { metadata: { savepoint: 'a' } })
    })
    const unknown = begin(operations, async () => {
      throw new Error('inside')
    })
    const cancelled = begin(operations, untilCancelled)
    expect(await failureOf(instance!.call(deleteOperation, { name: cancelled.name }))).toMatchObject({
      reason: 'REQUEST_INVALID',
    })
    await instance!.call(cancelOperation, { name: cancelled.name })
    const wait = ({ name }: Operation) => instance!.call(waitOperation, { name, timeout: undefined })
    expect(reasonOf(await wait(failing))).toBe('SAVEPOINT_EXISTS')
    expect(reasonOf(await wait(unknown))).toBe('INVARIANT_VIOLATED')
    expect(JSON.stringify(await wait(unknown))).not.toContain('inside')
    expect(reasonOf(await wait(cancelled))).toBe('CALL_CANCELLED')
  })

  it('should be asked for, cancelled and listed at any instance', async () => {
    const [first, second] = await openCluster(2)
    const here = begin(first!.context.operations, atOnce)
    const there = begin(second!.context.operations, untilCancelled)
    await first!.call(waitOperation, { name: here.name, timeout: undefined })
    const listed = await first!.call(listOperations, all)
    expect(listed.operations.map(({ name }) => name)).toEqual([here.name, there.name])
    const running = await second!.call(listOperations, { ...all, filter: 'done = false' })
    expect(running.operations.map(({ name }) => name)).toEqual([there.name])
    await first!.call(cancelOperation, { name: there.name })
    const ended = await first!.call(waitOperation, { name: there.name, timeout: undefined })
    expect(reasonOf(ended)).toBe('CALL_CANCELLED')
    await first!.call(deleteOperation, { name: there.name })
    expect((await second!.call(listOperations, all)).operations.map(({ name }) => name)).toEqual([here.name])
  })

  it('should be listed in pages, in the order in which they began', async () => {
    const [instance] = await openCluster(1)
    const names = Array.from({ length: 12 }, () => begin(instance!.context.operations, atOnce).name)
    const found: string[] = []
    let pageToken = ''
    do {
      const page = await instance!.call(listOperations, { ...all, pageSize: 5, pageToken })
      found.push(...page.operations.map(({ name }) => name))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(found).toEqual(names)
    const { nextPageToken: foreign } = await instance!.call(listOperations, { ...all, pageSize: 1 })
    for (const [request, reason] of [
      [{ ...all, pageToken: foreign, filter: 'done=true' }, 'PAGE_TOKEN_INVALID'],
      [{ ...all, filter: 'name=x' }, 'REQUEST_INVALID'],
      [{ ...all, pageSize: -1 }, 'REQUEST_INVALID'],
    ] as const)
      expect(await failureOf(instance!.call(listOperations, request))).toMatchObject({ reason })
  })

  it('should not be found by names that are none, or of instances that are gone', async () => {
    const [instance] = await openCluster(1)
    for (const name of [
      '',
      'verify',
      'operations/instance-1/99',
      'operations/instance-7/1',
      'operations/instance-1/x',
    ])
      expect(await failureOf(instance!.call(getOperation, { name })), name).toMatchObject({
        reason: 'OPERATION_NOT_FOUND',
      })
  })

  it('should be ended when their instance is stopped, and none be begun after that', async () => {
    const operations = openOperations({ instanceId: 'a', clock: new ManualClock(0), logger: silentLogger })
    let reason: unknown
    begin(operations, (_report, signal) =>
      untilCancelled(() => {}, signal).catch((error) => {
        reason = signal.reason
        throw error
      }),
    )
    await new Promise((resolve) => setImmediate(resolve))
    let hasBegun = false
    begin(operations, async () => {
      hasBegun = true
      return atOnce(() => {}, new AbortController().signal)
    })
    await operations.close()
    expect(hasBegun).toBe(false)
    expect(reason).toMatchObject({ reason: 'SHUTTING_DOWN' })
    expect(() => begin(operations, atOnce)).toThrow('being stopped')
  })

  it('should be forgotten after their time, and the oldest when there are too many', async () => {
    const clock = new ManualClock(0)
    const operations = openOperations({
      instanceId: 'a',
      clock,
      logger: silentLogger,
      keptMax: 2,
      keptMs: 1_000,
    })
    const peers = { members: async () => [], serveHere: () => {} }
    const service = operations.service({ ...peers, ...unused })
    const list = async () => {
      const handler = service.handlers['listOperations']!
      const answer = await (handler(all as never, callOf({ isForwarded: true })) as Promise<{
        operations: Operation[]
      }>)
      return answer.operations.map(({ name }) => name)
    }
    const running = begin(operations, untilCancelled).name
    for (let index = 0; index < 4; index++) {
      begin(operations, atOnce)
      await clock.yieldTurn()
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await list()).toEqual([running, 'operations/a/4', 'operations/a/5'])
    clock.advance(2_000)
    begin(operations, atOnce)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(await list()).toEqual([running, 'operations/a/6'])
    await operations.close()
  })
})

function never(): never {
  throw new Error('nobody is asked')
}

const unused = {
  assigned: never,
  ownersOf: never,
  forward: never,
  forwardStream: never,
  instances: never,
}
