/**
 * Applications of one or several instances in this process, over one log in memory, each with a control server on a free port; and calls
 * of them as any client makes them.
 *
 * @example
 * const cluster = await ControlCluster.open({ topologies: () => [wordCount], services: (context) => [stateService(context)] })
 * const instance = await cluster.start()
 * const row = await instance.call(StateServiceService.getRow, { … })
 * await cluster.close()
 */
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import type { Call, Service } from '../../control/call.ts'
import type { ControlContext, StreamMethod, UnaryMethod } from '../../control/context.ts'
import { bindControlServer, type ServerLimits } from '../../control/server/control-server.ts'
import { type Guard, openGuard } from '../../control/server/guard.ts'
import { openOperations } from '../../control/server/operations.ts'
import { callStream, callUnary } from '../../control/server/outgoing.ts'
import { openPeers } from '../../control/server/peers.ts'
import { relaying } from '../../control/server/relay.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import {
  type Log,
  type Logger,
  type RuntimeSettings,
  requiredTopics,
  StreamsApp,
  silentLogger,
  type TaskObserver,
  type TopicSettings,
  type Topology,
} from '../../streams/index.ts'
import { MemoryMetrics, MemoryRegistry, MemoryStoreProvider } from '../../streams/testing/index.ts'
import { waitFor } from './waiting.ts'

export interface ClusterOptions {
  /** Made anew for each instance. */
  readonly topologies: () => readonly Topology[]
  /** What each instance serves, beside google.longrunning.Operations. */
  readonly services: (context: ControlContext) => readonly Service[]
  readonly partitions?: number
  readonly settings?: Partial<RuntimeSettings>
  readonly savepointDirectory?: string
}

export interface InstanceOptions {
  /** `instance-1`, `instance-2` and so on without it. */
  readonly instanceId?: string
  readonly zone?: string
  /** Of an instance that was there before; an empty one without it. */
  readonly stores?: MemoryStoreProvider
  readonly services?: ClusterOptions['services']
  /** Instead of the cluster's: what this instance runs. */
  readonly topologies?: ClusterOptions['topologies']
  readonly guard?: Guard
  readonly limits?: Partial<ServerLimits>
  readonly logger?: Logger
  readonly observer?: TaskObserver
  /** Instead of the cluster's, for faults. */
  readonly log?: Log
  /** Whether its address stands in its group member data; true by default. */
  readonly isReachable?: boolean
  /** Whether its application is started; true by default. */
  readonly isStarted?: boolean
}

export interface CallOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Headers of the call. */
  readonly metadata?: Readonly<Record<string, string>>
}

const quickSettings: Partial<RuntimeSettings> = { commitIntervalMs: 20, taskRetryInitialMs: 20 }

export class ControlCluster {
  readonly log: EmbeddedLog
  readonly registry = new MemoryRegistry()
  readonly clock = systemClock
  readonly instances: ControlInstance[] = []
  private readonly options: ClusterOptions
  private started = 0

  /** With the topics that the topologies read and write. */
  static async open(options: ClusterOptions): Promise<ControlCluster> {
    const store = await new MemoryStoreProvider().open('log')
    const log = await openEmbeddedLog({ store, clock: systemClock, cleaningIntervalMs: null })
    const topics = new Map<string, TopicSettings>()
    for (const topology of options.topologies()) {
      for (const topic of requiredTopics(topology, topics, options.partitions ?? 2))
        topics.set(topic.name, topic)
    }
    await log.createTopics([...topics.values()])
    return new ControlCluster(options, log)
  }

  private constructor(options: ClusterOptions, log: EmbeddedLog) {
    this.options = options
    this.log = log
  }

  /** Starts one more instance, and its server before it. */
  async start(own: InstanceOptions = {}): Promise<ControlInstance> {
    this.started++
    const instance = await ControlInstance.open(this, this.options, {
      instanceId: `instance-${this.started}`,
      ...own,
    })
    this.instances.push(instance)
    if (own.isStarted !== false) await instance.streams.start()
    return instance
  }

  /** Waits until every task of a topology is running at the instance that the group has given it to. */
  async settled(topology: string): Promise<void> {
    const running = this.instances.filter(({ isStopped }) => !isStopped)
    await waitFor(`${topology} runs`, async () => {
      const peers = await running[0]!.streams.peers(topology)
      if (peers?.length !== running.length) return false
      return running.every(({ instanceId, streams }) => {
        const active = peers.find((peer) => peer.instanceId === instanceId)?.active ?? []
        const { tasks } = streams.running(topology).status()
        return active.length === tasks.size && active.every((task) => tasks.get(task)?.kind === 'running')
      })
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.stop()))
    await this.log.close()
  }
}

export class ControlInstance {
  readonly instanceId: string
  readonly address: string
  readonly streams: StreamsApp
  readonly context: ControlContext
  readonly stores: MemoryStoreProvider
  readonly metrics: MemoryMetrics
  isStopped = false
  private readonly client: Client
  private readonly closers: readonly (() => void | Promise<void>)[]

  static async open(
    cluster: ControlCluster,
    options: ClusterOptions,
    own: InstanceOptions & { readonly instanceId: string },
  ): Promise<ControlInstance> {
    const { instanceId, zone = null, logger = silentLogger, stores = new MemoryStoreProvider() } = own
    const { clock, registry } = cluster
    const log = own.log ?? cluster.log
    const server = await bindControlServer({
      host: '127.0.0.1',
      port: 0,
      clock,
      logger,
      guard: own.guard ?? openGuard,
      limits: { closeGraceMs: 1_000, ...own.limits },
    })
    const endpoint = own.isReachable === false ? null : server.address
    const topologies = (own.topologies ?? options.topologies)()
    const metrics = new MemoryMetrics()
    const streams = new StreamsApp({
      topologies,
      log,
      stores,
      registry,
      clock,
      logger,
      metrics,
      settings: { ...quickSettings, ...options.settings, defaultPartitions: options.partitions ?? 2 },
      instanceId,
      ...(zone === null ? {} : { zone }),
      ...(endpoint === null ? {} : { endpoint }),
      ...(own.observer === undefined ? {} : { observer: own.observer }),
    })
    const names = topologies.map(({ name }) => name)
    const known = options.topologies().map(({ name }) => name)
    const peers = openPeers({ streams, topologies: names, instanceId, zone, endpoint, clock })
    const operations = openOperations({ instanceId, clock, logger })
    const context: ControlContext = {
      streams,
      topologies,
      releaseTopology: (name) => options.topologies().find((one) => one.name === name),
      log,
      stores,
      registry,
      clock,
      logger,
      instanceId,
      zone,
      endpoint,
      version: '0.0.0-test',
      peers,
      operations,
      savepointDirectory: options.savepointDirectory ?? null,
    }
    const services = [...(own.services ?? options.services)(context), operations.service(peers)]
    peers.serveHere(services)
    server.serve(relaying(services, { topologies: names, known, log, clock, peers }))
    return new ControlInstance(server.address, context, stores, metrics, [
      () => operations.close(),
      () => server.close(),
      () => peers.close(),
      () => streams.stop(),
    ])
  }

  private constructor(
    address: string,
    context: ControlContext,
    stores: MemoryStoreProvider,
    metrics: MemoryMetrics,
    closers: readonly (() => void | Promise<void>)[],
  ) {
    this.address = address
    this.context = context
    this.instanceId = context.instanceId
    this.streams = context.streams
    this.stores = stores
    this.metrics = metrics
    this.closers = closers
    this.client = new Client(address, credentials.createInsecure())
  }

  /** @throws ControlError */
  call<Q, A>(method: UnaryMethod<Q, A>, request: Q, options: CallOptions = {}): Promise<A> {
    return callUnary(this.client, method, request, outgoing(options))
  }

  /** @throws ControlError */
  stream<Q, A>(method: StreamMethod<Q, A>, request: Q, options: CallOptions = {}): AsyncGenerator<A> {
    return callStream(this.client, method, request, outgoing(options))
  }

  /** Ends its server only: it is a member as before, and cannot be asked. */
  async fallSilent(): Promise<void> {
    await this.closers[1]?.()
  }

  /** Ends its operations, its server and then its application, once. */
  async stop(): Promise<void> {
    if (this.isStopped) return
    this.isStopped = true
    this.client.close()
    for (const close of this.closers) await close()
  }
}

const defaultTimeoutMs = 20_000

function outgoing({ timeoutMs = defaultTimeoutMs, signal, metadata: headers = {} }: CallOptions) {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return { metadata, signal, deadlineMs: Date.now() + timeoutMs }
}

/** A call as a handler sees it, for tests that ask a service or the peers without a server. */
export function callOf(own: Partial<Call> = {}): Call {
  return {
    caller: { name: 'test', role: 'operator' },
    signal: new AbortController().signal,
    deadlineMs: undefined,
    isForwarded: false,
    ...own,
  }
}

/** The ControlError, or whatever else, that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}
