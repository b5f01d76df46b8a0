/** The topics of the order topologies, typed by what they hold. Keys are user ids unless said otherwise. */
import { avro, days, serdes, topic } from '../streams/index.ts'
import {
  controlAuditSchema,
  detectionRuleSchema,
  orderAnomalySchema,
  orderInputProgressSchema,
  orderLineSchema,
  orderParsedSchema,
  orderProcessedSchema,
  orderRejectedSchema,
  orderStatisticSchema,
  orderStatusChangeSchema,
  userBehaviorSchema,
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

  /** What detection has found, keyed by user. */
  orderAnomaly: topic('order-anomaly', { key: serdes.string, value: avro(orderAnomalySchema) }),

  /** What rules in shadow mode have found: as `order-anomaly` would have it. */
  orderAnomalyShadow: topic('order-anomaly-shadow', {
    key: serdes.string,
    value: avro(orderAnomalySchema),
  }),

  /** The history of each order, entry by entry. */
  orderStatusHistory: topic('order-status-history', {
    key: serdes.string,
    value: avro(orderStatusChangeSchema),
  }),

  /** How each user orders: the newest of a key holds. */
  userBehavior: topic(
    'user-behavior',
    { key: serdes.string, value: avro(userBehaviorSchema) },
    { cleanup: 'compact' },
  ),

  /** The rules of detection that differ from the configuration, by name, such as `burst`. */
  detectionRules: topic(
    'detection-rules',
    { key: serdes.string, value: avro(detectionRuleSchema) },
    { cleanup: 'compact', partitions: 1 },
  ),

  /** How far each input file has been read; the key is the SHA-256 of its content. */
  orderInput: topic(
    'order-input',
    { key: serdes.string, value: avro(orderInputProgressSchema) },
    { cleanup: 'compact', partitions: 1 },
  ),

  /** What was changed by control calls, by whom; the key is the id of the call. Kept for 400 days. */
  controlAudit: topic(
    'order-streams-control-audit',
    { key: serdes.string, value: avro(controlAuditSchema) },
    { partitions: 1, retentionMs: days(400), timestampType: 'append' },
  ),
}
