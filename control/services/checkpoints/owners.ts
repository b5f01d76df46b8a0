/** Doing something to tasks where they run: here, or by passing the call on to their owners. */
import {
  messageOf,
  StreamsError,
  type TaskDriver,
  type TaskEnvironment,
  taskNamesOf,
} from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext, PeerInstance } from '../../context.ts'
import { ControlError } from '../../errors.ts'
import { isRetryable } from '../../server/status.ts'
import { pause } from '../../server/waiting.ts'
import { topologyNamed } from '../instance-service.ts'

/** Who has set no deadline waits this long for a task to be somewhere. */
const longestWaitMs = 30_000
const retryMs = 200

/** The task named, or all of the topology. @throws ControlError TOPOLOGY_NOT_FOUND, TASK_NOT_FOUND, TASK_AWAY while it is being opened here */
export function tasksAsked(context: ControlContext, topology: string, task: string): readonly string[] {
  topologyNamed(context.topologies, topology)
  const running = context.streams.running(topology)
  const names = taskNamesOf(running)
  if (running.environment === undefined) throw away(topology, `topology ${topology} is being opened here`)
  if (task === '') return names
  if (names.includes(task)) return [task]
  throw new ControlError(
    'TASK_NOT_FOUND',
    `topology ${topology} has no task "${task}"; it has ${names.join(', ')}`,
    {
      metadata: { topology, task },
    },
  )
}

/** The task as it runs in this instance. @throws ControlError TASK_AWAY */
export function driverHere(
  context: ControlContext,
  topology: string,
  task: string,
): {
  readonly driver: TaskDriver
  readonly environment: TaskEnvironment
} {
  const { drivers, environment } = context.streams.running(topology)
  const driver = drivers.get(task)
  if (driver?.openTask === undefined || environment === undefined)
    throw away(task, `task ${task} does not run in instance ${context.instanceId} right now`)
  return { driver, environment }
}

/**
 * Does it wherever the task is, again when it moves meanwhile, within the deadline of the call. A call that was passed on is answered
 * here.
 * @throws ControlError TASK_AWAY, INSTANCE_UNREACHABLE
 */
export async function atOwner<A>(
  context: ControlContext,
  topology: string,
  task: string,
  call: Call,
  doIt: { readonly here: () => Promise<A>; readonly there: (owner: PeerInstance) => Promise<A> },
): Promise<A> {
  const endMs = call.deadlineMs ?? context.clock.now() + longestWaitMs
  for (;;) {
    try {
      if (call.isForwarded) return await asAway(task, doIt.here())
      const { active } = await context.peers.ownersOf(topology, task, call)
      if (active === undefined) throw away(task, `nobody runs task ${task} right now`)
      return await (active.isHere ? asAway(task, doIt.here()) : doIt.there(active))
    } catch (error) {
      call.signal.throwIfAborted()
      const mayPass = error instanceof ControlError && isRetryable(error)
      if (!mayPass || call.isForwarded || context.clock.now() + retryMs >= endMs) throw error
      await pause(context.clock, retryMs, call.signal)
    }
  }
}

/** A task that is let go while something is done to it runs somewhere else soon. */
async function asAway<A>(task: string, work: Promise<A>): Promise<A> {
  try {
    return await work
  } catch (error) {
    if (error instanceof StreamsError && error.code === 'CLOSED') throw away(task, messageOf(error), error)
    throw error
  }
}

function away(task: string, message: string, cause?: unknown): ControlError {
  return new ControlError('TASK_AWAY', message, { metadata: { task }, retryInMs: 500, cause })
}
