/**
 * Sends as many units as possible from one node of a network to another, and of all ways to do so takes a cheapest.
 *
 * Invariants:
 * - Capacities and costs are whole numbers, no edge is added with a cost below zero, and no path costs more than 2^53: sums
 *   are exact.
 * - Between two phases the flow is the cheapest of its size: each phase adds units along paths that are shortest by cost,
 *   and an edge whose units grow dearer only ever grows dearer, so that no cheaper way appears behind.
 * - The same network, built in the same order, gives the same flow.
 */
export class CheapestFlow {
  /** Edges by pairs: an odd one is its neighbour backwards, taken to give units back. */
  readonly #to: number[] = []
  readonly #capacity: number[] = []
  readonly #cost: number[] = []
  readonly #step: number[] = []
  readonly #edgesOf: number[][] = []

  addNode(): number {
    return this.#edgesOf.push([]) - 1
  }

  /** An edge; each unit on it costs `step` more than the one before. Returns what `unitsOn` asks for. */
  addEdge(from: number, to: number, capacity: number, cost: number, step = 0): number {
    const edge = this.#to.push(to, from) - 2
    this.#capacity.push(capacity, 0)
    this.#cost.push(cost, step - cost)
    this.#step.push(step, step)
    this.#edgesOf[from]!.push(edge)
    this.#edgesOf[to]!.push(edge + 1)
    return edge
  }

  unitsOn(edge: number): number {
    return this.#capacity[edge + 1]!
  }

  run(source: number, sink: number): void {
    for (;;) {
      const distances = this.#distancesFrom(source)
      if (distances[sink] === Number.POSITIVE_INFINITY) return
      this.#sendAlongShortest(source, sink, distances)
    }
  }

  /** What the cheapest path to each node costs. To give units back costs less than nothing, so nodes may come up again. */
  #distancesFrom(source: number): Float64Array {
    const nodeCount = this.#edgesOf.length
    const distances = new Float64Array(nodeCount).fill(Number.POSITIVE_INFINITY)
    const isQueued = new Uint8Array(nodeCount)
    const queue = new Int32Array(nodeCount)
    distances[source] = 0
    queue[0] = source
    let head = 0
    let waiting = 1
    while (waiting > 0) {
      const node = queue[head]!
      head = head + 1 === nodeCount ? 0 : head + 1
      waiting--
      isQueued[node] = 0
      const distance = distances[node]!
      for (const edge of this.#edgesOf[node]!) {
        if (this.#capacity[edge] === 0) continue
        const next = this.#to[edge]!
        const through = distance + this.#cost[edge]!
        if (through >= distances[next]!) continue
        distances[next] = through
        if (isQueued[next] === 1) continue
        isQueued[next] = 1
        queue[(head + waiting) % nodeCount] = next
        waiting++
      }
    }
    return distances
  }

  /** Sends units, one by one, along edges that lie on shortest paths, until none is found. */
  #sendAlongShortest(source: number, sink: number, distances: Float64Array): void {
    const nextEdge = new Int32Array(this.#edgesOf.length)
    const isVisited = new Uint8Array(this.#edgesOf.length)
    const path: number[] = []
    let node = source
    isVisited[source] = 1
    for (;;) {
      if (node === sink) {
        for (const edge of path) {
          this.#send(edge)
          isVisited[this.#to[edge]!] = 0
        }
        path.length = 0
        node = source
      }
      const edge = this.#findEdge(node, distances, nextEdge, isVisited)
      if (edge !== undefined) {
        path.push(edge)
        node = this.#to[edge]!
        isVisited[node] = 1
        continue
      }
      const back = path.pop()
      if (back === undefined) return
      node = this.#to[back + 1 - 2 * (back % 2)]!
      nextEdge[node]!++
    }
  }

  /** The next edge from the node that lies on a shortest path and leads to a node that was not tried. */
  #findEdge(
    node: number,
    distances: Float64Array,
    nextEdge: Int32Array,
    isVisited: Uint8Array,
  ): number | undefined {
    const edges = this.#edgesOf[node]!
    for (; nextEdge[node]! < edges.length; nextEdge[node]!++) {
      const edge = edges[nextEdge[node]!]!
      const to = this.#to[edge]!
      if (this.#capacity[edge]! === 0 || isVisited[to] === 1) continue
      if (distances[node]! + this.#cost[edge]! === distances[to]) return edge
    }
    return undefined
  }

  #send(edge: number): void {
    const backwards = edge + 1 - 2 * (edge % 2)
    this.#capacity[edge]!--
    this.#capacity[backwards]!++
    this.#cost[backwards] = -this.#cost[edge]!
    this.#cost[edge]! += this.#step[edge]!
  }
}
