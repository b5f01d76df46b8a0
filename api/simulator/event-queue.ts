/** Events that are still to come, by their time of arrival: a binary heap. Among equals the first in is the first out. */
export class EventQueue<E extends { readonly arrivalTimeMs: number }> {
  private readonly heap: { readonly event: E; readonly number: number }[] = []
  private added = 0

  get nextTimeMs(): number {
    return this.heap[0]?.event.arrivalTimeMs ?? Number.POSITIVE_INFINITY
  }

  add(event: E): void {
    const { heap } = this
    let index = heap.length
    heap.push({ event, number: this.added++ })
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.isBefore(index, parent)) return
      this.swap(index, parent)
      index = parent
    }
  }

  take(): E | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined) return undefined
    if (heap.length === 0) return first.event
    heap[0] = last
    for (let index = 0; ; ) {
      let least = index
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < heap.length && this.isBefore(child, least)) least = child
      }
      if (least === index) return first.event
      this.swap(index, least)
      index = least
    }
  }

  private isBefore(a: number, b: number): boolean {
    const left = this.heap[a]!
    const right = this.heap[b]!
    const difference = left.event.arrivalTimeMs - right.event.arrivalTimeMs
    return difference < 0 || (difference === 0 && left.number < right.number)
  }

  private swap(a: number, b: number): void {
    const { heap } = this
    const kept = heap[a]!
    heap[a] = heap[b]!
    heap[b] = kept
  }
}
