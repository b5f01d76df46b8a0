/** The topics of the order topologies, typed by what they hold. Keys are user ids unless said otherwise. */
import { avro, serdes, topic } from '../streams/index.ts'
import {
  orderInputProgressSchema,
  orderLineSchema,
  orderParsedSchema,
  orderProcessedSchema,
  orderRejectedSchema,
  orderStatisticSchema,
} from './generated/records.ts'

export const topics = {
  /** Order events as they came in, byte for byte; the key is null when an event names no user. */
  orderRaw: topic('order-raw', { key: serdes.nullable(serdes.string), value: serdes.bytes }),

  /** Order events with their fields converted, not yet validated. */
  orderParsed: topic('order-parsed', {
    key: serdes.nullable(serdes.string),
    value: avro(orderParsedSchema),
  }),

  /** Headers of clean order events. */
  orderProcessed: topic('order-processed', { key: serdes.string, value: avro(orderProcessedSchema) }),

  /** Lines of clean order events. */
  orderLine: topic('order-line', { key: serdes.string, value: avro(orderLineSchema) }),

  /** Order events that failed validation, with every reason. */
  orderRejected: topic('order-rejected', {
    key: serdes.nullable(serdes.string),
    value: avro(orderRejectedSchema),
  }),

  /** Rows of the order statistics, by what they are of, such as `HOUR/USD/2017-01-01T11:00:00.000Z`: the newest of a key holds. */
  orderStatistics: topic(
    'order-statistics',
    { key: serdes.string, value: avro(orderStatisticSchema) },
    { cleanup: 'compact' },
  ),

  /** How far each input file has been read; the key is the SHA-256 of its content. */
  orderInput: topic(
    'order-input',
    { key: serdes.string, value: avro(orderInputProgressSchema) },
    { cleanup: 'compact', partitions: 1 },
  ),
}
