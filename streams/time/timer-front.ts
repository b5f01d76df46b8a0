/**
 * The timers that are due next, in memory: so that neither setting a timer nor looking for due ones reads the store.
 *
 * Invariants:
 * 1. Every timer in the store that comes before `rest` is here; from `rest` on, those that are here are in the store, too.
 * 2. What is here may have been cancelled meanwhile: whoever takes it looks into the store whether it is still there.
 * 3. No more than twice `heldAfterReading` are here, however many are pending.
 */
import type { TableStore } from '../topology/store-spec.ts'
import { never } from './alarms.ts'
import type { Timer, TimerBound, TimerKey, TimerKind, TimerRow } from './timer-key.ts'

interface Held<K> {
  readonly timer: Timer<K>
  /** Its encoded key as text, which orders as the bytes do. */
  readonly id: string
}

export class TimerFront<K> {
  private readonly store: TableStore<TimerKey<K>, TimerRow>
  private readonly kind: TimerKind
  private readonly heldAfterReading: number
  /** A heap: the children of `i`, at `2i + 1` and `2i + 2`, come after it. */
  private heap: Held<K>[] = []
  /** The first timer that is not here; undefined when all are. */
  private rest: Held<K> | undefined

  constructor(store: TableStore<TimerKey<K>, TimerRow>, kind: TimerKind, heldAfterReading = 1024) {
    this.store = store
    this.kind = kind
    this.heldAfterReading = heldAfterReading
    this.read({ by: kind, timeMs: 0 })
  }

  /** When the next one is due, if it was not cancelled; Infinity when there is none. */
  get nextMs(): number {
    return (this.heap[0] ?? this.rest)?.timer.timeMs ?? never
  }

  /** A timer was put into the store. */
  add(timer: Timer<K>): void {
    const held = { timer, id: this.idOf(timer) }
    if (this.rest !== undefined && held.id >= this.rest.id) return
    this.push(held)
    if (this.heap.length > 2 * this.heldAfterReading) this.shrink()
  }

  /** Takes the earliest that is due at a time. */
  take(reachedMs: number): Timer<K> | undefined {
    if (this.nextMs > reachedMs) return undefined
    if (this.heap.length === 0 && this.rest !== undefined) this.read(this.rest.timer)
    const [first] = this.heap
    if (first === undefined || first.timer.timeMs > reachedMs) return undefined
    this.removeFirst()
    return first.timer
  }

  private read(from: Timer<K> | TimerBound): void {
    const end: TimerBound | undefined =
      this.kind === 'event-time' ? { by: 'wall-clock', timeMs: 0 } : undefined
    this.rest = undefined
    for (const [timer] of this.store.range(from, end)) {
      // What is stored is no bound.
      const held = { timer: timer as Timer<K>, id: this.idOf(timer) }
      if (this.heap.length === this.heldAfterReading) {
        this.rest = held
        break
      }
      // In ascending order, which is a heap.
      this.heap.push(held)
    }
  }

  private shrink(): void {
    this.heap.sort((a, b) => (a.id < b.id ? -1 : 1))
    this.rest = this.heap[this.heldAfterReading]
    this.heap.length = this.heldAfterReading
  }

  private push(held: Held<K>): void {
    const { heap } = this
    let at = heap.length
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]!
      if (parent.id <= held.id) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = held
  }

  private removeFirst(): void {
    const { heap } = this
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= heap.length) break
      if (childAt + 1 < heap.length && heap[childAt + 1]!.id < heap[childAt]!.id) childAt++
      if (heap[childAt]!.id >= last.id) break
      heap[at] = heap[childAt]!
      at = childAt
    }
    heap[at] = last
  }

  private idOf(timer: TimerKey<K>): string {
    // Keys that are objects are told apart by their bytes, as text.
    return String(this.store.identity(timer))
  }
}
