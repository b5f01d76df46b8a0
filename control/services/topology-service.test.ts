import { afterEach, describe, expect, it } from 'vitest'
import { defineTopology, RecordBatchBuilder, serdes, tumbling } from '../../streams/index.ts'
import { ControlCluster, type ControlInstance, failureOf } from '../../tests/support/control-harness.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import {
  InstanceServiceService,
  RunnerState,
  TaskState,
} from '../generated/orderstreams/control/v1/instance_service.ts'
import { StageServiceService } from '../generated/orderstreams/control/v1/stage_service.ts'
import {
  HeldBackReason,
  type TaskExplanation,
  TopologyServiceService,
} from '../generated/orderstreams/control/v1/topology_service.ts'
import { instanceService } from './instance-service.ts'
import { stageService } from './stage-service.ts'
import { topologyService } from './topology-service.ts'

interface Order {
  readonly product: string
}

const orders = jsonTopic<Order>('orders')
const counts = jsonTopic<number | null>('counts')

/** Windows behind a repartition topic: their time comes from the tasks in front. */
const perProduct = () =>
  defineTopology('shop', (builder) => {
    builder
      .stream(orders, { idle: 'wait' })
      .groupBy((order) => order.product, serdes.string)
      .windowedBy(tumbling(60_000).grace(30_000))
      .emit('on-close')
      .count({ store: 'per-product' })
      .toStream()
      .map((window, count) => [window.key, count])
      .to(counts)
  })

const minuteMs = Date.UTC(2026, 10, 23, 10, 31)
const front = 'orders'
const behind = 'shop-per-product-repartition'

describe('TopologyService and InstanceService', () => {
  let cluster: ControlCluster

  const opened = async (instances = 1): Promise<readonly ControlInstance[]> => {
    cluster = await ControlCluster.open({
      topologies: () => [perProduct()],
      services: (context) => [instanceService(context), topologyService(context), stageService(context)],
      settings: { watermarkIntervalMs: 10 },
    })
    const started: ControlInstance[] = []
    for (let i = 0; i < instances; i++) started.push(await cluster.start())
    await cluster.settled('shop')
    return started
  }

  const send = async (partition: number, ...timesMs: readonly number[]): Promise<void> => {
    const batch = new RecordBatchBuilder('orders', partition)
    for (const timeMs of timesMs)
      batch.append(Buffer.from(`o-${timeMs}`), Buffer.from(JSON.stringify({ product: 'tea' })), timeMs)
    await cluster.log.append([batch.build()])
  }

  const explained = async (instance: ControlInstance, request = {}): Promise<readonly TaskExplanation[]> => {
    const { tasks } = await instance.call(TopologyServiceService.explainTopology, {
      topology: 'shop',
      operator: '',
      partition: undefined,
      ...request,
    })
    return tasks
  }

  const of = (tasks: readonly TaskExplanation[], name: string): TaskExplanation => {
    const found = tasks.find(({ task }) => task === name)
    if (found === undefined) throw new Error(`no ${name} among ${tasks.map(({ task }) => task).join()}`)
    return found
  }

  afterEach(() => cluster.close())

  it('should tell what an instance does: tasks, positions, times, commits', async () => {
    const [instance] = await opened()
    await send(0, minuteMs, minuteMs + 500)
    const task = await waitFor('committed', async () => {
      const answer = await instance!.call(InstanceServiceService.getInstance, { topology: '' })
      const status = answer.instance!.topologies[0]!.tasks.find((one) => one.task === `${front}_0`)
      return status?.inputs[0]?.committed === 2 && status
    })
    expect(task).toMatchObject({
      state: TaskState.TASK_STATE_RUNNING,
      recordsIn: 2,
      lag: 0,
      watermark: new Date(minuteMs + 500),
      streamTime: new Date(minuteMs + 500),
      inputs: [{ topic: 'orders', partition: 0, position: 2, end: 2, idle: false }],
    })
    expect(task.commitNumber).toBeGreaterThan(0)
    expect(task.commitTime).toBeInstanceOf(Date)
    expect(task.recordsPerSecond).toBeGreaterThan(0)
  })

  it('should list all instances with their parts, a page at a time, and refuse an unknown topology', async () => {
    const [first] = await opened(2)
    const page = await first!.call(InstanceServiceService.listInstances, {
      topology: 'shop',
      pageSize: 1,
      pageToken: '',
    })
    const next = await first!.call(InstanceServiceService.listInstances, {
      topology: 'shop',
      pageSize: 1,
      pageToken: page.nextPageToken,
    })
    expect([...page.instances, ...next.instances].map(({ instanceId }) => instanceId)).toEqual([
      'instance-1',
      'instance-2',
    ])
    expect(next.nextPageToken).toBe('')
    const parts = [...page.instances, ...next.instances].flatMap(({ topologies }) => topologies)
    expect(parts.every(({ state }) => state === RunnerState.RUNNER_STATE_RUNNING)).toBe(true)
    expect(parts.flatMap(({ tasks }) => tasks)).toHaveLength(4)
    const unknown = first!.call(InstanceServiceService.getInstance, { topology: 'shp' })
    expect(await failureOf(unknown)).toMatchObject({ reason: 'TOPOLOGY_NOT_FOUND' })
  })

  it('should tell what a topology is made of, and who runs it', async () => {
    const [first] = await opened(2)
    const { topology, text, mermaid } = await first!.call(TopologyServiceService.getTopology, {
      topology: 'shop',
    })
    expect(topology).toMatchObject({
      name: 'shop',
      repartitionTopics: [behind],
      subTopologies: [
        { name: front, sourceTopics: ['orders'], sinkTopics: [behind], partitionCount: 2, stores: [] },
        {
          name: behind,
          sinkTopics: ['counts'],
          partitionCount: 2,
          stores: [
            {
              name: 'per-product',
              windowSize: { seconds: 60, nanos: 0 },
              windowRetention: { seconds: 30, nanos: 0 },
              changelogTopic: 'shop-per-product-changelog',
            },
          ],
        },
      ],
    })
    expect(text).toContain('Topology shop')
    expect(mermaid).toContain('flowchart LR')
    const { assignments } = await first!.call(TopologyServiceService.listAssignments, {
      topology: 'shop',
      pageSize: 0,
      pageToken: '',
    })
    expect(assignments.map(({ task }) => task)).toEqual([
      `${front}_0`,
      `${front}_1`,
      `${behind}_0`,
      `${behind}_1`,
    ])
    expect(new Set(assignments.map(({ instanceId }) => instanceId))).toEqual(
      new Set(['instance-1', 'instance-2']),
    )
    const { topologies } = await first!.call(TopologyServiceService.listTopologies, {
      pageSize: 0,
      pageToken: '',
    })
    expect(topologies).toMatchObject([
      { topology: 'shop', instanceCount: 2, taskCount: 4, runningTaskCount: 4, failures: [] },
    ])
  })

  it('should watch topologies until the caller has seen enough', async () => {
    const [first] = await opened(2)
    await send(0, minuteMs)
    await send(1, minuteMs)
    const seen: number[] = []
    for await (const answer of first!.stream(TopologyServiceService.watchTopologies, {
      topology: '',
      interval: { seconds: 0, nanos: 0 },
      withTasks: true,
    })) {
      const tasks = answer.instances.flatMap(({ topologies }) => topologies.flatMap((one) => one.tasks))
      seen.push(tasks.reduce((sum, { recordsIn }) => sum + recordsIn, 0))
      expect(answer.topologies[0]!.taskCount).toBe(4)
      if ((seen.at(-1) ?? 0) >= 3 && seen.length >= 3) break
    }
    // One of them went on to the tasks behind, combined.
    expect(seen.at(-1)).toBeGreaterThanOrEqual(3)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    const negative = first!.stream(TopologyServiceService.watchTopologies, {
      topology: '',
      interval: { seconds: -1, nanos: 0 },
      withTasks: false,
    })
    expect(await failureOf(negative.next())).toMatchObject({ reason: 'REQUEST_INVALID' })
  })

  it('should find the partition without records that keeps windows open, across instances', async () => {
    const [first, second] = await opened(2)
    await send(0, minuteMs, minuteMs + 200_000)
    for (const instance of [first!, second!]) {
      const task = await waitFor('held back', async () => {
        const one = of(await explained(instance), `${behind}_0`)
        return one.rootTask === `${front}_1` && one
      })
      expect(task.heldBackBy).toMatchObject({
        topic: behind,
        partition: 0,
        reason: HeldBackReason.HELD_BACK_REASON_UPSTREAM,
        upstreamTask: `${front}_1`,
      })
      expect(task.rootCause).toMatchObject({
        topic: 'orders',
        partition: 1,
        reason: HeldBackReason.HELD_BACK_REASON_NEVER_READ,
      })
      expect(task.text).toContain('has not told its time yet')
      expect(task.text).toContain('Of input orders-1 no record has been read that tells the time')
      expect(task.text).toContain('idle policy "wait"')
    }
  })

  it('should say when the next window closes, and of what it waits', async () => {
    const [first] = await opened(2)
    await send(0, minuteMs, minuteMs + 200_000)
    await send(1, minuteMs + 45_000)
    const waiting = await waitFor('a window waits', async () => {
      const tasks = await explained(first!, { operator: 'per-product' })
      expect(tasks.every(({ task }) => task.startsWith(behind))).toBe(true)
      return tasks.find((task) => task.waiting.length > 0 && task.watermark?.getTime() === minuteMs + 45_000)
    })
    expect(waiting.waiting).toEqual([
      {
        operator: 'windowed-aggregate-per-product',
        due: new Date(minuteMs + 90_000),
        byClock: false,
        text:
          'the window from 2026-11-23T10:31:00Z to 2026-11-23T10:32:00Z closes when the watermark passes 2026-11-23T10:32:30Z, ' +
          '45 s from now by event time',
      },
    ])
    expect(waiting.rootTask).toBe(`${front}_1`)
    expect(waiting.rootCause).toMatchObject({
      topic: 'orders',
      partition: 1,
      reason: HeldBackReason.HELD_BACK_REASON_AT_END,
      watermark: new Date(minuteMs + 45_000),
    })
    expect(waiting.text).toContain('only a newer record moves the time on')
  })

  it('should name the stage that is paused in front of what waits', async () => {
    const [first, second] = await opened(2)
    await send(0, minuteMs)
    await send(1, minuteMs)
    const stage = { topology: 'shop', subTopology: front, operator: '' }
    const order = { stage, reason: 'the shop moves', requestId: '', until: undefined }
    await first!.call(StageServiceService.pauseStage, order)
    await send(0, minuteMs + 500_000)
    await send(1, minuteMs + 500_000)
    const task = await waitFor('paused', async () => {
      const one = of(await explained(second!), `${behind}_0`)
      return one.rootCause?.reason === HeldBackReason.HELD_BACK_REASON_PAUSED && one
    })
    expect(task.rootTask).toMatch(new RegExp(`^${front}_[01]$`))
    expect(task.text).toContain('is held by a stage command for shop/orders: resume it')
    await first!.call(StageServiceService.resumeStage, { stage, reason: 'it has moved', requestId: '' })
    await waitFor('time goes on', async () => {
      const one = of(await explained(second!), `${behind}_0`)
      return one.watermark?.getTime() === minuteMs + 500_000
    })
  })

  it('should say of an instance that cannot be asked what the group knows', async () => {
    const [first] = await opened()
    await cluster.start({ isReachable: false })
    await cluster.settled('shop')
    const request = { topology: 'shop', pageSize: 0, pageToken: '' }
    const { instances } = await first!.call(InstanceServiceService.listInstances, request)
    expect(instances[0]!.unreachableReason).toBe('')
    expect(instances[1]!.unreachableReason).toContain('serves no control calls')
    const { topologies } = await first!.call(TopologyServiceService.listTopologies, {
      pageSize: 0,
      pageToken: '',
    })
    expect(topologies[0]).toMatchObject({ instanceCount: 2, taskCount: 4, runningTaskCount: 2 })
    expect(topologies[0]!.failures).toHaveLength(1)
    const tasks = await explained(first!)
    const away = tasks.filter(({ instanceId }) => instanceId === 'instance-2')
    expect(away).toHaveLength(2)
    expect(away.every(({ text }) => text.includes('its instance cannot be asked'))).toBe(true)
  })

  it('should explain one partition when asked for it, and refuse what it does not know', async () => {
    const [first] = await opened(1)
    const unknown = explained(first!, { operator: 'per-produkt' })
    expect(await failureOf(unknown)).toMatchObject({ reason: 'STAGE_NOT_FOUND' })
    expect(String(await failureOf(explained(first!, { operator: 'x' })))).toContain('per-product')
    const negative = explained(first!, { partition: -1 })
    expect(await failureOf(negative)).toMatchObject({ reason: 'REQUEST_INVALID' })
    const only = await explained(first!, { partition: 1 })
    expect(only.map(({ task }) => task)).toEqual([`${front}_1`, `${behind}_1`])
    expect(only.map(({ text }) => text)).toEqual([
      expect.stringContaining('Nothing waits for time in it now'),
      expect.stringContaining('Nothing waits for time in it now'),
    ])
  })
})
