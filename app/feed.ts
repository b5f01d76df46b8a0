/** Brings an input into the log through the Order API's own way; and waits for topologies that run meanwhile to finish it. */
import { createReadStream } from 'node:fs'
import {
  type InputOptions,
  type InputProgress,
  type InputResult,
  ingestFile,
  ingestStream,
} from '../api/input-file.ts'
import { isPipe } from '../api/input-source.ts'
import { topics } from '../schemas/topics.ts'
import type { Application } from './application.ts'

/** The path of a file or a pipe; `-` is standard input. */
export type Input = string

export interface Feeding {
  readonly onProgress: (progress: InputProgress) => void
  /** Whether nothing comes after it: what waits for time to pass is then due, such as the time-outs of unpaid orders. */
  readonly isAll: boolean
  /** Aborted when the user wants to stop. */
  readonly stop: { readonly signal: AbortSignal; readonly requested: Promise<void> }
}

/**
 * Resolves once everything is processed and committed, `finished`, or the user stopped it, `stopped`.
 * @throws what the input or a topology failed with
 */
export async function feed(
  { platform, registry, streams }: Application,
  input: Input,
  { onProgress, isAll, stop }: Feeding,
): Promise<'finished' | 'stopped'> {
  const ending = new AbortController()
  const { log, clock } = platform
  const reading = readInput(input, { log, registry, clock, onProgress, signal: ending.signal })
  const finished = reading.then(() => streams.drained({ endOfInput: isAll })).then(() => 'finished' as const)
  const stopped = stop.requested.then(() => 'stopped' as const)
  try {
    return await Promise.race([finished, stopped, streams.failed])
  } finally {
    // Whatever ended it: nobody may write to the log when it is closed.
    ending.abort()
    await reading.catch(() => {})
  }
}

/** @throws what the input failed with */
export async function readInput(input: Input, options: Omit<InputOptions, 'topics'>): Promise<InputResult> {
  const all = { ...options, topics }
  if (input === '-') return ingestStream(process.stdin, all)
  return (await isPipe(input)) ? ingestStream(createReadStream(input), all) : ingestFile(input, all)
}
