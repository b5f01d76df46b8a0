/** Stage 4: what is remarkable about orders and users. README.md tells what it shows. */
import type { OrderAnomaly, OrderStatusChange, UserBehavior } from '../../schemas/generated/records.ts'
import { topics } from '../../schemas/topics.ts'
import {
  days,
  defineTopology,
  type KStream,
  minutes,
  type SourceTiming,
  type Topology,
} from '../../streams/index.ts'
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
  const settings = { ...defaultDetectionSettings, ...options }
  return defineTopology('detection', (builder) => {
    builder
      .stream(topics.orderProcessed, { ...settings.timing, timestamp: ({ order_time }) => order_time })
      .filter(() => false)
      .mapValues((): OrderAnomaly => {
        throw new Error('nothing passes')
      })
      .to(topics.orderAnomaly)
    store?.({
      anomalies: builder.stream(topics.orderAnomaly),
      history: builder.stream(topics.orderStatusHistory),
      behavior: builder.stream(topics.userBehavior),
    })
  })
}
