import { connect, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { defineTopology, type Peer } from '../../streams/index.ts'
import { ControlCluster, callOf, failureOf } from '../../tests/support/control-harness.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { waitFor } from '../../tests/support/waiting.ts'
import { service } from '../call.ts'
import type { ControlContext } from '../context.ts'
import { ControlError } from '../errors.ts'
import { InstanceServiceService } from '../generated/orderstreams/control/v1/instance_service.ts'
import { type Guard, openGuard } from './guard.ts'
import { openPeers } from './peers.ts'

const words = jsonTopic<{ word: string }>('words')

const counting = () =>
  defineTopology('counting', (builder) => {
    builder.stream(words).groupByKey().count({ store: 'counts' })
  })

/** Says who it is, and whether it was asked by another instance. */
const whoAmI = (context: ControlContext) =>
  service(InstanceServiceService, {
    getInstance: async ({ topology }, call) => ({
      instance: {
        instanceId: context.instanceId,
        zone: context.zone ?? '',
        endpoint: context.endpoint ?? '',
        version: `${topology} ${call.isForwarded} ${call.caller.name}`,
        startTime: undefined,
        topologies: [],
        unreachableReason: '',
      },
    }),
    listInstances: async ({ topology }, call) => ({
      instances: [...(await context.peers.instances(call, topology === '' ? undefined : topology))],
      nextPageToken: '',
    }),
  })

let cluster: ControlCluster

afterEach(() => cluster.close())

async function openCluster(partitions = 4): Promise<ControlCluster> {
  cluster = await ControlCluster.open({
    topologies: () => [counting()],
    services: (context) => [whoAmI(context)],
    partitions,
  })
  return cluster
}

describe('peers', () => {
  it('should know all members, where they are, and who of them runs a task', async () => {
    await openCluster()
    const first = await cluster.start({ zone: 'a' })
    const second = await cluster.start({ zone: 'b' })
    await cluster.settled('counting')
    const { peers } = first.context
    expect(await peers.members(callOf(), 'counting')).toEqual([
      { instanceId: 'instance-1', zone: 'a', endpoint: first.address, isHere: true },
      { instanceId: 'instance-2', zone: 'b', endpoint: second.address, isHere: false },
    ])
    const owners = await Promise.all(
      [0, 1, 2, 3].map((partition) => peers.ownersOf('counting', `words_${partition}`, callOf())),
    )
    expect(owners.map(({ active }) => active?.instanceId).sort()).toEqual([
      'instance-1',
      'instance-1',
      'instance-2',
      'instance-2',
    ])
  })

  it('should pass a call on, with who made it and the mark of a forwarded one', async () => {
    await openCluster()
    const guard: Guard = {
      ...openGuard,
      authenticate: ({ metadata }) => ({
        name: String(metadata.get('authorization')[0] ?? 'nobody'),
        role: 'operator',
      }),
    }
    const first = await cluster.start({ guard })
    await cluster.start({ guard })
    await cluster.settled('counting')
    const { instances } = await first.call(
      InstanceServiceService.listInstances,
      { topology: 'counting', pageSize: 0, pageToken: '' },
      { metadata: { authorization: 'Bearer x' } },
    )
    expect(instances.map(({ instanceId, version }) => [instanceId, version])).toEqual([
      ['instance-1', 'counting true Bearer x'],
      ['instance-2', 'counting true Bearer x'],
    ])
  })

  it('should show a member that does not answer by what the group knows of it', async () => {
    await openCluster()
    const first = await cluster.start()
    const second = await cluster.start({ isReachable: false, zone: 'b' })
    await cluster.settled('counting')
    const [, silent] = await first.context.peers.instances(callOf(), 'counting')
    expect(silent).toMatchObject({ instanceId: second.instanceId, zone: 'b', endpoint: '' })
    expect(silent!.unreachableReason).toContain('serves no control calls')
    expect(silent!.topologies[0]?.tasks.map(({ task }) => task)).toHaveLength(2)
  })

  it('should say which instance cannot be reached when its server is gone', async () => {
    await openCluster()
    const first = await cluster.start()
    const gone = { instanceId: 'instance-9', zone: null, endpoint: '127.0.0.1:1', isHere: false }
    const call = callOf({ deadlineMs: Date.now() + 5_000 })
    const error = await failureOf(
      first.context.peers.forward(gone, InstanceServiceService.getInstance, { topology: '' }, call),
    )
    expect(error).toBeInstanceOf(ControlError)
    expect(error).toMatchObject({
      reason: 'INSTANCE_UNREACHABLE',
      details: { metadata: { instanceId: 'instance-9', endpoint: '127.0.0.1:1' } },
    })
  })

  it('should refuse a topology that there is not, and name those that there are', async () => {
    await openCluster()
    const { context } = await cluster.start()
    expect(await failureOf(context.peers.members(callOf(), 'nothing'))).toMatchObject({
      reason: 'TOPOLOGY_NOT_FOUND',
      message: expect.stringContaining('counting'),
    })
  })

  it('should let the connection to an endpoint go that no group knows any more, once calls are answered', async () => {
    let asks = 0
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    cluster = await ControlCluster.open({
      topologies: () => [counting()],
      services: () => [
        service(InstanceServiceService, {
          getInstance: async () => {
            asks++
            await gate
            return { instance: undefined }
          },
          listInstances: async () => ({ instances: [], nextPageToken: '' }),
        }),
      ],
    })
    const { context, address } = await cluster.start()
    const other = await watchedPort(address)
    const peer = { instanceId: 'instance-9', zone: null, endpoint: other.address, isHere: false }
    const member: Peer = { ...peer, active: [], standby: [] }
    let members = [member]
    const peers = openPeers({
      ...context,
      streams: { peers: async () => members },
      topologies: ['counting'],
      endpoint: null,
    })
    try {
      await peers.members(callOf())
      peers.found('elsewhere', [member])
      const asked = peers.forward(peer, InstanceServiceService.getInstance, { topology: '' }, callOf())
      await waitFor('the call is under way', () => asks === 1)
      members = []
      await peers.members(callOf())
      peers.found('elsewhere', [])
      open()
      expect(await asked).toEqual({ instance: undefined })
      await waitFor('the connection is closed', () => other.connections() === 0)
      peers.found('elsewhere', [member])
      await peers.forward(peer, InstanceServiceService.getInstance, { topology: '' }, callOf())
      await peers.members(callOf())
      expect(other.connections()).toBe(1)
    } finally {
      peers.close()
      await other.close()
    }
  })

  it('should wait for a rebalance until the deadline, and no longer', async () => {
    await openCluster()
    // Nobody is a member: the group knows of no assignment.
    const { context } = await cluster.start({ isStarted: false })
    const streams = { peers: async () => undefined }
    const peers = openPeers({
      ...context,
      streams,
      topologies: ['counting'],
      endpoint: null,
    })
    const call = callOf({ deadlineMs: Date.now() + 100 })
    expect(await failureOf(peers.members(call))).toMatchObject({ reason: 'TASK_AWAY' })
    const abort = new AbortController()
    const left = failureOf(peers.members(callOf({ signal: abort.signal })))
    abort.abort(new ControlError('CALL_CANCELLED', 'gone'))
    expect(await left).toMatchObject({ reason: 'CALL_CANCELLED' })
  })
})

/** Passes connections on to an address, and knows how many are open. */
async function watchedPort(target: string) {
  const [host, port] = target.split(':')
  const open = new Set<unknown>()
  const server = createServer((socket) => {
    open.add(socket)
    const onward = connect(Number(port), host)
    socket.on('close', () => {
      open.delete(socket)
      onward.destroy()
    })
    onward.on('close', () => socket.destroy())
    socket
      .on('error', () => {})
      .pipe(onward.on('error', () => {}))
      .pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('it listens nowhere')
  return {
    address: `127.0.0.1:${bound.port}`,
    connections: () => open.size,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}
