/** Stage 4: what is remarkable about orders and users. README.md tells what it shows. */
import type { OrderAnomaly, OrderStatusChange, UserBehavior } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import {
  days,
  defineTopology,
  type KStream,
  keyValueStore,
  minutes,
  output,
  type SourceTiming,
  serdes,
  type Topology,
} from '../../streams/index.ts'
import type { Alert } from './alert.ts'
import { behaviorOf, profiles } from './behavior.ts'
import { InOrder } from './in-order.ts'
import { OrderLives } from './order-lives.ts'
import { bursts, escalations } from './patterns.ts'
import { RepeatPurchases } from './repeat-purchases.ts'
import { defaultThresholds, type Thresholds } from './rules.ts'

export interface DetectionSettings {
  /** How the orders' time passes: their disorder, and what a partition without orders does to it. */
  readonly timing: SourceTiming
  /** What is looked for where the topic `detection-rules` does not say otherwise. */
  readonly thresholds: Thresholds
  /** How long an order is remembered after its last event, by the time of the events that follow. */
  readonly orderMemoryMs: number
}

export const defaultDetectionSettings: DetectionSettings = {
  timing: { disorderMs: minutes(1), idle: 'wall-clock', idleAfterMs: minutes(1) },
  thresholds: defaultThresholds,
  orderMemoryMs: days(400),
}

export interface DetectionOptions extends Partial<DetectionSettings> {
  /** Connects what is found to where it is to be kept, such as a database. */
  readonly store?: (found: FoundStreams) => void
}

export interface FoundStreams {
  readonly anomalies: KStream<string, OrderAnomaly>
  readonly history: KStream<string, OrderStatusChange>
  readonly behavior: KStream<string, UserBehavior>
}

export function detection({ store, ...options }: DetectionOptions = {}): Topology {
  const { timing, thresholds, orderMemoryMs } = { ...defaultDetectionSettings, ...options }
  return defineTopology('detection', (builder) => {
    const rules = builder.globalTable(topics.detectionRules, { store: 'detection-rules' })
    const lives = builder
      .stream(topics.orderProcessed, { ...timing, timestamp: ({ order_time }) => order_time })
      .groupByKey()
      .process('in-order', () => new InOrder())
      .main.groupByKey()
      .process('order-lives', () => new OrderLives({ rules, thresholds, orderMemoryMs }))
    lives.history.to(topics.orderStatusHistory)

    lives.placed
      .groupByKey()
      .aggregate(profiles, { store: 'user-profiles' })
      .toStream()
      .flatMap((user, profile) => (profile === null ? [] : [[user, behaviorOf(user, profile)] as const]))
      .to(topics.userBehavior)

    // Patterns are of orders as they follow one another: what comes late has no place among them any more.
    const inTime = lives.placed.filter(({ late }) => !late, 'in-time')
    const repeats = inTime.groupByKey().process('repeat-purchases', () => new RepeatPurchases())
    const alerts = lives.main.merge(bursts(inTime)).merge(escalations(inTime)).merge(repeats.main)
    const { raised, shadow } = sorted(alerts)
    raised.to(topics.orderAnomaly)
    shadow.to(topics.orderAnomalyShadow)

    store?.({
      anomalies: builder.stream(topics.orderAnomaly),
      history: builder.stream(topics.orderStatusHistory),
      behavior: builder.stream(topics.userBehavior),
    })
  })
}

/** By the mode of their rules; what is found in shadow is counted, too. */
function sorted(alerts: KStream<string, Alert>) {
  /** By type and version, such as `BURST/3`. */
  const counts = keyValueStore({ name: 'shadow-counts', key: serdes.string, value: serdes.long })
  return alerts.processValues('sort-alerts', {
    stores: { counts },
    outputs: { raised: output<string, OrderAnomaly>(), shadow: output<string, OrderAnomaly>() },
    create:
      ({ stores, outputs, record }) =>
      (user, { mode, anomaly }) => {
        const detected_time = Math.max(record.streamTimeMs, anomaly.event_time)
        if (mode === 'ENFORCED') return outputs.raised(user, { ...anomaly, detected_time })
        const what = `${anomaly.type}/${anomaly.rule_version}`
        stores.counts.put(what, (stores.counts.get(what) ?? 0) + 1)
        outputs.shadow(user, { ...anomaly, detected_time })
      },
  })
}
