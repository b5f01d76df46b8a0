/** Compression of record batches by the codecs that Kafka has. */
import * as zlib from 'node:zlib'
import { messageOf, StreamsError } from '../../../errors.ts'
import { maxDecompressedBytes } from './batch-layout.ts'
import { DamagedBytes } from './damaged-bytes.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { compressSnappy, decompressSnappy } from './snappy.ts'

/** By the code that batches carry. */
const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** What records can be written with. */
export type Compression = (typeof codecNames)[number]

export const compressionCodes: Readonly<Record<Compression, number>> = {
  none: 0,
  gzip: 1,
  snappy: 2,
  lz4: 3,
  zstd: 4,
}

/** Zstandard came to Node with 22.15 and 23.8. */
const zstdCompress: unknown = Reflect.get(zlib, 'zstdCompressSync')
const zstdDecompress: unknown = Reflect.get(zlib, 'zstdDecompressSync')

export const zstdAvailable = typeof zstdCompress === 'function' && typeof zstdDecompress === 'function'

/** @throws CONFIGURATION_INVALID when this Node does not have the codec */
export function compress(bytes: Uint8Array, compression: Compression): Uint8Array {
  if (compression === 'none') return bytes
  if (compression === 'gzip') return zlib.gzipSync(bytes)
  if (compression === 'snappy') return compressSnappy(bytes)
  if (compression === 'lz4') return compressLz4(bytes)
  if (typeof zstdCompress === 'function') return bufferFrom(zstdCompress(bytes))
  throw new StreamsError(
    'CONFIGURATION_INVALID',
    `compression "zstd" needs Node.js 22.15 or newer, this is ${process.version}; use "lz4" or "none"`,
  )
}

/**
 * @param code the lowest three bits of a batch's attributes
 * @throws DamagedBytes when the bytes are not what the codec writes; LOG_UNREADABLE when this Node lacks the codec
 */
export function decompress(bytes: Buffer, code: number, partitionName: string): Buffer {
  const codec = codecNames[code]
  try {
    switch (codec) {
      case 'none':
        return bytes
      case 'gzip':
        return zlib.gunzipSync(bytes, { maxOutputLength: maxDecompressedBytes })
      case 'snappy':
        return decompressSnappy(bytes, maxDecompressedBytes)
      case 'lz4':
        return decompressLz4(bytes, maxDecompressedBytes)
      case 'zstd':
        if (typeof zstdDecompress !== 'function') throw zstdMissing(partitionName)
        return bufferFrom(zstdDecompress(bytes, { maxOutputLength: maxDecompressedBytes }))
      default:
        throw new DamagedBytes(`compression code ${code} is none that Kafka has`)
    }
  } catch (error) {
    if (error instanceof StreamsError || error instanceof DamagedBytes) throw error
    throw new DamagedBytes(`${codec} could not be decompressed: ${messageOf(error)}`)
  }
}

function zstdMissing(partitionName: string): StreamsError {
  return new StreamsError(
    'LOG_UNREADABLE',
    `${partitionName} holds records compressed with zstd, which needs Node.js 22.15 or newer; this is ` +
      `${process.version}. Run a newer Node.js, or set the topic's compression.type to gzip, lz4, snappy or uncompressed`,
  )
}

function bufferFrom(answer: unknown): Buffer {
  if (Buffer.isBuffer(answer)) return answer
  throw new DamagedBytes('zlib answered no buffer')
}
