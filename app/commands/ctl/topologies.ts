/** `ctl topologies`: what there is, who runs it, and how it gets on. */
import { type Command, Option } from 'commander'
import type { Instance } from '../../../control/generated/orderstreams/control/v1/instance_service.ts'
import {
  type Assignment,
  ExplainTopologyRequest,
  GetTopologyRequest,
  type HeldBack,
  ListAssignmentsRequest,
  ListTopologiesRequest,
  type TaskExplanation,
  TopologyServiceService,
  type TopologySummary,
  WatchTopologiesRequest,
  type WatchTopologiesResponse,
} from '../../../control/generated/orderstreams/control/v1/topology_service.ts'
import { count, out, tell } from '../../output.ts'
import { type CommandContext, wholeNumber } from '../command-context.ts'
import { durationText, orNothing, rateText, sizeText, timeText, wordOf } from './format.ts'
import { taskColumns, tasksOf } from './instances.ts'
import { type Column, printJson, printPages, printTable, tableOf } from './print.ts'
import {
  addClientOptions,
  addListOptions,
  type CtlOptions,
  type ListOptions,
  type Session,
  withSession,
} from './session.ts'
import { duration, protoDuration } from './values.ts'

export const topologyColumns: readonly Column<TopologySummary>[] = [
  ['TOPOLOGY', ({ topology }) => topology],
  ['FLOW', ({ flow }) => wordOf(flow, 'FLOW_STATE_')],
  ['INSTANCES', ({ instanceCount }) => count(instanceCount), 'right'],
  ['TASKS', ({ runningTaskCount, taskCount }) => `${runningTaskCount}/${taskCount}`, 'right'],
  ['RATE/S', ({ recordsPerSecond }) => rateText(recordsPerSecond), 'right'],
  ['LAG', ({ lag }) => count(lag), 'right'],
  ['WATERMARK', ({ watermark }) => timeText(watermark)],
  ['DELAY', ({ watermarkDelay }) => durationText(watermarkDelay), 'right'],
  ['STATE', ({ stateDiskBytes }) => sizeText(stateDiskBytes), 'right'],
  ['FAILURES', ({ failures }) => failures.join('; ')],
]

const assignmentColumns: readonly Column<Assignment>[] = [
  ['TASK', ({ task }) => task],
  ['INSTANCE', ({ instanceId }) => orNothing(instanceId)],
  ['ENDPOINT', ({ endpoint }) => orNothing(endpoint)],
  ['ZONE', ({ zone }) => orNothing(zone)],
  ['STANDBYS', ({ standbyInstanceIds }) => orNothing(standbyInstanceIds.join(' '))],
]

const noTopologies = 'no instance runs a topology'

export function addTopologyCommands(ctl: Command, context: CommandContext): void {
  const topologies = ctl.command('topologies').summary('what there is, who runs it, and how it gets on')
  addListOptions(
    topologies.command('list').description('Lists the topologies, with their sums over all instances.'),
  ).action(async (options: ListOptions) =>
    withSession(context, options, (session) =>
      printPages(session, options.limit, {
        method: TopologyServiceService.listTopologies,
        request: ListTopologiesRequest.create(),
        itemsOf: (answer) => answer.topologies,
        table: topologyColumns,
        none: noTopologies,
      }),
    ),
  )
  addClientOptions(
    topologies
      .command('show')
      .description('Shows a topology as its code declares it: sub-topologies, operators, topics, stores.')
      .argument('<topology>')
      .addOption(new Option('--format <format>').choices(['text', 'mermaid']).default('text')),
  ).action(async (topology: string, options: CtlOptions & { readonly format: 'text' | 'mermaid' }) =>
    withSession(context, options, async ({ client, isJson, signal }) => {
      const request = GetTopologyRequest.create({ topology })
      const answer = await client.call(TopologyServiceService.getTopology, request, { signal })
      if (isJson) printJson(answer.topology)
      else out(answer[options.format].trimEnd())
    }),
  )
  addListOptions(
    topologies
      .command('assignments')
      .description('Lists who runs which task of a topology, and who keeps copies of its state.')
      .argument('<topology>'),
  ).action(async (topology: string, options: ListOptions) =>
    withSession(context, options, (session) =>
      printPages(session, options.limit, {
        method: TopologyServiceService.listAssignments,
        request: ListAssignmentsRequest.create({ topology }),
        itemsOf: (answer) => answer.assignments,
        table: assignmentColumns,
        none: 'the topology has no tasks',
      }),
    ),
  )
  addWatchCommand(topologies, context)
  addExplainCommand(topologies, context)
}

interface WatchOptions extends CtlOptions {
  readonly every: number
  readonly tasks?: boolean
  readonly times?: number
}

function addWatchCommand(topologies: Command, context: CommandContext): void {
  addClientOptions(
    topologies
      .command('watch')
      .description('Shows how topologies get on, again and again, until Ctrl-C.')
      .argument('[topology]', 'only this one')
      .option('--every <duration>', 'time between two readings', duration('--every', 100), 1000)
      .option('--tasks', 'each task, too')
      .option('--times <n>', 'so many readings (default: without end)', wholeNumber('--times', 1)),
  ).action(async (topology: string | undefined, options: WatchOptions) =>
    withSession(context, options, async (session) => {
      let left = options.times ?? Number.POSITIVE_INFINITY
      for await (const reading of readings(session, topology, options.every, options.tasks === true)) {
        if (session.isJson) printJson(reading)
        else printReading(reading)
        if (--left === 0) return
      }
    }),
  )
}

/** How topologies get on, again and again, until Ctrl-C. */
export async function* readings(
  { client, signal }: Session,
  topology: string | undefined,
  everyMs: number,
  withTasks: boolean,
): AsyncGenerator<WatchTopologiesResponse> {
  const request = WatchTopologiesRequest.create({
    topology: topology ?? '',
    interval: protoDuration(everyMs),
    withTasks,
  })
  try {
    yield* client.stream(TopologyServiceService.watchTopologies, request, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function printReading({ time, topologies, instances }: WatchTopologiesResponse): void {
  out(timeText(time))
  printTable(topologies, topologyColumns, noTopologies)
  if (instances.length > 0) out(tableOf(instances.flatMap(tasksOf), taskColumns))
  for (const instance of instances) tellIfUnreachable(instance)
  out('')
}

function tellIfUnreachable({ instanceId, unreachableReason }: Instance): void {
  if (unreachableReason !== '') tell(`instance ${instanceId} did not answer: ${unreachableReason}`)
}

interface ExplainOptions extends CtlOptions {
  readonly operator?: string
  readonly partition?: number
}

function addExplainCommand(topologies: Command, context: CommandContext): void {
  addClientOptions(
    topologies
      .command('explain')
      .description(
        'Tells why windows, joins and patterns have not emitted: which input holds the time back, and since when.',
      )
      .argument('<topology>')
      .option('--operator <name>', 'only what waits in this operator')
      .option('--partition <n>', 'only tasks of this partition', wholeNumber('--partition', 0)),
  ).action(async (topology: string, options: ExplainOptions) =>
    withSession(context, options, async ({ client, isJson, signal }) => {
      const { operator = '', partition } = options
      const request = ExplainTopologyRequest.create({ topology, operator, partition })
      const { tasks } = await client.call(TopologyServiceService.explainTopology, request, { signal })
      if (isJson) return printJson({ tasks })
      if (tasks.length === 0) return tell('no task of it runs')
      out(tasks.map(explanationText).join('\n\n'))
    }),
  )
}

/** The server's sentences say it all; what it has in fields is for programs, and for people where it has no sentences. */
function explanationText(explanation: TaskExplanation): string {
  const { task, instanceId, watermark, heldBackBy, waiting, text } = explanation
  const heading = `${task} on ${orNothing(instanceId)}, watermark ${timeText(watermark)}`
  if (text !== '') return `${heading}\n  ${text}`
  return [
    heading,
    ...(heldBackBy === undefined ? [] : [`  held back by ${heldBackText(heldBackBy)}`]),
    ...waiting.map(
      ({ operator, due, text: what }) =>
        `  ${operator}: ${what}${due === undefined ? '' : `, due ${timeText(due)}`}`,
    ),
  ].join('\n')
}

function heldBackText({ topic, partition, reason, upstreamTask, since }: HeldBack): string {
  return [
    `${topic}-${partition}: ${wordOf(reason, 'HELD_BACK_REASON_')}`,
    ...(upstreamTask === '' ? [] : [`task ${upstreamTask}`]),
    ...(since === undefined ? [] : [`since ${timeText(since)}`]),
  ].join(', ')
}
