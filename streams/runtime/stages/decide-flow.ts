/**
 * What stage commands mean for a task, in two steps of facts in, decision out: which commands hold it (once for each change of the
 * commands), and what may pass now (once for each slice, and only while something is commanded).
 *
 * Invariants:
 * 1. A task is held if any command for the topology, its sub-topology or one of its operators holds it. A record passes by a step
 *    only if each pause that its input is held by has steps left, and it uses one of each.
 * 2. An operator is held by not reading on what reaches it; the rest of its sub-topology goes on.
 * 3. Nobody who is paused is woken by the clock, not even while steps are left; by event time only for records of steps.
 * 4. What was committed already, but an external sink does not have, since it has lost it in a crash or is new, passes in any case.
 */
import { assertNever } from '../../errors.ts'
import type { HeldNodes } from '../../time/alarms.ts'
import { sourcesBehind } from '../../topology/graph.ts'
import type { SubTopology, Topology } from '../../topology/topology.ts'
import { taskCount } from '../internal-topics.ts'
import type { StageCommands } from './command-follower.ts'
import type { Stage, StandingCommand, TaskFlowView } from './stage.ts'

/** A task, as commands are about it. */
export interface StagedTask {
  readonly taskId: string
  readonly topology: Topology
  readonly subTopology: SubTopology
  readonly partition: number
  readonly partitionCounts: ReadonlyMap<string, number>
}

/** A pause or a drain that is about a task. */
export interface Hold {
  /** Names it over restarts. */
  readonly id: string
  readonly kind: 'pause' | 'drain'
  readonly stage: Stage
  /** Of the task's inputs, those that it is about. */
  readonly topics: ReadonlySet<string>
  readonly nodes: HeldNodes
  /** Records that it lets through in all. */
  readonly steps: number
  /** For a drain: by topic, where the input ends; one that the stage writes itself ends when nobody writes there any more. */
  readonly ends: ReadonlyMap<string, number>
}

export interface TaskOrders {
  readonly holds: readonly Hold[]
  /** The task's share of the lowest limit; null without one. */
  readonly recordsPerSecond: number | null
  /** When the clock may make others of them. */
  readonly untilMs: number
}

/** Whether a command still counts. */
export function isInForce({ kind, until, records_per_second }: StandingCommand, nowMs: number): boolean {
  if (until !== null && nowMs >= until) return false
  switch (kind) {
    case 'PAUSE':
    case 'DRAIN':
      return true
    case 'LIMIT':
      return records_per_second > 0
    case 'RUN':
      return false
    default:
      return assertNever(kind)
  }
}

/** What is commanded for a task. */
export function decideOrders(
  commands: Iterable<StandingCommand>,
  task: StagedTask,
  nowMs: number,
): TaskOrders {
  const holds: Hold[] = []
  let recordsPerSecond: number | null = null
  let untilMs = Number.POSITIVE_INFINITY
  for (const command of commands) {
    if (!isInForce(command, nowMs)) continue
    const reached = reachOf(command, task.subTopology)
    if (reached === undefined) continue
    untilMs = Math.min(untilMs, command.until ?? untilMs)
    if (command.kind === 'LIMIT') {
      const share = command.records_per_second / tasksOf(command, task)
      recordsPerSecond = Math.min(recordsPerSecond ?? share, share)
    } else holds.push(holdOf(command, task, reached))
  }
  return { holds, recordsPerSecond, untilMs }
}

/** How a task stands that is not open. */
export function flowOfClosed(task: StagedTask, commands: StageCommands, nowMs: number): TaskFlowView {
  const { holds, recordsPerSecond } = decideOrders(commands.all(), task, nowMs)
  const isDrain = holds.length > 0 && holds.every(({ kind }) => kind === 'drain')
  return {
    state: holds.length === 0 ? 'running' : isDrain ? 'draining' : 'pausing',
    stepRemaining: 0,
    recordsPerSecondMax: recordsPerSecond,
    heldBy: holds.map(({ stage }) => stage),
    heldTopics: new Set(holds.flatMap(({ topics }) => [...topics])),
    revision: commands.revision,
  }
}

/** The inputs of a sub-topology that a stage is about, and its nodes; undefined when it is about none of it. */
function reachOf(
  stage: Pick<StandingCommand, 'sub_topology' | 'operator'>,
  { name, nodes, sources }: SubTopology,
): { readonly topics: ReadonlySet<string>; readonly nodes: HeldNodes } | undefined {
  if (stage.operator === null) {
    if (stage.sub_topology !== null && stage.sub_topology !== name) return undefined
    return { topics: new Set(sources.map(({ topic }) => topic.name)), nodes: 'all' }
  }
  // By its own name alone, which is one of the topology's: its sub-topology may have got another source since.
  const operator = nodes.find((node) => node.name === stage.operator)
  if (operator === undefined) return undefined
  const topics = [...sourcesBehind([operator])].flatMap(({ role }) =>
    role.kind === 'source' ? [role.topic.name] : [],
  )
  return { topics: new Set(topics), nodes: new Set([operator.id]) }
}

function holdOf(
  command: StandingCommand,
  { taskId, topology, partition }: StagedTask,
  reached: Pick<Hold, 'topics' | 'nodes'>,
): Hold {
  const ofTask = command.task_steps.find(({ task }) => task === taskId)?.records ?? 0
  const ends = command.drain_to.filter((end) => end.partition === partition && reached.topics.has(end.topic))
  return {
    ...reached,
    id: command.hold,
    kind: command.kind === 'DRAIN' ? 'drain' : 'pause',
    stage: stageOf(command, topology.name),
    steps: command.step_total + ofTask,
    ends: new Map(ends.map(({ topic, offset }) => [topic, offset])),
  }
}

export function stageOf(
  { sub_topology, operator }: Pick<StandingCommand, 'sub_topology' | 'operator'>,
  topology: string,
): Stage {
  return { topology, subTopology: sub_topology, operator }
}

/** How many tasks share a limit. */
function tasksOf(
  { sub_topology }: Pick<StandingCommand, 'sub_topology'>,
  { topology, partitionCounts }: StagedTask,
): number {
  return topology.subTopologies
    .filter(({ name }) => sub_topology === null || name === sub_topology)
    .reduce((sum, sub) => sum + taskCount(sub, partitionCounts), 0)
}

/** An input of a task, as it stands. */
export interface InputFacts {
  readonly topic: string
  /** Whether nothing below an offset is left to process. */
  hasReached(offset: number): boolean
  /** Whether it reads anew what was committed: the sink does not have it. */
  readonly isRepeating: boolean
}

export interface GateFacts {
  readonly inputs: readonly InputFacts[]
  /** Records that a pause has let through so far, by its id. */
  readonly stepsUsed: ReadonlyMap<string, number>
  /** Whether somebody has still to be woken for the records of steps. */
  readonly isFinishingStep: boolean
  /** Drains that all tasks of the stage have done. */
  readonly isDrained: (holdId: string) => boolean
  /** Whether the limit allows for a record now. */
  readonly mayTake: boolean
}

/** What may pass now. */
export interface Gates {
  /** Topics that are not read on for now. */
  readonly stopped: ReadonlySet<string>
  /** Topics that are held: time does not pass for them, whether or not there is something to read. */
  readonly held: ReadonlySet<string>
  readonly eventTimeHeld: HeldNodes
  readonly clockHeld: HeldNodes
  /** How many records may pass before this is to be decided anew. */
  readonly maxRecords: number
  /** Pauses whose steps are used up, and drains that have come to their ends: what was processed is to be committed. */
  readonly closed: ReadonlySet<string>
  /** Records that pass are no new ones, and use no steps. */
  readonly isRepeating: boolean
}

/** Everything may pass. */
export const openGates: Gates = {
  stopped: new Set(),
  held: new Set(),
  eventTimeHeld: new Set(),
  clockHeld: new Set(),
  maxRecords: Number.POSITIVE_INFINITY,
  closed: new Set(),
  isRepeating: false,
}

export function decideGates(holds: readonly Hold[], facts: GateFacts): Gates {
  const { inputs } = facts
  const stopped = new Set<string>()
  const held = new Set<string>()
  const closed = new Set<string>()
  let eventTimeHeld: HeldNodes = new Set()
  let clockHeld: HeldNodes = new Set()
  let maxRecords = Number.POSITIVE_INFINITY
  for (const hold of holds) {
    const gate = gateOf(hold, facts)
    for (const topic of gate.stopped) stopped.add(topic)
    for (const topic of gate.held) held.add(topic)
    if (gate.isClosed) closed.add(hold.id)
    if (gate.holdsEventTime) eventTimeHeld = both(eventTimeHeld, hold.nodes)
    if (gate.holdsClock) clockHeld = both(clockHeld, hold.nodes)
    maxRecords = Math.min(maxRecords, gate.maxRecords)
  }
  const isRepeating = holds.length > 0 && inputs.some((input) => input.isRepeating)
  if (isRepeating) {
    const others = inputs.filter((input) => !input.isRepeating)
    return {
      stopped: new Set(others.map(({ topic }) => topic)),
      held,
      eventTimeHeld,
      clockHeld,
      maxRecords: Number.POSITIVE_INFINITY,
      closed: new Set(),
      isRepeating,
    }
  }
  if (!facts.mayTake) for (const { topic } of inputs) stopped.add(topic)
  return { stopped, held, eventTimeHeld, clockHeld, maxRecords, closed, isRepeating }
}

interface Gate {
  readonly stopped: Iterable<string>
  readonly held: Iterable<string>
  readonly isClosed: boolean
  readonly holdsEventTime: boolean
  readonly holdsClock: boolean
  readonly maxRecords: number
}

function gateOf(hold: Hold, facts: GateFacts): Gate {
  const { topics } = hold
  if (hold.kind === 'drain') return drainGate(hold, facts)
  const left = stepsLeft(hold, facts.stepsUsed)
  if (left > 0) {
    const isWhole = facts.inputs.every(({ topic }) => topics.has(topic))
    // With inputs that it is not about it must be seen which of them each record comes of.
    const maxRecords = isWhole ? left : 1
    return { stopped: [], held: topics, isClosed: false, holdsEventTime: false, holdsClock: true, maxRecords }
  }
  return {
    stopped: topics,
    held: topics,
    isClosed: !facts.isFinishingStep,
    holdsEventTime: !facts.isFinishingStep,
    holdsClock: true,
    maxRecords: Number.POSITIVE_INFINITY,
  }
}

function drainGate({ id, topics, ends }: Hold, { inputs, isDrained }: GateFacts): Gate {
  const maxRecords = Number.POSITIVE_INFINITY
  if (isDrained(id)) {
    return {
      stopped: topics,
      held: topics,
      isClosed: true,
      holdsEventTime: true,
      holdsClock: true,
      maxRecords,
    }
  }
  const ended = inputs.filter((input) => {
    const end = ends.get(input.topic)
    return end !== undefined && input.hasReached(end)
  })
  const ofEnded = ended.map(({ topic }) => topic)
  const isClosed = ended.length === inputs.filter(({ topic }) => ends.has(topic)).length
  return {
    stopped: ofEnded,
    held: ofEnded,
    isClosed,
    holdsEventTime: false,
    holdsClock: isClosed,
    maxRecords,
  }
}

/** Records that a pause still lets through. */
export function stepsLeft({ id, steps }: Hold, used: ReadonlyMap<string, number>): number {
  return Math.max(0, steps - (used.get(id) ?? 0))
}

function both(some: HeldNodes, more: HeldNodes): HeldNodes {
  return some === 'all' || more === 'all' ? 'all' : new Set([...some, ...more])
}
