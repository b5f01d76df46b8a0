/**
 * Windows whose bounds follow from the records, sessions and sliding ones: the windows of a key are one row, and a second store
 * says which keys have something due when.
 *
 * Invariants:
 * 1. A key that has windows lies under a time no later than that at which the first of them closes or is forgotten. It may
 *    be earlier, for a session that goes on need not be moved at each record: it is found and moved on then.
 * 2. Windows close in the order of their times, over all keys. On close each is passed on once for ever: a row says up to
 *    which time its windows were passed on, and is committed with what came of them.
 * 3. A window is forgotten once nobody may read it, and no record can need it, by the watermark: without a word.
 */
import { type DueKey, DueKeys, type DueStore } from '../state/due-keys.ts'
import { emptyWindowList, type ListedWindow, replaceWindow, type WindowList } from '../state/window-list.ts'
import type {
  LiveEntry,
  StoreSpec,
  TableReceiver,
  TableStore,
  Timestamped,
  Windowed,
} from '../topology/store-spec.ts'
import type { Alarm, TaskContext } from '../topology/task-context.ts'
import { EarlyResults, type EarlyTarget } from './early-results.ts'
import type { TableOutlet } from './table-sources.ts'

const never = Number.POSITIVE_INFINITY

/** When windows that end at a time close, and for how long after it they are needed. */
export interface ListedRules {
  closeMs(endMs: number): number
  /** The watermark from which on nobody sees them. */
  forgetMs(endMs: number): number
}

export interface ListedTarget<K, A> {
  readonly store: StoreSpec<K, WindowList<A>>
  readonly due: DueStore<K>
  readonly rules: ListedRules
  /** Whether windows are passed on when they close; else whenever they change. */
  readonly closes: boolean
  readonly early: EarlyTarget<K, A> | undefined
}

/** A window as it was and as it is; undefined where it was not, or is not any more. */
export interface WindowChange<A> {
  readonly before?: ListedWindow<A>
  readonly after?: ListedWindow<A>
}

type Row<K, A> = LiveEntry<K, WindowList<A>>

/** What an input of an aggregate over such windows works with, in one task. */
export class ListedOutlet<K, A> {
  readonly outlet: TableOutlet<Windowed<K>, A>
  private readonly task: TaskContext
  private readonly target: ListedTarget<K, A>
  private readonly store: TableStore<K, WindowList<A>>
  private readonly passOn: TableReceiver<Windowed<K>, A> | undefined
  private readonly early: EarlyResults<K, A> | undefined
  private readonly due: DueKeys<K>
  private readonly alarm: Alarm
  /** At the end of input: keys up to here have nothing left to close. */
  private sweptTo: DueKey<K> | undefined
  /** False once the end of input was reached: what is left only waits to be forgotten, for which time must really pass. */
  private isArmed = true

  constructor(task: TaskContext, target: ListedTarget<K, A>, outlet: TableOutlet<Windowed<K>, A>) {
    this.task = task
    this.target = target
    this.outlet = outlet
    this.store = task.store(target.store)
    this.due = new DueKeys(task.store(target.due))
    this.passOn = target.closes ? undefined : this.onChange()
    this.early = this.earlyResults()
    const wake = (watermarkMs: number, maxRows: number): number => this.wake(watermarkMs, maxRows)
    this.alarm = task.alarm(outlet.node, wake, (dueMs, at) => this.whatIsDue(dueMs, at))
    this.alarm.at(this.due.nextMs)
  }

  private whatIsDue(dueMs: number, at: (timeMs: number) => string): string {
    const { closes, rules } = this.target
    if (!closes) return 'windows that nobody needs any more are forgotten'
    return `a window that ends at ${at(dueMs - rules.closeMs(0))}, unless records prolong it, closes`
  }

  row(key: K): Row<K, A> {
    return this.store.entry(key)
  }

  /** An aggregate that may be changed in place: the same, unless somebody looks at what it was. */
  changeable(aggregate: A): A {
    const isSeen = this.outlet.oldValuesMatter && !this.target.closes
    return isSeen ? this.copy(aggregate) : aggregate
  }

  copy(aggregate: A): A {
    if (typeof aggregate !== 'object') return aggregate
    const list = { ...emptyWindowList<A>(), windows: [{ startMs: 0, endMs: 0, newestMs: 0, aggregate }] }
    return this.store.copy(list).windows[0]!.aggregate
  }

  /** Changes windows of a key, all at once, and passes the changes on in their order. */
  apply(row: Row<K, A>, changes: readonly WindowChange<A>[], timestampMs: number): void {
    const list = row.value ?? emptyWindowList<A>()
    for (const { before, after } of changes) replaceWindow(list, before, after)
    this.alarm.at(this.write(row, list, timestampMs))
    this.sweptTo = undefined
    if (!this.isArmed) this.alarm.at(this.due.nextMs)
    this.isArmed = true
    if (this.early !== undefined) noteChanges(this.early, row.key, changes)
    if (this.passOn === undefined) return
    for (const { before, after } of changes) {
      const { startMs, endMs, newestMs } = after ?? before!
      this.passOn(
        { key: row.key, startMs, endMs },
        after?.aggregate ?? null,
        before?.aggregate ?? null,
        newestMs,
      )
    }
  }

  /** Writes a key's row, and sees to it that it lies under a time early enough. Answers that time. */
  private write(row: Row<K, A>, list: WindowList<A>, timestampMs: number): number {
    const nextMs = this.nextOf(list)
    if (nextMs < list.dueMs || nextMs === never) this.moveTo(row.key, list, nextMs)
    const newestMs = row.value === null ? timestampMs : Math.max(row.timestampMs, timestampMs)
    this.store.update(row, list.windows.length === 0 ? null : list, newestMs)
    return list.dueMs
  }

  private moveTo(key: K, list: WindowList<A>, dueMs: number): void {
    this.due.move(key, list.dueMs, dueMs, this.task.record.streamTimeMs)
    list.dueMs = dueMs
  }

  /** When a list has something due next: its first window to be passed on, or to be forgotten. */
  private nextOf(list: WindowList<A>): number {
    const first = list.windows[0]
    if (first === undefined) return never
    return Math.min(this.nextClosing(list), this.target.rules.forgetMs(first.endMs))
  }

  private nextClosing({ windows, closedToMs }: WindowList<A>): number {
    const { closes, rules } = this.target
    if (!closes) return never
    for (const { endMs } of windows) {
      const closeMs = rules.closeMs(endMs)
      if (closeMs > closedToMs) return closeMs
    }
    return never
  }

  private wake(watermarkMs: number, maxRows: number): number {
    if (watermarkMs === never) return this.sweep(maxRows)
    for (let count = 0; count < maxRows; count++) {
      const due = this.due.take(watermarkMs)
      if (due === undefined) break
      this.handle(due, due.timeMs)
    }
    return this.due.nextMs
  }

  /** The end of input: all that is open closes, key by key. */
  private sweep(maxRows: number): number {
    const batch = this.target.closes ? this.due.after(this.sweptTo, maxRows) : []
    for (const one of batch) this.handle(one, never)
    this.sweptTo = batch.length < maxRows ? undefined : batch.at(-1)
    if (this.sweptTo !== undefined) return this.sweptTo.timeMs
    this.isArmed = false
    return never
  }

  /** Does what is due up to a time with a key, and moves it to where it is due next. */
  private handle({ key, timeMs }: DueKey<K>, toMs: number): void {
    const { store, task, target } = this
    const row = store.entry(key)
    const list = row.value
    if (list === null) {
      this.due.move(key, timeMs, never, task.record.streamTimeMs)
      return
    }
    if (target.closes) this.close(key, list, toMs)
    const forgottenMs = Math.min(toMs, task.time.watermarkMs)
    const { windows } = list
    while (windows[0] !== undefined && target.rules.forgetMs(windows[0].endMs) <= forgottenMs) windows.shift()
    this.moveTo(key, list, this.nextOf(list))
    store.update(row, windows.length === 0 ? null : list, row.timestampMs)
  }

  private close(key: K, list: WindowList<A>, toMs: number): void {
    const { store, task, outlet, early } = this
    const { rules } = this.target
    for (const { startMs, endMs, newestMs, aggregate } of list.windows) {
      const closeMs = rules.closeMs(endMs)
      if (closeMs > toMs) break
      if (closeMs <= list.closedToMs) continue
      // What is behind takes it as of the last moment before it closed: windows with the same end are still open there.
      task.time.happenedAt(closeMs - 1)
      try {
        const window = { key, startMs, endMs }
        if (early === undefined) outlet.receive(window, aggregate, null, newestMs)
        else early.close(window, aggregate, newestMs)
      } catch (error) {
        store.reject(key, error)
      }
    }
    const last = list.windows.findLast(({ endMs }) => rules.closeMs(endMs) <= toMs)
    if (last !== undefined) list.closedToMs = Math.max(list.closedToMs, rules.closeMs(last.endMs))
  }

  private earlyResults(): EarlyResults<K, A> | undefined {
    const { task, store, outlet } = this
    const { early, rules } = this.target
    if (early === undefined) return undefined
    return new EarlyResults(task, early, outlet, {
      find: (window) => timestampedWindow(store.get(window.key), window),
      closeMs: ({ endMs }) => rules.closeMs(endMs),
      copy: (aggregate) => this.copy(aggregate),
      reject: ({ key }, error) => store.reject(key, error),
    })
  }

  private onChange(): TableReceiver<Windowed<K>, A> {
    const { task, store, outlet } = this
    if (task.emission === 'every-update') return outlet.receive
    return untilCommit(task, store, outlet)
  }
}

/** A window in a list. */
export function timestampedWindow<A>(
  list: WindowList<A> | undefined,
  bounds: Bounds,
): Timestamped<A> | undefined {
  const found = list?.windows.find((window) => isSame(window, bounds))
  return found === undefined ? undefined : { value: found.aggregate, timestampMs: found.newestMs }
}

type Bounds = Pick<ListedWindow<unknown>, 'startMs' | 'endMs'>

function isSame(left: Bounds, right: Bounds): boolean {
  return left.startMs === right.startMs && left.endMs === right.endMs
}

function noteChanges<K, A>(early: EarlyResults<K, A>, key: K, changes: readonly WindowChange<A>[]): void {
  const windowOf = ({ startMs, endMs }: Bounds): Windowed<K> => ({ key, startMs, endMs })
  const there = changes.flatMap(({ after }) => after ?? [])
  const gone = changes
    .flatMap(({ before }) => before ?? [])
    .filter((before) => !there.some((after) => isSame(before, after)))
    .map((window) => ({ window: windowOf(window), newestMs: window.newestMs }))
  const [first] = there
  early.replaced(gone, first === undefined ? undefined : windowOf(first))
  for (const window of there) early.changed(windowOf(window))
}

interface Held<K, A> {
  readonly key: Windowed<K>
  readonly before: A | null
  after: A | null
  timestampMs: number
}

/** Holds the changes of each window back, and passes the last one on at commit. */
function untilCommit<K, A>(
  task: TaskContext,
  store: TableStore<K, WindowList<A>>,
  { node, receive }: TableOutlet<Windowed<K>, A>,
): TableReceiver<Windowed<K>, A> {
  const changed = new Map<string, Held<K, A>>()
  task.onCommit(node, () => {
    if (changed.size === 0) return false
    const all = [...changed.values()]
    changed.clear()
    for (const { key, before, after, timestampMs } of all) {
      if (before === null && after === null) continue
      try {
        receive(key, after, before, timestampMs)
      } catch (error) {
        store.reject(key.key, error)
      }
    }
    return true
  })
  return (key, after, before, timestampMs) => {
    const id = windowIdentity(key, store)
    const held = changed.get(id)
    if (held === undefined) changed.set(id, { key, before, after, timestampMs })
    else {
      held.after = after
      held.timestampMs = timestampMs
    }
  }
}

/** A text that stands for a window of a key. */
export function windowIdentity<K>(
  { key, startMs, endMs }: Windowed<K>,
  store: Pick<TableStore<K, unknown>, 'identity'>,
): string {
  return `${startMs}/${endMs}/${String(store.identity(key))}`
}
