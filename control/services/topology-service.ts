/** TopologyService: what topologies are made of, who runs them, how they get on, and what they wait for. */
import { describeTopology, type Peer, partitionsOf, taskNamesOf } from '../../streams/index.ts'
import { type Call, type Service, service } from '../call.ts'
import type { ControlContext } from '../context.ts'
import { invalidField } from '../errors.ts'
import type { Duration } from '../generated/google/protobuf/duration.ts'
import type { Instance } from '../generated/orderstreams/control/v1/instance_service.ts'
import {
  type Assignment,
  TopologyServiceService,
  type TopologySummary,
  type WatchTopologiesRequest,
  type WatchTopologiesResponse,
} from '../generated/orderstreams/control/v1/topology_service.ts'
import { pageOf } from '../pages.ts'
import { pause } from '../server/waiting.ts'
import { explanations } from './explanations.ts'
import { chosen, topologyNamed } from './instance-service.ts'
import { topologyMessage } from './topology-graph.ts'
import { summaryOf } from './topology-summary.ts'

const defaultIntervalMs = 1_000
const leastIntervalMs = 100

export function topologyService(context: ControlContext): Service {
  const { streams, peers } = context
  return service(TopologyServiceService, {
    listTopologies: async (request, call) => {
      // In the order that records pass through them, which a name does not tell.
      const places = context.topologies.map(({ name }, place) => ({
        name,
        place: String(place).padStart(6, '0'),
      }))
      const { page, nextPageToken } = pageOf(places, ({ place }) => place, request, { list: 'topologies' })
      const instances = await peers.instances(call)
      return {
        topologies: summaries(
          context,
          page.map(({ name }) => name),
          instances,
        ),
        nextPageToken,
      }
    },

    getTopology: async ({ topology: name }) => {
      const topology = topologyNamed(context.topologies, name)
      return {
        topology: topologyMessage(topology, partitionsOf(streams.running(name))),
        text: describeTopology(topology, 'text'),
        mermaid: describeTopology(topology, 'mermaid'),
      }
    },

    listAssignments: async (request, call) => {
      const { topology } = request
      topologyNamed(context.topologies, topology)
      const members = await peers.assigned(topology, call)
      const assignments = taskNamesOf(streams.running(topology)).map((task) => assignmentOf(task, members))
      const query = { list: 'assignments', topology }
      const { page, nextPageToken } = pageOf(assignments, ({ task }) => task, request, query)
      return { assignments: [...page], nextPageToken }
    },

    watchTopologies: (request, call) => watch(context, request, call),

    explainTopology: async (request, call) => {
      const topology = topologyNamed(context.topologies, request.topology)
      return { tasks: [...(await explanations(context, topology, request, call))] }
    },
  })
}

async function* watch(
  context: ControlContext,
  { topology, interval, withTasks }: WatchTopologiesRequest,
  call: Call,
): AsyncGenerator<WatchTopologiesResponse> {
  const { clock, peers } = context
  const names = chosen(context, topology).map(({ name }) => name)
  const intervalMs = intervalOf(interval)
  for (;;) {
    const startMs = clock.now()
    const instances = await peers.instances(call, topology === '' ? undefined : topology)
    yield {
      time: new Date(startMs),
      topologies: summaries(context, names, instances),
      instances: withTasks ? [...instances] : [],
    }
    await pause(clock, Math.max(1, startMs + intervalMs - clock.now()), call.signal)
  }
}

function intervalOf(interval: Duration | undefined): number {
  if (interval === undefined) return defaultIntervalMs
  const intervalMs = interval.seconds * 1000 + interval.nanos / 1_000_000
  if (intervalMs < 0)
    throw invalidField('interval', `is ${intervalMs} ms; give at least ${leastIntervalMs} ms`)
  return Math.max(leastIntervalMs, intervalMs)
}

function summaries(
  { streams, clock }: ControlContext,
  names: readonly string[],
  instances: readonly Instance[],
): TopologySummary[] {
  return names.map((name) =>
    summaryOf(name, instances, taskNamesOf(streams.running(name)).length, clock.now()),
  )
}

function assignmentOf(task: string, members: readonly Peer[]): Assignment {
  const active = members.find((member) => member.active.includes(task))
  return {
    task,
    instanceId: active?.instanceId ?? '',
    endpoint: active?.endpoint ?? '',
    zone: active?.zone ?? '',
    standbyInstanceIds: members
      .filter(({ standby }) => standby.includes(task))
      .map(({ instanceId }) => instanceId),
  }
}
