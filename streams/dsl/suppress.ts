/**
 * Holding the changes of a table back, so that of many in a short time only the last is passed on.
 *
 * Invariants:
 * 1. A key that is held back has one row, its newest change, and lies under the time of the first one plus the limit. It is let
 *    go, and its row deleted, when the watermark has reached that time, in the order of these times.
 * 2. No more keys are held than allowed: the one that is held longest is let go for the one that comes.
 */
import { StreamsError } from '../errors.ts'
import type { Codec, Serde } from '../serde/serde.ts'
import { type DueKey, DueKeys, type DueStore, dueKeysSpec } from '../state/due-keys.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { StoreSpec, TableReceiver } from '../topology/store-spec.ts'
import { byKey, internal } from '../topology/store-view.ts'
import { TableNode } from '../topology/stream-node.ts'
import type { TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import type { KTable } from './ktable.ts'
import { storedRows, writeRows } from './stored-rows.ts'

export interface SuppressOptions<K, V> {
  /** How long after its first change that is held back a key is let go, by the watermark. */
  readonly untilMs: number
  /** How many keys are held back at most; when there are more, the oldest go at once. No limit by default. */
  readonly maxRecords?: number
  /** Names what is held back, which is kept as state. */
  readonly store: string
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

interface Held<V> {
  /** The time of the first change that is held back. */
  readonly sinceMs: number
  /** Null is a deletion. */
  readonly value: V | null
}

interface Stores<K, V> {
  readonly held: StoreSpec<K, Held<V>>
  readonly due: DueStore<K>
}

/** @throws TOPOLOGY_INVALID */
export function suppressed<K, V>(
  build: BuildContext,
  table: KTable<K, V>,
  options: SuppressOptions<K, V>,
): KTable<K, V> {
  const { store: name, untilMs, maxRecords } = options
  // What is held must stay as it was.
  table.traits.requireOldValues()
  checkWhole(name, { untilMs }, 0)
  checkWhole(name, { maxRecords: maxRecords ?? 1 }, 1)
  const where = `store "${name}"`
  const key = build.serde(options.key ?? table.traits.keySerde, where, 'pass { key: … }')
  const value = build.serde(options.value ?? table.traits.valueSerde, where, 'pass { value: … }')
  const stores: Stores<K, V> = {
    held: { name, key, value: heldSerde(value), ...internal(key, heldSerde(value)) },
    due: dueKeysSpec(`${name}-due`, key),
  }
  const node = build.graph.add({
    name: `suppress-${name}`,
    role: { kind: 'operator', operator: 'suppress', usesTime: true },
    parents: [table.node.node],
    stores: [stores.held, stores.due],
  })
  // Only whoever reads the rows, or what they were, needs them kept a second time.
  let rows: StoreSpec<K, V> | undefined
  const requireRows = (): StoreSpec<K, V> => {
    if (rows === undefined) {
      rows = { name: `${name}-rows`, key, value, ...byKey('plain', key, value) }
      build.graph.addStore(node, rows)
    }
    return rows
  }
  const place = new TableNode<K, V>(
    node,
    () => rows !== undefined,
    (task) => storedRows(task, requireRows()),
  )
  table.node.attach((task) => {
    const receive = place.compile(task)
    const write =
      rows === undefined
        ? (rowKey: K, newValue: V | null, timestampMs: number) => receive(rowKey, newValue, null, timestampMs)
        : writeRows(task, rows, receive)
    return suppressing(task, node, stores, { untilMs, maxRecords }, write)
  })
  return build.table(place, {
    keySerde: key,
    valueSerde: value,
    requireRows: () => {
      requireRows()
    },
    requireOldValues: () => {},
  })
}

function checkWhole(store: string, option: Readonly<Record<string, number>>, least: number): void {
  for (const [name, value] of Object.entries(option)) {
    if (Number.isSafeInteger(value) && value >= least) continue
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `suppress "${store}": ${name} is ${value}; give a whole number, ${least} or more`,
    )
  }
}

type Write<K, V> = (key: K, value: V | null, timestampMs: number) => void

interface Limits {
  readonly untilMs: number
  readonly maxRecords: number | undefined
}

function suppressing<K, V>(
  task: TaskContext,
  node: GraphNode,
  specs: Stores<K, V>,
  { untilMs, maxRecords = Number.POSITIVE_INFINITY }: Limits,
  write: Write<K, V>,
): TableReceiver<K, V> {
  const store = task.store(specs.held)
  const due = new DueKeys(task.store(specs.due))
  let count = maxRecords === Number.POSITIVE_INFINITY ? 0 : [...store.range()].length
  const letGo = ({ key, timeMs }: DueKey<K>): void => {
    const row = store.entry(key)
    try {
      if (row.value !== null) write(key, row.value.value, row.timestampMs)
    } catch (error) {
      store.reject(key, error)
    }
    store.update(row, null, row.timestampMs)
    due.move(key, timeMs, never, task.record.streamTimeMs)
    count--
  }
  const alarm = task.alarm(
    node,
    (watermarkMs, maxRows) => {
      for (let rows = 0; rows < maxRows; rows++) {
        const oldest = due.take(watermarkMs)
        if (oldest === undefined) break
        task.time.happenedAt(oldest.timeMs - 1)
        letGo(oldest)
      }
      return due.nextMs
    },
    (dueMs, at) => `the change of a row of ${at(dueMs - untilMs)} is passed on`,
  )
  alarm.at(due.nextMs)
  return (key, value, _oldValue, timestampMs) => {
    const row = store.entry(key)
    const isNew = row.value === null
    const sinceMs = row.value?.sinceMs ?? timestampMs
    store.update(row, { sinceMs, value }, timestampMs)
    if (!isNew) return
    due.move(key, never, sinceMs + untilMs, task.record.streamTimeMs)
    alarm.at(sinceMs + untilMs)
    count++
    while (count > maxRecords) letGo(due.take(never)!)
  }
}

const never = Number.POSITIVE_INFINITY
const valueAt = 9

/** Bytes: the time of the first change as a big-endian float64; 1 and the value, or 0 for a deletion. */
function heldSerde<V>(values: Serde<V>): Serde<Held<V>> {
  return {
    name: `held(${values.name})`,
    nullable: false,
    // Null is told apart before the codec.
    open: async (context) => heldCodec((await values.open(context)) as Codec<V>),
  }
}

function heldCodec<V>(values: Codec<V>): Codec<Held<V>> {
  const loadSchema = values.loadSchema?.bind(values)
  return {
    encode({ sinceMs, value }, writer) {
      writer.float64(sinceMs)
      writer.byte(value === null ? 0 : 1)
      if (value !== null) values.encode(value, writer)
    },
    decode: (bytes, start, end) => ({
      sinceMs: bytes.readDoubleBE(start),
      value: bytes[start + valueAt - 1] === 0 ? null : values.decode(bytes, start + valueAt, end),
    }),
    ...(loadSchema === undefined ? {} : { loadSchema }),
  }
}
