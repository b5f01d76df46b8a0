/** Dead letters and rejections as they are listed, found and sent again. */
import type { Headers } from '../../records/record-batch.ts'

/** Where a record lies. */
export interface RecordPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** A record that an operator, a source or a sink failed on, or that the rules of the application rejected. */
export interface Letter {
  /** Where the dead letter or the rejection itself lies. */
  readonly place: RecordPlace
  readonly topology: string
  /** Sub-topology and operator that failed on the record; empty for a rejection. */
  readonly subTopology: string
  readonly operator: string
  /** Why, for programs: one of a dead letter, all reasons of a rejection. */
  readonly codes: readonly string[]
  /** Why, for people. */
  readonly message: string
  /** Where the record lies that this is about; its offset is -1 for a change of a store. */
  readonly record: RecordPlace
  readonly recordTimeMs: number
  readonly failedTimeMs: number
  /** Counts the attempts to process the record; 1 is the first. */
  readonly attempt: number
  readonly isRejection: boolean
  /** Why it cannot be sent again, whatever is asked for. */
  readonly notReplayable: string | undefined
}

/** What a record holds, byte for byte. */
export interface RecordContent {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Headers
  readonly timestampMs: number
}

/** A letter with its record; undefined when the record has to be read from its topic. */
export interface FullLetter {
  readonly letter: Letter
  /** Key of the record, by which letters that belong together keep their order. */
  readonly key: Buffer | null
  readonly content: RecordContent | undefined
}

/** Which letters of a topology. */
export interface LetterFilter {
  readonly code?: string
  readonly operator?: string
  /** Of the record. */
  readonly topic?: string
  /** When it failed: at `fromMs` or later, before `toMs`. */
  readonly fromMs?: number
  readonly toMs?: number
}

export function matches(letter: Letter, { code, operator, topic, fromMs, toMs }: LetterFilter): boolean {
  return (
    (code === undefined || letter.codes.includes(code)) &&
    (operator === undefined || letter.operator === operator) &&
    (topic === undefined || letter.record.topic === topic) &&
    (fromMs === undefined || letter.failedTimeMs >= fromMs) &&
    (toMs === undefined || letter.failedTimeMs < toMs)
  )
}

/** The name by which a letter is asked for: `ingest-dead-letter/0/12`. */
export function nameOf({ topic, partition, offset }: RecordPlace): string {
  return `${topic}/${partition}/${offset}`
}

/** Undefined for a text that names no place. */
export function placeNamed(name: string): RecordPlace | undefined {
  const [, topic, partition, offset] = /^([^/]+)\/(\d{1,9})\/(\d{1,16})$/.exec(name) ?? []
  if (topic === undefined) return undefined
  return { topic, partition: Number(partition), offset: Number(offset) }
}
