/** How the topologies are doing at this moment, for live progress: from the meters and from the positions in the log. */
import type { InputProgress } from '../api/input-file.ts'
import { topics } from '../schemas/topics.ts'
import type { Topology } from '../streams/index.ts'
import { endOf, partitionsOf } from './read-topic.ts'
import type { SingleNode } from './single-node.ts'

/** Records of this run, but for the lag. */
export interface TopologyFlow {
  readonly name: string
  readonly in: number
  readonly out: number
  /** Null where the topology rejects nothing. */
  readonly rejected: number | null
  readonly dead: number
  /** Records whose rows are in the tables. */
  readonly stored: number
  /** Records that wait, those for the tables included. */
  readonly lag: number
  readonly recordsPerSecond: number
}

export interface Flow {
  readonly input: InputProgress | undefined
  readonly elapsedMs: number
  readonly topologies: readonly TopologyFlow[]
}

/** Measures again and again; rates are over the time since the last measurement. */
export class FlowMeter {
  private readonly node: SingleNode
  private readonly startMs: number
  private lastMs: number
  private readonly lastIn = new Map<string, number>()
  private readonly rejectedBefore: number

  /** Counts from now on. */
  static async open(node: SingleNode): Promise<FlowMeter> {
    return new FlowMeter(node, await endOf(node.data.log, topics.orderRejected.name))
  }

  private constructor(node: SingleNode, rejectedBefore: number) {
    this.node = node
    this.rejectedBefore = rejectedBefore
    this.startMs = node.data.clock.now()
    this.lastMs = this.startMs
  }

  async measure(input: InputProgress | undefined): Promise<Flow> {
    const nowMs = this.node.data.clock.now()
    const passedMs = Math.max(1, nowMs - this.lastMs)
    const rejectedEnd = await endOf(this.node.data.log, topics.orderRejected.name)
    const flows: TopologyFlow[] = []
    for (const topology of this.node.topologies) {
      const { name } = topology
      const meters = this.meters(topology)
      const rate = ((meters.in - (this.lastIn.get(name) ?? 0)) * 1000) / passedMs
      this.lastIn.set(name, meters.in)
      const rejects = topology.topics.some((topic) => topic.name === topics.orderRejected.name)
      flows.push({
        name,
        ...meters,
        rejected: rejects ? rejectedEnd - this.rejectedBefore : null,
        lag: await this.lag(topology),
        recordsPerSecond: rate,
      })
    }
    this.lastMs = nowMs
    return { input, elapsedMs: nowMs - this.startMs, topologies: flows }
  }

  /** What the sub-topologies that only fill tables take in is what is stored. */
  private meters(topology: Topology) {
    const storing = topology.subTopologies.filter(({ hasExternalSink }) => hasExternalSink)
    const sums = { in: 0, out: 0, dead: 0, stored: 0 }
    for (const reading of this.node.metrics.snapshot()) {
      if (reading.kind === 'histogram' || reading.labels['topology'] !== topology.name) continue
      const task = reading.labels['task'] ?? ''
      const stores = storing.some(({ name }) => task.startsWith(`${name}_`))
      if (reading.name === 'streams_records_in_total') sums[stores ? 'stored' : 'in'] += reading.value
      if (reading.name === 'streams_records_out_total') sums.out += reading.value
      if (reading.name === 'streams_dead_letters_total') sums.dead += reading.value
    }
    return sums
  }

  private async lag(topology: Topology): Promise<number> {
    const { log } = this.node.data
    let lag = 0
    for (const { topic } of topology.subTopologies.flatMap(({ sources }) => sources)) {
      const partitions = await partitionsOf(log, topic.name)
      const committed = await log.committedOffsets(topology.name, partitions)
      const ranges = await log.offsetRanges(partitions)
      for (const [index, { start, end }] of ranges.entries()) {
        lag += Math.max(0, end - (committed[index] ?? start))
      }
    }
    return lag
  }
}
