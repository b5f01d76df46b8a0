import { beforeEach, describe, expect, it } from 'vitest'
import { ScriptedReader, TextProcessor } from '../../tests/support/scripted-reader.ts'
import { type RecordBatch, RecordBatchBuilder } from '../records/record-batch.ts'
import { valuesBatch } from '../testing/plain-records.ts'
import { SourceTime } from '../time/input-time.ts'
import { carriedHeaders, watermarkHeaders } from '../time/watermark-record.ts'
import { defaultTiming } from '../topology/source.ts'
import { PartitionInput } from './partition-input.ts'
import { replayForHeader } from './replay-headers.ts'

const partition = { topic: 'in', partition: 0 }

let reader: ScriptedReader
let processor: TextProcessor
let input: PartitionInput

function open(startOffset = 0, isRepartition = false): void {
  reader = new ScriptedReader()
  processor = new TextProcessor()
  input = new PartitionInput({
    partition,
    processor,
    reader,
    startOffset,
    time: new SourceTime(defaultTiming),
    isRepartition,
    recipient: 'topology/in',
  })
}

beforeEach(() => open())

/** Records with these offsets, each with its offset as its value unless told otherwise. */
function batch(
  offsets: readonly number[],
  nextOffset = offsets.at(-1)! + 1,
  values: readonly string[] = [],
): RecordBatch {
  const built = valuesBatch('in', 0, ...offsets.map((offset, index) => values[index] ?? `${offset}`))
  return { ...built, offsets: Float64Array.from(offsets), nextOffset }
}

/** Processes what is there; failures as `!message`. */
function drain(limit = 100): string[] {
  const seen: string[] = []
  while (input.refill(limit)) {
    const failure = input.failureOf(input.head)
    if (failure === undefined) {
      processor.process(input.head)
      seen.push(processor.processed.at(-1)!)
    } else {
      seen.push(`!${(failure as Error).message}`)
    }
    input.advance()
  }
  return seen
}

describe('PartitionInput', () => {
  describe('at replayed records', () => {
    const replayFor = (recipient: string) => [{ key: replayForHeader, value: Buffer.from(recipient) }]

    /** Records by whom they are for; undefined for everybody. */
    function deliver(...recipients: (string | undefined)[]): void {
      const headers = recipients.map((recipient) =>
        recipient === undefined ? undefined : replayFor(recipient),
      )
      reader.deliver({ ...batch(recipients.map((_, offset) => offset)), headers })
    }

    it('should take those that are for it, and pass over those for others', () => {
      deliver('other/in', undefined, 'topology/in', 'topology/other', 'other/in')
      expect(drain()).toEqual(['1', '2'])
      expect(input.nextOffset).toBe(5)
    })

    it('should stand behind them when there is nothing else', () => {
      deliver('other/in', 'other/in')
      expect(drain()).toEqual([])
      expect(input.nextOffset).toBe(2)
    })

    it('should fill its slots with what is for it, however many are not', () => {
      deliver('other/in', undefined, 'other/in', 'other/in', undefined, undefined)
      expect(input.refill(2)).toBe(true)
      expect(input.count).toBe(2)
      expect(drain(2)).toEqual(['1', '4', '5'])
      expect(input.nextOffset).toBe(6)
    })

    it('should judge them by the time as it is now where tasks of the topology write', () => {
      open(0, true)
      input.time.observe(5_000, undefined)
      const carrying = (ms: number) => [...carriedHeaders(ms), ...replayFor('topology/in')]
      const headers = [carrying(1_000), replayFor('topology/in'), carriedHeaders(1_000)]
      reader.deliver({ ...batch([0, 1, 2]), headers })
      input.refill(10)
      const nowMs = input.time.watermarkMs
      expect([0, 1, 2].map((slot) => input.carriedBy(slot))).toEqual([nowMs, nowMs, 1_000])
    })
  })

  it('should commit exactly what was processed, over gaps in the offsets', () => {
    reader.deliver(batch([0, 4, 5, 9], 20))
    input.refill(100)
    const positions = Array.from({ length: 4 }, () => {
      input.advance()
      return input.nextOffset
    })
    expect(positions).toEqual([1, 5, 6, 20])
  })

  it('should pass offsets that hold no records', () => {
    reader.deliver(batch([], 7))
    expect(input.refill(100)).toBe(false)
    expect(input.nextOffset).toBe(7)
    reader.deliver(batch([7]))
    reader.deliver(batch([], 12))
    expect(drain()).toEqual(['7'])
    expect(input.nextOffset).toBe(12)
  })

  it('should never process a record below its position, nor go back', () => {
    open(5)
    reader.deliver(batch([3, 4, 5, 6]))
    expect(drain()).toEqual(['5', '6'])
    reader.deliver(batch([0, 1]))
    expect(drain()).toEqual([])
    expect(input.nextOffset).toBe(7)
    reader.deliver(batch([2, 7]))
    expect(drain()).toEqual(['7'])
  })

  it('should go through several batches, a limited number of records at a time', () => {
    reader.deliver(batch([0, 1, 2]))
    reader.deliver(batch([3, 4]))
    input.refill(4)
    expect(input.count).toBe(4)
    expect(drain(4)).toEqual(['0', '1', '2', '3', '4'])
    expect(input.nextOffset).toBe(5)
  })

  it('should hold the place of what cannot be decoded, with its error and its own timestamp', () => {
    reader.deliver(batch([0, 1, 2, 3], 4, ['a', 'bad', 'b', 'bad']))
    expect(input.refill(100)).toBe(true)
    expect(input.timestampOfHead()).toBe(1_700_000_000_000)
    expect(drain()).toEqual(['a', '!not text', 'b', '!not text'])
  })

  it('should stop before a record whose schema is missing, and go on with it', async () => {
    reader.deliver(batch([0, 1, 2], 3, ['a', 'schema-7', 'b']))
    expect(drain()).toEqual(['a'])
    expect([input.missingSchema, input.nextOffset, input.mayHaveMore]).toEqual([7, 1, true])
    await processor.loadSchema(7)
    input.missingSchema = undefined
    expect(drain()).toEqual(['schema-7', 'b'])
    expect(input.nextOffset).toBe(3)
  })

  it('should give up only the record whose schema nobody knows', () => {
    reader.deliver(batch([0, 1, 2], 3, ['a', 'schema-7', 'b']))
    drain()
    input.failMissingSchema(new Error('unknown schema 7'))
    expect(drain()).toEqual(['!unknown schema 7', 'b'])
    expect(input.nextOffset).toBe(3)
  })

  it('should pass the end of its batch when the last record’s schema is unknown', () => {
    reader.deliver(batch([0, 1], 8, ['a', 'schema-7']))
    drain()
    input.failMissingSchema(new Error('unknown'))
    expect(drain()).toEqual(['!unknown'])
    expect(input.nextOffset).toBe(8)
  })

  it('should know whether there may be more', () => {
    expect(input.mayHaveMore).toBe(true)
    reader.deliver(batch([0, 1]), 3)
    expect(drain()).toEqual(['0', '1'])
    expect([input.mayHaveMore, input.lag]).toEqual([true, 1])
    reader.deliver(batch([2]), 3)
    drain()
    expect([input.mayHaveMore, input.lag]).toEqual([false, 0])
  })

  it('should hold watermarks in a repartition topic, which are no records, to be taken first', () => {
    open(0, true)
    const builder = new RecordBatchBuilder('in', 0)
    const watermark = { task: 't', watermarkMs: 70, isIdle: false, hasEnded: false }
    builder.append(null, Buffer.from('a'), 50)
    builder.append(null, null, 1_000, watermarkHeaders(watermark))
    builder.append(null, Buffer.from('b'), 60, carriedHeaders(65))
    reader.deliver(builder.build())
    input.refill(100)
    const seen = Array.from({ length: 3 }, () => {
      const { head } = input
      const facts = [input.timestampOfHead(), input.watermarkAt(head), input.carriedBy(head)]
      input.advance()
      return facts
    })
    expect(seen).toEqual([
      [50, undefined, undefined],
      [Number.NEGATIVE_INFINITY, watermark, undefined],
      [60, undefined, 65],
    ])
    expect(input.nextOffset).toBe(3)
  })

  it('should take nobody’s word for the time in any other topic', () => {
    open()
    const builder = new RecordBatchBuilder('in', 0)
    const watermark = { task: 't', watermarkMs: 70, isIdle: false, hasEnded: false }
    builder.append(null, Buffer.from('a'), 50, [...watermarkHeaders(watermark), ...carriedHeaders(65)])
    reader.deliver(builder.build())
    input.refill(100)
    expect([input.watermarkAt(0), input.carriedBy(0)]).toEqual([undefined, undefined])
    expect(drain()).toEqual(['a'])
  })
})
