/**
 * Tables that remember what their rows were, for joins as of a record's time.
 *
 * An update that is older than its row's newest is a version of the past: it changes what is looked up as of then, but not the row.
 * It takes a way of its own: operators that compute the table anew leave it out, those that pass updates on pass it, too.
 */
import type { Serde } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { VersionedRows, versionedStore } from '../state/versioned-rows.ts'
import { type GraphNode, meeting } from '../topology/graph.ts'
import { byKey } from '../topology/store-view.ts'
import { type StreamPlace, TableNode } from '../topology/stream-node.ts'
import type { TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import type { KTable } from './ktable.ts'
import { type BufferSpec, RecordBuffer, recordBuffer } from './record-buffer.ts'

/** For how long, by the watermark, a table can be asked what a row was. */
export interface Versioning {
  readonly historyMs: number
}

export interface VersionedTableOptions<K, V> extends Versioning {
  readonly store: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Whether records reach the table as they come from their source. */
  readonly readsAhead: boolean
}

export function versionedTable<KIn, VIn, K extends KIn & {}, V extends VIn & {}>(
  build: BuildContext,
  stream: StreamPlace<KIn, VIn>,
  options: VersionedTableOptions<K, V>,
): KTable<K, V> {
  const { store, key, value, historyMs, readsAhead } = options
  const spec = {
    ...versionedStore({ name: store, key, value, historyMs }),
    ...byKey('versions', key, value),
  }
  const deletions = recordBuffer({
    store: `${store}-deleted`,
    key,
    value: serdes.boolean,
    bucketMs: Math.max(1, Math.ceil(historyMs / 16)),
    keptMs: 0,
    waits: true,
  })
  const node = build.graph.add({
    name: `table-${store}`,
    role: { kind: 'operator', operator: 'versioned table', ...meeting([stream.node]), usesTime: true },
    parents: [stream.node],
    stores: [spec, deletions],
  })
  const ofTask = new WeakMap<TaskContext, VersionedRows<K, V>>()
  const rowsOf = (task: TaskContext): VersionedRows<K, V> => {
    const rows = ofTask.get(task) ?? new VersionedRows(task, spec)
    ofTask.set(task, rows)
    return rows
  }
  const table = new TableNode<K, V>(
    node,
    () => true,
    (task) => {
      const rows = rowsOf(task)
      return {
        get: (rowKey) => rows.latest(rowKey),
        asOf: (rowKey, timeMs) => rows.asOf(rowKey, timeMs),
        identity: (rowKey) => rows.store.identity(rowKey),
        reject: (rowKey, error) => rows.store.reject(rowKey, error),
      }
    },
  )
  stream.attach((task) => {
    if (readsAhead) task.readsAhead(spec)
    const forget = forgetDeleted(task, node, deletions, historyMs, rowsOf(task))
    const write = writeVersions(task, table, rowsOf(task), forget)
    return (rowKey, newValue, timestampMs) => {
      if (rowKey === null || rowKey === undefined) task.dropped(node, 'null-key')
      // What is neither null nor undefined of KIn and VIn is K and V: that is how they are declared.
      else write(rowKey as K, (newValue ?? null) as V | null, timestampMs)
    }
  })
  return build.table(table, {
    keySerde: key,
    valueSerde: value,
    isVersioned: true,
    requireRows: () => {},
    // Each row is an object of its own, fresh from the topic.
    requireOldValues: () => {},
  })
}

function writeVersions<K, V>(
  task: TaskContext,
  table: TableNode<K, V>,
  rows: VersionedRows<K, V>,
  forget: (key: K, timestampMs: number) => void,
): (key: K, value: V | null, timestampMs: number) => void {
  const receive = table.compile(task)
  const receiveOlder = table.compileOlder(task)
  const atOnce = task.emission === 'every-update'
  if (!atOnce) {
    rows.store.onFlush((key, versions, versionsBefore) => {
      const [now, before] = [versions?.at(-1), versionsBefore?.at(-1)]
      if (now === undefined || now === before) return
      const oldValue = before === undefined ? null : before.value
      if (now.value !== null || oldValue !== null) receive(key, now.value, oldValue, now.timestampMs)
    })
  }
  return (key, value, timestampMs) => {
    const entry = rows.store.entry(key)
    const before = entry.value?.at(-1)
    const place = rows.put(entry, value, timestampMs)
    if (place === 'latest' && value === null) forget(key, timestampMs)
    if (place === 'too-old') task.dropped(table.node, 'late')
    else if (atOnce && place === 'older') receiveOlder(key, value, timestampMs)
    else if (atOnce) receive(key, value, before === undefined ? null : before.value, timestampMs)
  }
}

/** Forgets rows whose deletion lies behind the history: nobody can ask for what they were. */
function forgetDeleted<K, V>(
  task: TaskContext,
  node: GraphNode,
  spec: BufferSpec<K, boolean>,
  historyMs: number,
  rows: VersionedRows<K, V>,
): (key: K, timestampMs: number) => void {
  const deletions = new RecordBuffer<K, boolean>(task, spec, false)
  const alarm = task.alarm(
    node,
    (watermarkMs, maxRows) => {
      // The end of input makes nothing older than it is: what comes after all may still ask.
      const dueMs = Math.min(watermarkMs, task.time.watermarkMs) - historyMs
      const firstMs = deletions.release(dueMs, maxRows, (key, { timestampMs }) => {
        const entry = rows.store.entry(key)
        const latest = entry.value?.at(-1)
        if (latest?.value === null && latest.timestampMs === timestampMs)
          rows.store.update(entry, null, timestampMs)
      })
      return Number.isFinite(watermarkMs) || firstMs < dueMs ? firstMs + historyMs + 1 : never
    },
    (dueMs, at) => `a row that was deleted at ${at(dueMs - historyMs - 1)} is forgotten`,
  )
  alarm.at(deletions.firstWaitingMs() + historyMs + 1)
  return (key, timestampMs) => {
    deletions.add(key, { timestampMs, value: true, judgedByMs: timestampMs, waits: true })
    alarm.at(timestampMs + historyMs + 1)
  }
}

const never = Number.POSITIVE_INFINITY
