/** The earliest first: a binary heap of what becomes due at a time. Entries that became void stay until `compact`. */
export interface Due {
  readonly dueMs: number
}

export class DueQueue<T extends Due> {
  private heap: T[] = []

  get size(): number {
    return this.heap.length
  }

  first(): T | undefined {
    return this.heap[0]
  }

  add(entry: T): void {
    const { heap } = this
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.dueMs <= entry.dueMs) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  removeFirst(): void {
    const { heap } = this
    const entry = heap.pop()
    if (entry === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.dueMs < heap[child]!.dueMs) child++
      if (heap[child]!.dueMs >= entry.dueMs) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = entry
  }

  compact(isValid: (entry: T) => boolean): void {
    // A sorted list is a heap.
    this.heap = this.heap.filter(isValid).sort((a, b) => a.dueMs - b.dueMs)
  }
}
