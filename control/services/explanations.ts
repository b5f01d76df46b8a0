/** Explanations over all instances: each says what waits in its tasks, and the one that is asked finds the causes. */
import {
  type HeldBack as EngineHeldBack,
  type HeldBackReason as EngineReason,
  type ExplainFacts,
  explainTask,
  explanationText,
  type TaskFacts,
  type Topology,
  taskNamesOf,
  waitingIn,
} from '../../streams/index.ts'
import type { Call } from '../call.ts'
import type { ControlContext, PeerInstance } from '../context.ts'
import { ControlError } from '../errors.ts'
import type { Instance } from '../generated/orderstreams/control/v1/instance_service.ts'
import {
  type ExplainTopologyRequest,
  type HeldBack,
  HeldBackReason,
  type TaskExplanation,
  TopologyServiceService,
  type WaitingOperator,
} from '../generated/orderstreams/control/v1/topology_service.ts'
import { knownError } from '../server/status.ts'
import { dateOf } from './instance-status.ts'
import { taskFacts } from './task-facts.ts'

/** In the order of the tasks' names. @throws ControlError REQUEST_INVALID, OPERATOR_NOT_FOUND */
export async function explanations(
  context: ControlContext,
  topology: Topology,
  request: ExplainTopologyRequest,
  call: Call,
): Promise<readonly TaskExplanation[]> {
  const wanted = wantedParts(topology, request)
  if (call.isForwarded) return explainedHere(context, topology.name, request)
  const members = await context.peers.members(call, topology.name)
  const instances = await context.peers.instances(call, topology.name)
  const facts = await factsOf(context, topology, instances, call)
  const waiting = await waitingEverywhere(context, members, request, call)
  return [...facts.tasks.values()]
    .filter(({ subTopology, task }) => wanted.has(subTopology) && isOfPartition(task, request.partition))
    .map((task) => explained(task, facts, waiting.get(task.task) ?? []))
}

/** The sub-topologies that are asked about. */
function wantedParts(
  topology: Topology,
  { operator, partition }: ExplainTopologyRequest,
): ReadonlySet<string> {
  if (partition !== undefined && partition < 0)
    throw new ControlError('REQUEST_INVALID', `partition: is ${partition}; give 0 or more, or leave it out`, {
      fields: [{ field: 'partition', description: `is ${partition}; it must be 0 or more` }],
    })
  const parts = topology.subTopologies.filter(
    ({ nodes }) => operator === '' || nodes.some((node) => isNamed(node, operator)),
  )
  if (parts.length > 0) return new Set(parts.map(({ name }) => name))
  const timed = topology.nodes.filter(({ role }) => role.kind === 'operator' && role.usesTime === true)
  const known = timed.map(({ name }) => name).join(', ')
  throw new ControlError(
    'STAGE_NOT_FOUND',
    `operator: topology ${topology.name} has no operator "${operator}"; ${known === '' ? 'none of it waits for time' : `those that wait for time are ${known}`}`,
    { metadata: { topology: topology.name, operator } },
  )
}

/** An operator goes by its own name, or by that of a store of it, which is what its author named. */
function isNamed({ name, stores }: Topology['nodes'][number], wanted: string): boolean {
  return name === wanted || stores.some((store) => store.name === wanted)
}

function isOfPartition(task: string, partition: number | undefined): boolean {
  return partition === undefined || task.endsWith(`_${partition}`)
}

/** What an instance says when another one asks: what waits in its own tasks. */
function explainedHere(
  { streams, instanceId, clock }: ControlContext,
  topology: string,
  { operator }: ExplainTopologyRequest,
): TaskExplanation[] {
  const running = streams.running(topology)
  const named = running.topology.nodes.filter((node) => operator === '' || isNamed(node, operator))
  const wanted = new Set(named.map(({ name }) => name))
  return [...running.drivers.keys()].map((task) => ({
    task,
    instanceId,
    watermark: undefined,
    heldBackBy: undefined,
    waiting: waitingIn(running, task, clock.now())
      .filter((one) => wanted.has(one.operator))
      .map(({ operator: name, dueMs, text, byClock }) => ({
        operator: name,
        due: dateOf(dueMs),
        text,
        byClock,
      })),
    text: '',
    rootTask: '',
    rootCause: undefined,
  }))
}

/** By task. What an instance does not say is left out: the explanation of its tasks says that it cannot be asked. */
async function waitingEverywhere(
  { peers }: ControlContext,
  members: readonly PeerInstance[],
  request: ExplainTopologyRequest,
  call: Call,
): Promise<ReadonlyMap<string, readonly WaitingOperator[]>> {
  const found = new Map<string, readonly WaitingOperator[]>()
  await Promise.all(
    members.map(async (peer) => {
      try {
        const { tasks } = await peers.forward(peer, TopologyServiceService.explainTopology, request, call)
        for (const { task, waiting } of tasks) if (waiting.length > 0) found.set(task, waiting)
      } catch (error) {
        call.signal.throwIfAborted()
        if (knownError(error)?.reason !== 'INSTANCE_UNREACHABLE') throw error
      }
    }),
  )
  return found
}

async function factsOf(
  { streams, peers, clock }: ControlContext,
  topology: Topology,
  instances: readonly Instance[],
  call: Call,
): Promise<ExplainFacts> {
  const { name } = topology
  const assigned = await peers.assigned(name, call)
  const tasks = new Map<string, TaskFacts>()
  for (const task of taskNamesOf(streams.running(name))) {
    const owner = assigned.find(({ active }) => active.includes(task))?.instanceId
    const instance = instances.find(({ instanceId }) => instanceId === owner)
    tasks.set(task, taskFacts(task, name, owner ?? null, instance))
  }
  return { nowMs: clock.now(), topology, tasks }
}

function explained(
  task: TaskFacts,
  facts: ExplainFacts,
  waiting: readonly WaitingOperator[],
): TaskExplanation {
  const links = explainTask(task.task, facts)
  const root = links.at(-1)
  const sentences = waiting.map(({ operator, text }) => `${operator}: ${text}.`)
  if (task.away === null && sentences.length === 0) sentences.push(nothingWaits(task, facts))
  return {
    task: task.task,
    instanceId: task.instanceId ?? '',
    watermark: dateOf(task.watermarkMs),
    heldBackBy: heldBackMessage(links[0]?.heldBack),
    waiting: [...waiting],
    text: [explanationText(links, facts), ...sentences].join(' '),
    rootTask: root?.task ?? task.task,
    rootCause: heldBackMessage(root?.heldBack),
  }
}

/** What to make of a task of which no operator says that it waits. */
function nothingWaits({ subTopology }: TaskFacts, { topology }: ExplainFacts): string {
  const part = topology.subTopologies.find(({ name }) => name === subTopology)
  const waits = part?.nodes.some(({ role }) => role.kind === 'operator' && role.usesTime === true) === true
  return waits
    ? 'Nothing waits for time in it now.'
    : 'No operator of it waits for time: records are passed on as they come.'
}

function heldBackMessage(heldBack: EngineHeldBack | undefined): HeldBack | undefined {
  if (heldBack === undefined) return undefined
  const { input, reason, sinceMs, upstreamTask } = heldBack
  return {
    topic: input.topic,
    partition: input.partition,
    reason: reasons[reason],
    watermark: dateOf(input.watermarkMs),
    since: dateOf(sinceMs),
    upstreamTask: upstreamTask ?? '',
  }
}

const reasons: Readonly<Record<EngineReason, HeldBackReason>> = {
  'never-read': HeldBackReason.HELD_BACK_REASON_NEVER_READ,
  'at-end': HeldBackReason.HELD_BACK_REASON_AT_END,
  unread: HeldBackReason.HELD_BACK_REASON_UNREAD,
  paused: HeldBackReason.HELD_BACK_REASON_PAUSED,
  upstream: HeldBackReason.HELD_BACK_REASON_UPSTREAM,
}
