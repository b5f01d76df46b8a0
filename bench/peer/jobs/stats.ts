/** Count and sum of amounts, per key and minute: the aggregates of both windowed jobs. */
import {
  type Aggregator,
  avro,
  type KTable,
  minutes,
  type Serde,
  seconds,
  serdes,
  topic,
  tumbling,
  type Windowed,
} from '../../../streams/index.ts'
import { type WindowStats, windowStatsSchema } from '../schemas/generated/records.ts'

const serde = avro(windowStatsSchema)

/** Orders are up to 5 s out of order, and some six hours late. */
export const perMinute = tumbling(minutes(1)).grace(seconds(10))

/** Of values that are given in cents. */
export function statsOf<V>(
  centsOf: (value: V) => number,
): Aggregator<V, WindowStats> & { readonly serde: Serde<WindowStats> } {
  return {
    serde,
    init: () => ({ windowStart: 0, count: 0, sumCents: 0 }),
    add: ({ count, sumCents }, value) => ({
      windowStart: 0,
      count: count + 1,
      sumCents: sumCents + centsOf(value),
    }),
    merge: (left, right) => ({
      windowStart: 0,
      count: left.count + right.count,
      sumCents: left.sumCents + right.sumCents,
    }),
  }
}

/** Writes each window that changed, under its key. */
export function writeStats(table: KTable<Windowed<string>, WindowStats>, outputTopic: string): void {
  table
    .toStream()
    .flatMap<string, WindowStats>(({ key, startMs }, stats) =>
      stats === null ? [] : [[key, { windowStart: startMs, count: stats.count, sumCents: stats.sumCents }]],
    )
    .to(topic(outputTopic, { key: serdes.string, value: serde }))
}
