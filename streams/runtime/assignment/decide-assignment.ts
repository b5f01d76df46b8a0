/** Who runs which task. */
import type { Candidate, Placement, PlacementSettings, TaskToPlace } from './placement.ts'

/** Round-robin over the members in the order of their ids. */
export function decideAssignment(
  tasks: readonly TaskToPlace[],
  candidates: readonly Candidate[],
  _settings: PlacementSettings,
): ReadonlyMap<string, Placement> {
  const ordered = [...candidates].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
  return new Map(
    ordered.map(({ memberId }, turn) => [
      memberId,
      {
        active: tasks.filter((_, index) => index % ordered.length === turn).map(({ id }) => id),
        standby: [],
        warmUp: [],
      },
    ]),
  )
}
