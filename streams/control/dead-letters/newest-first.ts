/**
 * Pages of letters, the newest first, read backwards from the ends of the partitions.
 *
 * 1. A partition is read in slices of offsets, of which only what is listed is kept: memory does not grow with the topic.
 * 2. A page goes on where the last one ended, by an offset per partition: what comes or goes in between moves nobody's place.
 * 3. One page looks at so many offsets at most. A filter that few letters pass gives short pages, even empty ones, that others follow.
 */
import { type Letter, type LetterFilter, matches } from './letter.ts'
import type { OpenLetterTopic } from './letter-topic.ts'
import { type ReadingPorts, rangesOf, readRanges } from './reading.ts'

/** By partition, the offset before which the next page begins. */
export type PageCursor = readonly number[]

export interface LettersPage {
  readonly letters: readonly Letter[]
  /** Undefined when this is the last page. */
  readonly next: PageCursor | undefined
}

export interface PageOfLetters {
  readonly size: number
  /** Undefined for the first page. */
  readonly before: PageCursor | undefined
  readonly filter: LetterFilter
  /** Whether a letter is listed that passes the filter. */
  readonly isListed: (letter: Letter) => boolean
  readonly signal?: AbortSignal
  /** Offsets that the page looks at, about. */
  readonly offsetsMax?: number
}

const firstSliceOffsets = 32
const sliceMaxOffsets = 2_000
const defaultOffsetsMax = 50_000

/** A partition on its way from its end to its start. */
interface Descent {
  readonly partition: number
  readonly start: number
  /** What lies before this was not read yet. */
  unreadBefore: number
  /** What was read and is listed, the newest first. */
  readonly waiting: Letter[]
}

export async function newestFirst(
  ports: ReadingPorts,
  topic: OpenLetterTopic,
  page: PageOfLetters,
): Promise<LettersPage> {
  const descents = await begin(ports, topic.topic, page.before)
  const letters: Letter[] = []
  let sliceOffsets = Math.max(firstSliceOffsets, Math.ceil((2 * page.size) / descents.length))
  let offsetsLeft = page.offsetsMax ?? defaultOffsetsMax
  while (letters.length < page.size) {
    const empty = descents.filter(({ waiting, unreadBefore, start }) => {
      return waiting.length === 0 && unreadBefore > start
    })
    if (empty.length > 0) {
      if (offsetsLeft <= 0) break
      offsetsLeft -= await readSlices(ports, topic, page, empty, Math.min(sliceOffsets, sliceMaxOffsets))
      sliceOffsets *= 2
      continue
    }
    const newest = newestOf(descents)
    if (newest === undefined) break
    letters.push(newest.waiting.shift()!)
  }
  const isLast = descents.every(({ waiting, unreadBefore, start }) => {
    return waiting.length === 0 && unreadBefore <= start
  })
  return { letters, next: isLast ? undefined : descents.map(cursorOf) }
}

async function begin(ports: ReadingPorts, topic: string, before: PageCursor | undefined): Promise<Descent[]> {
  const ranges = await rangesOf(ports, topic)
  return ranges.map(({ partition, start, end }) => {
    const unreadBefore = Math.min(end, before?.[partition] ?? end)
    return { partition, start, unreadBefore, waiting: [] }
  })
}

/** Answers how many offsets were looked at. */
async function readSlices(
  ports: ReadingPorts,
  topic: OpenLetterTopic,
  { filter, isListed, signal }: PageOfLetters,
  descents: readonly Descent[],
  offsets: number,
): Promise<number> {
  const ranges = descents.map(({ partition, start, unreadBefore }) => ({
    topic: topic.topic,
    partition,
    from: Math.max(start, unreadBefore - offsets),
    to: unreadBefore,
  }))
  const byPartition = new Map(descents.map((descent) => [descent.partition, descent]))
  await readRanges(
    ports,
    ranges,
    async (batch, { from, to }) => {
      const { waiting } = byPartition.get(batch.partition)!
      for (let index = 0; index < batch.length; index++) {
        const offset = batch.offsets[index]!
        if (offset < from || offset >= to) continue
        const { letter } = await topic.letterAt(batch, index)
        if (matches(letter, filter) && isListed(letter)) waiting.push(letter)
      }
    },
    signal,
  )
  let looked = 0
  for (const [index, descent] of descents.entries()) {
    descent.waiting.reverse()
    descent.unreadBefore = ranges[index]!.from
    looked += ranges[index]!.to - ranges[index]!.from
  }
  return looked
}

function newestOf(descents: readonly Descent[]): Descent | undefined {
  let newest: Descent | undefined
  for (const descent of descents) {
    const [head] = descent.waiting
    if (head === undefined) continue
    if (newest === undefined || head.failedTimeMs > newest.waiting[0]!.failedTimeMs) newest = descent
  }
  return newest
}

function cursorOf({ waiting: [head], unreadBefore }: Descent): number {
  return head === undefined ? unreadBefore : head.place.offset + 1
}
