/**
 * Folding records into sessions.
 *
 * Invariants:
 * 1. A record joins all sessions of its key that are open and lie within the gap; they become one, their aggregates merged in the
 *    order of their ends, before the record is added.
 * 2. Where a key's records come in one order, a record is late when the session that it would be in has closed, others taken
 *    in; a session that has closed is not joined. Where several tasks or inputs bring them, that would depend on who is first:
 *    there, and where they are combined, a record is late when it is older than its watermark by more than the grace. All
 *    sessions within the gap of one that is not are still open, so that any order comes to the same.
 * 3. A result carries the time of the session's end.
 */
import type { ListedWindow } from '../state/window-list.ts'
import type { SessionWindows } from '../time/session-windows.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import type { Fold } from './aggregate.ts'
import type { ListedOutlet, WindowChange } from './listed-windows.ts'

export interface SessionFolding<K, V, A> {
  readonly fold: Fold<K, V, A>
  readonly merge: (left: A, right: A) => A
}

/** A part of a session, of the records that one task has seen of it between two commits. */
export interface SessionPartial<A> {
  readonly startMs: number
  readonly endMs: number
  readonly aggregate: A
}

/** @param oneOrder whether a key's records come by one input @param late gets the records that are late */
export function intoSessions<K, V, A>(
  task: TaskContext,
  windows: SessionWindows,
  listed: ListedOutlet<K, A>,
  { fold, merge }: SessionFolding<K, V, A>,
  oneOrder: boolean,
  late: Receiver<K, V> | undefined,
): Receiver<K, V> {
  const { node } = listed.outlet
  const join = joinSessions(windows, listed, merge)
  return (key, value, timestampMs) => {
    const { recordWatermarkMs, inputHasOneOrder } = task.time
    const isAlone = !oneOrder || !inputHasOneOrder
    task.enter(node)
    const isTaken =
      !(isAlone && isBehind(windows, timestampMs, recordWatermarkMs)) &&
      join(key, timestampMs, timestampMs, recordWatermarkMs, (joined) =>
        joined === undefined ? fold.first(value, key) : fold.add(joined, value, key),
      )
    if (isTaken) return
    task.dropped(node, 'late')
    late?.(key, value, timestampMs)
  }
}

/** Whether a record is late whatever sessions there are. */
export function isBehind({ graceMs }: SessionWindows, timestampMs: number, watermarkMs: number): boolean {
  return timestampMs + graceMs < watermarkMs
}

/** Takes in what was combined in front: whether it is late was judged there, so only what time has closed is closed. */
export function mergeSessions<K, A>(
  task: TaskContext,
  windows: SessionWindows,
  listed: ListedOutlet<K, A>,
  merge: (left: A, right: A) => A,
): Receiver<K, SessionPartial<A>> {
  const { node } = listed.outlet
  const join = joinSessions(windows, listed, merge)
  return (key, { startMs, endMs, aggregate }) => {
    task.enter(node)
    const { watermarkMs } = task.time
    const isTaken = join(key, startMs, endMs, watermarkMs, (joined) =>
      joined === undefined ? aggregate : merge(joined, aggregate),
    )
    if (!isTaken) task.dropped(node, 'late')
  }
}

type Join<K, A> = (
  key: K,
  startMs: number,
  endMs: number,
  watermarkMs: number,
  add: (joined: A | undefined) => A | null,
) => boolean

/** Makes one session of what is added and those that it touches. Answers false when that has closed at the watermark. */
function joinSessions<K, A>(
  windows: SessionWindows,
  listed: ListedOutlet<K, A>,
  merge: (left: A, right: A) => A,
): Join<K, A> {
  const { gapMs } = windows
  return (key, firstMs, lastMs, watermarkMs, add) => {
    const row = listed.row(key)
    const closedToMs = Math.max(watermarkMs, row.value?.closedToMs ?? watermarkMs)
    const found: ListedWindow<A>[] = []
    let startMs = firstMs
    let endMs = lastMs
    for (const open of row.value?.windows ?? []) {
      if (open.endMs < firstMs - gapMs || open.startMs > lastMs + gapMs) continue
      if (windows.closeMs(open.endMs) <= closedToMs) continue
      found.push(open)
      startMs = Math.min(startMs, open.startMs)
      endMs = Math.max(endMs, open.endMs)
    }
    if (windows.closeMs(endMs) <= closedToMs) return false
    const aggregate = add(mergeAll(found, listed, merge)) ?? null
    const after = aggregate === null ? undefined : { startMs, endMs, newestMs: endMs, aggregate }
    listed.apply(row, changesOf(found, after), lastMs)
    return true
  }
}

function mergeAll<K, A>(
  [first, ...others]: readonly ListedWindow<A>[],
  listed: ListedOutlet<K, A>,
  merge: (left: A, right: A) => A,
): A | undefined {
  if (first === undefined) return undefined
  return others.reduce(
    (merged, { aggregate }) => merge(merged, aggregate),
    listed.changeable(first.aggregate),
  )
}

/** A session that was but an instant, and still is, has a new value; any other is taken back, and replaced. */
function changesOf<A>(
  found: readonly ListedWindow<A>[],
  after: ListedWindow<A> | undefined,
): WindowChange<A>[] {
  const [only] = found
  if (found.length === 1 && only !== undefined && after !== undefined && after.startMs === after.endMs)
    return [{ before: only, after }]
  const changes: WindowChange<A>[] = found.map((before) => ({ before }))
  if (after !== undefined) changes.push({ after })
  return changes
}
