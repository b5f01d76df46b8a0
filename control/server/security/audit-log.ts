/**
 * Records of calls that change something: each goes to the log, and as a record to a topic.
 *
 * Invariants:
 * 1. Nothing is changed before a record is committed that says who is about to change what. A call whose first record cannot be
 *    written fails, and changes nothing.
 * 2. How it ended is a second record. If that cannot be written the call has happened nevertheless, so it is answered as it ended;
 *    the log has the end, and the topic shows a call that was started.
 * 3. Whoever is not let in cannot fill the topic: of refusals so many are written a second, and the others are counted in the log.
 */
import { randomUUID } from 'node:crypto'
import type { ControlAudit } from '../../../schemas/generated/records.ts'
import { topics } from '../../../schemas/topics.ts'
import {
  ByteWriter,
  type Clock,
  type Codec,
  type Log,
  type Logger,
  messageOf,
  RecordBatchBuilder,
  type SchemaRegistry,
  StreamsError,
} from '../../../streams/index.ts'
import type { Caller } from '../../call.ts'
import { ControlError } from '../../errors.ts'
import type { AuditEnd, ChangingCall } from '../guard.ts'
import { RateLimiter } from './rate-limiter.ts'

export interface AuditLogOptions {
  readonly log: Log
  readonly registry: SchemaRegistry
  readonly clock: Clock
  readonly logger: Logger
  readonly instanceId: string
}

export const auditTopic = topics.controlAudit

const refusalsPerSecond = 5
const refusalsBurst = 50
const requestMaxChars = 16_384

export class AuditLog {
  private readonly options: AuditLogOptions
  private readonly codec: Codec<ControlAudit>
  private readonly refusals = new RateLimiter(refusalsPerSecond, refusalsBurst)
  private refusalsLeftOut = 0
  private readonly writes = new Set<Promise<void>>()

  /** The topic must be there. @throws SCHEMA_INCOMPATIBLE, SCHEMA_NOT_REGISTERED, REGISTRY_UNAVAILABLE */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const { registry } = options
    const codec = await auditTopic.value.open({ registry, subject: `${auditTopic.name}-value` })
    return new AuditLog(options, codec)
  }

  private constructor(options: AuditLogOptions, codec: Codec<ControlAudit>) {
    this.options = options
    this.codec = codec
  }

  /** @throws what keeps the record from being written */
  async begin(call: ChangingCall, caller: Caller): Promise<AuditEnd> {
    const { clock } = this.options
    const startMs = clock.now()
    const record = this.recordOf(call, caller)
    try {
      await this.write({ ...record, outcome: 'STARTED', time: startMs })
    } catch (error) {
      this.options.logger.error(
        { ...shown(record), reason: messageOf(error) },
        'a control call was not recorded',
      )
      throw new ControlError(
        error instanceof StreamsError ? error.code : 'LOG_UNAVAILABLE',
        `nothing was changed, for the record of the call cannot be written to ${auditTopic.name}: ${messageOf(error)}`,
        { cause: error },
      )
    }
    return (error) => {
      const nowMs = clock.now()
      const end = { ...record, ...endOf(error), time: nowMs, duration_ms: nowMs - startMs }
      this.tell(end)
      this.writeLater(end)
    }
  }

  /** Never throws. */
  refuse(call: ChangingCall, caller: Caller | undefined, error: ControlError): void {
    const nowMs = this.options.clock.now()
    if (this.refusals.take('', nowMs) !== undefined) {
      this.refusalsLeftOut++
      return
    }
    if (this.refusalsLeftOut > 0) {
      this.options.logger.warn(
        { calls: this.refusalsLeftOut },
        'more refused control calls than are recorded',
      )
      this.refusalsLeftOut = 0
    }
    const record = {
      ...this.recordOf(call, caller),
      ...endOf(error),
      outcome: 'REFUSED',
      time: nowMs,
    } as const
    this.tell(record)
    this.writeLater(record)
  }

  /** Waits for records that are being written. Never throws. */
  async close(): Promise<void> {
    await Promise.all(this.writes)
  }

  private recordOf(call: ChangingCall, caller: Caller | undefined): Omit<ControlAudit, 'outcome' | 'time'> {
    return {
      call_id: randomUUID(),
      instance: this.options.instanceId,
      caller: caller?.name ?? '',
      role: caller?.role ?? '',
      peer: call.peer,
      method: call.path.slice(1),
      target: targetOf(call.request),
      request: jsonOf(call.request),
      request_id: call.requestId,
      forwarded: call.isForwarded,
      reason: null,
      message: null,
      duration_ms: null,
    }
  }

  private tell(record: ControlAudit): void {
    const { outcome, reason, message, duration_ms: durationMs } = record
    const fields = { ...shown(record), outcome, ...(reason === null ? { durationMs } : { reason, message }) }
    if (outcome === 'DONE') this.options.logger.info(fields, 'control call')
    else this.options.logger.warn(fields, 'control call')
  }

  private writeLater(record: ControlAudit): void {
    const write = this.write(record)
      .catch((error: unknown) => {
        this.options.logger.error(
          { ...shown(record), outcome: record.outcome, reason: messageOf(error) },
          'the end of a control call was not recorded',
        )
      })
      .finally(() => this.writes.delete(write))
    this.writes.add(write)
  }

  private async write(record: ControlAudit): Promise<void> {
    const writer = new ByteWriter()
    this.codec.encode(record, writer)
    const batch = new RecordBatchBuilder(auditTopic.name, 0)
    batch.append(Buffer.from(record.call_id, 'utf8'), writer.copy(0, writer.position), record.time)
    await this.options.log.append([batch.build()])
  }
}

function endOf(error: ControlError | undefined): Pick<ControlAudit, 'outcome' | 'reason' | 'message'> {
  if (error === undefined) return { outcome: 'DONE', reason: null, message: null }
  return { outcome: 'FAILED', reason: error.reason, message: error.message }
}

function shown(record: Pick<ControlAudit, 'call_id' | 'caller' | 'role' | 'method' | 'target' | 'peer'>) {
  const { call_id: callId, caller: by, role, method, target, peer } = record
  return { callId, by, role, method, target, peer }
}

/** What a request is for, by the fields that name things in all services. */
export function targetOf(request: unknown): string {
  if (!isObject(request)) return ''
  const { stage, filter } = request
  const from = isObject(stage) ? stage : isObject(filter) ? { ...request, ...filter } : request
  const names = ['topology', 'subTopology', 'operator', 'task', 'savepoint', 'name']
  const parts = names.map((name) => from[name]).filter((part) => typeof part === 'string' && part !== '')
  return parts.join('/')
}

function jsonOf(request: unknown): string {
  // A Buffer makes JSON of itself before the replacer sees the value, so the object that holds it is asked.
  const text = JSON.stringify(
    request,
    function (this: Readonly<Record<string, unknown>>, key, value: unknown) {
      const raw = this[key]
      return raw instanceof Uint8Array ? Buffer.from(raw).toString('base64') : value
    },
  )
  if (text === undefined) return 'null'
  return text.length <= requestMaxChars ? text : JSON.stringify({ truncated: text.slice(0, requestMaxChars) })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
