/** What must hold for every decision about placement, checked from its words and not as it is made. */
import type {
  Candidate,
  Placement,
  PlacementSettings,
  TaskToPlace,
} from '../../streams/runtime/assignment/placement.ts'

type Placements = ReadonlyMap<string, Placement>

/** Everything that is wrong with the decision, a sentence each. */
export function faultsOf(
  tasks: readonly TaskToPlace[],
  candidates: readonly Candidate[],
  settings: PlacementSettings,
  placements: Placements,
): string[] {
  const faults = tasks.flatMap((task) => [
    ...roleFaults(task, candidates, placements),
    ...stateFaults(task, candidates, settings, placements),
    ...standbyFaults(task, candidates, settings, placements),
  ])
  const warmUps = [...placements.values()].flatMap(({ warmUp }) => warmUp).length
  if (warmUps > settings.maxWarmUps) faults.push(`${warmUps} warm-ups`)
  if (placements.size !== candidates.length) faults.push(`${placements.size} placements`)
  const areTwins = new Set(candidates.map(({ instanceId }) => instanceId)).size < candidates.length
  if (warmUps === 0 && settings.maxWarmUps > 0 && !areTwins) faults.push(...balanceFaults(tasks, placements))
  return faults
}

function withRole(
  candidates: readonly Candidate[],
  placements: Placements,
  role: keyof Placement,
  id: string,
) {
  return candidates.filter(({ memberId }) => placements.get(memberId)![role].includes(id))
}

function roleFaults(
  { id, isStateful }: TaskToPlace,
  candidates: readonly Candidate[],
  placements: Placements,
) {
  const faults: string[] = []
  const active = withRole(candidates, placements, 'active', id)
  const others = [
    ...withRole(candidates, placements, 'standby', id),
    ...withRole(candidates, placements, 'warmUp', id),
  ]
  if (active.length !== 1) faults.push(`${id} is active ${active.length} times`)
  if (!isStateful && others.length > 0) faults.push(`${id} has no state to keep`)
  const instances = [...active, ...others].map(({ instanceId }) => instanceId)
  if (new Set(instances).size !== instances.length) faults.push(`${id} has two roles on one instance`)
  return faults
}

const lagOf = ({ running, lags }: Candidate, id: string) =>
  running.has(id) ? 0 : (lags.get(id) ?? Number.POSITIVE_INFINITY)

/** A stateful task is where its state is as good as complete, else where it lacks least. */
function stateFaults(
  { id, isStateful }: TaskToPlace,
  candidates: readonly Candidate[],
  { warmUpMaxLag }: PlacementSettings,
  placements: Placements,
): string[] {
  if (!isStateful) return []
  const least = Math.min(...candidates.map((candidate) => lagOf(candidate, id)))
  const enough = Math.max(least, warmUpMaxLag)
  return [
    ...withRole(candidates, placements, 'active', id)
      .filter((candidate) => lagOf(candidate, id) > enough)
      .map(({ instanceId }) => `${id} is active on ${instanceId}, which lacks more than others`),
    ...withRole(candidates, placements, 'warmUp', id)
      .filter((candidate) => lagOf(candidate, id) <= enough)
      .map(({ instanceId }) => `${instanceId} warms up ${id} though it may run it`),
  ]
}

/** As many copies as there is room for, in as many zones as there are. */
function standbyFaults(
  { id, isStateful }: TaskToPlace,
  candidates: readonly Candidate[],
  { standbyReplicas }: PlacementSettings,
  placements: Placements,
): string[] {
  if (!isStateful) return []
  const active = withRole(candidates, placements, 'active', id)[0]
  const busy = [active, ...withRole(candidates, placements, 'warmUp', id)].map((one) => one?.instanceId)
  const free = candidates.filter(({ instanceId }) => !busy.includes(instanceId))
  const standbys = withRole(candidates, placements, 'standby', id)
  const wanted = Math.min(standbyReplicas, new Set(free.map(({ instanceId }) => instanceId)).size)
  const zones = new Set([...free, active].map((one) => one?.zone)).size
  const inZones = new Set([...standbys, active].map((one) => one?.zone)).size
  const faults: string[] = []
  if (standbys.length !== wanted) faults.push(`${id} has ${standbys.length} copies, not ${wanted}`)
  if (inZones !== Math.min(zones, wanted + 1)) faults.push(`${id} is in ${inZones} zones of ${zones}`)
  return faults
}

/** Members differ by one at most: in each sub-topology, in stateful, in stateless, and in all tasks. */
export function balanceFaults(tasks: readonly TaskToPlace[], placements: Placements): string[] {
  const kinds: [string, (task: TaskToPlace) => boolean][] = [
    ['all', () => true],
    ['stateful', ({ isStateful }) => isStateful],
    ['stateless', ({ isStateful }) => !isStateful],
    ...[...new Set(tasks.map(({ subTopology }) => subTopology))].map(
      (name): [string, (task: TaskToPlace) => boolean] => [name, ({ subTopology }) => subTopology === name],
    ),
  ]
  return kinds.flatMap(([name, isOfKind]) => {
    const ids = new Set(tasks.filter(isOfKind).map(({ id }) => id))
    const counts = [...placements.values()].map(({ active }) => active.filter((id) => ids.has(id)).length)
    return Math.max(...counts) - Math.min(...counts) > 1 ? [`${name}: ${counts.join(', ')}`] : []
  })
}
