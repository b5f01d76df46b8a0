/** What services are made with: the application that they control, the other instances, and work that takes long. */
import type {
  Clock,
  Log,
  Logger,
  Peer,
  SchemaRegistry,
  StoreProvider,
  StreamsApp,
  Topology,
} from '../streams/index.ts'
import type { Call, Caller } from './call.ts'
import type { Operation } from './generated/google/longrunning/operations.ts'
import type { Instance } from './generated/orderstreams/control/v1/instance_service.ts'

export interface ControlContext {
  readonly streams: StreamsApp
  /** In the order that records pass through them. */
  readonly topologies: readonly Topology[]
  /** Those of this release by name, also when they do not run here; without it only those that run are known. */
  readonly releaseTopology?: (name: string) => Topology | undefined
  readonly log: Log
  readonly stores: StoreProvider
  readonly registry: SchemaRegistry
  readonly clock: Clock
  readonly logger: Logger
  readonly instanceId: string
  readonly zone: string | null
  /** Where other instances reach this one, as `host:port`; null when they cannot. */
  readonly endpoint: string | null
  /** Release of the program. */
  readonly version: string
  readonly peers: Peers
  readonly operations: Operations
  /** The directory that savepoints are kept in; null when none is set. */
  readonly savepointDirectory: string | null
}

/** Who runs a task or keeps a copy of its state, as the group knows it. */
export interface TaskOwners {
  /** Undefined while nobody runs it. */
  readonly active: PeerInstance | undefined
  readonly standbys: readonly PeerInstance[]
}

export interface PeerInstance {
  readonly instanceId: string
  readonly zone: string | null
  readonly endpoint: string | null
  /** Whether it is this very process. */
  readonly isHere: boolean
}

/** The other instances of the application. */
export interface Peers {
  /** Members of the group of a topology, or of all; waits, within the deadline, while a rebalance is under way. */
  members(call: Call, topology?: string): Promise<readonly PeerInstance[]>
  /** Who runs what of a topology, in the order of their ids; waits like `members`. */
  assigned(topology: string, call: Call): Promise<readonly Peer[]>
  /** @throws ControlError TOPOLOGY_NOT_FOUND, TASK_NOT_FOUND */
  ownersOf(topology: string, task: string, call: Call): Promise<TaskOwners>
  /**
   * Makes a call of another instance on behalf of a caller, with what is left of the deadline; `signal` cancels it there too.
   * The other instance sees `isForwarded`. Errors come back as they were there, INSTANCE_UNREACHABLE when it does not answer.
   *
   * @example await peers.forward(peer, StateServiceService.getRow, request, call)
   */
  forward<Q, A>(peer: PeerInstance, method: UnaryMethod<Q, A>, request: Q, call: Call): Promise<A>
  /** The same for a call that answers with a stream, with back-pressure. */
  forwardStream<Q, A>(
    peer: PeerInstance,
    method: StreamMethod<Q, A>,
    request: Q,
    call: Call,
  ): AsyncIterable<A>
  /** What each member says of itself; of those that cannot be asked, what the group knows. */
  instances(call: Call, topology?: string): Promise<readonly Instance[]>
}

interface Coded<Q, A> {
  readonly path: string
  requestSerialize(value: Q): Buffer
  requestDeserialize(bytes: Buffer): Q
  responseSerialize(value: A): Buffer
  responseDeserialize(bytes: Buffer): A
}

export interface UnaryMethod<Q, A> extends Coded<Q, A> {
  readonly responseStream: false
}

export interface StreamMethod<Q, A> extends Coded<Q, A> {
  readonly responseStream: true
}

/** How far work has come. */
export interface WorkReport {
  readonly step: string
  readonly done: number
  /** 0 while it is not known. */
  readonly total: number
}

/** Work that goes on behind a call, as google.longrunning.Operation. */
export interface Operations {
  /**
   * Begins work in this instance, and answers with the operation as it is right then.
   * @param work ends with the response, packed by the codec given; its signal is aborted when somebody cancels the operation or the
   *   server is closed
   */
  start<A>(start: {
    /** Such as `VerifyState`. */
    readonly call: string
    /** What it is done for, such as the topology. */
    readonly target: string
    readonly caller: Caller
    readonly response: { readonly typeName: string; encode(value: A): { finish(): Uint8Array } }
    readonly work: (report: (report: WorkReport) => void, signal: AbortSignal) => Promise<A>
  }): Operation
}
