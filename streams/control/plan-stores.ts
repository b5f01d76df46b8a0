/** What becomes of the state of a store. */
import type { TopicSettings } from '../ports/log.ts'
import type { TopologyRecord } from '../runtime/internal-topics.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import type { PlanItem } from './plan.ts'
import type { SchemaPlan } from './plan-schemas.ts'
import { topicMismatch } from './plan-topics.ts'
import { durationText } from './time-text.ts'

export interface StoreFacts {
  readonly store: StoreSpec
  readonly changelog: string
  readonly subTopology: string
  /** The changelog as it is; undefined when there is none. */
  readonly deployed: TopicSettings | undefined
  /** The changelog as it must be. */
  readonly wanted: TopicSettings | undefined
  /** The store as it was recorded; undefined when it was not. */
  readonly before: TopologyRecord['subTopologies'][number]['stores'][number] | undefined
  /** What of its state was committed and is not in the changelog. */
  readonly lost: Pick<PlanItem, 'verdict' | 'text' | 'remedy'> | undefined
  /** Whether another sub-topology had it, as far as that is known. */
  readonly hasMoved: boolean
  readonly key: SchemaPlan
  readonly value: SchemaPlan
}

export function planStore(facts: StoreFacts): PlanItem {
  const { store, changelog, deployed, before, lost } = facts
  const item = (verdict: PlanItem['verdict'], text: string, remedy: string | null = null): PlanItem => ({
    kind: 'store',
    name: store.name,
    verdict,
    text,
    remedy,
  })
  if (lost !== undefined) return item(lost.verdict, lost.text, lost.remedy)
  if (deployed === undefined) {
    if (before === undefined) return item('new', `begins empty, with the changelog ${changelog}`)
    return item(
      'incompatible',
      `its changelog ${changelog} is gone: state that is not on the disks of the instances is lost`,
      'restore a savepoint, or delete the state directories of all instances to begin anew',
    )
  }
  const loss = lossOf(facts)
  if (loss !== undefined) return item('incompatible', loss.text, loss.remedy)
  if (facts.hasMoved)
    return item(
      'restore',
      `its sub-topology has another name now, ${facts.subTopology}: each task restores it from ${changelog}`,
      'plan for the time of the restore, or keep the topics that the sub-topology reads',
    )
  if (before !== undefined && (before.ttlMs ?? undefined) !== store.ttlMs)
    return item(
      'restore',
      `remembers for ${lifetime(store.ttlMs)} instead of ${lifetime(before.ttlMs ?? undefined)}: each task lays its local state out anew from ${changelog}`,
      'plan for the time of the restore; what is older than the new time is forgotten for good',
    )
  const version =
    facts.value.verdict === 'new' && facts.value.isChanged ? `; its value schema ${facts.value.text}` : ''
  return item('keep', `goes on as it is${version}`)
}

/** Why what the changelog has is no use to the store. */
function lossOf(facts: StoreFacts): { readonly text: string; readonly remedy: string } | undefined {
  const { store, changelog, deployed, wanted, before, key, value } = facts
  const sizeBefore = before?.windows?.sizeMs
  if (before !== undefined && sizeBefore !== store.windows?.sizeMs)
    return {
      text: `has ${windowsText(store.windows?.sizeMs)} instead of ${windowsText(sizeBefore)}: rows of the one say nothing of the other`,
      remedy: newName(store.name),
    }
  if (before !== undefined && !key.isCompared && before.key !== store.key.name)
    return {
      text: `has keys of ${store.key.name} instead of ${before.key}: its rows cannot be found by them`,
      remedy: newName(store.name),
    }
  if (key.isChanged)
    return {
      text: 'has another key schema: rows are found by the bytes of their keys, which name the schema, so none would be found again',
      remedy: `leave the key schema as it is, or ${newName(store.name)}`,
    }
  if (before !== undefined && !value.isCompared && before.value !== store.value.name)
    return {
      text: `has values of ${store.value.name} instead of ${before.value}: what was written cannot be read`,
      remedy: newName(store.name),
    }
  if (value.verdict === 'incompatible')
    return { text: `its value schema ${value.text}`, remedy: value.remedy ?? newName(store.name) }
  const mismatch =
    wanted === undefined || deployed === undefined ? undefined : topicMismatch(deployed, wanted)
  return mismatch && { text: `its changelog ${changelog} ${mismatch.text}`, remedy: mismatch.remedy }
}

function newName(name: string): string {
  return `give the store another name to begin empty, and delete the changelog of ${name}; or leave it as it was`
}

function windowsText(sizeMs: number | undefined): string {
  return sizeMs === undefined ? 'no windows of one size' : `windows of ${durationText(sizeMs)}`
}

function lifetime(ttlMs: number | undefined): string {
  return ttlMs === undefined ? 'ever' : durationText(ttlMs)
}
