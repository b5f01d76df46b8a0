/**
 * What a store shows to whoever looks in from outside. The operator that declares a store knows how its rows are laid out and
 * whose keys they have; a store that says nothing has plain keys and values, in any partition.
 */
import type { Serde } from '../serde/serde.ts'
import type { StoreSpec } from './store-spec.ts'

/**
 * How rows are laid out:
 * - `plain`: a value by key; `versions`: what it was from which time on
 * - `list`, `map`: a row for each element of a key
 * - `counted`: the open count windows of a key
 * - `windows`: a row for each key and window of a size; `window-list`: the windows of a key in one row
 * - `timers`: keys by time; `pattern`: the partial matches of a key
 * - `internal`: what an operator keeps for itself
 */
export type StoreLayout =
  | 'plain'
  | 'versions'
  | 'list'
  | 'map'
  | 'counted'
  | 'windows'
  | 'window-list'
  | 'timers'
  | 'pattern'
  | 'internal'

export type StoreKind = 'key-value' | 'window' | 'session' | 'timers' | 'pattern' | 'internal'

export interface StoreView {
  readonly layout: StoreLayout
  /** Of the keys as people know them: without window, position, or time. */
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Whether a row lies in the partition that the records of its key come by. */
  readonly isByKey: boolean
  /** Of a map's fields. */
  readonly field?: Serde<unknown>
  /** Of a list of windows. */
  readonly listed?: { readonly kind: 'window' | 'session'; readonly forgetMs: (endMs: number) => number }
  /** Of a pattern: what its rows hold. */
  readonly runs?: (row: unknown) => readonly OpenRun[]
}

/** A partial match of a pattern. */
export interface OpenRun {
  /** The stages whose events would move it on; of a run that only time completes, none. */
  readonly waitsFor: readonly string[]
  /** The stage that must not come until time completes it. */
  readonly unless: string | undefined
  readonly startMs: number
  /** Undefined: it waits for ever. */
  readonly untilMs: number | undefined
  /** By stage. */
  readonly events: Readonly<Record<string, readonly unknown[]>>
}

export function viewOf(spec: StoreSpec): StoreView {
  return spec.view ?? { layout: 'plain', key: spec.key, value: spec.value, isByKey: false }
}

/** Of a store whose rows have the keys of the records that reach its operator. */
export function byKey(
  layout: StoreLayout,
  key: Serde<unknown>,
  value: Serde<unknown>,
  more: Pick<StoreView, 'field' | 'listed' | 'runs'> = {},
): { readonly view: StoreView } {
  return { view: { layout, key, value, isByKey: true, ...more } }
}

/** Of a store that an operator keeps for itself. */
export function internal(key: Serde<unknown>, value: Serde<unknown>): { readonly view: StoreView } {
  return { view: { layout: 'internal', key, value, isByKey: false } }
}

export function kindOf({ layout, listed }: StoreView): StoreKind {
  switch (layout) {
    case 'windows':
      return 'window'
    case 'window-list':
      return listed?.kind ?? 'window'
    case 'timers':
    case 'pattern':
    case 'internal':
      return layout
    default:
      return 'key-value'
  }
}
