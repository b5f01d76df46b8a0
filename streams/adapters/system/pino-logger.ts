import type { Writable } from 'node:stream'
import { destination, type LoggerOptions, pino, stdSerializers } from 'pino'
import pretty from 'pino-pretty'
import type { Logger } from '../../ports/observability.ts'
import { activeTrace } from '../active-trace.ts'

export interface PinoLoggerOptions {
  /** Messages below it are not written. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `json` is one object a line, for machines; `text` is for people. */
  readonly format: 'json' | 'text'
  /** Where to write. Default standard error, so that standard output is left to results. */
  readonly stream?: Writable
}

/**
 * Structured logging by pino. What is said in the course of a trace that is recorded names it and the span: `trace_id`, `span_id`. A field named `error` is written with its type, message, code, cause and stack.
 */
export function pinoLogger(options: PinoLoggerOptions): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    mixin: () => {
      const trace = activeTrace()
      return trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId }
    },
    serializers: { error: stdSerializers.errWithCause },
    formatters: { level: (label) => ({ level: label }) },
  }
  if (options.format === 'json') return pino(settings, options.stream ?? standardError())
  return pino(
    settings,
    pretty({
      destination: options.stream ?? standardError(),
      colorize: options.stream === undefined && process.stderr.isTTY === true,
      translateTime: 'HH:MM:ss.l',
      errorLikeObjectKeys: ['error'],
    }),
  )
}

/** Written at once: nothing that was logged before a crash is lost. */
function standardError() {
  return destination({ dest: 2, sync: true })
}
