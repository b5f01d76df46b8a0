/** A control server with all its guards, over a log in memory; and calls of it as its callers make them. */
import { readFileSync } from 'node:fs'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { type Service, service } from '../../control/call.ts'
import type { UnaryMethod } from '../../control/context.ts'
import { ControlError } from '../../control/errors.ts'
import { InstanceServiceService } from '../../control/generated/orderstreams/control/v1/instance_service.ts'
import { StageServiceService } from '../../control/generated/orderstreams/control/v1/stage_service.ts'
import { bindControlServer, type ServerLimits } from '../../control/server/control-server.ts'
import { callUnary } from '../../control/server/outgoing.ts'
import { auditTopic } from '../../control/server/security/audit-log.ts'
import {
  openSecurity,
  type Security,
  type SecuritySettings,
} from '../../control/server/security/open-security.ts'
import type { ControlAudit } from '../../schemas/generated/records.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import type { Log, LogFields, Logger } from '../../streams/index.ts'
import { MemoryRegistry, MemoryStoreProvider } from '../../streams/testing/index.ts'
import type { CertificatePaths } from './certificates.ts'

export interface SecureOptions {
  readonly settings: Partial<SecuritySettings>
  readonly limits?: Partial<ServerLimits>
  /** Instead of the log in memory, for faults. */
  readonly wrapLog?: (log: EmbeddedLog) => Log
}

export interface CallerOptions {
  readonly token?: string
  /** Of TLS: whom to trust, and what to show. */
  readonly ca?: string
  readonly certificate?: CertificatePaths
  readonly headers?: Readonly<Record<string, string>>
}

export class SecureControl {
  readonly security: Security
  readonly port: number
  /** What handlers were called for, and by whom. */
  readonly calls: string[] = []
  readonly logged: string[] = []
  private readonly log: EmbeddedLog
  private readonly registry = new MemoryRegistry()
  private readonly closers: (() => unknown)[] = []

  static async open({
    settings,
    limits = {},
    wrapLog = (log) => log,
  }: SecureOptions): Promise<SecureControl> {
    const log = await openEmbeddedLog({
      store: await new MemoryStoreProvider().open('log'),
      clock: systemClock,
      cleaningIntervalMs: null,
    })
    await log.createTopics([{ name: auditTopic.name, ...auditTopic.settings, partitions: 1 }])
    const registry = new MemoryRegistry()
    const logged: string[] = []
    const logger = keepingLogger(logged)
    const ports = { log: wrapLog(log), registry, clock: systemClock, logger, instanceId: 'instance-1' }
    const security = await openSecurity({ callsPerSecond: 0, ...settings }, ports)
    const { guard, serverCredentials } = security
    const server = await bindControlServer({
      host: '127.0.0.1',
      port: 0,
      clock: systemClock,
      logger,
      guard,
      ...(serverCredentials === undefined ? {} : { credentials: serverCredentials }),
      limits: { closeGraceMs: 500, ...limits },
    })
    const control = new SecureControl(security, server.port, log, registry, logged)
    server.serve(servicesFor(control.calls))
    control.closers.push(
      () => server.close(),
      () => security.close(),
      () => log.close(),
    )
    return control
  }

  private constructor(
    security: Security,
    port: number,
    log: EmbeddedLog,
    registry: MemoryRegistry,
    logged: string[],
  ) {
    this.security = security
    this.port = port
    this.log = log
    this.registry = registry
    this.logged = logged
  }

  /** Reads. */
  look(caller: CallerOptions = {}): Promise<unknown> {
    return this.call(InstanceServiceService.getInstance, { topology: '' }, caller)
  }

  /** Changes something. */
  pause(caller: CallerOptions = {}, topology = 'cleanse'): Promise<unknown> {
    const stage = { topology, subTopology: '', operator: '' }
    const request = { stage, reason: 'a test', until: undefined, requestId: '' }
    return this.call(StageServiceService.pauseStage, request, caller)
  }

  async call<Q, A>(method: UnaryMethod<Q, A>, request: Q, caller: CallerOptions = {}): Promise<A> {
    const client = this.client(caller)
    try {
      const metadata = new Metadata()
      if (caller.token !== undefined) metadata.set('authorization', `Bearer ${caller.token}`)
      for (const [name, value] of Object.entries(caller.headers ?? {})) metadata.set(name, value)
      return await callUnary(client, method, request, { metadata, deadlineMs: Date.now() + 10_000 })
    } finally {
      client.close()
    }
  }

  /** With a connection of its own. */
  client({ ca, certificate }: CallerOptions = {}): Client {
    const shown = certificate && [readFileSync(certificate.key), readFileSync(certificate.cert)]
    const channel =
      ca === undefined
        ? credentials.createInsecure()
        : credentials.createSsl(readFileSync(ca), shown?.[0] ?? null, shown?.[1] ?? null)
    return new Client(`127.0.0.1:${this.port}`, channel, { 'grpc.use_local_subchannel_pool': 1 })
  }

  /** All that was recorded, once what is under way is written. */
  async audited(): Promise<ControlAudit[]> {
    await this.security.close()
    const codec = await auditTopic.value.open({
      registry: this.registry,
      subject: `${auditTopic.name}-value`,
    })
    const partition = { topic: auditTopic.name, partition: 0 }
    const reader = this.log.openReader({ onReady: () => {}, onError: () => {} })
    reader.follow(partition, 0)
    const records: ControlAudit[] = []
    for (let batch = reader.take(partition); batch !== null; batch = reader.take(partition)) {
      for (let index = 0; index < batch.length; index++)
        records.push(codec.decode(batch.bytes, batch.valueStarts[index]!, batch.valueEnds[index]!))
    }
    await reader.close()
    return records
  }

  async close(): Promise<void> {
    for (const close of this.closers) await close()
  }
}

function servicesFor(calls: string[]): Service[] {
  const unserved = async (): Promise<never> => {
    throw new ControlError('UNIMPLEMENTED', 'it is not in this test')
  }
  return [
    service(InstanceServiceService, {
      getInstance: async (_request, { caller }) => {
        calls.push(`looked by ${caller.name}, ${caller.role}`)
        return { instance: undefined }
      },
      listInstances: unserved,
    }),
    service(StageServiceService, {
      pauseStage: async ({ stage }, { caller }) => {
        calls.push(`paused by ${caller.name}, ${caller.role}`)
        if (stage?.topology === 'nowhere') throw new ControlError('TOPOLOGY_NOT_FOUND', 'there is no nowhere')
        return { wanted: undefined }
      },
      resumeStage: unserved,
      stepStage: unserved,
      limitStageRate: unserved,
      drainStage: unserved,
      getStage: unserved,
      listStages: unserved,
    }),
  ]
}

function keepingLogger(lines: string[]): Logger {
  const keep = (fields: LogFields, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`)
  }
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger }
  return logger
}
