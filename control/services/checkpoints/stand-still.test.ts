import { afterEach, describe, expect, it } from 'vitest'
import { defineTopology, serdes, stagesOf, topic } from '../../../streams/index.ts'
import { ControlCluster, type ControlInstance, callOf } from '../../../tests/support/control-harness.ts'
import { instanceService } from '../instance-service.ts'
import { DrainedTopology } from './stand-still.ts'

const clicks = topic('clicks', { key: serdes.string, value: serdes.long })
const clickCount = () =>
  defineTopology('click-count', (builder) => {
    builder.stream(clicks).groupByKey().count({ store: 'per-user' })
  })
const stage = { topology: 'click-count', subTopology: null, operator: null }

describe('DrainedTopology', () => {
  let cluster: ControlCluster

  afterEach(() => cluster.close())

  async function opened(): Promise<ControlInstance> {
    cluster = await ControlCluster.open({
      topologies: () => [clickCount()],
      services: (context) => [instanceService(context)],
    })
    const instance = await cluster.start()
    await cluster.settled('click-count')
    return instance
  }

  const standing = async ({ streams }: ControlInstance) => {
    const [command] = await stagesOf(streams.running('click-count')).list()
    return command
  }

  it('should hold a topology by a drain that ends by itself, and take it back', async () => {
    const instance = await opened()
    const held = new DrainedTopology(instance.context, 'click-count', callOf(), 'savepoint x')
    await held.begin()
    const drain = await standing(instance)
    expect(drain).toMatchObject({ kind: 'DRAIN', reason: 'savepoint x', commanded_by: 'test' })
    const heldForMs = drain!.until! - drain!.commanded_time
    expect(heldForMs).toBeGreaterThan(50_000)
    expect(heldForMs).toBeLessThanOrEqual(60_000)
    await held.end()
    expect(await standing(instance)).toMatchObject({ kind: 'RUN' })
  })

  it('should leave a topology held that somebody else has paused', async () => {
    const instance = await opened()
    const stages = stagesOf(instance.streams.running('click-count'))
    const paused = await stages.pause({ stage, reason: 'by hand', by: 'alice' })
    const held = new DrainedTopology(instance.context, 'click-count', callOf(), 'savepoint x')
    await held.begin()
    await held.end()
    expect(await standing(instance)).toEqual(paused)
  })

  it('should not overrule who commanded something else meanwhile', async () => {
    const instance = await opened()
    const stages = stagesOf(instance.streams.running('click-count'))
    const held = new DrainedTopology(instance.context, 'click-count', callOf(), 'savepoint x')
    await held.begin()
    const paused = await stages.pause({ stage, reason: 'by hand', by: 'alice' })
    await held.end()
    expect(await standing(instance)).toEqual(paused)
  })

  it('should hold nothing where an instance cannot be asked, and name it', async () => {
    const instance = await opened()
    await cluster.start({ instanceId: 'out-of-reach', isReachable: false })
    await cluster.settled('click-count')
    const held = new DrainedTopology(instance.context, 'click-count', callOf(), 'savepoint x')
    await expect(held.begin()).rejects.toMatchObject({
      reason: 'INSTANCE_UNREACHABLE',
      message: expect.stringMatching(/out-of-reach.*controlEndpoint/s),
    })
    await held.end()
    expect(await standing(instance)).toBeUndefined()
  })

  it('should let a drain be prolonged only as long as it stands', async () => {
    const instance = await opened()
    const stages = stagesOf(instance.streams.running('click-count'))
    const untilMs = Date.now() + 60_000
    const drain = await stages.drain({ stage, reason: 'x', by: 'test', untilMs })
    const longer = await stages.prolong(drain, untilMs + 5)
    expect(longer).toMatchObject({
      kind: 'DRAIN',
      until: untilMs + 5,
      hold: drain.hold,
      drain_to: drain.drain_to,
    })
    await stages.resume({ stage, reason: 'x', by: 'test' })
    await expect(stages.prolong(drain, untilMs)).rejects.toMatchObject({ code: 'STAGE_NOT_PAUSED' })
  })
})
