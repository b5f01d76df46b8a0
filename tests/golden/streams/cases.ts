/** The golden cases: what Apache Kafka Streams answered to small inputs. README.md says what the fields mean. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nullable, serdes, type Topic, topic } from '../../../streams/index.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

export interface GoldenInput {
  readonly topic: string
  readonly key: string | null
  readonly value: Json
  readonly timestampMs: number
}

export interface GoldenOutput {
  readonly key: string | null
  readonly value: Json
  readonly timestampMs: number
  /** Position of the input whose processing emitted this. */
  readonly inputIndex: number
}

export interface GoldenDrop {
  readonly inputIndex: number
  readonly count: number
  readonly reason: string
}

export interface GoldenWindow {
  readonly startMs: number
  readonly endMs: number
}

export interface GoldenCase<P> {
  readonly name: string
  readonly operator: string
  readonly parameters: P
  readonly input: readonly GoldenInput[]
  readonly traits: readonly string[]
  readonly output: readonly (GoldenOutput & { readonly window: GoldenWindow | null })[]
  readonly drops: readonly GoldenDrop[]
}

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ndjson'))
const lines = files.flatMap((name) =>
  readFileSync(join(import.meta.dirname, name), 'utf8')
    .trimEnd()
    .split('\n'),
)
const allCases: readonly GoldenCase<unknown>[] = lines.map((line) => JSON.parse(line))

export const caseCount = allCases.length

/** The cases of an operator; the caller names the parameters that the README lists for it. */
export function casesOf<P>(operator: string): readonly GoldenCase<P>[] {
  return allCases.filter((golden) => golden.operator === operator) as readonly GoldenCase<P>[]
}

export const operatorsWithCases: ReadonlySet<string> = new Set(allCases.map(({ operator }) => operator))

/** A topic of a case: its values are what the caller says they are. */
export function goldenTopic<V extends Json>(name: string): Topic<string | null, V | null> {
  return topic(name, { key: nullable(serdes.string), value: nullable(serdes.json<V>()) })
}

/** Whether tables of a case remember what their rows were, and for how long. */
export interface Versioned {
  readonly versioned?: boolean
  readonly historyRetentionMs?: number
}

/** What a table of a case is declared with. */
export function versionedIf({ versioned, historyRetentionMs = 0 }: Versioned): {
  readonly versioned?: { readonly historyMs: number }
} {
  return versioned === true ? { versioned: { historyMs: historyRetentionMs } } : {}
}

/** Where each case's operator writes to. */
export const output = goldenTopic<Json>('output')
