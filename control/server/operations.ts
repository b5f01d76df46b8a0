/**
 * Work that goes on behind a call, and google.longrunning.Operations to follow it.
 *
 * Invariants:
 * 1. An operation ends once: with a response, or with an error that carries the same details as that of a call.
 * 2. It lives in the memory of the instance that began it, which its name tells, and ends with that instance; others pass calls about
 *    it on. What was done by then is done.
 * 3. Those that have ended are kept for a bounded time and number.
 */
import type { Clock, Logger } from '../../streams/index.ts'
import { type Call, type Service, service } from '../call.ts'
import type { Operations, PeerInstance, Peers, WorkReport } from '../context.ts'
import { ControlError } from '../errors.ts'
import {
  type ListOperationsRequest,
  type ListOperationsResponse,
  type Operation,
  OperationsService,
} from '../generated/google/longrunning/operations.ts'
import { WorkProgress } from '../generated/orderstreams/control/v1/checkpoint_service.ts'
import { cursorOf, nextPageToken, pageSizeOf } from '../pages.ts'
import { errorToTell, knownError, packed, rpcStatusOf, toldInFull } from './status.ts'
import { orAborted, pause } from './waiting.ts'

export interface OperationsOptions {
  readonly instanceId: string
  readonly clock: Clock
  readonly logger: Logger
  /** Operations that have ended and can still be asked for. */
  readonly keptMax?: number
  readonly keptMs?: number
}

export interface OpenOperations extends Operations {
  /** google.longrunning.Operations, for this instance's operations and those of its peers. */
  service(peers: Peers): Service
  /** Cancels what is under way, and waits for it, though not forever. */
  close(): Promise<void>
}

interface Running {
  readonly name: string
  readonly progress: WorkProgress
  readonly abort: AbortController
  readonly ended: Promise<void>
  result: Operation['result']
}

const defaultKeptMax = 1_000
/** How long work that was cancelled may take to end when the instance is stopped. */
const closeGraceMs = 5_000
const defaultKeptMs = 24 * 60 * 60 * 1000
/** A wait without a time-out of its own, and without a deadline, ends after this time. */
const defaultWaitMs = 30_000
const namePattern = /^operations\/([^/]+)\/([0-9]+)$/

export function openOperations(options: OperationsOptions): OpenOperations {
  const { instanceId, clock, logger, keptMax = defaultKeptMax, keptMs = defaultKeptMs } = options
  /** The oldest first. */
  const operations = new Map<string, Running>()
  let count = 0
  let isClosed = false

  const forgetOld = (): void => {
    const oldestMs = clock.now() - keptMs
    let excess = [...operations.values()].filter(({ result }) => result !== undefined).length - keptMax
    for (const [name, { result, progress }] of operations) {
      if (result === undefined) continue
      if (excess > 0 || (progress.endTime?.getTime() ?? 0) < oldestMs) {
        operations.delete(name)
        excess--
      }
    }
  }

  const start: Operations['start'] = ({ call, target, caller, response, work }) => {
    if (isClosed) throw new ControlError('SHUTTING_DOWN', 'this instance is being stopped; call another one')
    count++
    const abort = new AbortController()
    const progress: WorkProgress = {
      call,
      target,
      step: '',
      done: 0,
      total: 0,
      startTime: new Date(clock.now()),
      endTime: undefined,
      startedBy: caller.name,
    }
    const report = ({ step, done, total }: WorkReport): void => {
      if (progress.endTime === undefined) Object.assign(progress, { step, done, total })
    }
    const carryOut = async (): Promise<void> => {
      try {
        abort.signal.throwIfAborted()
        const answer = await work(report, abort.signal)
        const value = packed(response.typeName, response.encode(answer).finish())
        running.result = { $case: 'response', value }
      } catch (error) {
        const told = endOf(error, abort.signal)
        if (told.reason === 'INVARIANT_VIOLATED' && knownError(error) === undefined)
          logger.error(
            { operation: name, call, target, error: toldInFull(error) },
            'an operation failed for an unknown reason',
          )
        running.result = { $case: 'error', value: rpcStatusOf(told) }
      }
      progress.endTime = new Date(clock.now())
      forgetOld()
    }
    const name = `operations/${instanceId}/${count}`
    // In a turn of its own, so that the operation is there before its work can end.
    const ended = Promise.resolve().then(carryOut)
    const running: Running = { name, progress, abort, ended, result: undefined }
    operations.set(name, running)
    return operationOf(running)
  }

  const found = (name: string): Running => {
    const running = operations.get(name)
    if (running === undefined)
      throw notFound(name, 'it has been deleted, or the instance was started again since')
    return running
  }

  const cancel = (running: Running): void => {
    running.abort.abort(new ControlError('CALL_CANCELLED', `${running.name} was cancelled`))
  }

  return {
    start,
    close: async () => {
      isClosed = true
      const reason = new ControlError('SHUTTING_DOWN', 'the instance that did this was stopped')
      const running = [...operations.values()].filter(({ result }) => result === undefined)
      for (const { abort } of running) abort.abort(reason)
      const over = new AbortController()
      const late = pause(clock, closeGraceMs, over.signal).catch(() => {})
      await Promise.race([Promise.all(running.map(({ ended }) => ended)), late])
      over.abort(new Error('all have ended'))
    },
    service: (peers) => {
      /** Answers here, or passes the call on to the instance that the name tells. */
      const where = async (name: string, call: Call): Promise<PeerInstance | undefined> => {
        const [, owner] = namePattern.exec(name) ?? []
        if (owner === undefined)
          throw notFound(name, 'names are operations/<instance>/<number>, as the call that began it answered')
        if (owner === instanceId) return undefined
        const peer = (await peers.members(call)).find(({ instanceId: id }) => id === owner)
        if (peer === undefined || call.isForwarded) throw notFound(name, `no instance ${owner} runs any more`)
        return peer
      }
      return service(OperationsService, {
        async getOperation(request, call) {
          const peer = await where(request.name, call)
          if (peer !== undefined) return peers.forward(peer, OperationsService.getOperation, request, call)
          return operationOf(found(request.name))
        },
        listOperations: (request, call) =>
          listOperations(request, call, peers, [...operations.values()].map(operationOf)),
        async cancelOperation(request, call) {
          const peer = await where(request.name, call)
          if (peer !== undefined) return peers.forward(peer, OperationsService.cancelOperation, request, call)
          cancel(found(request.name))
          return {}
        },
        async deleteOperation(request, call) {
          const peer = await where(request.name, call)
          if (peer !== undefined) return peers.forward(peer, OperationsService.deleteOperation, request, call)
          const running = found(request.name)
          if (running.result === undefined) {
            throw new ControlError('REQUEST_INVALID', `name: ${request.name} is under way; cancel it first`, {
              fields: [{ field: 'name', description: 'is under way; cancel it first' }],
            })
          }
          operations.delete(request.name)
          return {}
        },
        async waitOperation(request, call) {
          const peer = await where(request.name, call)
          if (peer !== undefined) return peers.forward(peer, OperationsService.waitOperation, request, call)
          const running = found(request.name)
          const { timeout } = request
          const waitMs = timeout === undefined ? defaultWaitMs : timeout.seconds * 1000 + timeout.nanos / 1e6
          await waitForEnd(running, waitMs, call)
          return operationOf(running)
        },
      })
    },
  }

  async function waitForEnd(running: Running, waitMs: number, call: Call): Promise<void> {
    const over = new AbortController()
    const signal = AbortSignal.any([call.signal, over.signal])
    try {
      await Promise.race([orAborted(running.ended, call.signal), pause(clock, waitMs, signal)])
    } finally {
      over.abort(new Error('the wait is over'))
    }
  }
}

/** A page over all instances. Names have no order that means anything to people; they come as they sort. */
async function listOperations(
  request: ListOperationsRequest,
  call: Call,
  peers: Peers,
  own: readonly Operation[],
): Promise<ListOperationsResponse> {
  const { filter } = request
  const isWanted = filterOf(filter)
  const query = ['operations', filter]
  const size = pageSizeOf(request)
  const after = cursorOf(request, query)
  const lists = [own.filter(isWanted)]
  if (!call.isForwarded) {
    const others = (await peers.members(call)).filter(({ isHere }) => !isHere)
    lists.push(...(await Promise.all(others.map((peer) => listOf(peer, filter, call, peers)))))
  }
  const all = lists
    .flat()
    .map((operation) => ({ operation, key: sortKey(operation.name) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  const rest = after === undefined ? all : all.filter(({ key }) => key > after)
  const page = rest.slice(0, size)
  const last = page.at(-1)
  const isLast = last === undefined || page.length === rest.length
  return {
    operations: page.map(({ operation }) => operation),
    nextPageToken: isLast ? '' : nextPageToken(last.key, query),
  }
}

/** All operations of an instance; none of one that does not answer, for then nobody can say. */
async function listOf(peer: PeerInstance, filter: string, call: Call, peers: Peers): Promise<Operation[]> {
  const found: Operation[] = []
  let pageToken = ''
  do {
    const request = { name: '', filter, pageSize: 1000, pageToken }
    try {
      const answer = await peers.forward(peer, OperationsService.listOperations, request, call)
      found.push(...answer.operations)
      pageToken = answer.nextPageToken
    } catch (error) {
      if (error instanceof ControlError && error.reason === 'INSTANCE_UNREACHABLE') return found
      throw error
    }
  } while (pageToken !== '')
  return found
}

/** @throws ControlError for a filter other than the two there are */
function filterOf(filter: string): (operation: Operation) => boolean {
  switch (filter.replaceAll(' ', '')) {
    case '':
      return () => true
    case 'done=true':
      return ({ done }) => done
    case 'done=false':
      return ({ done }) => !done
    default:
      throw new ControlError(
        'REQUEST_INVALID',
        `filter: ${JSON.stringify(filter)} is not understood; there are done=true and done=false`,
        { fields: [{ field: 'filter', description: 'there are done=true and done=false' }] },
      )
  }
}

/** Of one instance in the order in which they began. */
function sortKey(name: string): string {
  const [, instance = '', number = ''] = namePattern.exec(name) ?? []
  return `${instance}/${number.padStart(15, '0')}`
}

function operationOf({ name, progress, result }: Running): Operation {
  const metadata = packed('orderstreams.control.v1.WorkProgress', WorkProgress.encode(progress).finish())
  return { name, metadata, done: result !== undefined, result }
}

/** Whatever breaks because the work was cancelled, ends it as cancelled. */
function endOf(error: unknown, signal: AbortSignal): ControlError {
  const known = knownError(error)
  if (known !== undefined) return known
  if (signal.aborted && signal.reason instanceof ControlError) return signal.reason
  return errorToTell(error)
}

function notFound(name: string, why: string): ControlError {
  return new ControlError(
    'OPERATION_NOT_FOUND',
    `name: there is no operation ${JSON.stringify(name)}: ${why}`,
    {
      metadata: { operation: name },
    },
  )
}
