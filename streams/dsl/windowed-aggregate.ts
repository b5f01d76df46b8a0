/**
 * Folding records into windows: what the aggregates of tumbling and hopping windows share.
 *
 * Invariants:
 * 1. A record is late to a window by the watermark of its own input; windows close by the task's, which is never ahead of that.
 *    So what is not late finds its window open, and results do not depend on how inputs interleave.
 * 2. A result carries the time of the newest record in its window.
 * 3. On close each window of a key is passed on once for ever; before that as well, where results are to come early.
 */

import type { TimeWindows } from '../time/windows.ts'
import type { LiveEntry, StoreSpec, Windowed, WindowTable } from '../topology/store-spec.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import type { Fold } from './aggregate.ts'
import { type EarlyEmission, EarlyResults, type EarlyTarget } from './early-results.ts'
import { passingOn } from './stored-rows.ts'
import type { TableOutlet } from './table-sources.ts'

/**
 * When a window's result is passed on: whenever it changes, as often as the application's `emission` says; once it is final; or
 * then and at intervals before.
 */
export type WindowEmission = 'on-change' | 'on-close' | EarlyEmission

export interface WindowedTarget<K, A> {
  readonly store: StoreSpec<Windowed<K>, A>
  readonly windows: TimeWindows
  /** Whether windows are passed on when they close; else whenever they change. */
  readonly closes: boolean
  readonly early: EarlyTarget<K, A> | undefined
}

/** What an input of a windowed aggregate writes to, in one task. */
export interface WindowedOutlet<K, A> extends TableOutlet<Windowed<K>, A> {
  readonly table: WindowTable<K, A>
  /** Windows that begin before this are closed to the current record. */
  firstOpenMs(): number
  /** A row of a window is there for the first time. */
  opened(startMs: number): void
  readonly early: EarlyResults<K, A> | undefined
  readonly passOn: ReturnType<typeof passingOn<Windowed<K>, A>>
}

/** Made once a task, however many inputs the aggregate has. */
export function windowedOutlet<K, A>(
  task: TaskContext,
  target: WindowedTarget<K, A>,
  outlet: TableOutlet<Windowed<K>, A>,
): WindowedOutlet<K, A> {
  const { store, windows, closes } = target
  const table = task.windowStore(store)
  const early = earlyResults(task, table, target, outlet)
  const opened = closes ? closing(task, table, windows, outlet, early) : () => {}
  const passOn = closes ? undefined : passingOn(task, table, outlet.receive)
  const openToRecordMs = openToRecord(task, windows)
  return {
    ...outlet,
    // What is on its way to be closed is looked at by nobody; what is passed on early is a copy.
    oldValuesMatter: outlet.oldValuesMatter && !closes,
    table,
    opened,
    early,
    passOn,
    firstOpenMs: () => Math.max(openToRecordMs(), table.closedBeforeMs),
  }
}

/** Tells where the first window begins that the current record is not late to. */
export function openToRecord(task: TaskContext, windows: TimeWindows): () => number {
  let judgedByMs = Number.NEGATIVE_INFINITY
  let openMs = 0
  return () => {
    const { recordWatermarkMs } = task.time
    if (recordWatermarkMs !== judgedByMs) {
      judgedByMs = recordWatermarkMs
      openMs = windows.firstOpenMs(recordWatermarkMs)
    }
    return openMs
  }
}

function earlyResults<K, A>(
  task: TaskContext,
  table: WindowTable<K, A>,
  { windows, early }: WindowedTarget<K, A>,
  outlet: TableOutlet<Windowed<K>, A>,
): EarlyResults<K, A> | undefined {
  if (early === undefined) return undefined
  return new EarlyResults(task, early, outlet, {
    find: (window) => table.getTimestamped(window),
    closeMs: ({ startMs }) => windows.closeMs(startMs),
    copy: (aggregate) => table.copy(aggregate),
    reject: (window, error) => table.reject(window, error),
  })
}

/** Passes windows on when they close. Answers what to call when a window gets a row. */
function closing<K, A>(
  task: TaskContext,
  table: WindowTable<K, A>,
  windows: TimeWindows,
  { node, receive }: TableOutlet<Windowed<K>, A>,
  early: EarlyResults<K, A> | undefined,
): (startMs: number) => void {
  const handOver = ({ key, value, timestampMs }: LiveEntry<Windowed<K>, A>): void => {
    // What is behind takes it as of the last moment before the window closed: windows with the same end are still open there.
    task.time.happenedAt(windows.closeMs(key.startMs) - 1)
    try {
      if (early === undefined || value === null) receive(key, value, null, timestampMs)
      else early.close(key, value, timestampMs)
    } catch (error) {
      table.reject(key, error)
    }
  }
  const nextMs = (): number => windows.closeMs(table.firstUnclosedMs())
  const alarm = task.alarm(
    node,
    (watermarkMs, maxRows) => {
      table.close(windows.firstOpenMs(watermarkMs), maxRows, handOver)
      return nextMs()
    },
    (dueMs, at) => {
      const endMs = dueMs - windows.graceMs
      return `the window from ${at(endMs - windows.sizeMs)} to ${at(endMs)} closes`
    },
  )
  alarm.at(nextMs())
  return (startMs) => alarm.at(windows.closeMs(startMs))
}

/** Folds one value into one window, which is open. */
export function foldInto<K, V, A>(
  task: TaskContext,
  outlet: WindowedOutlet<K, A>,
  fold: Fold<K, V, A>,
): (startMs: number, key: K, value: V, timestampMs: number) => void {
  const { node, table, passOn, opened, early, oldValuesMatter } = outlet
  return (startMs, key, value, timestampMs) => {
    task.enter(node)
    const entry = table.window(key, startMs)
    const before = entry.value
    let aggregate: A | null
    if (before === null) {
      aggregate = fold.first(value, key) ?? null
      if (aggregate === null) return
      opened(startMs)
    } else {
      const copies = oldValuesMatter && (passOn !== undefined || !entry.dirty)
      aggregate = fold.add(copies ? table.copy(before) : before, value, key) ?? null
    }
    const newestMs = before === null || timestampMs > entry.timestampMs ? timestampMs : entry.timestampMs
    table.update(entry, aggregate, newestMs)
    if (passOn !== undefined) passOn(entry.key, aggregate, before, newestMs)
    if (early === undefined) return
    if (aggregate === null) early.replaced([{ window: entry.key, newestMs }], undefined)
    else early.changed(entry.key)
  }
}

/** Takes records, each into all windows that it is in and that are open to it. @param late gets those that none is open to */
export function intoWindows<K, V>(
  task: TaskContext,
  windows: TimeWindows,
  { node, firstOpenMs }: Pick<WindowedOutlet<K, unknown>, 'node' | 'firstOpenMs'>,
  add: (startMs: number, key: K, value: V, timestampMs: number) => void,
  late: Receiver<K, V> | undefined,
): Receiver<K, V> {
  const { advanceMs } = windows
  return (key, value, timestampMs) => {
    const openMs = firstOpenMs()
    let startMs = windows.firstStartMs(timestampMs)
    for (; startMs <= timestampMs && startMs < openMs; startMs += advanceMs) task.dropped(node, 'late')
    if (startMs > timestampMs) late?.(key, value, timestampMs)
    for (; startMs <= timestampMs; startMs += advanceMs) add(startMs, key, value, timestampMs)
  }
}
