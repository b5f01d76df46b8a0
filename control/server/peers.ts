/**
 * The other instances, as the groups of the topologies know them, and calls of them on behalf of callers.
 *
 * Invariants:
 * 1. A call is passed on once: who gets it with the mark answers it, or fails.
 * 2. Whoever passes a call on has no authority of its own: the caller's credentials go along, and are checked again there.
 * 3. A connection is let go once no group that was looked at knows its endpoint any more.
 */
import { type ChannelCredentials, Client, credentials, Metadata } from '@grpc/grpc-js'
import type { Clock, Peer, StreamsApp } from '../../streams/index.ts'
import type { Call, Method, Service } from '../call.ts'
import type { PeerInstance, Peers, StreamMethod, TaskOwners, UnaryMethod } from '../context.ts'
import { ControlError } from '../errors.ts'
import {
  type Instance,
  InstanceServiceService,
  InstanceTopology,
} from '../generated/orderstreams/control/v1/instance_service.ts'
import { passOnTrace } from './call-tracing.ts'
import { forwardedKey, relayedKey } from './guard.ts'
import { callStream, callUnary, type OutgoingOptions, outgoingChannelOptions } from './outgoing.ts'
import { passOnCaller } from './security/caller-metadata.ts'
import { knownError } from './status.ts'
import { pause } from './waiting.ts'

export interface PeersOptions {
  readonly streams: Pick<StreamsApp, 'peers'>
  /** Names, in their order. */
  readonly topologies: readonly string[]
  readonly instanceId: string
  readonly zone: string | null
  readonly endpoint: string | null
  readonly clock: Clock
  /** How others are reached; plaintext without them. */
  readonly credentials?: ChannelCredentials
  /** How long another instance has to say how it does, at most; the deadline of a call may be sooner. */
  readonly instanceTimeoutMs?: number
}

export interface OpenPeers extends Peers {
  /** Passes a call on to an instance of another topology, which answers it as if it had come there first. */
  relay(peer: PeerInstance, method: Method, request: never, call: Call): Promise<unknown>
  relayStream(peer: PeerInstance, method: Method, request: never, call: Call): AsyncIterable<unknown>
  /** The members of the group of a topology that does not run here, as they were found. */
  found(topology: string, members: readonly Pick<Peer, 'endpoint'>[]): void
  /** Calls of this very instance go to these services, without a connection. */
  serveHere(services: readonly Service[]): void
  close(): void
}

const firstPauseMs = 20
const longestPauseMs = 500
/** For a call without a deadline: a rebalance takes no longer, unless something is wrong. */
const longestWaitMs = 30_000
const defaultInstanceTimeoutMs = 2_000
const receivedMessageMaxBytes = 16 * 1024 * 1024

export function openPeers(options: PeersOptions): OpenPeers {
  const { streams, topologies, instanceId, zone, endpoint, clock } = options
  const channelCredentials = options.credentials ?? credentials.createInsecure()
  const instanceTimeoutMs = options.instanceTimeoutMs ?? defaultInstanceTimeoutMs
  const clients = new Map<string, Client>()
  const endpointsOf = new Map<string, ReadonlySet<string | null>>()
  const here: PeerInstance = { instanceId, zone, endpoint, isHere: true }
  let services: readonly Service[] = []

  const instanceOf = (peer: Peer): PeerInstance =>
    peer.instanceId === instanceId
      ? here
      : { instanceId: peer.instanceId, zone: peer.zone, endpoint: peer.endpoint, isHere: false }

  const found: OpenPeers['found'] = (topology, members) => {
    endpointsOf.set(topology, new Set(members.map(({ endpoint: known }) => known)))
    const known = [...endpointsOf.values()]
    for (const [endpoint, client] of clients) {
      if (known.some((endpoints) => endpoints.has(endpoint))) continue
      client.close()
      clients.delete(endpoint)
    }
  }

  const peersOf = async (topology: string, call: Call): Promise<readonly Peer[]> => {
    if (!topologies.includes(topology)) {
      throw new ControlError(
        'TOPOLOGY_NOT_FOUND',
        `topology: ${JSON.stringify(topology)} does not run here; there ${topologies.length === 1 ? 'is' : 'are'} ${topologies.join(', ')}`,
        { metadata: { topology } },
      )
    }
    const endMs = call.deadlineMs ?? clock.now() + longestWaitMs
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
      const peers = await streams.peers(topology)
      if (peers !== undefined) {
        found(topology, peers)
        return peers
      }
      if (clock.now() + pauseMs >= endMs) {
        throw new ControlError(
          'TASK_AWAY',
          `the tasks of topology ${topology} are being shared out among its instances; try again`,
          { metadata: { topology }, retryInMs: longestPauseMs },
        )
      }
      await pause(clock, pauseMs, call.signal)
    }
  }

  const clientOf = (peer: PeerInstance): Client => {
    if (peer.endpoint === null) throw unreachable(peer, 'it serves no control calls to others')
    const known = clients.get(peer.endpoint)
    if (known !== undefined) return known
    const client = new Client(peer.endpoint, channelCredentials, {
      ...outgoingChannelOptions,
      'grpc.max_receive_message_length': receivedMessageMaxBytes,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.client_idle_timeout_ms': 5 * 60_000,
    })
    clients.set(peer.endpoint, client)
    return client
  }

  const forward: Peers['forward'] = async (peer, method, request, call) => {
    if (peer.isHere) return answerHere(services, method, request, call)
    try {
      return await callUnary(clientOf(peer), method, request, outgoing(call))
    } catch (error) {
      throw seenFromHere(error, peer)
    }
  }

  const forwardStream: Peers['forwardStream'] = async function* (peer, method, request, call) {
    if (peer.isHere) {
      yield* streamHere(services, method, request, call)
      return
    }
    try {
      yield* callStream(clientOf(peer), method, request, outgoing(call))
    } catch (error) {
      throw seenFromHere(error, peer)
    }
  }

  const relay: OpenPeers['relay'] = async (peer, method, request, call) => {
    try {
      return await callUnary(clientOf(peer), method, request, outgoing(call, relayedKey))
    } catch (error) {
      throw seenFromHere(error, peer)
    }
  }

  const relayStream: OpenPeers['relayStream'] = async function* (peer, method, request, call) {
    try {
      yield* callStream(clientOf(peer), method, request, outgoing(call, relayedKey))
    } catch (error) {
      throw seenFromHere(error, peer)
    }
  }

  const members = async (call: Call, topology?: string): Promise<readonly PeerInstance[]> => {
    const wanted = topology === undefined ? topologies : [topology]
    const lists = await Promise.all(wanted.map((name) => peersOf(name, call)))
    const found = new Map(lists.flat().map((peer) => [peer.instanceId, instanceOf(peer)]))
    return [...found.values()].sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
  }

  const instanceAs = async (peer: PeerInstance, topology: string, call: Call): Promise<Instance> => {
    const deadlineMs = Math.min(call.deadlineMs ?? Number.POSITIVE_INFINITY, clock.now() + instanceTimeoutMs)
    const asked = { ...call, deadlineMs }
    try {
      const { instance } = await forward(peer, InstanceServiceService.getInstance, { topology }, asked)
      if (instance !== undefined) return instance
      return silentInstance(peer, 'it said nothing of itself')
    } catch (error) {
      call.signal.throwIfAborted()
      const known = await Promise.all(
        (topology === '' ? topologies : [topology]).map(async (name) => ({
          topology: name,
          peer: (await peersOf(name, call)).find(({ instanceId: id }) => id === peer.instanceId),
        })),
      )
      return silentInstance(peer, knownError(error)?.message ?? 'it could not be asked', known)
    }
  }

  return {
    members,
    assigned: peersOf,
    forward,
    forwardStream,
    relay,
    relayStream,
    found,
    async ownersOf(topology, task, call): Promise<TaskOwners> {
      const peers = await peersOf(topology, call)
      const active = peers.find((peer) => peer.active.includes(task))
      const standbys = peers.filter((peer) => peer.standby.includes(task))
      return {
        active: active === undefined ? undefined : instanceOf(active),
        standbys: standbys.map(instanceOf),
      }
    },
    async instances(call, topology) {
      const peers = await members(call, topology)
      return Promise.all(peers.map((peer) => instanceAs(peer, topology ?? '', call)))
    },
    serveHere: (own) => {
      services = own
    },
    close: () => {
      for (const client of clients.values()) client.close()
      clients.clear()
    },
  }
}

function outgoing(call: Call, mark = forwardedKey): OutgoingOptions {
  const metadata = new Metadata()
  metadata.set(mark, '1')
  passOnCaller(call.caller, metadata)
  passOnTrace(call.trace, metadata)
  if (call.authorization !== undefined) metadata.set('authorization', call.authorization)
  return { metadata, deadlineMs: call.deadlineMs, signal: call.signal }
}

async function answerHere<Q, A>(
  services: readonly Service[],
  method: UnaryMethod<Q, A>,
  request: Q,
  call: Call,
): Promise<A> {
  // The handler was made for this very method, so it takes its requests and gives its answers.
  return (await handlerOf(services, method.path)(request as never, { ...call, isForwarded: true })) as A
}

function streamHere<Q, A>(
  services: readonly Service[],
  method: StreamMethod<Q, A>,
  request: Q,
  call: Call,
): AsyncIterable<A> {
  // As in answerHere.
  return handlerOf(services, method.path)(request as never, {
    ...call,
    isForwarded: true,
  }) as AsyncIterable<A>
}

function handlerOf(services: readonly Service[], path: string): Service['handlers'][string] {
  for (const { definition, handlers } of services) {
    for (const [name, method] of Object.entries(definition)) {
      const handler = handlers[name]
      if (method.path === path && handler !== undefined) return handler
    }
  }
  throw new ControlError('UNIMPLEMENTED', `${path} is not served here`)
}

/** An error of another instance names it where it lies in the way there. */
function seenFromHere(error: unknown, peer: PeerInstance): unknown {
  const isUnreachable = error instanceof ControlError && error.reason === 'INSTANCE_UNREACHABLE'
  return isUnreachable ? unreachable(peer, error.message, error) : error
}

function unreachable(peer: PeerInstance, reason: string, cause?: unknown): ControlError {
  const place = peer.endpoint === null ? '' : ` at ${peer.endpoint}`
  return new ControlError(
    'INSTANCE_UNREACHABLE',
    `instance ${peer.instanceId}${place} cannot be asked: ${reason}`,
    {
      metadata: { instanceId: peer.instanceId, endpoint: peer.endpoint ?? '' },
      ...(cause === undefined ? {} : { cause }),
    },
  )
}

/** An instance by what its groups know of it. */
function silentInstance(
  { instanceId, zone, endpoint }: PeerInstance,
  reason: string,
  known: readonly { readonly topology: string; readonly peer: Peer | undefined }[] = [],
): Instance {
  const topologies = known.flatMap(({ topology, peer }) =>
    peer === undefined
      ? []
      : InstanceTopology.fromPartial({
          topology,
          tasks: peer.active.map((task) => ({ task })),
          standbys: peer.standby.map((task) => ({ task })),
        }),
  )
  return {
    instanceId,
    zone: zone ?? '',
    endpoint: endpoint ?? '',
    version: '',
    startTime: undefined,
    topologies,
    unreachableReason: reason,
  }
}
