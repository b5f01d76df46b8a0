/** Instances with disks, on which decisions about placement are carried out: states grow, are fetched and lie about. */
import { decideAssignment } from '../../streams/runtime/assignment/decide-assignment.ts'
import type {
  Candidate,
  Placement,
  PlacementSettings,
  TaskToPlace,
} from '../../streams/runtime/assignment/placement.ts'

export interface WorldRules {
  /** Records of the changelogs of each task when everything begins. */
  readonly stateRecords: number
  /** Records that a copy or a warm-up fetches between two rounds. */
  readonly fetchedPerRound: number
  /** Records that each task writes between two rounds. */
  readonly writtenPerRound: (task: TaskToPlace) => number
}

interface Instance {
  memberId: string
  readonly zone: string | null
  running: Set<string>
  readonly lags: Map<string, number>
}

export interface Round {
  readonly candidates: readonly Candidate[]
  readonly placements: ReadonlyMap<string, Placement>
  /** Active, standby and warm-up tasks by instance id. */
  readonly shares: Readonly<Record<string, Placement>>
  /** Stateful tasks that left a living runner. */
  readonly moved: readonly string[]
}

export class PlacementWorld {
  readonly tasks: readonly TaskToPlace[]
  readonly settings: PlacementSettings
  readonly #rules: WorldRules
  readonly #instances = new Map<string, Instance>()
  #membersJoined = 0

  constructor(tasks: readonly TaskToPlace[], settings: PlacementSettings, rules: Partial<WorldRules> = {}) {
    this.tasks = tasks
    this.settings = settings
    this.#rules = { stateRecords: 1_000, fetchedPerRound: 1_000, writtenPerRound: () => 10, ...rules }
  }

  get instanceIds(): string[] {
    return [...this.#instances.keys()]
  }

  join(instanceId: string, zone: string | null = null): void {
    const memberId = this.#nextMemberId()
    this.#instances.set(instanceId, { memberId, zone, running: new Set(), lags: new Map() })
  }

  leave(instanceId: string): void {
    this.#instances.delete(instanceId)
  }

  /** The same instance and disk as another member that runs nothing. */
  restart(instanceId: string): void {
    const instance = this.#instances.get(instanceId)!
    instance.memberId = this.#nextMemberId()
    instance.running = new Set()
  }

  candidates(): Candidate[] {
    return [...this.#instances].map(([instanceId, { memberId, zone, running, lags }]) => ({
      memberId,
      instanceId,
      zone,
      running: new Set(running),
      lags: new Map(lags),
    }))
  }

  /** Decides once and lets some time pass. */
  round(): Round {
    const candidates = this.candidates()
    const placements = decideAssignment(this.tasks, candidates, this.settings)
    const moved: string[] = []
    const shares: Record<string, Placement> = {}
    for (const [instanceId, instance] of this.#instances) {
      const share = placements.get(instance.memberId)!
      shares[instanceId] = share
      moved.push(...[...instance.running].filter((id) => this.#keepsState(id) && !share.active.includes(id)))
      this.#carryOut(instance, share)
    }
    return { candidates, placements, shares, moved }
  }

  /** Rounds until no task waits for a state; all of them. Fails when there are too many. */
  settle(roundsAtMost: number): Round[] {
    const rounds = [this.round()]
    while (rounds.at(-1)!.moved.length > 0 || isWarmingUp(rounds.at(-1)!)) {
      if (rounds.length === roundsAtMost) throw new Error(`not settled after ${roundsAtMost} rounds`)
      rounds.push(this.round())
    }
    return rounds
  }

  #carryOut(instance: Instance, { active, standby, warmUp }: Placement): void {
    instance.running = new Set(active)
    const fetching = new Set([...standby, ...warmUp])
    for (const task of this.tasks) {
      if (!task.isStateful) continue
      const lag = instance.lags.get(task.id)
      const written = this.#rules.writtenPerRound(task)
      if (instance.running.has(task.id)) {
        instance.lags.set(task.id, 0)
      } else if (fetching.has(task.id)) {
        const missing = (lag ?? this.#rules.stateRecords) - this.#rules.fetchedPerRound
        instance.lags.set(task.id, Math.max(0, missing) + Math.min(written, this.settings.warmUpMaxLag))
      } else if (lag !== undefined) {
        instance.lags.set(task.id, lag + written)
      }
    }
  }

  #keepsState(id: string): boolean {
    return this.tasks.some((task) => task.id === id && task.isStateful)
  }

  #nextMemberId(): string {
    this.#membersJoined++
    // Neither in the order of joining nor of the instances.
    return `member-${(this.#membersJoined * 37) % 101}`
  }
}

export function isWarmingUp({ placements }: Round): boolean {
  return [...placements.values()].some(({ warmUp }) => warmUp.length > 0)
}

/** Tasks of sub-topologies that are named with how many partitions they have; a name that starts with `plain` keeps no state. */
export function tasksOf(partitions: Readonly<Record<string, number>>): TaskToPlace[] {
  return Object.entries(partitions).flatMap(([subTopology, count]) =>
    Array.from({ length: count }, (_, partition) => ({
      id: `${subTopology}_${partition}`,
      subTopology,
      partition,
      isStateful: !subTopology.startsWith('plain'),
    })),
  )
}
