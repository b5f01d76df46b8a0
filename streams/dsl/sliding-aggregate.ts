/**
 * Folding records into sliding windows.
 *
 * Invariants:
 * 1. There is a window that ends at each record, and one that starts a millisecond behind each, if that holds any record. A record
 *    is added to those that it lies in, and begins those that are there because of it: with the content of a window that
 *    is there, which has the same records, or with itself alone.
 * 2. A record takes part in those of its windows that are open to it; when none is, it is late. Where several tasks or
 *    inputs bring a key's records, it is late when it is older than its watermark by more than the grace: all windows that
 *    it is in or begins are then open, so that any order comes to the same.
 * 3. A record earlier than the time difference has the window from zero on for the one that ends at it.
 */
import type { ListedWindow, WindowList } from '../state/window-list.ts'
import type { SlidingWindows } from '../time/sliding-windows.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import type { Fold } from './aggregate.ts'
import type { ListedOutlet, WindowChange } from './listed-windows.ts'

/** @param oneOrder whether a key's records come by one input @param late gets the records that are late */
export function intoSlidingWindows<K, V, A>(
  task: TaskContext,
  windows: SlidingWindows,
  listed: ListedOutlet<K, A>,
  fold: Fold<K, V, A>,
  oneOrder: boolean,
  late: Receiver<K, V> | undefined,
): Receiver<K, V> {
  const { node } = listed.outlet
  return (key, value, timestampMs) => {
    const { recordWatermarkMs, inputHasOneOrder } = task.time
    const row = listed.row(key)
    const closedToMs = Math.max(recordWatermarkMs, row.value?.closedToMs ?? recordWatermarkMs)
    const isAlone = !oneOrder || !inputHasOneOrder
    const lastEndMs = timestampMs + (isAlone ? 0 : windows.differenceMs)
    if (windows.closeMs(lastEndMs) <= closedToMs) {
      task.dropped(node, 'late')
      late?.(key, value, timestampMs)
      return
    }
    task.enter(node)
    const record: SlidingRecord<A> = {
      timestampMs,
      isOpen: (endMs) => windows.closeMs(endMs) > closedToMs,
      first: () => fold.first(value, key),
      add: (aggregate) => fold.add(listed.changeable(aggregate), value, key),
      copy: (aggregate) => listed.copy(aggregate),
    }
    const changes = slide(row.value, windows.differenceMs, record)
    if (changes.length > 0) listed.apply(row, changes, timestampMs)
  }
}

interface SlidingRecord<A> {
  readonly timestampMs: number
  isOpen(endMs: number): boolean
  first(): A | null
  add(aggregate: A): A | null
  copy(aggregate: A): A
}

/** The windows around a record, before it is added. */
interface Around<A> {
  /** Those that it lies in, the latest first. */
  readonly holding: readonly ListedWindow<A>[]
  readonly endsHere: ListedWindow<A> | undefined
  readonly startsBehind: boolean
  /** Has exactly the records that are earlier and may lie in a window that ends at this one; its newest is the one before. */
  readonly earlier: ListedWindow<A> | undefined
  /** Has exactly the records behind it that lie in the window that starts there; or has none behind it. */
  readonly later: ListedWindow<A> | undefined
  /** The time of the record before it, as far as something depends on it. */
  readonly previousMs: number | undefined
}

function slide<A>(
  list: WindowList<A> | null,
  differenceMs: number,
  record: SlidingRecord<A>,
): WindowChange<A>[] {
  const { timestampMs } = record
  const around =
    timestampMs < differenceMs
      ? aroundEarly(list, timestampMs)
      : aroundRecord(list, differenceMs, timestampMs)
  const { holding, endsHere, earlier, later, previousMs, startsBehind } = around
  const changes: WindowChange<A>[] = []
  const begin = (startMs: number, aggregate: A | null, newestMs: number): void => {
    const endMs = startMs + differenceMs
    if (aggregate !== null) changes.push({ after: { startMs, endMs, newestMs, aggregate } })
  }
  // Copied before the aggregates are added to, which may change them in place.
  const behind =
    !startsBehind && later !== undefined && later.newestMs > timestampMs ? record.copy(later.aggregate) : null
  const before =
    endsHere === undefined && earlier !== undefined && earlier.newestMs >= timestampMs - differenceMs
      ? record.copy(earlier.aggregate)
      : null
  for (const window of holding) {
    if (!record.isOpen(window.endMs)) continue
    const aggregate = record.add(window.aggregate) ?? null
    const newestMs = Math.max(window.newestMs, timestampMs)
    changes.push({
      before: window,
      ...(aggregate === null ? {} : { after: { ...window, newestMs, aggregate } }),
    })
  }
  const leftStartMs = Math.max(0, timestampMs - differenceMs)
  if (previousMs !== undefined && previousMs + 1 !== leftStartMs && isMissing(list, previousMs + 1)) {
    const endMs = previousMs + 1 + differenceMs
    if (endMs >= timestampMs && record.isOpen(endMs))
      begin(previousMs + 1, record.first() ?? null, timestampMs)
  }
  if (endsHere === undefined && record.isOpen(leftStartMs + differenceMs))
    begin(leftStartMs, (before === null ? record.first() : record.add(before)) ?? null, timestampMs)
  if (behind !== null && later !== undefined) begin(timestampMs + 1, behind, later.newestMs)
  return changes
}

function aroundRecord<A>(list: WindowList<A> | null, differenceMs: number, timestampMs: number): Around<A> {
  const windows = list?.windows ?? []
  const holding: ListedWindow<A>[] = []
  let endsHere: ListedWindow<A> | undefined
  let earlier: ListedWindow<A> | undefined
  let startsBehind = false
  for (let index = windows.length - 1; index >= 0; index--) {
    const window = windows[index]!
    if (window.startMs === timestampMs + 1) startsBehind = true
    if (window.startMs > timestampMs) continue
    if (window.endMs < timestampMs) {
      if (window.startMs >= timestampMs - 2 * differenceMs) earlier = window
      break
    }
    holding.push(window)
    if (window.endMs === timestampMs) endsHere = window
  }
  const later = holding.find(({ endMs }) => endMs > timestampMs)
  // A record at this very time has made all windows that this one would.
  const isAgain = endsHere !== undefined && endsHere.newestMs >= timestampMs
  const previousMs = isAgain ? undefined : (earlier ?? endsHere)?.newestMs
  return { holding, endsHere, startsBehind, earlier, later: isAgain ? undefined : later, previousMs }
}

/** Windows that would begin below zero are all one, which holds what is earlier and what is later. */
function aroundEarly<A>(list: WindowList<A> | null, timestampMs: number): Around<A> {
  const windows = list?.windows ?? []
  const holding = windows.filter(({ startMs }) => startMs <= timestampMs).reverse()
  const fromZero = holding.find(({ startMs }) => startMs === 0)
  const isLater = fromZero !== undefined && fromZero.newestMs > timestampMs
  return {
    holding,
    endsHere: fromZero,
    startsBehind: windows.some(({ startMs }) => startMs === timestampMs + 1),
    earlier: undefined,
    later: holding.find(({ startMs }) => startMs > 0) ?? (isLater ? fromZero : undefined),
    previousMs: fromZero !== undefined && fromZero.newestMs < timestampMs ? fromZero.newestMs : undefined,
  }
}

function isMissing(list: WindowList<unknown> | null, startMs: number): boolean {
  return list === null || !list.windows.some((window) => window.startMs === startMs)
}
