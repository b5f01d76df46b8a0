/**
 * What would become of a deployed topology if the code at hand were started. Pure: facts in, verdicts out.
 *
 * Nothing is compared that starting does not depend on: stores are found by name, their rows by the bytes of their keys; positions by
 * topic; checkpoints by the name of the sub-topology.
 */

import type { TopicSettings } from '../ports/log.ts'
import type { RegisteredSchema } from '../ports/registry.ts'
import { differenceOf, shapeOf, type TopologyShape } from '../runtime/assignment/topology-shape.ts'
import { checkpointSubject, type TopologyRecord } from '../runtime/internal-topics.ts'
import { internalTopics, type Topology } from '../topology/topology.ts'
import { type PlanPositions, planChangelog, planInput, planLostCheckpoints } from './plan-positions.ts'
import { planSchema } from './plan-schemas.ts'
import { planStore, type StoreFacts } from './plan-stores.ts'
import { topicMismatch } from './plan-topics.ts'

/**
 * - `keep`: it goes on as it is
 * - `new`: it is made, and takes nothing away
 * - `restore`: it is rebuilt from its changelog, which takes time
 * - `stop-first`: all instances of the old release must be stopped before the new one starts
 * - `orphan`: it is left behind, and nobody reads it any more
 * - `lost`: it is gone; the new release starts and goes on without it
 * - `incompatible`: the new release would not start, or would lose or misread state
 */
export type Verdict = 'keep' | 'new' | 'restore' | 'stop-first' | 'orphan' | 'lost' | 'incompatible'

export interface PlanItem {
  readonly kind: 'topology' | 'sub-topology' | 'store' | 'topic' | 'schema'
  readonly name: string
  readonly verdict: Verdict
  /** What will happen. */
  readonly text: string
  /** What to do about it; null when there is nothing to do. */
  readonly remedy: string | null
}

export interface TopologyPlan {
  readonly topology: string
  readonly items: readonly PlanItem[]
}

/** A topology that is deployed, and that the code does not have. */
export interface ForeignTopology {
  readonly name: string
  readonly stores: readonly string[]
  readonly subTopologies: readonly string[]
}

export interface PlanFacts {
  readonly topology: Topology
  /** All topics that there are, by name. */
  readonly topics: ReadonlyMap<string, TopicSettings>
  /** The topics that the code needs; the reason why that cannot be told. */
  readonly wanted: readonly TopicSettings[] | { readonly problem: string }
  /** What was started last; null when that is not known. */
  readonly record: TopologyRecord | null
  /** Sub-topologies that have committed. */
  readonly checkpointed: ReadonlySet<string>
  /** What the registry has of the schema by which they were written. */
  readonly checkpointSchema: 'known' | 'missing' | 'another'
  /** What each instance runs that is up. */
  readonly running: readonly TopologyShape[]
  /** Schemas of the code, by subject. */
  readonly schemas: ReadonlyMap<string, string>
  /** Versions of those subjects that are registered, the oldest first. */
  readonly registered: ReadonlyMap<string, readonly RegisteredSchema[]>
  /** Stores of which a changelog is there. */
  readonly deployedStores: readonly string[]
  readonly deployedRepartitions: readonly string[]
  readonly foreign: readonly ForeignTopology[]
  readonly positions: PlanPositions
}

export function planTopology(facts: PlanFacts): TopologyPlan {
  const { topology } = facts
  const items = [
    ...planWhole(facts),
    ...planSubTopologies(facts),
    ...planStores(facts),
    ...planTopics(facts),
    ...planSchemas(facts),
  ]
  return { topology: topology.name, items }
}

/** Verdicts that somebody looks at before the release is started, unless they are allowed beforehand. */
export const verdictsToLookAt = [
  'restore',
  'stop-first',
  'orphan',
  'lost',
] as const satisfies readonly Verdict[]

/**
 * 0: safe, nothing changes or something is added; 3: look at it first; 4: it must not be started like this.
 * @param allowed what needs no look any more, and counts as safe; `incompatible` never does
 */
export function planExitCode(plans: readonly TopologyPlan[], allowed: readonly Verdict[] = []): 0 | 3 | 4 {
  const verdicts = new Set(plans.flatMap(({ items }) => items.map(({ verdict }) => verdict)))
  if (verdicts.has('incompatible')) return 4
  return verdictsToLookAt.some((verdict) => verdicts.has(verdict) && !allowed.includes(verdict)) ? 3 : 0
}

function isDeployed({ checkpointed, record, deployedStores }: PlanFacts): boolean {
  return checkpointed.size > 0 || record !== null || deployedStores.length > 0
}

function planWhole(facts: PlanFacts): PlanItem[] {
  const { topology, record, running, foreign } = facts
  const item = (verdict: Verdict, text: string, remedy: string | null = null): PlanItem => ({
    kind: 'topology',
    name: topology.name,
    verdict,
    text,
    remedy,
  })
  if (!isDeployed(facts)) {
    const before = foreign.find((other) => isAlike(other, topology))
    if (before === undefined) return [item('new', 'nothing of it is deployed yet')]
    return [
      item(
        'incompatible',
        `topology ${before.name} is deployed with the same parts, and is not in this release: under another name its state, positions and ` +
          'checkpoints are not found, and it would begin anew',
        `name it ${before.name} again; or, if it is meant to begin anew, delete the topics that begin with ${before.name}-`,
      ),
    ]
  }
  const items: PlanItem[] = []
  const difference = running.map((shape) => differenceOf(shapeOf(topology), shape)).find(Boolean)
  if (difference !== undefined) {
    items.push(
      item(
        'stop-first',
        `instances are up that run another shape of it (${difference}): the group refuses to mix the two`,
        'stop all instances of the old release before the new one starts; do not roll it out instance by instance',
      ),
    )
  }
  if (record === null) {
    items.push(
      item(
        'keep',
        'the release that is deployed has not recorded its shape: sizes of windows, times to live and types of stores are not compared',
      ),
    )
  }
  return items.length > 0 ? items : [item('keep', 'deployed')]
}

function isAlike(other: ForeignTopology, { subTopologies }: Topology): boolean {
  const stores = subTopologies.flatMap((part) => part.stores.map(({ name }) => name))
  if (stores.length > 0 && sameNames(other.stores, stores)) return true
  return (
    stores.length === 0 &&
    sameNames(
      other.subTopologies,
      subTopologies.map(({ name }) => name),
    )
  )
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name))
}

function planSubTopologies(facts: PlanFacts): PlanItem[] {
  const { topology, record, checkpointed } = facts
  const known = new Set([...checkpointed, ...(record?.subTopologies.map(({ name }) => name) ?? [])])
  const own = topology.subTopologies.map(({ name }) => name)
  const items = own.map((name): PlanItem => {
    const verdict = known.has(name) ? 'keep' : 'new'
    return { kind: 'sub-topology', name, verdict, text: subTopologyText(name, known, own), remedy: null }
  })
  for (const name of [...known].filter((one) => !own.includes(one)).sort()) {
    const heir = own.find((one) => sharesTopic(one, name))
    items.push({
      kind: 'sub-topology',
      name,
      verdict: 'orphan',
      text:
        heir === undefined
          ? 'no part of the release reads its topics: its checkpoints and the positions of its group are left'
          : `${heir} takes its place under another name: positions of topics that both read are kept, its checkpoints, with watermarks and the ` +
            'times of schedules, are left',
      remedy: 'stop all instances of the old release before the new one starts: they do not fence each other',
    })
  }
  return items
}

function subTopologyText(name: string, known: ReadonlySet<string>, own: readonly string[]): string {
  if (known.has(name)) return 'goes on from its last checkpoint'
  const before = [...known].find((one) => !own.includes(one) && sharesTopic(one, name))
  if (before !== undefined) return `takes the place of ${before}: it goes on from the positions of its topics`
  return 'begins at the positions of its group, or at the beginning of its topics'
}

/** A sub-topology is named after the topics that it reads. */
function sharesTopic(a: string, b: string): boolean {
  const topics = new Set(a.split('+'))
  return b.split('+').some((topic) => topics.has(topic))
}

function planStores(facts: PlanFacts): PlanItem[] {
  const { topology, deployedStores } = facts
  const own = topology.subTopologies.flatMap((part) => part.stores.map((store) => ({ part, store })))
  const items = own.map(({ part, store }) => planStore(storeFacts(facts, part.name, store)))
  const added = own.filter(({ store }) => !deployedStores.includes(store.name)).map(({ store }) => store.name)
  for (const name of deployedStores) {
    if (own.some(({ store }) => store.name === name)) continue
    const changelog = internalTopics.changelog(topology.name, name)
    const renamed =
      added.length > 0
        ? `; if ${added.join(' or ')} is it under a new name, give it the old one: state is found by name`
        : ''
    items.push({
      kind: 'store',
      name,
      verdict: 'orphan',
      text: `no store of the release has this name: its changelog ${changelog} is left and read by nobody`,
      remedy: `delete topic ${changelog} once you are sure that nobody goes back to the old release${renamed}`,
    })
  }
  return items
}

function storeFacts(facts: PlanFacts, subTopology: string, store: StoreFacts['store']): StoreFacts {
  const { topology, topics, wanted, record, checkpointed, schemas, registered, positions } = facts
  const changelog = internalTopics.changelog(topology.name, store.name)
  const parts = record?.subTopologies ?? []
  const partBefore = parts.find((part) => part.stores.some(({ name }) => name === store.name))
  const isKnown = checkpointed.size === 0 || checkpointed.has(subTopology)
  return {
    store,
    changelog,
    subTopology,
    deployed: topics.get(changelog),
    wanted: 'problem' in wanted ? undefined : wanted.find(({ name }) => name === changelog),
    before: partBefore?.stores.find(({ name }) => name === store.name),
    lost: planChangelog(changelog, positions),
    hasMoved: partBefore === undefined ? !isKnown : partBefore.name !== subTopology,
    key: planSchema(`${changelog}-key`, schemas, registered),
    value: planSchema(`${changelog}-value`, schemas, registered),
  }
}

function planTopics(facts: PlanFacts): PlanItem[] {
  const { topology, topics, wanted, deployedRepartitions, positions } = facts
  if ('problem' in wanted)
    return [
      {
        kind: 'topology',
        name: topology.name,
        verdict: 'incompatible',
        text: wanted.problem,
        remedy: 'give the topics that are joined equal numbers of partitions, or repartition one of them',
      },
    ]
  const items: PlanItem[] = []
  const changelogs = new Set(
    topology.subTopologies.flatMap((part) =>
      part.stores.map(({ name }) => internalTopics.changelog(topology.name, name)),
    ),
  )
  for (const topic of wanted) {
    if (changelogs.has(topic.name)) continue
    const deployed = topics.get(topic.name)
    const mismatch = deployed === undefined ? undefined : topicMismatch(deployed, topic)
    const common = { kind: 'topic', name: topic.name } as const
    const lost = isLostCheckpoint(facts, topic.name)
      ? planLostCheckpoints(topology, positions)
      : planInput(topology, topic.name, positions)
    if (mismatch === undefined && lost !== undefined) items.push({ ...common, ...lost })
    else if (deployed === undefined)
      items.push({
        ...common,
        verdict: 'new',
        text: `is made with ${topic.partitions} partitions`,
        remedy: null,
      })
    else if (mismatch === undefined)
      items.push({ ...common, verdict: 'keep', text: 'as it is', remedy: null })
    else items.push({ ...common, verdict: 'incompatible', ...mismatch })
  }
  for (const name of deployedRepartitions) {
    if (topology.repartitionTopics.some((topic) => topic.name === name)) continue
    items.push({
      kind: 'topic',
      name,
      verdict: 'orphan',
      text: 'the release repartitions nothing under this name: records in it that were not processed yet are lost',
      remedy: 'drain the old release first (order-streams ctl), then delete the topic',
    })
  }
  return items
}

/** A topology that has run has the topic: its shape is recorded, and state written, only after topics were made. */
function isLostCheckpoint({ topology, topics, record, positions }: PlanFacts, topic: string): boolean {
  if (topic !== internalTopics.checkpoint(topology.name) || topics.has(topic)) return false
  return record !== null || positions.hasState
}

/** Of its checkpoints, if not as they were, and of the topics that the topology shares: schemas of changelogs are told with their stores. */
function planSchemas({ topology, schemas, registered, checkpointSchema }: PlanFacts): PlanItem[] {
  const shared = new Set([...topology.topics, ...topology.repartitionTopics].map(({ name }) => name))
  const items: PlanItem[] = []
  if (checkpointSchema !== 'known') {
    const is = checkpointSchema === 'missing' ? 'is not in the registry' : 'has another id in the registry'
    items.push({
      kind: 'schema',
      name: checkpointSubject(topology.name),
      verdict: 'incompatible',
      text: `${is}, though checkpoints were written with it: the registry is another one, or has lost what it had; the release does not start`,
      remedy: 'name the right registry, or put its storage back as it was: records name schemas by their ids',
    })
  }
  for (const subject of schemas.keys()) {
    if (!shared.has(subject.replace(/-(key|value)$/, ''))) continue
    const { verdict, text, remedy } = planSchema(subject, schemas, registered)
    items.push({ kind: 'schema', name: subject, verdict, text, remedy })
  }
  return items
}
