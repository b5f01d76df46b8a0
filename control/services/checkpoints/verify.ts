/**
 * Comparing state with its changelogs: each task where it runs, one task of an instance at a time. The operation that was asked for lives
 * in the instance that was asked; for each task that runs elsewhere it follows one of the owner's.
 */
import { Metadata } from '@grpc/grpc-js'
import { verifyTask } from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext, PeerInstance, WorkReport } from '../../context.ts'
import { ControlError } from '../../errors.ts'
import { type Operation, OperationsService } from '../../generated/google/longrunning/operations.ts'
import { Status as RpcStatus } from '../../generated/google/rpc/status.ts'
import {
  CheckpointServiceService,
  StateVerification,
  type StoreVerification,
  type VerifyStateRequest,
  type VerifyStateResponse,
} from '../../generated/orderstreams/control/v1/checkpoint_service.ts'
import { controlErrorOf } from '../../server/status.ts'
import { storeMessage } from './messages.ts'
import { atOwner, driverHere, tasksAsked } from './owners.ts'

/** How long one call waits for an operation elsewhere. */
const waitSeconds = 20

export class StateVerifier {
  private readonly context: ControlContext
  /** Two at a time would use one scratch database. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(context: ControlContext) {
    this.context = context
  }

  /** @throws ControlError TOPOLOGY_NOT_FOUND, TASK_NOT_FOUND, TASK_AWAY */
  verifyState({ topology, task }: VerifyStateRequest, call: Call): VerifyStateResponse {
    const { context } = this
    const tasks = tasksAsked(context, topology, task)
    if (call.isForwarded) for (const one of tasks) driverHere(context, topology, one)
    const operation = context.operations.start<StateVerification>({
      call: 'VerifyState',
      target: task === '' ? topology : `${topology} ${task}`,
      caller: call.caller,
      response: { typeName: 'orderstreams.control.v1.StateVerification', encode: StateVerification.encode },
      work: async (report, signal) => {
        const own: Call = { ...call, signal, deadlineMs: undefined }
        const stores: StoreVerification[] = []
        for (const [index, one] of tasks.entries()) {
          report({ step: one, done: index, total: tasks.length })
          stores.push(...(await this.verifyOne(topology, one, own, tasks.length === 1 ? report : undefined)))
        }
        return { stores, same: stores.every(({ same }) => same) }
      },
    })
    return { operation }
  }

  private verifyOne(
    topology: string,
    task: string,
    call: Call,
    report: ((report: WorkReport) => void) | undefined,
  ): Promise<readonly StoreVerification[]> {
    return atOwner(this.context, topology, task, call, {
      here: () => this.inTurn(() => this.verifyHere(topology, task, call, report)),
      there: (owner) => this.verifyThere(owner, topology, task, call),
    })
  }

  private async verifyHere(
    topology: string,
    task: string,
    { signal }: Call,
    report: ((report: WorkReport) => void) | undefined,
  ): Promise<StoreVerification[]> {
    signal.throwIfAborted()
    const { driver, environment } = driverHere(this.context, topology, task)
    const compared = verifyTask(driver, environment, {
      signal,
      onProgress: (progress) => report?.(progress),
    })
    try {
      return (await compared).map(storeMessage)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  }

  private async verifyThere(
    owner: PeerInstance,
    topology: string,
    task: string,
    call: Call,
  ): Promise<readonly StoreVerification[]> {
    const { peers } = this.context
    const request = { topology, task, requestId: '' }
    const begun = await peers.forward(owner, CheckpointServiceService.verifyState, request, call)
    let operation = begun.operation
    const name = operation?.name ?? ''
    try {
      while (operation !== undefined && !operation.done) {
        const wait = { name, timeout: { seconds: waitSeconds, nanos: 0 } }
        operation = await peers.forward(owner, OperationsService.waitOperation, wait, call)
      }
    } catch (error) {
      const left: Call = { ...call, signal: AbortSignal.timeout(5_000) }
      // It ends by itself, too.
      await peers.forward(owner, OperationsService.cancelOperation, { name }, left).catch(() => {})
      throw error
    }
    return storesOf(operation)
  }

  private async inTurn<A>(work: () => Promise<A>): Promise<A> {
    const mine = this.last.then(work)
    this.last = mine.catch(() => {})
    return mine
  }
}

function storesOf(operation: Operation | undefined): readonly StoreVerification[] {
  const result = operation?.result
  if (result?.$case === 'response') return StateVerification.decode(result.value.value).stores
  if (result?.$case === 'error') {
    const { code, message, details } = result.value
    const metadata = new Metadata()
    metadata.set(
      'grpc-status-details-bin',
      Buffer.from(RpcStatus.encode({ code, message, details }).finish()),
    )
    throw controlErrorOf(Object.assign(new Error(message), { code, details: message, metadata }))
  }
  throw new ControlError('INVARIANT_VIOLATED', 'an operation ended without a result')
}
