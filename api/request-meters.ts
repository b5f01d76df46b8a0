/** What the Order API counts of its requests. */
import type { Metrics } from '../streams/index.ts'

/** Answers with what is told of each request: its status, and how long it took. */
export function requestMeters(metrics: Metrics): (status: number, durationMs: number) => void {
  const counter = (code: number) =>
    metrics.counter('order_api_requests_total', 'Requests to the Order API, by the status of the answer.', {
      code: String(code),
    })
  const duration = metrics.histogram(
    'order_api_request_duration_ms',
    'How long requests to the Order API took.',
    {},
  )
  // What is nothing yet is there nevertheless, so that rates are right from the first one on.
  for (const code of [202, 400, 503]) counter(code)
  return (status, durationMs) => {
    counter(status).add(1)
    duration.observe(durationMs)
  }
}
