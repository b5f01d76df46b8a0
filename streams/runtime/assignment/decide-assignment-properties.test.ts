import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { balanceFaults, faultsOf } from '../../../tests/support/placement-checks.ts'
import { PlacementWorld, tasksOf } from '../../../tests/support/placement-world.ts'
import { decideAssignment } from './decide-assignment.ts'
import type { Candidate, Placement, PlacementSettings, TaskToPlace } from './placement.ts'

const zone = fc.constantFrom(null, 'a', 'b', 'c')
const partitions = fc.record({
  plain: fc.nat({ max: 7 }),
  joined: fc.nat({ max: 9 }),
  counted: fc.nat({ max: 5 }),
})
const settings = fc.record({
  standbyReplicas: fc.nat({ max: 2 }),
  warmUpMaxLag: fc.constantFrom(0, 100, 5_000),
  maxWarmUps: fc.integer({ min: 1, max: 3 }),
})

/** Candidates that say anything, some of it contradictory: two run one task, or have one instance id. */
function candidatesOf(tasks: readonly TaskToPlace[]): fc.Arbitrary<Candidate[]> {
  const ids = tasks.map(({ id }) => id)
  const lags = fc.array(
    fc.tuple(fc.constantFrom(...ids), fc.constantFrom(0, 3, 90, 101, 4_000, 6_000, 1e6)),
    {
      maxLength: ids.length * 2,
    },
  )
  return fc
    .array(
      fc.record({
        instance: fc.nat({ max: 9 }),
        running: fc.subarray(ids, { maxLength: Math.min(ids.length, 6) }),
        lags,
      }),
      { minLength: 1, maxLength: 7 },
    )
    .chain((members) =>
      fc.array(zone, { minLength: 10, maxLength: 10 }).map((zones) =>
        members.map(({ instance, running, lags }, member) => ({
          memberId: `m${member}`,
          instanceId: `i${instance}`,
          zone: zones[instance]!,
          running: new Set(running),
          lags: new Map(lags),
        })),
      ),
    )
}

const anyInput = partitions
  .map((counts) => tasksOf({ ...counts, always: 1 }))
  .chain((tasks) => fc.record({ tasks: fc.constant(tasks), candidates: candidatesOf(tasks), settings }))

describe('decideAssignment, for any input', () => {
  it('should give each role to who may have it, and balance whenever it waits for no state', () => {
    fc.assert(
      fc.property(anyInput, ({ tasks, candidates, settings }) => {
        const placements = decideAssignment(tasks, candidates, settings)
        expect(faultsOf(tasks, candidates, settings, placements)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('should decide the same whatever the order and the member ids', () => {
    const shuffled = anyInput.chain(({ tasks, candidates, settings }) =>
      fc.record({
        tasks: fc.constant(tasks),
        candidates: fc.constant(candidates.filter(isFirstOfInstance)),
        settings: fc.constant(settings),
        otherTasks: fc.shuffledSubarray(tasks, { minLength: tasks.length }),
        seed: fc.nat(),
      }),
    )
    fc.assert(
      fc.property(shuffled, ({ tasks, candidates, settings, otherTasks, seed }) => {
        const others = candidates
          .map((candidate, place) => ({ ...candidate, memberId: `x${(place * 7 + seed) % 97}-${place}` }))
          .reverse()
        expect(byInstance(others, decideAssignment(otherTasks, others, settings))).toEqual(
          byInstance(candidates, decideAssignment(tasks, candidates, settings)),
        )
      }),
    )
  })

  it('should move as few tasks as any balanced placement when every state is everywhere', () => {
    const input = fc
      .record({ plain: fc.nat({ max: 3 }), joined: fc.nat({ max: 3 }), counted: fc.nat({ max: 2 }) })
      .map(tasksOf)
      .chain((tasks) =>
        fc.record({
          tasks: fc.constant(tasks),
          memberCount: fc.integer({ min: 1, max: 3 }),
          runners: fc.array(fc.nat({ max: 3 }), { minLength: tasks.length, maxLength: tasks.length }),
        }),
      )
    fc.assert(
      fc.property(input, ({ tasks, memberCount, runners }) => {
        const candidates = Array.from(
          { length: memberCount },
          (_, member): Candidate => ({
            ...named(member),
            running: new Set(tasks.filter((_, task) => runners[task] === member).map(({ id }) => id)),
            lags: new Map(tasks.map(({ id }) => [id, 5])),
          }),
        )
        const placements = decideAssignment(tasks, candidates, plainSettings)
        const kept = candidates.reduce(
          (sum, { memberId, running }) =>
            sum + placements.get(memberId)!.active.filter((id) => running.has(id)).length,
          0,
        )
        expect(balanceFaults(tasks, placements)).toEqual([])
        expect(kept).toBe(mostKept(tasks, memberCount, runners))
      }),
      { numRuns: 150 },
    )
  })

  it('should balance copies as well as zones allow, and leave as many as it can where they are', () => {
    const input = fc.record({
      tasks: fc.integer({ min: 1, max: 4 }).map((joined) => tasksOf({ joined })),
      zones: fc.array(zone, { minLength: 2, maxLength: 4 }),
      standbyReplicas: fc.integer({ min: 1, max: 2 }),
      held: fc.array(fc.array(fc.nat({ max: 3 }), { maxLength: 3 }), { minLength: 4, maxLength: 4 }),
    })
    fc.assert(
      fc.property(input, ({ tasks, zones, standbyReplicas, held }) => {
        const holds = (member: number, task: number): boolean => held[task]!.includes(member)
        const candidates = zones.map(
          (zone, member): Candidate => ({
            ...named(member),
            zone,
            running: new Set(tasks.filter((_, task) => task % zones.length === member).map(({ id }) => id)),
            lags: new Map(tasks.filter((_, task) => holds(member, task)).map(({ id }) => [id, 50])),
          }),
        )
        const placements = decideAssignment(tasks, candidates, { ...plainSettings, standbyReplicas })
        const chosen = tasks.map(({ id }) =>
          candidates.flatMap(({ memberId }, member) =>
            placements.get(memberId)!.standby.includes(id) ? [member] : [],
          ),
        )
        const worth = (copies: readonly number[][]): number[] => [
          -sum(copies.map((members, task) => zonesOf([task % zones.length, ...members], zones))),
          sum(zones.map((_, member) => copies.filter((members) => members.includes(member)).length ** 2)),
          -sum(copies.map((members, task) => members.filter((member) => holds(member, task)).length)),
        ]
        const choices = tasks.map((_, task) =>
          subsets(
            zones.map((_, member) => member).filter((member) => member !== task % zones.length),
            Math.min(standbyReplicas, zones.length - 1),
          ),
        )
        const best = product(choices).map(worth).sort(compareWorth)[0]!
        expect(worth(chosen)).toEqual(best)
      }),
      { numRuns: 150 },
    )
  })
})

const change = fc.record({ kind: fc.constantFrom('join', 'leave', 'restart', 'pass'), zone, which: fc.nat() })

describe('decideAssignment, again and again', () => {
  it('should come to the balanced placement while members come and go, and then stay there', () => {
    const story = fc.record({
      counts: partitions,
      settings,
      fetchedPerRound: fc.constantFrom(400, 1_000),
      zones: fc.array(zone, { minLength: 1, maxLength: 4 }),
      changes: fc.array(change, { maxLength: 12 }),
    })
    fc.assert(
      fc.property(story, ({ counts, settings, fetchedPerRound, zones, changes }) => {
        const tasks = tasksOf(counts)
        const world = new PlacementWorld(tasks, settings, {
          fetchedPerRound,
          writtenPerRound: ({ partition }) => partition * 6,
        })
        for (const [place, where] of zones.entries()) world.join(`i${place}`, where)
        const round = () => {
          const done = world.round()
          expect(faultsOf(tasks, done.candidates, settings, done.placements)).toEqual([])
          return done
        }
        for (const [place, change] of changes.entries()) {
          apply(world, change, `new${place}`)
          round()
        }
        // Each warm-up takes three rounds at most, and one round moves the task.
        const stateful = tasks.filter(({ isStateful }) => isStateful).length
        const settled = world.settle(4 * stateful + 2).at(-1)!
        expect(balanceFaults(tasks, settled.placements)).toEqual([])
        const active = Object.entries(settled.shares).map(([id, share]) => [id, share.active])
        // States that nobody uses fall behind, and then count for nothing.
        for (let passed = 0; passed < 20; passed++) {
          const { shares } = world.round()
          expect(Object.entries(shares).map(([id, share]) => [id, share.active])).toEqual(active)
        }
        expect(round().shares).toEqual(round().shares)
      }),
      { numRuns: 60 },
    )
  })

  it('should come there in the fewest moves', () => {
    const start = fc
      .record({ joined: fc.nat({ max: 4 }), counted: fc.nat({ max: 2 }) })
      .map(tasksOf)
      .chain((tasks) =>
        fc.record({
          tasks: fc.constant(tasks),
          memberCount: fc.integer({ min: 1, max: 3 }),
          runners: fc.array(fc.nat({ max: 2 }), { minLength: tasks.length, maxLength: tasks.length }),
          standbyReplicas: fc.nat({ max: 1 }),
          maxWarmUps: fc.integer({ min: 1, max: 3 }),
        }),
      )
    fc.assert(
      fc.property(start, ({ tasks, memberCount, runners, standbyReplicas, maxWarmUps }) => {
        let candidates = Array.from({ length: memberCount }, (_, member): Candidate => {
          const running = tasks
            .filter((_, task) => runners[task]! % memberCount === member)
            .map(({ id }) => id)
          return { ...named(member), running: new Set(running), lags: new Map(running.map((id) => [id, 0])) }
        })
        let moves = 0
        for (let round = 0; round < 30; round++) {
          const placements = decideAssignment(tasks, candidates, {
            standbyReplicas,
            maxWarmUps,
            warmUpMaxLag: 0,
          })
          candidates = candidates.map((candidate) => {
            const { active, standby, warmUp } = placements.get(candidate.memberId)!
            moves += active.filter((id) => !candidate.running.has(id)).length
            const caughtUp = [...active, ...standby, ...warmUp]
            return { ...candidate, running: new Set(active), lags: new Map(caughtUp.map((id) => [id, 0])) }
          })
        }
        const present = runners.map((runner) => runner % memberCount)
        expect(moves).toBe(tasks.length - mostKept(tasks, memberCount, present))
      }),
      { numRuns: 150 },
    )
  })
})

const plainSettings: PlacementSettings = { standbyReplicas: 0, warmUpMaxLag: 100, maxWarmUps: 2 }

type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

function apply(world: PlacementWorld, { kind, zone, which }: Change, newId: string): void {
  const instanceId = world.instanceIds[which % world.instanceIds.length]!
  if (kind === 'join') world.join(newId, zone)
  if (kind === 'restart') world.restart(instanceId)
  if (kind === 'leave' && world.instanceIds.length > 1) world.leave(instanceId)
}

const named = (member: number) => ({ memberId: `m${member}`, instanceId: `i${member}`, zone: null })

const isFirstOfInstance = (candidate: Candidate, place: number, all: readonly Candidate[]): boolean =>
  all.findIndex(({ instanceId }) => instanceId === candidate.instanceId) === place

function byInstance(candidates: readonly Candidate[], placements: ReadonlyMap<string, Placement>) {
  return Object.fromEntries(
    candidates.map(({ instanceId, memberId }) => [instanceId, placements.get(memberId)]),
  )
}

/** How many tasks a balanced placement can leave with their runners: all placements tried. */
function mostKept(tasks: readonly TaskToPlace[], memberCount: number, runners: readonly number[]): number {
  const members = Array.from({ length: memberCount }, (_, member) => member)
  const balanced = product(tasks.map(() => members)).filter((places) => {
    const placements = members.map((member): [string, Placement] => [
      `m${member}`,
      {
        active: tasks.filter((_, task) => places[task] === member).map(({ id }) => id),
        standby: [],
        warmUp: [],
      },
    ])
    return balanceFaults(tasks, new Map(placements)).length === 0
  })
  return Math.max(
    ...balanced.map((places) => places.filter((member, task) => member === runners[task]).length),
  )
}

function product<T>(choices: readonly (readonly T[])[]): T[][] {
  return choices.reduce<T[][]>(
    (all, some) => all.flatMap((chosen) => some.map((one) => [...chosen, one])),
    [[]],
  )
}

function subsets(of: readonly number[], size: number): number[][] {
  if (size === 0) return [[]]
  return of.flatMap((first, place) =>
    subsets(of.slice(place + 1), size - 1).map((others) => [first, ...others]),
  )
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)

const zonesOf = (members: readonly number[], zones: readonly (string | null)[]): number =>
  new Set(members.map((member) => zones[member])).size

const compareWorth = (a: readonly number[], b: readonly number[]): number =>
  a.map((one, place) => one - b[place]!).find((difference) => difference !== 0) ?? 0
