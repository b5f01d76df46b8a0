/**
 * Keys and rows of a store by its layout: what a key is encoded to, and what a stored row shows.
 *
 * The layouts are those of streams/state, streams/time and streams/cep; they are told apart by the store's view alone.
 */
import { messageOf, StreamsError } from '../../errors.ts'
import { ByteWriter } from '../../records/byte-writer.ts'
import type { OpenCodecs } from '../../runtime/codecs.ts'
import { type Codec, SchemaNotLoaded } from '../../serde/serde.ts'
import type { CountedWindows } from '../../state/counted-windows.ts'
import type { ListKey } from '../../state/list-rows.ts'
import type { MapEntryKey } from '../../state/map-rows.ts'
import { rowTimestamp, rowValue, writeRow } from '../../state/row-codec.ts'
import type { Versions } from '../../state/versions.ts'
import type { WindowList } from '../../state/window-list.ts'
import { startKey } from '../../state/windowed-serde.ts'
import type { Timer } from '../../time/timer-key.ts'
import type { Windowed } from '../../topology/store-spec.ts'
import type { OpenRun } from '../../topology/store-view.ts'
import type { StoredRowBytes } from './readable-rows.ts'
import type { QueriedStore } from './stores.ts'

/** A row as it is shown. */
export interface ViewedRow {
  readonly key: unknown
  readonly value: unknown
  readonly timestampMs: number
  readonly window: { readonly startMs: number; readonly endMs: number } | undefined
}

export interface KeyedRun {
  readonly key: unknown
  readonly run: OpenRun
}

interface DecodedRow {
  readonly key: unknown
  readonly value: unknown
  readonly timestampMs: number
}

const windowStartBytes = 8
const positionBytes = 8
/** Kind and time in front of a timer's key, and the length of its name behind it. */
export const timerHeadBytes = 9
const timerTailBytes = 1

export class StoreCodec {
  private readonly store: QueriedStore
  private readonly key: Codec<unknown>
  private readonly value: Codec<unknown>

  constructor(store: QueriedStore, codecs: OpenCodecs) {
    const { key, value } = codecs.ofStore(store.spec)
    this.store = store
    this.key = key
    this.value = value
  }

  /** Whether rows are elements of lists; else, where rows are elements, they are entries of maps. */
  get isOfLists(): boolean {
    return this.store.view.layout === 'list'
  }

  /**
   * The bytes that tell whose rows are whose: all of the encoded key, but for windows, lists, maps and timers, where they are a part of it.
   * @throws RECORD_NOT_ENCODABLE when it is no key of this store
   */
  keyBytes(key: unknown): Buffer {
    switch (this.store.view.layout) {
      case 'windows':
        return this.encoded({ key, startMs: 0, endMs: 0 }).subarray(windowStartBytes)
      case 'list':
        return this.encoded({ key, position: 0 }).subarray(0, -positionBytes)
      case 'map':
        return this.encoded({ key, bound: 'first' })
      case 'timers':
        return this.encoded({ by: 'event-time', timeMs: 0, key, name: '' }).subarray(
          timerHeadBytes,
          -timerTailBytes,
        )
      default:
        return this.encoded(key)
    }
  }

  /** Of one element of a list, or one entry of a map. @throws RECORD_NOT_ENCODABLE */
  elementBytes(
    element: { readonly key: unknown; readonly position: number } | MapEntryKey<unknown, unknown>,
  ): Buffer {
    return this.encoded(element)
  }

  /** A row as it would lie in a database. */
  stored(key: unknown, value: unknown, timestampMs: number): StoredRowBytes {
    const writer = new ByteWriter(64)
    writeRow(this.value, value, timestampMs, writer)
    return { key: this.encoded(key), row: writer.copy(0, writer.position) }
  }

  /** What a row shows by a watermark: nothing, one row, or, for a list of windows, one for each. */
  async rowsOf(stored: StoredRowBytes, watermarkMs: number): Promise<ViewedRow[]> {
    const { key, value, timestampMs } = await this.decoded(stored)
    // Rows are of the types that their layout says.
    switch (this.store.view.layout) {
      case 'versions':
        return [{ key, value: versionsShown(value as Versions<unknown>), timestampMs, window: undefined }]
      case 'counted':
        return [
          { key, value: countedShown(value as CountedWindows<unknown>), timestampMs, window: undefined },
        ]
      case 'windows': {
        const { key: inner, startMs, endMs } = key as Windowed<unknown>
        return [{ key: inner, value, timestampMs, window: { startMs, endMs } }]
      }
      case 'window-list':
        return this.windowsOf(key, value as WindowList<unknown>, watermarkMs)
      default:
        return [{ key, value, timestampMs, window: undefined }]
    }
  }

  /** The value of one element and its place, of a list or map. */
  async elementOf(stored: StoredRowBytes): Promise<{ readonly at: unknown; readonly row: ViewedRow }> {
    const [row] = await this.rowsOf(stored, Number.NEGATIVE_INFINITY)
    // A layout of elements shows one row each, under such a key.
    const key = row!.key as ListKey<unknown> | MapEntryKey<unknown, unknown>
    return { at: 'position' in key ? key.position : key.field, row: row! }
  }

  async timerOf(stored: StoredRowBytes): Promise<Timer<unknown>> {
    return (await this.decoded(stored)).key as Timer<unknown>
  }

  async runsOf(stored: StoredRowBytes): Promise<KeyedRun[]> {
    const { key, value } = await this.decoded(stored)
    return (this.store.view.runs?.(value) ?? []).map((run) => ({ key, run }))
  }

  private windowsOf(key: unknown, { windows }: WindowList<unknown>, watermarkMs: number): ViewedRow[] {
    const { listed } = this.store.view
    return windows
      .filter(({ endMs }) => listed === undefined || listed.forgetMs(endMs) > watermarkMs)
      .map(({ startMs, endMs, newestMs, aggregate }) => {
        return { key, value: aggregate, timestampMs: newestMs, window: { startMs, endMs } }
      })
  }

  private encoded(key: unknown): Buffer {
    const writer = new ByteWriter(64)
    this.key.encode(key, writer)
    return writer.copy(0, writer.position)
  }

  private async decoded({ key, row }: StoredRowBytes): Promise<DecodedRow> {
    try {
      return {
        key: await loading(this.key, (codec) => codec.decode(key, 0, key.length)),
        value: await loading(this.value, (codec) => rowValue(codec, row)),
        timestampMs: rowTimestamp(row),
      }
    } catch (cause) {
      if (cause instanceof StreamsError && cause.code !== 'RECORD_NOT_DECODABLE') throw cause
      const { name } = this.store.spec
      throw new StreamsError('STATE_CORRUPT', `store ${name}: a row cannot be decoded: ${messageOf(cause)}`, {
        cause,
        details: { store: name },
      })
    }
  }
}

/** The encoded key of a window. */
export function windowKey(startMs: number, keyBytes: Buffer): Buffer {
  return Buffer.concat([startKey(startMs), keyBytes])
}

/** The part of a timer's encoded key that says whose it is. */
export function timerOwner(key: Buffer): Buffer {
  const nameBytes = key[key.length - 1]!
  return key.subarray(timerHeadBytes, key.length - timerTailBytes - nameBytes)
}

/** What was written with a schema that is not known yet is read once it is. */
async function loading<T>(codec: Codec<unknown>, decode: (codec: Codec<unknown>) => T): Promise<T> {
  for (let known: number | undefined; ; ) {
    try {
      return decode(codec)
    } catch (error) {
      if (!(error instanceof SchemaNotLoaded) || error.schemaId === known || codec.loadSchema === undefined)
        throw error
      known = error.schemaId
      await codec.loadSchema(known)
    }
  }
}

function versionsShown(versions: Versions<unknown>): unknown {
  return versions.map(({ timestampMs, value }) => ({ from: new Date(timestampMs).toISOString(), value }))
}

function countedShown({ taken, windows }: CountedWindows<unknown>): unknown {
  const shown = windows.map(({ fromRecord, startMs, endMs, aggregate }) => ({
    from_record: fromRecord,
    start: new Date(startMs).toISOString(),
    end: new Date(endMs).toISOString(),
    value: aggregate,
  }))
  return { records: taken, windows: shown }
}
