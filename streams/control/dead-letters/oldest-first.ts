/** All letters of a topic as of now, in the order in which they failed. Each partition's come in its own order. */
import type { LogReader } from '../../ports/log.ts'
import type { RecordBatch } from '../../records/record-batch.ts'
import { type FullLetter, type LetterFilter, matches } from './letter.ts'
import type { OpenLetterTopic } from './letter-topic.ts'
import { type PartitionRange, type ReadingPorts, rangesOf, WaitingReader } from './reading.ts'

/** A partition on its way to where it ended. */
interface Ascent {
  readonly range: PartitionRange
  batch: RecordBatch | undefined
  index: number
  head: FullLetter | undefined
  isDone: boolean
}

export async function* oldestFirst(
  ports: ReadingPorts,
  topic: OpenLetterTopic,
  filter: LetterFilter,
  signal?: AbortSignal,
): AsyncGenerator<FullLetter> {
  const ascents = await begin(ports, topic.topic)
  const source = new WaitingReader(ports, signal)
  const { reader } = source
  try {
    for (const { range } of ascents) reader.follow(range, range.from)
    for (;;) {
      source.check()
      let waits = false
      for (const ascent of ascents) {
        if (ascent.head === undefined && !ascent.isDone) await advance(ascent, topic, filter, reader)
        if (ascent.head === undefined && !ascent.isDone) waits = true
      }
      if (waits) {
        await source.wait()
        continue
      }
      const oldest = oldestOf(ascents)
      if (oldest?.head === undefined) return
      yield oldest.head
      oldest.head = undefined
    }
  } finally {
    await source.close()
  }
}

async function begin(ports: ReadingPorts, topic: string): Promise<Ascent[]> {
  const ranges = await rangesOf(ports, topic)
  return ranges
    .filter(({ start, end }) => start < end)
    .map(({ partition, start, end }) => ({
      range: { topic, partition, from: start, to: end },
      batch: undefined,
      index: 0,
      head: undefined,
      isDone: false,
    }))
}

/** Goes on to the next letter that passes the filter, if it is at hand. */
async function advance(
  ascent: Ascent,
  topic: OpenLetterTopic,
  filter: LetterFilter,
  reader: LogReader,
): Promise<void> {
  const { range } = ascent
  for (;;) {
    const { batch } = ascent
    if (batch === undefined || ascent.index === batch.length) {
      ascent.batch = undefined
      ascent.isDone = reader.position(range) >= range.to
      const next = ascent.isDone ? null : reader.take(range)
      if (next === null) return
      ascent.batch = next
      ascent.index = 0
      continue
    }
    const offset = batch.offsets[ascent.index]!
    if (offset >= range.to) {
      ascent.batch = undefined
      ascent.isDone = true
      reader.unfollow(range)
      return
    }
    const full = offset < range.from ? undefined : await topic.letterAt(batch, ascent.index)
    ascent.index++
    if (full === undefined || !matches(full.letter, filter)) continue
    ascent.head = full
    return
  }
}

function oldestOf(ascents: readonly Ascent[]): Ascent | undefined {
  let oldest: Ascent | undefined
  for (const ascent of ascents) {
    if (ascent.head === undefined) continue
    if (oldest?.head === undefined || ascent.head.letter.failedTimeMs < oldest.head.letter.failedTimeMs)
      oldest = ascent
  }
  return oldest
}
