/** An exporter whose failures hold up nothing and nobody: they are told once, and so is their end. */
import type { SpanExporter } from '@opentelemetry/sdk-trace-base'
import { messageOf } from '../../errors.ts'
import type { Logger } from '../../ports/observability.ts'

type Result = Parameters<Parameters<SpanExporter['export']>[1]>[0]

/** What OpenTelemetry calls an export that went well. */
const succeeded: Result = { code: 0 }

export function reportedOnce(exporter: SpanExporter, logger: Logger): SpanExporter {
  let isFailing = false
  const report = ({ code, error }: Result): void => {
    if (code === succeeded.code) {
      if (isFailing) logger.info({}, 'traces can be sent again')
      isFailing = false
      return
    }
    if (!isFailing)
      logger.warn(
        { reason: messageOf(error) },
        'traces cannot be sent and are dropped; look at tracingEndpoint and at who listens there',
      )
    isFailing = true
  }
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        report(result)
        done(succeeded)
      }),
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush === undefined ? {} : { forceFlush: () => exporter.forceFlush!() }),
  }
}
