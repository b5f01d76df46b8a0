/**
 * Timers as rows of a store: the kind of time as a byte, the time as a big-endian float64, the key, the name, and the length of
 * the name as a byte. So the timers of a kind lie in the order of time, and those that are due are a range from the front.
 */
import { RecordError } from '../errors.ts'
import type { Codec, Serde } from '../serde/serde.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { byKey } from '../topology/store-view.ts'

/** What a timer goes by: the times of the records, or the clock on the wall. */
export type TimerKind = 'event-time' | 'wall-clock'

export interface Timer<K> {
  readonly by: TimerKind
  readonly timeMs: number
  readonly key: K
  /** Tells timers of one key and time apart. */
  readonly name: string
}

/** The bound of a range: comes before all timers of its kind and time. */
export interface TimerBound {
  readonly by: TimerKind
  readonly timeMs: number
}

export type TimerKey<K> = Timer<K> | TimerBound

/** The row of a timer: how many timers led to it, each of them set by the one before, since the input has ended. */
export type TimerRow = number

const kinds: readonly TimerKind[] = ['event-time', 'wall-clock']
const keyStart = 9
const nameMaxBytes = 255

export function timerStore<K>(name: string, keys: Serde<K>): StoreSpec<TimerKey<K>, TimerRow> {
  return { name, key: timerKeySerde(keys), value: timerRowSerde, ...byKey('timers', keys, timerRowSerde) }
}

function timerKeySerde<K>(keys: Serde<K>): Serde<TimerKey<K>> {
  return {
    name: `timer(${keys.name})`,
    nullable: false,
    // Keys of stores are not null.
    open: async (context) => timerKeyCodec((await keys.open(context)) as Codec<K>),
  }
}

function timerKeyCodec<K>(keys: Codec<K>): Codec<TimerKey<K>> {
  const loadSchema = keys.loadSchema?.bind(keys)
  return {
    encode(timer, writer) {
      writer.byte(kinds.indexOf(timer.by))
      writer.float64(timer.timeMs)
      if (!('key' in timer)) return
      keys.encode(timer.key, writer)
      const nameStart = writer.position
      writer.utf8(timer.name)
      const nameBytes = writer.position - nameStart
      if (nameBytes > nameMaxBytes) {
        const message = `the timer name "${timer.name.slice(0, 40)}…" has ${nameBytes} bytes; it may have ${nameMaxBytes}`
        throw new RecordError('TIMER_INVALID', message)
      }
      writer.byte(nameBytes)
    },
    decode(bytes, start, end) {
      const nameEnd = end - 1
      const nameStart = nameEnd - bytes[nameEnd]!
      return {
        by: kinds[bytes[start]!]!,
        timeMs: bytes.readDoubleBE(start + 1),
        key: keys.decode(bytes, start + keyStart, nameStart),
        name: bytes.toString('utf8', nameStart, nameEnd),
      }
    },
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}

/** Nearly always 0, which takes no bytes. */
const timerRowSerde: Serde<TimerRow> = {
  name: 'timer',
  nullable: false,
  open: async () => ({
    encode(row, writer) {
      if (row > 0) writer.int32(row)
    },
    decode: (bytes, start, end) => (end > start ? bytes.readInt32BE(start) : 0),
  }),
}
