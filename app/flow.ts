/** How the topologies are doing at this moment, for live progress: from the meters and from the positions in the log. */
import type { InputProgress } from '../api/input-file.ts'
import { topics } from '../schemas/topics.ts'
import type { TopicPartition, Topology } from '../streams/index.ts'
import type { Application } from './application.ts'
import { endOf, partitionsOf } from './read-topic.ts'

/** Records of this run, but for the lag. */
export interface TopologyFlow {
  readonly name: string
  readonly in: number
  readonly out: number
  /** Null where the topology rejects nothing, and in a cluster, where others do too. */
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
  private readonly application: Application
  private readonly startMs: number
  private lastMs: number
  private readonly lastIn = new Map<string, number>()
  private readonly partitions = new Map<string, readonly TopicPartition[]>()
  /** Null in a cluster. */
  private readonly rejectedBefore: number | null

  /** Counts from now on. */
  static async open(application: Application): Promise<FlowMeter> {
    const { isCluster, log } = application.platform
    return new FlowMeter(application, isCluster ? null : await endOf(log, topics.orderRejected.name))
  }

  private constructor(application: Application, rejectedBefore: number | null) {
    this.application = application
    this.rejectedBefore = rejectedBefore
    this.startMs = application.platform.clock.now()
    this.lastMs = this.startMs
  }

  async measure(input: InputProgress | undefined): Promise<Flow> {
    const { clock, log } = this.application.platform
    const nowMs = clock.now()
    const passedMs = Math.max(1, nowMs - this.lastMs)
    const before = this.rejectedBefore
    const rejected = before === null ? null : (await endOf(log, topics.orderRejected.name)) - before
    const flows: TopologyFlow[] = []
    for (const topology of this.application.topologies) {
      const { name } = topology
      const meters = this.meters(topology)
      const rate = ((meters.in - (this.lastIn.get(name) ?? 0)) * 1000) / passedMs
      this.lastIn.set(name, meters.in)
      const rejects = topology.topics.some((topic) => topic.name === topics.orderRejected.name)
      flows.push({
        name,
        ...meters,
        rejected: rejects ? rejected : null,
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
    for (const reading of this.application.metrics.snapshot()) {
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
    const { log } = this.application.platform
    const partitions = await this.inputs(topology)
    const committed = await log.committedOffsets(topology.name, partitions)
    const ranges = await log.offsetRanges(partitions)
    let lag = 0
    for (const [index, { start, end }] of ranges.entries()) {
      lag += Math.max(0, end - (committed[index] ?? start))
    }
    return lag
  }

  /** All that the topology reads; in a cluster, what the tasks of this instance read. */
  private async inputs(topology: Topology): Promise<readonly TopicPartition[]> {
    const { streams, platform } = this.application
    const tasks = streams.status().find(({ name }) => name === topology.name)?.tasks
    const inputs: TopicPartition[] = []
    for (const { name, sources } of topology.subTopologies) {
      for (const { topic } of sources) {
        const partitions = this.partitions.get(topic.name) ?? (await partitionsOf(platform.log, topic.name))
        this.partitions.set(topic.name, partitions)
        for (const input of partitions) {
          if (!platform.isCluster || tasks?.has(`${name}_${input.partition}`) === true) inputs.push(input)
        }
      }
    }
    return inputs
  }
}
