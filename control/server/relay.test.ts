import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineTopology } from '../../streams/index.ts'
import { ControlCluster, type ControlInstance, failureOf } from '../../tests/support/control-harness.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { CheckpointServiceService } from '../generated/orderstreams/control/v1/checkpoint_service.ts'
import { InstanceServiceService } from '../generated/orderstreams/control/v1/instance_service.ts'
import { StageServiceService } from '../generated/orderstreams/control/v1/stage_service.ts'
import { ListStoresRequest, StateServiceService } from '../generated/orderstreams/control/v1/state_service.ts'
import {
  GetTopologyRequest,
  TopologyServiceService,
  WatchTopologiesRequest,
} from '../generated/orderstreams/control/v1/topology_service.ts'
import { checkpointService } from '../services/checkpoint-service.ts'
import { instanceService } from '../services/instance-service.ts'
import { stageService } from '../services/stage-service.ts'
import { stateService } from '../services/state-service.ts'
import { topologyService } from '../services/topology-service.ts'
import { topologyIn } from './relay.ts'

const words = jsonTopic<{ word: string }>('words')
const counting = () =>
  defineTopology('counting', (builder) => {
    builder.stream(words).groupByKey().count({ store: 'counts' })
  })
const copying = () =>
  defineTopology('copying', (builder) => {
    builder.stream(words).to(jsonTopic<{ word: string }>('copies'))
  })

let cluster: ControlCluster
let ofCounting: ControlInstance
let ofCopying: ControlInstance

beforeEach(async () => {
  cluster = await ControlCluster.open({
    topologies: () => [counting(), copying()],
    services: (context) => [
      instanceService(context),
      stageService(context),
      stateService(context),
      topologyService(context),
      checkpointService(context),
    ],
  })
  ofCounting = await cluster.start({ topologies: () => [counting()] })
  ofCopying = await cluster.start({ topologies: () => [copying()] })
  await waitFor('both run', async () => {
    const lists = await Promise.all([
      ofCounting.streams.peers('counting'),
      ofCopying.streams.peers('copying'),
    ])
    return lists.every((peers) => peers?.some(({ active }) => active.length > 0) === true)
  })
})
afterEach(() => cluster.close())

describe('an instance of another topology', () => {
  it('should pass calls on to one that runs what they are about', async () => {
    const { topology } = await ofCopying.call(
      TopologyServiceService.getTopology,
      GetTopologyRequest.fromPartial({ topology: 'counting' }),
    )
    expect(topology?.subTopologies.map(({ name }) => name)).toEqual(['words'])
    const { stores } = await ofCopying.call(
      StateServiceService.listStores,
      ListStoresRequest.fromPartial({ topology: 'counting' }),
    )
    expect(stores.map(({ store }) => store)).toEqual(['counts'])

    const stage = { topology: 'counting', subTopology: '', operator: '' }
    const { wanted } = await ofCopying.call(StageServiceService.pauseStage, {
      stage,
      reason: 'from elsewhere',
      until: undefined,
      requestId: 'r1',
    })
    expect(wanted?.reason).toBe('from elsewhere')
    const { status } = await ofCounting.call(StageServiceService.getStage, { stage })
    expect(status?.wanted.map(({ reason }) => reason)).toEqual(['from elsewhere'])
  })

  it('should pass streams on, and their end', async () => {
    const answers = ofCopying.stream(
      TopologyServiceService.watchTopologies,
      WatchTopologiesRequest.fromPartial({ topology: 'counting' }),
    )
    for await (const { topologies } of answers) {
      expect(topologies.map(({ topology }) => topology)).toEqual(['counting'])
      break
    }
  })

  it('should say of a topology that nobody runs what it says of any', async () => {
    const request = GetTopologyRequest.fromPartial({ topology: 'nothing' })
    expect(await failureOf(ofCopying.call(TopologyServiceService.getTopology, request))).toMatchObject({
      reason: 'TOPOLOGY_NOT_FOUND',
    })
  })

  it('should restore a savepoint of another topology itself, if nobody runs that', async () => {
    const request = { savepoint: 'none', topology: 'counting', requestId: '' }
    const failure = await failureOf(ofCopying.call(CheckpointServiceService.restoreSavepoint, request))
    // It was not passed on: no savepoint directory is set here, and there neither.
    expect(failure).toMatchObject({ reason: 'CONFIGURATION_INVALID' })
  })
})

describe('a list that names no topology', () => {
  const all = ['counting', 'copying']
  const list = (instance: ControlInstance, pageSize = 0, pageToken = '') =>
    instance.call(TopologyServiceService.listTopologies, { pageSize, pageToken })

  it('should be of all that are known, from every instance, in the order that records pass through them', async () => {
    for (const instance of [ofCounting, ofCopying]) {
      const { topologies } = await list(instance)
      expect(topologies.map(({ topology }) => topology)).toEqual(all)
      expect(topologies.map(({ instanceCount }) => instanceCount)).toEqual([1, 1])
      expect(topologies.map(({ failures }) => failures)).toEqual([[], []])
    }
  })

  it('should come in pages', async () => {
    const first = await list(ofCopying, 1)
    expect(first.topologies.map(({ topology }) => topology)).toEqual(['counting'])
    const second = await list(ofCopying, 1, first.nextPageToken)
    expect(second.topologies.map(({ topology }) => topology)).toEqual(['copying'])
    expect(second.nextPageToken).toBe('')
  })

  it('should have the instances of all, each once', async () => {
    const request = { topology: '', pageSize: 0, pageToken: '' }
    const { instances } = await ofCopying.call(InstanceServiceService.listInstances, request)
    expect(instances.flatMap(({ topologies }) => topologies.map(({ topology }) => topology)).sort()).toEqual(
      [...all].sort(),
    )
    expect(new Set(instances.map(({ instanceId }) => instanceId)).size).toBe(instances.length)
  })

  it('should have the stages of all that are held', async () => {
    for (const topology of all) {
      const stage = { topology, subTopology: '', operator: '' }
      const request = { stage, reason: 'test', until: undefined, requestId: topology }
      await ofCounting.call(StageServiceService.pauseStage, request)
    }
    const { stages } = await ofCopying.call(StageServiceService.listStages, {
      topology: '',
      pageSize: 0,
      pageToken: '',
    })
    expect(stages.map(({ stage }) => stage?.topology)).toEqual([...all].sort())
  })

  it('should be watched, with the tasks of all', async () => {
    const answers = ofCopying.stream(
      TopologyServiceService.watchTopologies,
      WatchTopologiesRequest.fromPartial({ withTasks: true }),
    )
    for await (const { topologies, instances } of answers) {
      expect(topologies.map(({ topology }) => topology)).toEqual(all)
      expect(instances).toHaveLength(2)
      break
    }
  })

  it('should tell of what nobody runs any more', async () => {
    await ofCounting.stop()
    const { topologies } = await list(ofCopying)
    expect(topologies).toMatchObject([
      { topology: 'counting', instanceCount: 0, failures: ['no instance runs it that can be asked'] },
      { topology: 'copying', instanceCount: 1, failures: [] },
    ])
  })

  it('should tell of what cannot be asked', async () => {
    await ofCounting.fallSilent()
    const { topologies } = await list(ofCopying)
    expect(topologies[0]).toMatchObject({ topology: 'counting', instanceCount: 1 })
    expect(topologies[0]!.failures[0]).toMatch(/cannot be asked/)
    const request = { topology: '', pageSize: 0, pageToken: '' }
    const { instances } = await ofCopying.call(InstanceServiceService.listInstances, request)
    expect(instances.filter(({ unreachableReason }) => unreachableReason !== '')).toHaveLength(1)
    const failure = await failureOf(ofCopying.call(StageServiceService.listStages, request))
    expect(failure).toMatchObject({
      message: expect.stringMatching(/^the stages of counting cannot be listed/),
    })
  })
})

describe('the topology that a request is about', () => {
  it.each([
    [{ topology: 'a' }, 'a'],
    [{ stage: { topology: 'a' } }, 'a'],
    [{ range: { topology: 'a' }, options: undefined }, 'a'],
    [{ topology: '', filter: { topology: 'a' } }, 'a'],
    [{ name: 'a-b-dead-letter/3/17' }, 'a-b'],
    [{ name: 'operations/instance-1/1' }, ''],
    [{ pageSize: 3 }, ''],
    [null, ''],
  ])('should be found where one is named: %o', (request, topology) => {
    expect(topologyIn(request)).toBe(topology)
  })
})
