/** Where simulated events go: straight into the log, or to an Order API over HTTP. */
import { messageOf } from '../../streams/index.ts'
import { OrderApiError } from '../errors.ts'
import type { OrderIngestion } from '../ingestion.ts'
import type { SimulatedEvent } from './simulate-orders.ts'

export interface SendResult {
  readonly accepted: number
  /** Left out, since they were accepted before. */
  readonly duplicates: number
  /** Not taken, since they are no valid orders. */
  readonly refused: number
}

export interface EventSink {
  /** Sends events in their order. */
  send(events: readonly SimulatedEvent[]): Promise<SendResult>
}

/** Broken events reach the log too, as they do from producers that do not go through the Order API. */
export function ingestionSink(ingestion: Pick<OrderIngestion, 'accept'>): EventSink {
  return {
    async send(events) {
      if (events.length === 0) return nothing
      const bytes = events.map((event) => event.bytes)
      const { accepted, duplicates } = await ingestion.accept(bytes, events[0]!.arrivalTimeMs)
      return { accepted: accepted.length, duplicates, refused: 0 }
    },
  }
}

const nothing: SendResult = { accepted: 0, duplicates: 0, refused: 0 }

/** @param url of the Order API, such as `http://127.0.0.1:8080`; also behind a path, with or without `/v1/orders` */
export function httpSink(url: string): EventSink {
  const target = new URL(url)
  target.pathname = target.pathname.replace(/(\/v1\/orders)?\/?$/, '/v1/orders')
  return {
    async send(events) {
      let result = nothing
      for (const body of bodiesOf(events)) result = add(result, await post(target, body))
      return result
    },
  }
}

interface Body {
  readonly bytes: Buffer
  readonly events: number
}

/** Sound events in a row go in one request; a broken one goes alone, since it would have its whole request refused. */
function* bodiesOf(events: readonly SimulatedEvent[]): Generator<Body> {
  let sound: Buffer[] = []
  for (const { bytes, fault } of events) {
    if (fault === null) {
      sound.push(bytes)
      continue
    }
    if (sound.length > 0) yield arrayOf(sound)
    sound = []
    yield { bytes, events: 1 }
  }
  if (sound.length > 0) yield arrayOf(sound)
}

function arrayOf(orders: readonly Buffer[]): Body {
  const parts = orders.flatMap((order, index) => [Buffer.from(index === 0 ? '[' : ','), order])
  return { bytes: Buffer.concat([...parts, Buffer.from(']')]), events: orders.length }
}

async function post(target: URL, { bytes, events }: Body): Promise<SendResult> {
  let response: Response
  try {
    response = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array(bytes),
    })
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    const message = `the Order API at ${target.href} does not answer (${messageOf(cause)}): start it, or check the URL`
    throw new OrderApiError('ORDER_API_UNAVAILABLE', message, { cause: error })
  }
  const text = await response.text()
  if (response.status === 400) return { accepted: 0, duplicates: 0, refused: events }
  if (response.status === 202) {
    const duplicates = duplicatesIn(text)
    return { accepted: events - duplicates, duplicates, refused: 0 }
  }
  const message = `the Order API at ${target.href} answered ${response.status}: ${text.slice(0, 500)}`
  throw new OrderApiError('ORDER_API_UNAVAILABLE', message)
}

function duplicatesIn(text: string): number {
  const answer: unknown = JSON.parse(text)
  if (typeof answer !== 'object' || answer === null || !('duplicates' in answer)) return 0
  return typeof answer.duplicates === 'number' ? answer.duplicates : 0
}

function add(a: SendResult, b: SendResult): SendResult {
  return {
    accepted: a.accepted + b.accepted,
    duplicates: a.duplicates + b.duplicates,
    refused: a.refused + b.refused,
  }
}
