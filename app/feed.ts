/** Brings an input into the log through the Order API's own way while the topologies run, and waits for them to finish it. */
import { createReadStream } from 'node:fs'
import { type InputOptions, type InputProgress, ingestFile, ingestStream } from '../api/input-file.ts'
import { isPipe } from '../api/input-source.ts'
import { topics } from '../schemas/topics.ts'
import type { Application } from './application.ts'

/** The path of a file or a pipe; `-` is standard input. */
export type Input = string

export interface Feeding {
  readonly onProgress: (progress: InputProgress) => void
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
  { onProgress, stop }: Feeding,
): Promise<'finished' | 'stopped'> {
  const ending = new AbortController()
  const { log, clock } = platform
  const options: InputOptions = { log, registry, clock, topics, onProgress, signal: ending.signal }
  const reading = read(input, options)
  const finished = reading.then(() => streams.drained()).then(() => 'finished' as const)
  const stopped = stop.requested.then(() => 'stopped' as const)
  try {
    return await Promise.race([finished, stopped, streams.failed])
  } finally {
    // Whatever ended it: nobody may write to the log when it is closed.
    ending.abort()
    await reading.catch(() => {})
  }
}

async function read(input: Input, options: InputOptions): Promise<void> {
  if (input === '-') await ingestStream(process.stdin, options)
  else if (await isPipe(input)) await ingestStream(createReadStream(input), options)
  else await ingestFile(input, options)
}
