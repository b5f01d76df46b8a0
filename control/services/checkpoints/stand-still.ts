/**
 * Holding a running topology for a savepoint, by a drain that every instance follows.
 *
 * Invariants:
 * 1. The drain ends by itself, a while after it was prolonged last: should this process die, the topology goes on.
 * 2. A topology that somebody else holds, by a pause or a drain of all of it, is left held: nothing is commanded, and nothing taken back.
 */
import {
  type StandingCommand,
  type StandStill,
  stagesOf,
  type TopologyStages,
  taskNamesOf,
} from '../../../streams/index.ts'
import type { Call } from '../../call.ts'
import type { ControlContext } from '../../context.ts'
import { ControlError } from '../../errors.ts'
import { pause } from '../../server/waiting.ts'

/** Without a word from this process the topology goes on after this time. */
const holdMs = 60_000
const lookEveryMs = 100
/** A topology that does not come to rest within this time is let go on. */
const restMaxMs = 5 * 60_000

export class DrainedTopology implements StandStill {
  private readonly context: ControlContext
  private readonly topology: string
  private readonly call: Call
  private readonly reason: string
  private readonly stages: TopologyStages
  private drain: StandingCommand | undefined
  private readonly over = new AbortController()
  private prolonging: Promise<void> = Promise.resolve()

  constructor(context: ControlContext, topology: string, call: Call, reason: string) {
    this.context = context
    this.topology = topology
    this.call = call
    this.reason = reason
    this.stages = stagesOf(context.streams.running(topology))
  }

  async begin(): Promise<void> {
    const { clock } = this.context
    await this.assertAllCanBeAsked()
    const held = await this.heldAlready()
    if (held === undefined) {
      this.drain = await this.stages.drain({
        stage: this.stage,
        reason: this.reason,
        by: this.call.caller.name,
        untilMs: clock.now() + holdMs,
      })
      this.prolonging = this.prolong(this.drain).catch(() => {})
    }
    const revision = (this.drain ?? held)?.revision ?? 0
    const endMs = clock.now() + restMaxMs
    for (;;) {
      const restless = await this.restlessTasks(revision)
      if (restless.length === 0) return
      if (clock.now() >= endMs) {
        throw new ControlError(
          'DEADLINE_EXCEEDED',
          `topology ${this.topology} did not come to rest within ${restMaxMs / 1000} s: ${restless.slice(0, 5).join(', ')}; a stage ` +
            'of it that is paused keeps what flows into it',
          { metadata: { topology: this.topology } },
        )
      }
      await pause(clock, lookEveryMs, this.call.signal)
    }
  }

  /** An instance that serves others no calls cannot say that it stands still. */
  private async assertAllCanBeAsked(): Promise<void> {
    const members = await this.context.peers.members(this.call, this.topology)
    const silent = members.filter(({ isHere, endpoint }) => !isHere && endpoint === null)
    if (silent.length === 0) return
    throw new ControlError(
      'INSTANCE_UNREACHABLE',
      `whether topology ${this.topology} stands still cannot be asked of ${silent.map(({ instanceId }) => instanceId).join(', ')}, ` +
        'which no other instance reaches: set controlEndpoint of each instance, or a controlHost that others reach; ' +
        'or stop the topology and use `order-streams savepoint create`',
      { metadata: { topology: this.topology } },
    )
  }

  async end(): Promise<void> {
    this.over.abort(new Error('the savepoint is made'))
    await this.prolonging
    if (this.drain === undefined) return
    const { hold } = this.drain
    const standing = (await this.stages.list()).find(isOfAll)
    // Whoever has commanded something else meanwhile is not overruled.
    if (standing?.hold !== hold) return
    await this.stages.resume({
      stage: this.stage,
      reason: 'the savepoint is made',
      by: this.call.caller.name,
    })
  }

  private get stage() {
    return { topology: this.topology, subTopology: null, operator: null }
  }

  private async heldAlready(): Promise<StandingCommand | undefined> {
    const nowMs = this.context.clock.now()
    return (await this.stages.list()).find(
      (command) =>
        isOfAll(command) &&
        (command.kind === 'PAUSE' || command.kind === 'DRAIN') &&
        (command.until === null || command.until > nowMs),
    )
  }

  private async prolong(drain: StandingCommand): Promise<void> {
    const { clock } = this.context
    for (;;) {
      await pause(clock, holdMs / 3, this.over.signal)
      await this.stages.prolong(drain, clock.now() + holdMs)
    }
  }

  /** Tasks that are not known to stand still with all that they did committed, and what they do. */
  private async restlessTasks(revision: number): Promise<string[]> {
    const instances = await this.context.peers.instances(this.call, this.topology)
    const resting = new Map<string, string>()
    for (const { topologies, instanceId, unreachableReason } of instances) {
      const tasks = topologies.find(({ topology }) => topology === this.topology)?.tasks ?? []
      for (const { task, state, flow } of tasks) {
        const rests = flow?.state === 'FLOW_STATE_PAUSED' || flow?.state === 'FLOW_STATE_DRAINED'
        const isRunning = state === 'TASK_STATE_RUNNING'
        const acts = (flow?.stageRevision ?? 0) >= revision
        const does =
          unreachableReason === ''
            ? `is ${flow?.state ?? state}`
            : `is of instance ${instanceId}, and ${unreachableReason}`
        resting.set(task, isRunning && rests && acts ? '' : `${task} ${does}`)
      }
    }
    const names = taskNamesOf(this.context.streams.running(this.topology))
    return names.map((name) => resting.get(name) ?? `${name} runs nowhere`).filter((what) => what !== '')
  }
}

function isOfAll({ kind, sub_topology, operator }: StandingCommand): boolean {
  return kind !== 'LIMIT' && sub_topology === null && operator === null
}
