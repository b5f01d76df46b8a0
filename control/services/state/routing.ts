/**
 * Asking whoever has the rows of a partition.
 *
 * Invariants:
 * 1. A call that another instance has passed on is answered here, or fails with TASK_AWAY: it goes nowhere else.
 * 2. While the task is away it is asked for again until the deadline is near: a rebalance is waited out.
 * 3. A copy answers only when the caller allows it and the task itself does not, and never for live rows.
 */
import {
  GlobalTableRows,
  type ReadableRows,
  type ReadMode,
  RowReader,
  StreamsError,
  TaskRows,
  taskIdOf,
} from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext, PeerInstance } from '../../context.ts'
import { ControlError, invalidField } from '../../errors.ts'
import type { ReadOptions, ReadSource } from '../../generated/orderstreams/control/v1/state_service.ts'
import { pause } from '../../server/waiting.ts'
import type { NamedStore } from './named-store.ts'

/** A partition of a store. */
export interface Place {
  readonly store: NamedStore
  readonly partition: number
}

/** How a place is read, by whom it is. */
export interface Question<T> {
  /** Must read all that it needs before it waits for anything. */
  here(reader: RowReader, source: ReadSource): Promise<T>
  /** The same call, with the partition fixed, of another instance. */
  there(peer: PeerInstance, call: Call): Promise<T>
}

const firstPauseMs = 25
const longestPauseMs = 400
/** For a call without a deadline. */
const longestWaitMs = 30_000
/** So long before the deadline a call ends, to say why. */
const marginMs = 150
/** An instance that does not answer is asked once more, or another one, after so long. */
const attemptMaxMs = 5_000
const attemptWithCopiesMaxMs = 1_000

/** @throws ControlError REQUEST_INVALID */
export function readMode(options: ReadOptions | undefined): ReadMode {
  const { isolation = 'ISOLATION_UNSPECIFIED', standbyLagMax } = options ?? {}
  if (isolation === 'UNRECOGNIZED')
    throw invalidField('options.isolation', 'is not known; give ISOLATION_COMMITTED or ISOLATION_LIVE')
  if (standbyLagMax !== undefined && standbyLagMax < 0)
    throw invalidField('options.standby_lag_max', `is ${standbyLagMax}; give 0 or more, or leave it out`)
  return { isolation: isolation === 'ISOLATION_LIVE' ? 'live' : 'committed', standbyLagMax }
}

/** @throws ControlError TASK_AWAY, INSTANCE_UNREACHABLE, and what the question throws */
export async function ask<T>(
  context: ControlContext,
  place: Place,
  mode: ReadMode,
  call: Call,
  question: Question<T>,
): Promise<T> {
  if (call.isForwarded) return (await tryHere(context, place, mode, question)) ?? fail(away(place))
  const { clock } = context
  const endMs = Math.min(call.deadlineMs ?? Number.POSITIVE_INFINITY, clock.now() + longestWaitMs) - marginMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
    const own = await tryHere(context, place, { ...mode, standbyLagMax: undefined }, question)
    if (own !== undefined) return own
    const outcome = await askOthers(context, place, mode, { ...call, deadlineMs: endMs }, question)
    if ('answer' in outcome) return outcome.answer
    if (clock.now() + pauseMs >= endMs) throw outcome.failure ?? away(place)
    await pause(clock, pauseMs, call.signal)
  }
}

type Outcome<T> = { readonly answer: T } | { readonly failure: unknown }

async function askOthers<T>(
  context: ControlContext,
  place: Place,
  mode: ReadMode,
  call: Call,
  question: Question<T>,
): Promise<Outcome<T>> {
  const { store, partition } = place
  const { active, standbys } = await context.peers.ownersOf(
    store.topology.name,
    taskIdOf(store.subTopology, partition),
    call,
  )
  const copies = mode.isolation === 'live' || mode.standbyLagMax === undefined ? [] : standbys
  const attemptMs = copies.length > 0 ? attemptWithCopiesMaxMs : attemptMaxMs
  const deadlineMs = Math.min(call.deadlineMs ?? Number.POSITIVE_INFINITY, context.clock.now() + attemptMs)
  let failure: unknown
  for (const peer of active === undefined ? copies : [active, ...copies]) {
    if (peer.isHere) {
      const answer = await tryHere(context, place, mode, question)
      if (answer !== undefined) return { answer }
      continue
    }
    try {
      return { answer: await question.there(peer, { ...call, deadlineMs }) }
    } catch (error) {
      call.signal.throwIfAborted()
      if (!mayPass(error)) throw error
      failure ??= error
    }
  }
  return { failure }
}

/** Undefined when nobody here can answer. */
async function tryHere<T>(
  { streams, instanceId }: ControlContext,
  { store, partition }: Place,
  mode: ReadMode,
  question: Question<T>,
): Promise<T | undefined> {
  try {
    const running = streams.running(store.topology.name)
    const rows = store.isGlobal
      ? new GlobalTableRows(running.environment?.globalEntries(store.spec.name) ?? [], store.codec)
      : TaskRows.open(running, store, partition, mode)
    if (rows === undefined) return undefined
    return await question.here(new RowReader(store.codec, rows), sourceOf(instanceId, rows))
  } catch (error) {
    // The task was let go in this very moment.
    if (error instanceof StreamsError && error.code === 'CLOSED') return undefined
    throw error
  }
}

function sourceOf(instanceId: string, { task, standbyLag, commitNumber }: ReadableRows): ReadSource {
  return { instanceId, task, standby: standbyLag !== undefined, standbyLag: standbyLag ?? 0, commitNumber }
}

/** Whether another instance, or the same one a little later, may answer. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof ControlError)) return false
  const { reason } = error
  return (
    reason === 'TASK_AWAY' ||
    reason === 'INSTANCE_UNREACHABLE' ||
    reason === 'SHUTTING_DOWN' ||
    reason === 'DEADLINE_EXCEEDED'
  )
}

function away({ store, partition }: Place): ControlError {
  const task = taskIdOf(store.subTopology, partition)
  const topology = store.topology.name
  return new ControlError(
    'TASK_AWAY',
    `nobody can answer for task ${task} of topology ${topology} right now: it is being assigned, opened or restored; try again, or ` +
      'allow a copy to answer by options.standby_lag_max',
    { metadata: { topology, task }, retryInMs: 1000 },
  )
}

function fail(error: Error): never {
  throw error
}
