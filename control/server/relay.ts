/**
 * Calls about topologies that other instances run: an instance of one stage answers for all, by passing them on to one that runs the
 * topology. What nobody runs right now is answered here, as far as that goes.
 *
 * Invariants:
 * 1. A call is relayed once: whoever gets it so answers it, or passes it on to the owner of a task.
 * 2. A savepoint is restored here, for that asks that nobody runs its topology.
 */
import { type Clock, type Log, type ReachableMember, reachableMembers } from '../../streams/index.ts'
import type { AnyHandler, Call, Method, Service } from '../call.ts'
import type { ControlError } from '../errors.ts'
import { CheckpointServiceService } from '../generated/orderstreams/control/v1/checkpoint_service.ts'
import { type EverywhereOptions, everywhere, unreachableError } from './everywhere.ts'
import type { OpenPeers } from './peers.ts'
import { knownError } from './status.ts'

/** How long an instance has to answer for a topology in a list of all. */
const listTimeoutMs = 5_000

export interface RelayOptions {
  /** Names of the topologies that run here. */
  readonly topologies: readonly string[]
  /** All that there may be, for lists that name none; those that run here without it. */
  readonly known?: readonly string[]
  readonly log: Pick<Log, 'describeGroup'>
  readonly clock: Pick<Clock, 'now'>
  readonly peers: Pick<OpenPeers, 'relay' | 'relayStream' | 'found'>
}

export function relaying(services: readonly Service[], options: RelayOptions): Service[] {
  const { topologies, known = topologies } = options
  const ask: EverywhereOptions['ask'] = async (topology, method, request, call) => {
    const members = await membersOf(topology, options)
    let failure: ControlError | undefined
    for (const member of members) {
      try {
        // The lists are waited for by people: one that is silent must not keep the others from them.
        const deadlineMs = Math.min(
          call.deadlineMs ?? Number.POSITIVE_INFINITY,
          options.clock.now() + listTimeoutMs,
        )
        const answer = await options.peers.relay({ ...member, isHere: false }, method, request as never, {
          ...call,
          deadlineMs,
        })
        // A method answers with what it was made for.
        return { kind: 'answer', answer: answer as ReturnType<typeof method.responseDeserialize> }
      } catch (error) {
        failure = unreachableError(error)
        if (failure === undefined || call.signal.aborted) throw error
      }
    }
    return failure === undefined ? { kind: 'nobody' } : { kind: 'silent', members, error: failure }
  }
  return everywhere(services, { known, topologies, ask }).map(({ definition, handlers }) => ({
    definition,
    handlers: Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => {
        const method = definition[name]
        return [name, method === undefined ? handler : relayingHandler(method, handler, options)]
      }),
    ),
  }))
}

function relayingHandler(method: Method, handler: AnyHandler, options: RelayOptions): AnyHandler {
  if (method.path === CheckpointServiceService.restoreSavepoint.path) return handler
  if (method.responseStream) {
    // A method that answers with a stream has a handler that does.
    const stream = handler as (request: never, call: Call) => AsyncIterable<unknown>
    return (request, call) => relayedStream(method, stream, request, call, options)
  }
  return async (request, call) => {
    for (const member of await membersFor(request, call, options)) {
      try {
        return await options.peers.relay({ ...member, isHere: false }, method, request, call)
      } catch (error) {
        if (!isUnreachable(error)) throw error
      }
    }
    return handler(request, call)
  }
}

async function* relayedStream(
  method: Method,
  handler: (request: never, call: Call) => AsyncIterable<unknown>,
  request: never,
  call: Call,
  options: RelayOptions,
): AsyncGenerator<unknown> {
  const [member] = await membersFor(request, call, options)
  if (member === undefined) yield* handler(request, call)
  else yield* options.peers.relayStream({ ...member, isHere: false }, method, request, call)
}

/** Those that run the topology which a request names; none when it runs here, or nowhere. */
async function membersFor(
  request: unknown,
  call: Call,
  options: RelayOptions,
): Promise<readonly ReachableMember[]> {
  if (call.isForwarded || call.isRelayed === true) return []
  const topology = topologyIn(request)
  return topology === '' || options.topologies.includes(topology) ? [] : membersOf(topology, options)
}

async function membersOf(
  topology: string,
  { log, peers }: Pick<RelayOptions, 'log' | 'peers'>,
): Promise<readonly ReachableMember[]> {
  const members = await reachableMembers(topology, log)
  peers.found(topology, members)
  return members
}

/** The topology that a request is about, by the fields that name one; empty when none does. */
export function topologyIn(request: unknown): string {
  const own = field(request, 'topology')
  if (typeof own === 'string' && own !== '') return own
  for (const name of ['stage', 'range', 'filter']) {
    const nested = field(field(request, name), 'topology')
    if (typeof nested === 'string' && nested !== '') return nested
  }
  const letter = field(request, 'name')
  const [, topology] = (typeof letter === 'string' && /^(.+)-dead-letter\/\d+\/\d+$/.exec(letter)) || []
  return topology ?? ''
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function isUnreachable(error: unknown): boolean {
  return knownError(error)?.reason === 'INSTANCE_UNREACHABLE'
}
