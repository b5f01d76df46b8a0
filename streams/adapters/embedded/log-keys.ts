/**
 * Where the embedded log keeps what in its store. The first byte of a key says what the row is; numbers are big-endian,
 * so that rows of one partition lie together in the order of their offsets.
 *
 *     00                                              the format's version
 *     01 topic name                                   a topic: its id and settings
 *     02 topic id, partition                          what the records cannot tell of a partition
 *     03 topic id, partition, offset                  records from that offset
 *     04 group id's length, group id, topic id, partition   an offset that a group committed
 */
import { StreamsError } from '../../errors.ts'
import type { KeyRange, Store } from '../../ports/store.ts'

export const logFormatVersion = 1

export const formatKey = Buffer.of(0)
export const topicRows: KeyRange = { from: Buffer.of(1), to: Buffer.of(2) }

export function topicKey(name: string): Buffer {
  return Buffer.concat([Buffer.of(1), Buffer.from(name, 'utf8')])
}

export function topicOfKey(key: Buffer): string {
  return key.toString('utf8', 1)
}

export function partitionKey(topicId: number, partition: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key[0] = 2
  key.writeUInt32BE(topicId, 1)
  key.writeUInt32BE(partition, 5)
  return key
}

export function recordsKey(topicId: number, partition: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(17)
  key[0] = 3
  key.writeUInt32BE(topicId, 1)
  key.writeUInt32BE(partition, 5)
  writeOffset(key, offset, 9)
  return key
}

export function offsetOfRecordsKey(key: Buffer): number {
  return readOffset(key, 9)
}

export function groupOffsetKey(groupId: string, topicId: number, partition: number): Buffer {
  const idBytes = Buffer.byteLength(groupId)
  const key = Buffer.allocUnsafe(11 + idBytes)
  key[0] = 4
  key.writeUInt16BE(idBytes, 1)
  key.write(groupId, 3)
  key.writeUInt32BE(topicId, 3 + idBytes)
  key.writeUInt32BE(partition, 7 + idBytes)
  return key
}

export function encodeOffset(offset: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  writeOffset(bytes, offset, 0)
  return bytes
}

export function writeOffset(target: Buffer, offset: number, at: number): void {
  target.writeUInt32BE(Math.floor(offset / 0x1_0000_0000), at)
  target.writeUInt32BE(offset % 0x1_0000_0000, at + 4)
}

export function readOffset(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

/** Marks a new store as an embedded log's, and refuses one that is not, or that another version wrote. */
export function checkFormat(store: Store): void {
  const version = store.get(formatKey)
  if (version !== undefined) {
    if (version.length === 1 && version[0] === logFormatVersion) return
    throw unsupported(`has format ${version.toString('hex')}`)
  }
  for (const _ of store.range({ limit: 1 })) throw unsupported('holds something else than an embedded log')
  const batch = store.batch()
  batch.put(formatKey, Buffer.of(logFormatVersion))
  store.write(batch, { sync: true })
}

function unsupported(what: string): StreamsError {
  return new StreamsError(
    'STATE_FORMAT_UNSUPPORTED',
    `the log's store ${what}, this version reads format ${logFormatVersion}: open it with the version that wrote it, or use another directory`,
  )
}
