/** The topologies of the order ETL, connected to the tables that they fill. */

import { suggestion } from '../control/did-you-mean.ts'
import { defaultOrderLimits, type OrderLimits } from '../orders/rule.ts'
import type { SqlRow } from '../sql/index.ts'
import { type Sink, StreamsError, type Topology } from '../streams/index.ts'
import type { CleanseSettings } from '../topologies/cleanse/cleanse-order.ts'
import { cleanse } from '../topologies/cleanse/topology.ts'
import type { Thresholds } from '../topologies/detection/rules.ts'
import { type DetectionSettings, detection } from '../topologies/detection/topology.ts'
import { ingest } from '../topologies/ingest/topology.ts'
import { type StatisticsSettings, statistics } from '../topologies/statistics/topology.ts'
import type { Config } from './config-schema.ts'
import { anomalyRow, behaviorRow, historyRow } from './detection-rows.ts'
import { UsageError } from './failure.ts'
import { eventRow, headerRow, lineRow, rejectionRow } from './order-rows.ts'
import { statisticRows } from './statistics-rows.ts'

interface Parts {
  readonly config: Config
  readonly tables: Sink<SqlRow>
}

/** By name, in the order that records pass through them. */
const builders: Readonly<Record<string, { readonly stage: string; build(parts: Parts): Topology }>> = {
  ingest: {
    stage: 'stage 1: bytes to typed records',
    build: ({ tables }) =>
      ingest({
        store: (events) =>
          events.toSink('order_event', tables, (event, _key, record) => [eventRow(event, record)]),
      }),
  },
  cleanse: {
    stage: 'stage 2: repeats dropped, orders validated, headers and lines split',
    build: ({ config, tables }) =>
      cleanse({
        ...cleanseSettings(config),
        orderMemoryMs: config.orderMemoryMs,
        store: {
          headers: (headers) => headers.toSink('order_header', tables, (header) => [headerRow(header)]),
          lines: (lines) => lines.toSink('order_line', tables, (line) => [lineRow(line)]),
          rejections: (rejections) =>
            rejections.toSink('order_rejection', tables, (rejection) => [rejectionRow(rejection)]),
        },
      }),
  },
  statistics: {
    stage: 'stage 3: orders counted per minute, hour, user, product, status and session',
    build: ({ config, tables }) =>
      statistics({
        ...statisticsSettings(config),
        store: (rows) => rows.toSink('statistics', tables, statisticRows),
      }),
  },
  detection: {
    stage: 'stage 4: order lives, unpaid and large orders, patterns of users',
    build: ({ config, tables }) =>
      detection({
        ...detectionSettings(config),
        store: ({ anomalies, history, behavior }) =>
          anomalies
            .mapValues(anomalyRow)
            .merge(history.mapValues(historyRow))
            .merge(behavior.mapValues(behaviorRow))
            .toSink('detection', tables, (row) => [row]),
      }),
  },
}

export const topologyNames = Object.keys(builders)

export function stageOf(name: string): string {
  return builders[name]?.stage ?? ''
}

/** The topologies named, in the order that records pass through them. @throws UsageError for a name that is none */
export function orderTopologies(names: readonly string[], config: Config, tables = noTables): Topology[] {
  for (const name of names) {
    if (Object.hasOwn(builders, name)) continue
    throw new UsageError(`there is no topology "${name}": ${suggestion(name, topologyNames)}`)
  }
  return topologyNames
    .filter((name) => names.includes(name))
    .map((name) => builders[name]!.build({ config, tables }))
}

/** For topologies that are only looked at. */
const noTables: Sink<SqlRow> = {
  name: 'orders.db',
  open: async () => {
    throw new StreamsError('INVARIANT_VIOLATED', 'a topology that is only looked at was run')
  },
}

export function orderLimits(config: Config): OrderLimits {
  return {
    ...defaultOrderLimits,
    earliestTimeMs: Date.UTC(config.orderEarliestYear, 0, 1),
    maxAheadMs: config.orderMaxAheadMs,
    maxAmount: config.orderMaxAmount,
    maxQuantity: config.orderMaxQuantity,
    unusualQuantity: config.orderUnusualQuantity,
  }
}

function cleanseSettings(config: Config): CleanseSettings {
  const memory = { retentionMs: config.repeatMemoryMs, maxEvents: config.repeatMemoryMaxEvents }
  return { limits: orderLimits(config), memory }
}

function statisticsSettings(config: Config): StatisticsSettings {
  return {
    timing: {
      disorderMs: config.statisticsDisorderMs,
      idle: config.statisticsIdle,
      idleAfterMs: config.statisticsIdleAfterMs,
    },
    graceMs: config.statisticsGraceMs,
    lastHourGraceMs: config.lastHourGraceMs,
    sessionGapMs: config.sessionGapMs,
    milestoneOrders: config.milestoneOrders,
    orderMemoryMs: config.orderMemoryMs,
  }
}

export function detectionSettings(config: Config): DetectionSettings {
  return {
    timing: {
      disorderMs: config.detectionDisorderMs,
      idle: config.detectionIdle,
      idleAfterMs: config.detectionIdleAfterMs,
    },
    thresholds: detectionThresholds(config),
    orderMemoryMs: config.orderMemoryMs,
  }
}

/** What the rules of detection look for as long as nobody has changed them. */
export function detectionThresholds(config: Config): Thresholds {
  return {
    'large-order': { amount: config.largeOrderAmount, amounts: {} },
    burst: { max_orders: config.burstMaxOrders, within_ms: config.burstWithinMs },
    unpaid: { within_ms: config.unpaidWithinMs },
    'illegal-transition': {},
    'repeat-purchase': { within_ms: config.repeatPurchaseWithinMs },
    'escalating-amount': { percent: config.escalatingPercent, within_ms: config.escalatingWithinMs },
  }
}
