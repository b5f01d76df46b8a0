/** `ctl instances`: the processes that run topologies, and their tasks. */
import type { Command } from 'commander'
import {
  GetInstanceRequest,
  type Instance,
  InstanceServiceService,
  ListInstancesRequest,
  type TaskStatus,
} from '../../../control/generated/orderstreams/control/v1/instance_service.ts'
import { count, out, tell } from '../../output.ts'
import type { CommandContext } from '../command-context.ts'
import { flowText, orNothing, rateText, sizeText, timeText, wordOf } from './format.ts'
import { type Column, printFacts, printJson, printPages, tableOf } from './print.ts'
import {
  addClientOptions,
  addListOptions,
  type CtlOptions,
  type ListOptions,
  withSession,
} from './session.ts'

const instanceColumns: readonly Column<Instance>[] = [
  ['INSTANCE', ({ instanceId }) => instanceId],
  ['ZONE', ({ zone }) => orNothing(zone)],
  ['ENDPOINT', ({ endpoint }) => orNothing(endpoint)],
  ['VERSION', ({ version }) => orNothing(version)],
  ['STARTED', ({ startTime }) => timeText(startTime)],
  ['TASKS', (instance) => count(tasksOf(instance).length), 'right'],
  ['STANDBYS', ({ topologies }) => count(sum(topologies, ({ standbys }) => standbys.length)), 'right'],
  [
    'TOPOLOGIES',
    ({ topologies }) =>
      topologies.map(({ topology, state }) => `${topology} ${wordOf(state, 'RUNNER_STATE_')}`).join(', '),
  ],
  ['PROBLEM', problemOf],
]

/** A task, and where it runs. */
export interface PlacedTask {
  readonly topology: string
  readonly instanceId: string
  readonly status: TaskStatus
}

export function tasksOf({ instanceId, topologies }: Instance): PlacedTask[] {
  return topologies.flatMap(({ topology, tasks }) =>
    tasks.map((status) => ({ topology, instanceId, status })),
  )
}

export const taskColumns: readonly Column<PlacedTask>[] = [
  ['TOPOLOGY', ({ topology }) => topology],
  ['TASK', ({ status }) => status.task],
  ['INSTANCE', ({ instanceId }) => instanceId],
  ['STATE', ({ status }) => stateText(status)],
  ['FLOW', ({ status }) => flowText(status.flow)],
  ['RATE/S', ({ status }) => rateText(status.recordsPerSecond), 'right'],
  ['LAG', ({ status }) => count(status.lag), 'right'],
  ['WATERMARK', ({ status }) => timeText(status.watermark)],
  ['TIMERS', ({ status }) => count(status.timerCount), 'right'],
  ['STATE SIZE', ({ status }) => sizeText(status.stateDiskBytes), 'right'],
  ['FAILURE', ({ status }) => status.failure],
]

/** The state of a task, with how far a restore is: `restoring 42%`. */
export function stateText({ state, restore }: TaskStatus): string {
  const word = wordOf(state, 'TASK_STATE_')
  if (restore === undefined || restore.total === 0) return word
  return `${word} ${Math.floor((restore.done / restore.total) * 100)}%`
}

export function addInstanceCommands(ctl: Command, context: CommandContext): void {
  const instances = ctl.command('instances').summary('the processes that run topologies')
  addListOptions(
    instances
      .command('list')
      .description('Lists the instances, with what each says of itself.')
      .argument('[topology]', 'only those that run this one'),
  ).action(async (topology: string | undefined, options: ListOptions) =>
    withSession(context, options, (session) =>
      printPages(session, options.limit, {
        method: InstanceServiceService.listInstances,
        request: ListInstancesRequest.create({ topology: topology ?? '' }),
        itemsOf: (answer) => answer.instances,
        table: instanceColumns,
        none: 'there are no instances',
      }),
    ),
  )
  addClientOptions(
    instances
      .command('show')
      .description('Shows what the instance at --address does right now, task by task.')
      .argument('[topology]', 'only its part in this one'),
  ).action(async (topology: string | undefined, options: CtlOptions) =>
    withSession(context, options, async ({ client, isJson, signal }) => {
      const request = GetInstanceRequest.create({ topology: topology ?? '' })
      const { instance } = await client.call(InstanceServiceService.getInstance, request, { signal })
      if (isJson) printJson(instance)
      else if (instance !== undefined) printInstance(instance)
    }),
  )
}

function printInstance(instance: Instance): void {
  const { instanceId, zone, endpoint, version, startTime, topologies } = instance
  printFacts([
    ['instance', instanceId],
    ['zone', zone],
    ['endpoint', endpoint],
    ['version', version],
    ['started', timeText(startTime)],
    ...topologies.map(
      ({ topology, state, failure, standbys }) =>
        [
          topology,
          [
            wordOf(state, 'RUNNER_STATE_'),
            ...(failure === '' ? [] : [failure]),
            ...standbys.map(
              (standby) =>
                `copy of ${standby.task} ${standby.state}${standby.lag === undefined ? '' : `, lacks ${count(standby.lag)}`}`,
            ),
          ].join('; '),
        ] as const,
    ),
  ])
  const tasks = tasksOf(instance)
  if (tasks.length === 0) tell('it runs no task')
  else out(`\n${tableOf(tasks, taskColumns)}`)
}

function problemOf({ unreachableReason, topologies }: Instance): string {
  return [unreachableReason, ...topologies.map(({ failure }) => failure)].filter(Boolean).join('; ')
}

function sum<T>(items: readonly T[], figureOf: (item: T) => number): number {
  return items.reduce((total, item) => total + figureOf(item), 0)
}
