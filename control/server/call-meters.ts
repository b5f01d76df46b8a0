/** What the control server counts of its calls. */
import { status } from '@grpc/grpc-js'
import type { Metrics } from '../../streams/index.ts'
import type { Method } from '../call.ts'
import type { ControlError } from '../errors.ts'
import { codeOfReason } from './status.ts'

/** Told how a call has ended: with what it failed, or undefined when it succeeded. */
export type CallEnd = (error: ControlError | undefined) => void

export class CallMeters {
  private readonly metrics: Metrics | undefined
  private streams = 0

  /** Without metrics only open streams are counted. */
  constructor(metrics?: Metrics) {
    this.metrics = metrics
  }

  /** Streams that are under way. */
  get openStreams(): number {
    return this.streams
  }

  begin(
    { path, responseStream }: Pick<Method, 'path' | 'responseStream'>,
    startMs: number,
    now: () => number,
  ): CallEnd {
    if (responseStream) this.streams++
    return (error) => {
      if (responseStream) this.streams--
      const [, service = '', method = ''] = path.split('/')
      const code = error === undefined ? 'OK' : (status[codeOfReason[error.reason]] ?? 'UNKNOWN')
      this.metrics
        ?.counter('control_calls_total', 'Control calls that have ended, by their status.', {
          service,
          method,
          code,
        })
        .add(1)
      // How long a stream lasts is up to its caller.
      if (responseStream) return
      this.metrics
        ?.histogram('control_call_duration_ms', 'How long control calls took that are no streams.', {
          service,
          method,
        })
        .observe(now() - startMs)
    }
  }
}
