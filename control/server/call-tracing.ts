/** The span of a control call: it continues the trace of its caller, who may be another instance that passes it on. */
import { type Metadata, status } from '@grpc/grpc-js'
import {
  type TraceContext,
  type Tracer,
  traceContextOf,
  traceParentHeader,
  traceParentOf,
  traceStateHeader,
} from '../../streams/index.ts'
import type { CallEnd } from './call-meters.ts'
import { isHealth } from './guard.ts'
import { codeOfReason } from './status.ts'

export interface CallTrace {
  /** Undefined when nothing is traced. */
  readonly context: TraceContext | undefined
  within<T>(work: () => T): T
  readonly ended: CallEnd
}

const untraced: CallTrace = { context: undefined, within: (work) => work(), ended: () => {} }

/** Probes are not traced. */
export function traceCall(tracer: Tracer | undefined, path: string, metadata: Metadata): CallTrace {
  if (tracer === undefined || isHealth(path)) return untraced
  const [, service = '', method = ''] = path.split('/')
  const span = tracer.start({
    name: `${service}/${method}`,
    kind: 'server',
    parent: traceContextOf(first(metadata, traceParentHeader), first(metadata, traceStateHeader)),
    attributes: { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method },
  })
  return {
    context: span.context,
    within: (work) => tracer.within(span, work),
    ended: (error) => {
      span.set({ 'rpc.grpc.status_code': error === undefined ? status.OK : codeOfReason[error.reason] })
      if (error !== undefined) span.fail(error)
      span.end()
    },
  }
}

/** Lets whoever a call is passed on to continue its trace. */
export function passOnTrace(context: TraceContext | undefined, metadata: Metadata): void {
  if (context === undefined) return
  metadata.set(traceParentHeader, traceParentOf(context))
  if (context.traceState !== '') metadata.set(traceStateHeader, context.traceState)
}

function first(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name)
  return typeof value === 'string' ? value : undefined
}
