/** Where lines of order events come from: a file, plain or compressed with gzip, or any stream of bytes. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { PassThrough, pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { messageOf } from '../streams/index.ts'
import { OrderApiError, systemCodeOf } from './errors.ts'

export interface InputFile {
  readonly path: string
  /** Of the content, so that a file that was moved or copied is known again, and one that changed is another. */
  readonly sha256: string
  /** As stored, compressed or not. What is appended to the file afterwards is not read. */
  readonly bytes: number
}

/** Whether a path is a pipe or a device, such as a shell's `<(…)`: it can be read once only, and has no identity. */
export async function isPipe(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && (found.isFIFO() || found.isCharacterDevice())
}

/** @throws INPUT_NOT_FOUND, INPUT_UNREADABLE */
export async function identifyFile(path: string): Promise<InputFile> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    if (!(await stat(path)).isFile()) {
      throw new OrderApiError('INPUT_UNREADABLE', `input ${path} is not a file: name one, or - for stdin`)
    }
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk)
      bytes += chunk.length
    }
  } catch (error) {
    throw inputError(error, path)
  }
  return { path, sha256: hash.digest('hex'), bytes }
}

export interface InputStream {
  /** The text, unpacked. Ends in an OrderApiError when it cannot be read or unpacked. */
  chunks(): AsyncIterable<Buffer>
  /** Bytes taken from the source so far, as stored. */
  bytesRead(): number
}

export function openFile(file: InputFile, signal?: AbortSignal): InputStream {
  if (file.bytes === 0) return openStream(new PassThrough().end(), file.path, signal)
  return openStream(createReadStream(file.path, { end: file.bytes - 1 }), file.path, signal)
}

/**
 * Unpacks the stream if it begins like gzip.
 * @param name for error messages
 * @param signal ends the stream at once, without an error
 */
export function openStream(source: Readable, name: string, signal?: AbortSignal): InputStream {
  let bytesRead = 0
  const stop = () => source.destroy()
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      bytesRead += chunk.length
      yield chunk
    }
  }
  async function* chunks(): AsyncGenerator<Buffer> {
    signal?.addEventListener('abort', stop)
    try {
      if (signal?.aborted !== true) yield* await unpacked(counted())
    } catch (error) {
      if (signal?.aborted !== true) throw inputError(error, name)
    } finally {
      signal?.removeEventListener('abort', stop)
      source.destroy()
    }
  }
  return { chunks, bytesRead: () => bytesRead }
}

async function unpacked(packed: AsyncGenerator<Buffer>): Promise<AsyncIterable<Buffer>> {
  const first: Buffer[] = []
  let firstBytes = 0
  while (firstBytes < 2) {
    const next = await packed.next()
    if (next.done === true) break
    first.push(next.value)
    firstBytes += next.value.length
  }
  const head = Buffer.concat(first)
  async function* whole(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head
    yield* packed
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) return whole()
  // An error of any part destroys the last, and so ends the iteration over it.
  return pipeline(whole(), createGunzip(), () => {})
}

function inputError(error: unknown, name: string): OrderApiError {
  if (error instanceof OrderApiError) return error
  const code = systemCodeOf(error)
  if (code === 'ENOENT') {
    const message = `input ${name} does not exist: check the path; it is taken from the current directory`
    return new OrderApiError('INPUT_NOT_FOUND', message, { cause: error })
  }
  if (code?.startsWith('Z_') === true) {
    const message = `input ${name} is damaged gzip (${messageOf(error)}): the lines before the damage were read; compress it anew`
    return new OrderApiError('INPUT_CORRUPT', message, { cause: error })
  }
  const message = `input ${name} cannot be read: ${messageOf(error)}`
  return new OrderApiError('INPUT_UNREADABLE', message, { cause: error })
}
