/** What deciding who runs which task is about: tasks, the instances that may run them, and the answer. */

export interface TaskToPlace {
  /** As `taskIdOf` names it. */
  readonly id: string
  readonly subTopology: string
  readonly partition: number
  /** Whether it keeps state: moving it then costs reading its changelogs. */
  readonly isStateful: boolean
}

export interface Candidate {
  readonly memberId: string
  /** Names the instance and its state directory; the same after a restart. */
  readonly instanceId: string
  /** Where it stands: a standby in another zone outlives the zone. Null when nobody said. */
  readonly zone: string | null
  /** Tasks that it ran when the rebalance began. */
  readonly running: ReadonlySet<string>
  /** For each task whose state it holds: how many records of the changelogs the state lacks; 0 for tasks that it runs. */
  readonly lags: ReadonlyMap<string, number>
}

export interface PlacementSettings {
  /** Copies of a task's state that other instances keep up to date. */
  readonly standbyReplicas: number
  /** State that lacks no more than this many records is as good as complete: its task may move there. */
  readonly warmUpMaxLag: number
  /** How many tasks' states are brought to new owners at the same time, over the whole topology. */
  readonly maxWarmUps: number
}

/** The share of one member, each list in the order of the tasks. */
export interface Placement {
  readonly active: readonly string[]
  readonly standby: readonly string[]
  /** State that it fetches so that it can take the task over: the task moves once a rebalance finds it caught up. */
  readonly warmUp: readonly string[]
}
