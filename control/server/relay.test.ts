import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineTopology } from '../../streams/index.ts'
import { ControlCluster, type ControlInstance, failureOf } from '../../tests/support/control-harness.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { CheckpointServiceService } from '../generated/orderstreams/control/v1/checkpoint_service.ts'
import { StageServiceService } from '../generated/orderstreams/control/v1/stage_service.ts'
import { ListStoresRequest, StateServiceService } from '../generated/orderstreams/control/v1/state_service.ts'
import {
  GetTopologyRequest,
  TopologyServiceService,
  WatchTopologiesRequest,
} from '../generated/orderstreams/control/v1/topology_service.ts'
import { checkpointService } from '../services/checkpoint-service.ts'
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
