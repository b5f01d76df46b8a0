/** The store that a request names, and what it takes to read it: how its keys and values look, and which partitions it has. */
import {
  type OpenCodecs,
  partitionCountOf,
  placingTopic,
  type QueriedStore,
  type RunningTopology,
  StoreCodec,
  storesOf,
} from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext } from '../../context.ts'
import { suggestion } from '../../did-you-mean.ts'
import { ControlError, invalidField } from '../../errors.ts'
import { pause } from '../../server/waiting.ts'
import { topologyNamed } from '../instance-service.ts'

/** A store that can be read from here, whoever has its rows. */
export interface NamedStore extends QueriedStore {
  readonly codec: StoreCodec
  readonly codecs: OpenCodecs
  readonly partitionCount: number
  /** The topic whose keys place its rows; undefined where that cannot be told. */
  readonly placing:
    | {
        readonly topic: QueriedStore['subTopology']['sources'][number]['topic']
        readonly partitionCount: number
      }
    | undefined
}

/** A topology is still being opened here for so long at most, when a call has no deadline. */
const openingMaxMs = 10_000
const pollMs = 50

/** @throws ControlError TOPOLOGY_NOT_FOUND, STORE_NOT_FOUND; TASK_AWAY while the topology is being opened here */
export async function namedStore(
  context: ControlContext,
  topologyName: string,
  storeName: string,
  call: Call,
): Promise<NamedStore> {
  const topology = topologyNamed(context.topologies, topologyName)
  const stores = storesOf(topology)
  const store = stores.find(({ spec }) => spec.name === storeName)
  if (store === undefined) throw noStore(topologyName, storeName, stores)
  return opened(context, store, await environmentOf(context, topologyName, call))
}

/** All stores of a kind. @throws ControlError as `namedStore` */
export async function storesOfKind(
  context: ControlContext,
  topologyName: string,
  kind: QueriedStore['kind'],
  call: Call,
): Promise<NamedStore[]> {
  const topology = topologyNamed(context.topologies, topologyName)
  const environment = await environmentOf(context, topologyName, call)
  return storesOf(topology)
    .filter((store) => store.kind === kind)
    .map((store) => opened(context, store, environment))
}

/** @throws ControlError REQUEST_INVALID */
export function checkedPartition(
  { spec, partitionCount }: NamedStore,
  partition: number | undefined,
  field = 'partition',
): number | undefined {
  if (partition === undefined || (partition >= 0 && partition < partitionCount)) return partition
  throw invalidField(
    field,
    `is ${partition}; store ${spec.name} has the partitions 0 to ${partitionCount - 1}`,
  )
}

export function allPartitions({ partitionCount }: NamedStore): number[] {
  return Array.from({ length: partitionCount }, (_, partition) => partition)
}

type Environment = NonNullable<RunningTopology['environment']>

async function environmentOf(
  { streams, clock }: ControlContext,
  topology: string,
  { signal, deadlineMs }: Call,
): Promise<Environment> {
  const endMs = Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, clock.now() + openingMaxMs)
  for (;;) {
    const { environment } = streams.running(topology)
    if (environment !== undefined) return environment
    if (clock.now() + 2 * pollMs >= endMs) {
      throw new ControlError(
        'TASK_AWAY',
        `topology ${topology} is being opened at this instance; try again`,
        {
          metadata: { topology },
          retryInMs: 1000,
        },
      )
    }
    await pause(clock, pollMs, signal)
  }
}

function opened(
  { topologies }: ControlContext,
  store: QueriedStore,
  { codecs, partitionCounts }: Environment,
): NamedStore {
  const topic = placingTopic(store, topologies)
  return {
    ...store,
    codecs,
    codec: new StoreCodec(store, codecs),
    partitionCount: partitionCountOf(store, partitionCounts),
    placing:
      topic === undefined ? undefined : { topic, partitionCount: partitionCounts.get(topic.name) ?? 1 },
  }
}

function noStore(topology: string, store: string, stores: readonly QueriedStore[]): ControlError {
  const names = stores.map(({ spec }) => spec.name)
  const all = names.length === 0 ? '' : `; the stores of ${topology} are ${names.join(', ')}`
  return new ControlError(
    'STORE_NOT_FOUND',
    `topology ${topology} has no store "${store}": ${suggestion(store, names)}${all}`,
    { metadata: { topology, store } },
  )
}
