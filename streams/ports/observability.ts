/** Logs and metrics, as the engine sees them. */

export type LogFields = Readonly<Record<string, unknown>>

/** Structured logging in pino's shape: fields first, then a sentence. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  child(fields: LogFields): Logger
}

export type Labels = Readonly<Record<string, string>>

export interface Counter {
  add(amount: number): void
}

export interface Gauge {
  set(value: number): void
}

export interface Histogram {
  observe(value: number): void
}

/** Meters by name and labels; asking twice for the same gives the same meter. Names end in their unit. */
export interface Metrics {
  counter(name: string, help: string, labels: Labels): Counter
  gauge(name: string, help: string, labels: Labels): Gauge
  histogram(name: string, help: string, labels: Labels): Histogram
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}
