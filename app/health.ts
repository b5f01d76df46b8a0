/** Whether this process is alive and ready, as probes ask; decided from what the application says of itself. */
import {
  type DriverState,
  type Logger,
  messageOf,
  StreamsError,
  type TopologyStatus,
} from '../streams/index.ts'

export interface Health {
  /** Why the process should be killed and started again; none while it is alive. */
  readonly dead: readonly string[]
  /** Why it cannot be counted on now; none while it is ready. */
  readonly unready: readonly string[]
}

/** Starting is a process until its services were reached and its topologies are made. */
export type Phase = 'starting' | 'running' | 'stopping'

export function healthOf(topologies: readonly TopologyStatus[], phase: Phase): Health {
  const dead = topologies.flatMap(({ name, state }) =>
    state.kind === 'failed' ? [`topology ${name} has failed: ${told(state.error)}`] : [],
  )
  const unready = phase === 'running' ? topologies.flatMap(unreadiness) : [`the process is ${phase}`]
  return { dead, unready }
}

/**
 * As grpc.health.v1 tells it, by the names that are asked for: `liveness` as /livez, `readiness` and the empty name as /readyz, and
 * each topology by its own.
 */
export function servedHealth(topologies: readonly TopologyStatus[], phase: Phase): Map<string, boolean> {
  const whole = healthOf(topologies, phase)
  const isReady = whole.unready.length === 0
  return new Map([
    ...topologies.map((one) => [one.name, healthOf([one], phase).unready.length === 0] as const),
    ['', isReady],
    ['readiness', isReady],
    ['liveness', whole.dead.length === 0],
  ])
}

/** Tells the log when readiness changes, by whichever probe that is found out; it is given what `Health.unready` is. */
export function readinessLog(logger: Logger): (unready: readonly string[]) => void {
  let wasReady = true
  return (unready) => {
    const isReady = unready.length === 0
    if (wasReady && !isReady) logger.warn({ reasons: unready }, 'not ready')
    if (!wasReady && isReady) logger.info({}, 'ready')
    wasReady = isReady
  }
}

function unreadiness(topology: TopologyStatus): string[] {
  const { name, state } = topology
  if (state.kind === 'failed') return [`topology ${name} has failed: ${told(state.error)}`]
  if (state.kind !== 'running') return [`topology ${name} is ${state.kind}, not running`]
  const reasons: string[] = []
  if (!topology.isConfirmed) {
    reasons.push(
      `topology ${name}: its group has not confirmed the membership for longer than the session timeout`,
    )
  }
  if (!topology.isAssigned) reasons.push(`topology ${name}: its group has not said yet what runs here`)
  for (const id of topology.awayTasks) reasons.push(`task ${id} of ${name} ${doing(topology.tasks.get(id))}`)
  for (const id of topology.silentTasks)
    reasons.push(`task ${id} of ${name}: the log does not answer its fetches`)
  return reasons
}

function doing(state: DriverState | undefined): string {
  switch (state?.kind) {
    case 'restoring': {
      const { done, total, remainingMs } = state.progress
      const left = remainingMs === null ? '' : `, about ${Math.ceil(remainingMs / 1000)} s left`
      return `is restoring its state: ${done} of ${total} changelog records${left}`
    }
    case 'waiting':
      return `waits for attempt ${state.attempt + 1} after an error: ${told(state.error)}`
    case 'given-up':
      return `was taken over by another owner: ${told(state.error)}`
    case 'failed':
      return `has failed: ${told(state.error)}`
    default:
      return `is ${state?.kind ?? 'gone'}`
  }
}

function told(error: unknown): string {
  return error instanceof StreamsError ? `${error.message} [${error.code}]` : messageOf(error)
}

/** A topology as probes show it to people. */
export function shownTopology({ name, state, isAssigned, isConfirmed, tasks, standbys }: TopologyStatus) {
  return {
    name,
    state: state.kind,
    isAssigned,
    isConfirmed,
    tasks: Object.fromEntries(
      [...tasks].map(([id, task]) => [
        id,
        task.kind === 'restoring' ? { restoring: task.progress } : task.kind,
      ]),
    ),
    standbys: Object.fromEntries([...standbys].map(([id, { kind }]) => [id, kind])),
  }
}
