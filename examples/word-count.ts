/** Counts words: the smallest topology with state. */
import { defineTopology, nullable, serdes, topic } from '../streams/index.ts'

export const lines = topic('lines', { key: serdes.string, value: serdes.string })

/** A table written to a topic may delete rows, so the topic takes null; counts never are. */
export const wordCounts = topic('word-counts', { key: serdes.string, value: nullable(serdes.long) })

export const wordCount = defineTopology('word-count', (builder) => {
  builder
    .stream(lines)
    .flatMapValues((line) => line.toLowerCase().match(/\p{L}+/gu) ?? [])
    .groupBy((word) => word, serdes.string)
    .count({ store: 'counts' })
    .toStream()
    .to(wordCounts)
})
