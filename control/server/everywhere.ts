/**
 * Lists that name no topology: an instance of one stage shows all that are known, by asking one that runs each of the others.
 *
 * Invariants:
 * 1. Only the instance that a caller has called asks others; whoever is asked answers for itself.
 * 2. What cannot be asked is told: in the list where it has a place for that, else the call fails and names it.
 */
import type { ReachableMember } from '../../streams/index.ts'
import type { AnyHandler, Call, Method, Service } from '../call.ts'
import type { UnaryMethod } from '../context.ts'
import { ControlError } from '../errors.ts'
import {
  type Instance,
  InstanceServiceService,
  type ListInstancesResponse,
} from '../generated/orderstreams/control/v1/instance_service.ts'
import {
  type ListStagesResponse,
  StageServiceService,
  type StageStatus,
} from '../generated/orderstreams/control/v1/stage_service.ts'
import {
  type ListTopologiesResponse,
  TopologyServiceService,
  TopologySummary,
  type WatchTopologiesRequest,
  type WatchTopologiesResponse,
} from '../generated/orderstreams/control/v1/topology_service.ts'
import { type PageRequest, pageOf } from '../pages.ts'
import { knownError } from './status.ts'

/** What is known of a topology that does not run here: what one that runs it answers, or why there is no answer. */
export type Elsewhere<A> =
  | { readonly kind: 'answer'; readonly answer: A }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'silent'; readonly members: readonly ReachableMember[]; readonly error: ControlError }

export interface EverywhereOptions {
  /** All topologies that there may be, in the order that records pass through them. */
  readonly known: readonly string[]
  /** Those that run here. */
  readonly topologies: readonly string[]
  ask<Q, A>(
    topology: string,
    method: Method & UnaryMethod<Q, A>,
    request: Q,
    call: Call,
  ): Promise<Elsewhere<A>>
}

type Listing = PageRequest & { readonly topology?: string }
const pageMax = 1000
const firstPage = { pageSize: pageMax, pageToken: '' }

/** The services with their lists over all topologies. */
export function everywhere(services: readonly Service[], options: EverywhereOptions): Service[] {
  const others = options.known.filter((name) => !options.topologies.includes(name))
  if (others.length === 0) return [...services]
  const merged = mergedLists(options, others)
  return services.map(({ definition, handlers }) => ({
    definition,
    handlers: Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => {
        const merge = merged.get(definition[name]?.path ?? '')
        return [name, merge === undefined ? handler : mergedHandler(handler, merge)]
      }),
    ),
  }))
}

type Merge = (own: AnyHandler, request: never, call: Call) => ReturnType<AnyHandler>

function mergedHandler(own: AnyHandler, merge: Merge): AnyHandler {
  return (request: Listing, call) => {
    const isAll = !call.isForwarded && call.isRelayed !== true && (request.topology ?? '') === ''
    // As the handlers of services, these take what their methods were made for.
    return isAll ? merge(own, request as never, call) : own(request as never, call)
  }
}

function mergedLists(options: EverywhereOptions, others: readonly string[]): ReadonlyMap<string, Merge> {
  const { known } = options
  const placeOf = (name: string): string => String(known.indexOf(name)).padStart(6, '0')

  const summaries = async (own: readonly TopologySummary[], call: Call): Promise<TopologySummary[]> => {
    const method = TopologyServiceService.listTopologies
    const found = await Promise.all(
      others.map(async (name) => summaryOf(name, await options.ask(name, method, firstPage, call))),
    )
    return [...own, ...found].sort((a, b) => (placeOf(a.topology) < placeOf(b.topology) ? -1 : 1))
  }

  const instances = async (own: readonly Instance[], call: Call): Promise<Instance[]> => {
    const method = InstanceServiceService.listInstances
    const lists = await Promise.all(
      others.map(async (topology) =>
        instancesOf(topology, await options.ask(topology, method, { topology, ...firstPage }, call)),
      ),
    )
    return mergedInstances([own, ...lists])
  }

  const stages = async (own: readonly StageStatus[], call: Call): Promise<StageStatus[]> => {
    const method = StageServiceService.listStages
    const lists = await Promise.all(
      others.map(async (topology) => {
        const found = await options.ask(topology, method, { topology, ...firstPage }, call)
        if (found.kind === 'silent') throw notListed(topology, found.error)
        return found.kind === 'nobody' ? [] : found.answer.stages
      }),
    )
    return [own, ...lists].flat().sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  }

  return new Map<string, Merge>([
    [
      TopologyServiceService.listTopologies.path,
      async (own, request: PageRequest, call) => {
        const here = (await own(firstPage as never, call)) as ListTopologiesResponse
        const all = await summaries(here.topologies, call)
        const { page, nextPageToken } = pageOf(all, ({ topology }) => placeOf(topology), request, {
          list: 'topologies',
        })
        return { topologies: [...page], nextPageToken }
      },
    ],
    [
      InstanceServiceService.listInstances.path,
      async (own, request: PageRequest, call) => {
        const here = (await own({ topology: '', ...firstPage } as never, call)) as ListInstancesResponse
        const all = await instances(here.instances, call)
        const query = { list: 'instances', topology: '' }
        const { page, nextPageToken } = pageOf(all, ({ instanceId }) => instanceId, request, query)
        return { instances: [...page], nextPageToken }
      },
    ],
    [
      StageServiceService.listStages.path,
      async (own, request: PageRequest, call) => {
        const here = (await own({ topology: '', ...firstPage } as never, call)) as ListStagesResponse
        const all = await stages(here.stages, call)
        const { page, nextPageToken } = pageOf(all, nameOf, request, { list: 'stages', topology: '' })
        return { stages: [...page], nextPageToken }
      },
    ],
    [
      TopologyServiceService.watchTopologies.path,
      async function* (own, request: WatchTopologiesRequest, call) {
        const readings = own(request as never, call) as AsyncIterable<WatchTopologiesResponse>
        for await (const reading of readings) {
          const [topologies, all] = await Promise.all([
            summaries(reading.topologies, call),
            request.withTasks ? instances(reading.instances, call) : [],
          ])
          yield { ...reading, topologies, instances: all }
        }
      },
    ],
  ])
}

function summaryOf(topology: string, found: Elsewhere<ListTopologiesResponse>): TopologySummary {
  const told =
    found.kind === 'answer' ? found.answer.topologies.find((one) => one.topology === topology) : undefined
  if (told !== undefined) return told
  if (found.kind !== 'silent')
    return TopologySummary.fromPartial({ topology, failures: ['no instance runs it that can be asked'] })
  const { members, error } = found
  return TopologySummary.fromPartial({ topology, instanceCount: members.length, failures: [error.message] })
}

function instancesOf(topology: string, found: Elsewhere<ListInstancesResponse>): readonly Instance[] {
  if (found.kind === 'answer') return found.answer.instances
  if (found.kind === 'nobody') return []
  return found.members.map(({ instanceId, zone, endpoint }) => ({
    instanceId,
    zone: zone ?? '',
    endpoint,
    version: '',
    startTime: undefined,
    topologies: [],
    unreachableReason: `${topology}: ${found.error.message}`,
  }))
}

/** One that runs several topologies is in the list of each, with its part in that. */
function mergedInstances(lists: readonly (readonly Instance[])[]): Instance[] {
  const merged = new Map<string, Instance>()
  for (const instance of lists.flat()) {
    const before = merged.get(instance.instanceId)
    if (before === undefined) {
      merged.set(instance.instanceId, instance)
      continue
    }
    const more = instance.topologies.filter(
      ({ topology }) => !before.topologies.some((own) => own.topology === topology),
    )
    // What it says of itself says more than that somebody could not ask it.
    const best = before.unreachableReason === '' ? before : instance
    merged.set(instance.instanceId, { ...best, topologies: [...before.topologies, ...more] })
  }
  return [...merged.values()].sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
}

function nameOf({ stage }: StageStatus): string {
  const { topology = '', subTopology = '', operator = '' } = stage ?? {}
  return [topology, subTopology, operator].join('/')
}

function notListed(topology: string, error: ControlError): ControlError {
  return new ControlError(
    error.reason,
    `the stages of ${topology} cannot be listed, so that the list would not be of all: ${error.message}; name a topology`,
    { ...error.details, cause: error },
  )
}

/** What an instance that cannot be asked ends a call with. */
export function unreachableError(error: unknown): ControlError | undefined {
  const known = knownError(error)
  return known?.reason === 'INSTANCE_UNREACHABLE' || known?.reason === 'DEADLINE_EXCEEDED' ? known : undefined
}
