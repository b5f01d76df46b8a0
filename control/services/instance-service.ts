/** InstanceService: what this process does, and what all of them do. */
import { type Topology, viewOf } from '../../streams/index.ts'
import { type Service, service } from '../call.ts'
import type { ControlContext } from '../context.ts'
import { ControlError } from '../errors.ts'
import {
  type Instance,
  InstanceServiceService,
} from '../generated/orderstreams/control/v1/instance_service.ts'
import { pageOf } from '../pages.ts'
import { topologyStatus } from './instance-status.ts'

export function instanceService(context: ControlContext): Service {
  return service(InstanceServiceService, {
    getInstance: async ({ topology }) => ({ instance: instanceHere(context, chosen(context, topology)) }),

    listInstances: async (request, call) => {
      const { topology } = request
      chosen(context, topology)
      const all = await context.peers.instances(call, topology === '' ? undefined : topology)
      const sorted = [...all].sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
      const { page, nextPageToken } = pageOf(sorted, ({ instanceId }) => instanceId, request, {
        list: 'instances',
        topology,
      })
      return { instances: [...page], nextPageToken }
    },
  })
}

/** What this process says of itself, and of its part in some topologies. */
export function instanceHere(context: ControlContext, topologies: readonly Topology[]): Instance {
  const { clock, instanceId, zone, endpoint, version, streams } = context
  return {
    instanceId,
    zone: zone ?? '',
    endpoint: endpoint ?? '',
    version,
    startTime: new Date(clock.now() - Math.round(process.uptime() * 1000)),
    topologies: topologies.map(({ name }) => topologyStatus(viewOf(streams.running(name)))),
    unreachableReason: '',
  }
}

/** The topology that is named, or all when none is. @throws ControlError TOPOLOGY_NOT_FOUND */
export function chosen({ topologies }: ControlContext, name: string): readonly Topology[] {
  return name === '' ? topologies : [topologyNamed(topologies, name)]
}

/** @throws ControlError TOPOLOGY_NOT_FOUND */
export function topologyNamed(topologies: readonly Topology[], name: string): Topology {
  const found = topologies.find((topology) => topology.name === name)
  if (found !== undefined) return found
  const known = topologies.map((topology) => topology.name).join(', ')
  throw new ControlError('TOPOLOGY_NOT_FOUND', `no topology "${name}" runs here; there are ${known}`, {
    metadata: { topology: name },
  })
}
