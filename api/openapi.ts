/** The Order API, described for tools: served at `GET /v1/openapi.json`. */
import { orderStatusSymbols } from '../schemas/generated/records.ts'

const id = { oneOf: [{ type: 'string', maxLength: 64 }, { type: 'integer' }] }

const amount = {
  description: 'Decimal text, or a number; at most two decimals.',
  oneOf: [{ type: 'string', example: '12.50' }, { type: 'number' }],
}

const line = {
  type: 'object',
  required: ['line_no', 'product_id', 'quantity', 'line_amount'],
  properties: {
    line_no: { type: 'integer', minimum: 0 },
    product_id: id,
    quantity: { type: 'integer', minimum: 0 },
    line_amount: amount,
  },
}

const order = {
  type: 'object',
  description: 'An event of an order. A later event of the same order carries its new status.',
  required: ['order_id', 'user_id', 'status', 'currency', 'order_time', 'total_amount', 'lines'],
  properties: {
    order_id: id,
    user_id: id,
    store_id: id,
    status: { type: 'string', enum: orderStatusSymbols },
    currency: { type: 'string', description: 'ISO 4217', example: 'USD' },
    order_time: {
      description: 'When the event took place: ISO 8601 with a zone, or epoch seconds or milliseconds.',
      oneOf: [{ type: 'string', example: '2017-01-01T11:53:26Z' }, { type: 'number' }],
    },
    total_amount: { ...amount, description: 'Equals the sum of all line_amount to the hundredth.' },
    lines: { type: 'array', minItems: 1, items: line },
  },
}

const accepted = {
  type: 'object',
  properties: {
    accepted: {
      type: 'array',
      items: {
        type: 'object',
        properties: { order_id: { type: 'string' }, status: { type: 'string' } },
      },
    },
    duplicates: {
      type: 'integer',
      description:
        'Events left out because one of the same order_id and status was accepted before, among the last 100,000.',
    },
  },
}

const text = { type: 'string' }

const failure = {
  type: 'object',
  properties: {
    error: text,
    message: text,
    remedy: text,
    problems: {
      type: 'array',
      description: 'Every bad field of every order.',
      items: {
        type: 'object',
        properties: {
          index: { type: 'integer', description: 'Place of the order in the request, from 0.' },
          field: text,
          code: text,
          value: { type: ['string', 'null'] },
          problem: text,
          remedy: text,
        },
      },
    },
  },
}

function answer(description: string, schema: object): object {
  return { description, content: { 'application/json': { schema } } }
}

export const openApiDocument = {
  openapi: '3.1.0',
  info: { title: 'Order API', version: '1.0.0', description: 'Takes order events into the log.' },
  paths: {
    '/v1/orders': {
      post: {
        summary: 'Accepts one order event or an array of them: all, or none when any of them is invalid.',
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { oneOf: [order, { type: 'array', items: order }] } } },
        },
        responses: {
          202: answer('Accepted: the events are stored, and will be processed.', accepted),
          400: answer('Some field is invalid; nothing was accepted.', failure),
          413: answer('More bytes or more orders than are taken.', failure),
          415: answer('Not application/json, or compressed.', failure),
          503: answer('The log cannot be reached; send the request again.', failure),
        },
      },
    },
    '/healthz': {
      get: { summary: 'Whether the server runs.', responses: { 200: { description: 'It does.' } } },
    },
  },
}
