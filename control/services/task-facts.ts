/** What instances say of their tasks, as facts that explanations are made of. */
import type { InputView, TaskFacts } from '../../streams/index.ts'
import type { Stage } from '../generated/orderstreams/control/v1/common.ts'
import {
  type InputStatus,
  type Instance,
  TaskState,
  type TaskStatus,
} from '../generated/orderstreams/control/v1/instance_service.ts'

/** @param instanceId of the instance that runs it; null when none does */
export function taskFacts(
  task: string,
  topology: string,
  instanceId: string | null,
  instance: Instance | undefined,
): TaskFacts {
  const subTopology = task.slice(0, task.lastIndexOf('_'))
  const part = instance?.topologies.find((own) => own.topology === topology)
  const status = part?.tasks.find((own) => own.task === task)
  const unknown = {
    task,
    subTopology,
    instanceId,
    watermarkMs: null,
    recordsPerSecond: 0,
    inputs: [],
    heldBy: [],
  }
  if (instanceId === null) return { ...unknown, away: 'nobody runs it' }
  if (instance === undefined || instance.unreachableReason !== '')
    return { ...unknown, away: `its instance cannot be asked (${instance?.unreachableReason ?? 'unknown'})` }
  if (status === undefined)
    return { ...unknown, away: part?.failure || 'its instance has not taken it up yet' }
  return {
    ...unknown,
    away: awayText(status),
    watermarkMs: status.watermark?.getTime() ?? null,
    recordsPerSecond: status.recordsPerSecond,
    inputs: status.inputs.map(inputView),
    heldBy: status.flow?.heldBy.map(stageText) ?? [],
  }
}

/** Why it does not process records; null when it does. */
function awayText({ state, failure, restore }: TaskStatus): string | null {
  switch (state) {
    case TaskState.TASK_STATE_RUNNING:
      return null
    case TaskState.TASK_STATE_RESTORING:
      return `it restores its state from the changelogs (${restore?.done ?? 0} of ${restore?.total ?? 0} records)`
    case TaskState.TASK_STATE_OPENING:
      return 'it is being opened'
    case TaskState.TASK_STATE_WAITING:
      return `it waits to be opened again after an error: ${failure}`
    case TaskState.TASK_STATE_GIVEN_UP:
      return `another owner has fenced it: ${failure}`
    case TaskState.TASK_STATE_FAILED:
      return `it has failed: ${failure}`
    default:
      return 'it was closed'
  }
}

function inputView(input: InputStatus): InputView {
  return {
    topic: input.topic,
    partition: input.partition,
    position: input.position,
    committed: input.committed,
    end: input.end ?? null,
    watermarkMs: input.watermark?.getTime() ?? null,
    isIdle: input.idle,
    hasEnded: input.ended,
    isHeld: input.held,
    upstream: input.upstream.map(({ task, watermark, idle }) => ({
      task,
      watermarkMs: watermark?.getTime() ?? null,
      isIdle: idle,
    })),
    atEndSinceMs: input.atEndSince?.getTime() ?? null,
  }
}

function stageText({ topology, subTopology, operator }: Stage): string {
  return [topology, subTopology, operator].filter((part) => part !== '').join('/')
}
