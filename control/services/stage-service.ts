/** StageService: holding stages, letting them go on, and how that stands on all instances. */
import { type StandingCommand, stageName, stageOf, stagesOf } from '../../streams/index.ts'
import { type Call, type Service, service } from '../call.ts'
import type { ControlContext } from '../context.ts'
import { ControlError, invalidField } from '../errors.ts'
import {
  type ListStagesRequest,
  type ListStagesResponse,
  StageServiceService,
} from '../generated/orderstreams/control/v1/stage_service.ts'
import { pageOf } from '../pages.ts'
import { chosen } from './instance-service.ts'
import { commandMessage, type NamedStage, namedStage, stageStatus, tasksOfStage } from './stage-status.ts'

export function stageService(context: ControlContext): Service {
  return service(StageServiceService, {
    pauseStage: async ({ stage: asked, reason, until }, call) => {
      const { stage, running } = namedStage(context, asked)
      const order = { stage, reason, by: call.caller.name, ...endOf(context, until) }
      return { wanted: commandMessage(stage, await stagesOf(running).pause(order)) }
    },

    resumeStage: async ({ stage: asked, reason }, call) => {
      const { stage, running } = namedStage(context, asked)
      const order = { stage, reason, by: call.caller.name }
      const { wanted, stillHeldBy } = await stagesOf(running).resume(order)
      return {
        wanted: commandMessage(stage, wanted),
        stillHeldBy: stillHeldBy.map((command) => commandMessage(stage, command)),
      }
    },

    stepStage: async ({ stage: asked, records, task }, call) => {
      const named = namedStage(context, asked)
      const { stage, running } = named
      if (!(Number.isSafeInteger(records) && records >= 0))
        throw invalidField('records', `is ${records}; it must be a whole number of at least 1, or 0 for 1`)
      if (task !== '') checkTask(named, task)
      const order = { stage, by: call.caller.name, records: Math.max(1, records) }
      const command = await stagesOf(running).step(task === '' ? order : { ...order, task })
      return { wanted: commandMessage(stage, command) }
    },

    limitStageRate: async ({ stage: asked, recordsPerSecond, reason, until }, call) => {
      const { stage, running } = namedStage(context, asked)
      notForOperators(stage.operator, 'rate')
      if (!(Number.isFinite(recordsPerSecond) && recordsPerSecond >= 0)) {
        const must = 'it must be a number of at least 0, where 0 takes the limit away'
        throw invalidField('records_per_second', `is ${recordsPerSecond}; ${must}`)
      }
      const order = { stage, reason, by: call.caller.name, recordsPerSecond, ...endOf(context, until) }
      return { wanted: commandMessage(stage, await stagesOf(running).limit(order)) }
    },

    drainStage: async ({ stage: asked, reason }, call) => {
      const { stage, running } = namedStage(context, asked)
      notForOperators(stage.operator, 'drain')
      const order = { stage, reason, by: call.caller.name }
      return { wanted: commandMessage(stage, await stagesOf(running).drain(order)) }
    },

    getStage: async ({ stage: asked }, call) => {
      const named = namedStage(context, asked)
      const commands = await stagesOf(named.running).list()
      const instances = await context.peers.instances(call, named.stage.topology)
      return { status: stageStatus(named, commands, instances, context.clock.now()) }
    },

    listStages: (request, call) => listStages(context, request, call),
  })
}

async function listStages(
  context: ControlContext,
  request: ListStagesRequest,
  call: Call,
): Promise<ListStagesResponse> {
  const { topology } = request
  const found = new Map<
    string,
    { readonly named: NamedStage; readonly commands: readonly StandingCommand[] }
  >()
  for (const { name } of chosen(context, topology)) {
    const running = context.streams.running(name)
    const commands = await stagesOf(running).list()
    for (const command of commands) {
      const stage = stageOf(command, name)
      found.set(stageName(stage), { named: { stage, running }, commands })
    }
  }
  const names = [...found.keys()].sort()
  const { page, nextPageToken } = pageOf(names, (name) => name, request, { list: 'stages', topology })
  const instances =
    page.length === 0 ? [] : await context.peers.instances(call, topology === '' ? undefined : topology)
  const nowMs = context.clock.now()
  const stages = page.map((name) => {
    const { named, commands } = found.get(name)!
    return stageStatus(named, commands, instances, nowMs)
  })
  return { stages, nextPageToken }
}

function endOf({ clock }: ControlContext, until: Date | undefined): { readonly untilMs?: number } {
  if (until === undefined) return {}
  const untilMs = until.getTime()
  const now = new Date(clock.now())
  if (untilMs > now.getTime()) return { untilMs }
  throw invalidField(
    'until',
    `is ${until.toISOString()}, which is over: it is ${now.toISOString()} here; leave it out for no end`,
  )
}

function checkTask(named: NamedStage, task: string): void {
  const tasks = tasksOfStage(named)
  if (tasks.includes(task)) return
  throw new ControlError(
    'TASK_NOT_FOUND',
    `stage ${stageName(named.stage)} has no task "${task}"; it has ${tasks.join(', ')}`,
    { metadata: { task } },
  )
}

function notForOperators(operator: string | null, what: string): void {
  if (operator === null) return
  throw invalidField(
    'stage.operator',
    `is "${operator}"; leave it out: a ${what} is for a topology or a sub-topology, whose operators have their inputs in common`,
  )
}
