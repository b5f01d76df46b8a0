import { taskNamesOf } from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext } from '../../context.ts'
import {
  CheckpointServiceService,
  type TriggerCheckpointRequest,
  type TriggerCheckpointResponse,
} from '../../generated/orderstreams/control/v1/checkpoint_service.ts'
import { orAborted } from '../../server/waiting.ts'
import type { CheckpointHistory } from './history.ts'
import { atOwner, driverHere, tasksAsked } from './owners.ts'

/** Lets tasks commit at once, wherever they run, and waits for them. @throws ControlError TASK_NOT_FOUND, TASK_AWAY, INSTANCE_UNREACHABLE */
export async function triggerCheckpoint(
  context: ControlContext,
  history: CheckpointHistory,
  request: TriggerCheckpointRequest,
  call: Call,
): Promise<TriggerCheckpointResponse> {
  const { topology } = request
  const tasks = tasksAsked(context, topology, request.task)
  await Promise.all(
    tasks.map((task) =>
      atOwner(context, topology, task, call, {
        here: () => orAborted(driverHere(context, topology, task).driver.commitNow(), call.signal),
        there: async (owner) => {
          const one = { topology, task, requestId: '' }
          await context.peers.forward(owner, CheckpointServiceService.triggerCheckpoint, one, call)
        },
      }),
    ),
  )
  const wanted = new Set(
    request.task === '' ? taskNamesOf(context.streams.running(topology)) : [request.task],
  )
  const newest = (await history.newest(topology)).filter(({ task }) => wanted.has(task))
  return { checkpoints: await history.messages(topology, newest) }
}
