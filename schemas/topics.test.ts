import { describe, expect, it } from 'vitest'
import type { TypeOf } from '../streams/index.ts'
import type {
  ControlAudit,
  DetectionRule,
  OrderAnomaly,
  OrderInputProgress,
  OrderLine,
  OrderParsed,
  OrderProcessed,
  OrderRejected,
  OrderStatistic,
  OrderStatus,
  OrderStatusChange,
  UserBehavior,
} from './generated/records.ts'
import { topics } from './topics.ts'

/** The type `true` when both types are the same, else `false`, so that a wrong claim below does not compile. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type KeyOf<N extends keyof typeof topics> = TypeOf<(typeof topics)[N]['key']>
type ValueOf<N extends keyof typeof topics> = TypeOf<(typeof topics)[N]['value']>

/** Every entry is `true`, or this file does not compile. */
const keyTypes: [
  Equal<KeyOf<'orderRaw'>, string | null>,
  Equal<KeyOf<'orderParsed'>, string | null>,
  Equal<KeyOf<'orderProcessed'>, string>,
  Equal<KeyOf<'orderLine'>, string>,
  Equal<KeyOf<'orderRejected'>, string | null>,
  Equal<KeyOf<'orderInput'>, string>,
  Equal<KeyOf<'orderStatistics'>, string>,
  Equal<KeyOf<'orderAnomaly'>, string>,
  Equal<KeyOf<'detectionRules'>, string>,
] = [true, true, true, true, true, true, true, true, true]

const valueTypes: [
  Equal<ValueOf<'orderRaw'>, Uint8Array>,
  Equal<ValueOf<'orderParsed'>, OrderParsed>,
  Equal<ValueOf<'orderProcessed'>, OrderProcessed>,
  Equal<ValueOf<'orderLine'>, OrderLine>,
  Equal<ValueOf<'orderRejected'>, OrderRejected>,
  Equal<ValueOf<'orderInput'>, OrderInputProgress>,
  Equal<ValueOf<'orderStatistics'>, OrderStatistic>,
  Equal<ValueOf<'orderAnomaly'>, OrderAnomaly>,
  Equal<ValueOf<'orderAnomalyShadow'>, OrderAnomaly>,
  Equal<ValueOf<'orderStatusHistory'>, OrderStatusChange>,
  Equal<ValueOf<'userBehavior'>, UserBehavior>,
  Equal<ValueOf<'detectionRules'>, DetectionRule>,
  Equal<ValueOf<'controlAudit'>, ControlAudit>,
  Equal<OrderProcessed['status'], OrderStatus>,
  Equal<OrderProcessed['store_id'], string | null>,
  Equal<OrderParsed['order_time'], number | null>,
  Equal<ValueOf<'orderLine'>, OrderProcessed>,
] = [true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, false]

describe('topics', () => {
  it('should be typed by their schemas', () => {
    expect(keyTypes).not.toContain(false)
    expect(valueTypes.indexOf(false)).toBe(valueTypes.length - 1)
  })

  it('should have these names, serdes and settings', () => {
    const described = Object.values(topics).map(
      ({ name, key, value, settings }) => `${name}: ${key.name}, ${value.name}, ${settings.cleanup}`,
    )
    expect(described).toEqual([
      'order-raw: nullable(string), bytes, delete',
      'order-parsed: nullable(string), avro(OrderParsed), delete',
      'order-processed: string, avro(OrderProcessed), delete',
      'order-line: string, avro(OrderLine), delete',
      'order-rejected: nullable(string), avro(OrderRejected), delete',
      'order-statistics: string, avro(OrderStatistic), compact',
      'order-anomaly: string, avro(OrderAnomaly), delete',
      'order-anomaly-shadow: string, avro(OrderAnomaly), delete',
      'order-status-history: string, avro(OrderStatusChange), delete',
      'user-behavior: string, avro(UserBehavior), compact',
      'detection-rules: string, avro(DetectionRule), compact',
      'order-input: string, avro(OrderInputProgress), compact',
      'order-streams-control-audit: string, avro(ControlAudit), delete',
    ])
  })
})
