/**
 * A file of records, one behind the other: the rows of a store in the order of their keys, or records of a topic in the order of
 * their offsets. All numbers are big-endian.
 *
 *     file    = "OSSPREC1" record*
 *     record  = keyLength(uint32) valueLength(uint32) timestampMs(float64) headerCount(uint16) header* key value
 *     header  = nameLength(uint16) name valueLength(uint32) value
 *
 * Lengths that may be of null are one more than the length, and 0 for null. Records are written and read in pieces: a file of any size
 * takes a few hundred kilobytes of memory.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { messageOf, StreamsError } from '../../errors.ts'
import { ByteWriter } from '../../records/byte-writer.ts'
import type { Header, Headers } from '../../records/record-batch.ts'
import { unusable } from './file-errors.ts'

export interface FileRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestampMs: number
  readonly headers: Headers
}

/** What is known of a file once it is written. */
export interface WrittenFile {
  /** Its name, within the savepoint. */
  readonly file: string
  readonly records: number
  readonly bytes: number
  /** SHA-256 of all its bytes, in hexadecimal. */
  readonly sha256: string
}

const magic = Buffer.from('OSSPREC1')
const pieceBytes = 256 * 1024
const headBytes = 18

/** Writes a file through to disk. What is there under the name already is refused. @throws STORAGE_FULL, STATE_DIRECTORY_UNUSABLE */
export async function writeRecords(
  path: string,
  name: string,
  records: Iterable<FileRecord> | AsyncIterable<FileRecord>,
): Promise<WrittenFile> {
  try {
    return await writeFile(path, name, records)
  } catch (error) {
    throw unusable(path, error)
  }
}

async function writeFile(
  path: string,
  name: string,
  records: Iterable<FileRecord> | AsyncIterable<FileRecord>,
): Promise<WrittenFile> {
  const handle = await open(path, 'wx')
  try {
    const hash = createHash('sha256')
    const writer = new ByteWriter(pieceBytes)
    let bytes = 0
    let count = 0
    const flush = async (): Promise<void> => {
      const piece = writer.copy(0, writer.position)
      writer.clear()
      hash.update(piece)
      bytes += piece.length
      await writeAll(handle, piece)
    }
    writer.bytes(magic)
    for await (const record of records) {
      writeRecord(writer, record)
      count++
      if (writer.position >= pieceBytes) await flush()
    }
    await flush()
    await handle.sync()
    return { file: name, records: count, bytes, sha256: hash.digest('hex') }
  } finally {
    await handle.close()
  }
}

/** The records of a file, which was checked before. @throws SAVEPOINT_CORRUPT */
export async function* readRecords(path: string): AsyncGenerator<FileRecord, void, undefined> {
  const handle = await open(path, 'r')
  try {
    let rest: Buffer = Buffer.alloc(0)
    let isFirst = true
    for await (const piece of piecesOf(handle)) {
      rest = rest.length === 0 ? piece : Buffer.concat([rest, piece])
      if (isFirst) {
        if (rest.length < magic.length) continue
        if (!rest.subarray(0, magic.length).equals(magic)) throw corrupt(path, 'it is not a file of records')
        rest = rest.subarray(magic.length)
        isFirst = false
      }
      for (let end = endOfRecord(rest); end !== undefined; end = endOfRecord(rest)) {
        yield recordOf(rest, end)
        rest = rest.subarray(end)
      }
    }
    if (isFirst || rest.length > 0) throw corrupt(path, 'it ends in the middle of a record')
  } finally {
    await handle.close()
  }
}

/** @throws SAVEPOINT_CORRUPT when a file is missing or not as it was written */
export async function checkFile(path: string, { bytes, sha256 }: WrittenFile): Promise<void> {
  const hash = createHash('sha256')
  let length = 0
  try {
    const handle = await open(path, 'r')
    try {
      for await (const piece of piecesOf(handle)) {
        hash.update(piece)
        length += piece.length
      }
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw corrupt(path, `it cannot be read: ${messageOf(cause)}`, cause)
  }
  if (length !== bytes) throw corrupt(path, `it has ${length} bytes instead of ${bytes}`)
  if (hash.digest('hex') !== sha256) throw corrupt(path, 'its SHA-256 is another than the manifest says')
}

function corrupt(path: string, what: string, cause?: unknown): StreamsError {
  return new StreamsError(
    'SAVEPOINT_CORRUPT',
    `file ${path} of the savepoint is damaged: ${what}; copy the savepoint again, or take another one`,
    { details: { file: path }, cause },
  )
}

function writeRecord(writer: ByteWriter, { key, value, timestampMs, headers }: FileRecord): void {
  const head = Buffer.alloc(headBytes)
  head.writeUInt32BE(lengthOf(key), 0)
  head.writeUInt32BE(lengthOf(value), 4)
  head.writeDoubleBE(timestampMs, 8)
  head.writeUInt16BE(headers.length, 16)
  writer.bytes(head)
  for (const header of headers) {
    const name = Buffer.from(header.key)
    const lengths = Buffer.alloc(6)
    lengths.writeUInt16BE(name.length, 0)
    lengths.writeUInt32BE(lengthOf(header.value), 2)
    writer.bytes(lengths.subarray(0, 2))
    writer.bytes(name)
    writer.bytes(lengths.subarray(2))
    if (header.value !== null) writer.bytes(header.value)
  }
  if (key !== null) writer.bytes(key)
  if (value !== null) writer.bytes(value)
}

function lengthOf(bytes: Uint8Array | null): number {
  return bytes === null ? 0 : bytes.length + 1
}

/** Where the record at the beginning ends; undefined when it is not there whole. */
function endOfRecord(bytes: Buffer): number | undefined {
  if (bytes.length < headBytes) return undefined
  let end = headBytes
  for (let left = bytes.readUInt16BE(16); left > 0; left--) {
    if (bytes.length < end + 2) return undefined
    end += 2 + bytes.readUInt16BE(end)
    if (bytes.length < end + 4) return undefined
    end += 4 + Math.max(0, bytes.readUInt32BE(end) - 1)
  }
  end += Math.max(0, bytes.readUInt32BE(0) - 1) + Math.max(0, bytes.readUInt32BE(4) - 1)
  return bytes.length < end ? undefined : end
}

function recordOf(bytes: Buffer, end: number): FileRecord {
  const headers: Header[] = []
  let at = headBytes
  for (let left = bytes.readUInt16BE(16); left > 0; left--) {
    const nameEnd = at + 2 + bytes.readUInt16BE(at)
    const name = bytes.toString('utf8', at + 2, nameEnd)
    const length = bytes.readUInt32BE(nameEnd)
    at = nameEnd + 4 + Math.max(0, length - 1)
    headers.push({ key: name, value: length === 0 ? null : bytes.subarray(nameEnd + 4, at) })
  }
  const keyLength = bytes.readUInt32BE(0)
  const keyEnd = at + Math.max(0, keyLength - 1)
  return {
    key: keyLength === 0 ? null : bytes.subarray(at, keyEnd),
    value: bytes.readUInt32BE(4) === 0 ? null : bytes.subarray(keyEnd, end),
    timestampMs: bytes.readDoubleBE(8),
    headers,
  }
}

async function* piecesOf(handle: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(pieceBytes), 0, pieceBytes)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; )
    written += (await handle.write(bytes, written, bytes.length - written)).bytesWritten
}
