/** Counts words: the smallest topology with state. */
import { defineTopology, serdes, topic } from '../streams/index.ts'

export const lines = topic('lines', { key: serdes.string, value: serdes.string })
export const wordCounts = topic('word-counts', { key: serdes.string, value: serdes.long })

export const wordCount = defineTopology('word-count', (builder) => {
  builder
    .stream(lines)
    .flatMapValues((line) => line.toLowerCase().match(/\p{L}+/gu) ?? [])
    .groupBy((word) => word, serdes.string)
    .count({ store: 'counts' })
    .toStream()
    .mapValues((count) => count ?? 0)
    .to(wordCounts)
})
