/** Finding patterns in streams: `match` as an operator, with its stores and its ways out. */

import type { MatchState } from '../cep/match-state.ts'
import { matchStateSerde } from '../cep/match-state-codec.ts'
import { defaultLimits, Matcher, type MatchLimits } from '../cep/matcher.ts'
import { compilePattern, type Nfa } from '../cep/nfa.ts'
import { openRuns } from '../cep/open-runs.ts'
import type { Match, PartialMatch, PatternOf, Stages } from '../cep/pattern-types.ts'
import type { Serde } from '../serde/serde.ts'
import { dueKeysSpec } from '../state/due-keys.ts'
import { byKey } from '../topology/store-view.ts'
import type { Grouping } from './aggregate.ts'
import type { BuildContext } from './build-context.ts'
import { keyedInput } from './keyed-process.ts'
import type { KStream } from './kstream.ts'
import {
  type MatchContext,
  type MatchOutlets,
  type MatchStores,
  PatternMatching,
} from './pattern-matching.ts'

/** What is made of a match: one value (`select`), or any number (`flatSelect`). */
export type Selecting<K, E, S extends Stages, R> =
  | { select(match: Match<E, S>, context: MatchContext<K>): R }
  | { flatSelect(match: Match<E, S>, context: MatchContext<K>): Iterable<R> }

export type MatchOptions<K, E, S extends Stages, R, T, D = never> = Selecting<K, E, S, R> & {
  /** Names the partial matches of all keys, which are kept as state. */
  readonly store: string
  /** What is made of a partial match that timed out. */
  timedOut?(taken: PartialMatch<E, S>, context: MatchContext<K>): T
  /** What is made of a partial match that gave way to the limits; counted as `pattern-limit` in any case. */
  discarded?(taken: PartialMatch<E, S>, context: MatchContext<K>): D
  /** What a key may hold, and what gives way. */
  readonly limits?: Partial<MatchLimits>
  /**
   * Orders events of equal time, as `Array.sort` wants it; without, they are taken as they came. Say it where the records of a key
   * come by several ways, so that a replay takes them in the same order. Each event then waits until time has passed it.
   */
  ties?(left: E, right: E): number
  /** Of the events, where the stream does not know it. */
  readonly value?: Serde<E>
  /** Of what is selected, for what is repartitioned behind it. */
  readonly selected?: Serde<R>
}

export interface MatchStreams<K, V, R, T, D = never> {
  readonly main: KStream<K, R>
  readonly timedOut: KStream<K, T>
  readonly discarded: KStream<K, D>
  readonly late: KStream<K, V>
}

export function matchPattern<K, V, S extends Stages, R, T, D>(
  build: BuildContext,
  grouping: Grouping<K, V>,
  pattern: PatternOf<NonNullable<V>, S>,
  options: MatchOptions<K, NonNullable<V>, S, R, T, D>,
): MatchStreams<K, V, R, T, D> {
  const { store: name } = options
  const nfa = compilePattern(pattern)
  const where = `store "${name}"`
  const keys = build.serde(grouping.keySerde, where, 'pass { key: … } to groupByKey, or a serde to groupBy')
  // Null values are no events, so the serde of values that may be null serves.
  const known = options.value ?? (grouping.valueSerde as Serde<NonNullable<V>> | undefined)
  const events = build.serde(known, where, 'pass { value: … } beside the store name')
  const specs = specsOf(name, nfa, keys, events)
  const input = keyedInput(build, grouping, keys, name)
  const node = build.graph.add({
    name,
    role: { kind: 'operator', operator: 'match', usesTime: true },
    parents: [input.node],
    stores: [specs.states, specs.due],
  })
  const main = build.branch<K, R>(node, `${name}.main`)
  const timedOut = build.branch<K, T>(node, `${name}.timedOut`)
  const discarded = build.branch<K, D>(node, `${name}.discarded`)
  const late = build.branch<K, V>(node, `${name}.late`)
  const limits = { ...defaultLimits, ...options.limits }

  input.attach((task) => {
    const passMain = main.compile(task)
    const passTimedOut = timedOut.compile(task)
    const passDiscarded = discarded.compile(task)
    const outlets: MatchOutlets<K, NonNullable<V>, S> = {
      match(match, context) {
        const { key, timestampMs } = context
        if ('select' in options) passMain(key, options.select(match, context), timestampMs)
        else for (const one of options.flatSelect(match, context)) passMain(key, one, timestampMs)
      },
      timedOut(taken, context) {
        if (options.timedOut === undefined) return
        passTimedOut(context.key, options.timedOut(taken, context), context.timestampMs)
      },
      discarded(taken, context) {
        task.dropped(node, 'pattern-limit')
        if (options.discarded === undefined) return
        passDiscarded(context.key, options.discarded(taken, context), context.timestampMs)
      },
    }
    if (grouping.repartition || grouping.fromSource) task.readsAhead(specs.states)
    const matcher = new Matcher(nfa, limits)
    const matching = new PatternMatching(task, { node, specs, matcher, outlets, ties: options.ties })
    const passLate = late.compile(task)
    return (key, value, timestampMs) => {
      if (value === null || value === undefined) task.dropped(node, 'null-value')
      else if (!matching.take(key, value, timestampMs)) {
        task.dropped(node, 'late')
        passLate(key, value, timestampMs)
      }
    }
  })

  const traits = { keySerde: keys, keyChanged: false, fromSource: false }
  return {
    main: build.stream(main, { ...traits, valueSerde: options.selected }),
    timedOut: build.stream(timedOut, { ...traits, valueSerde: undefined }),
    discarded: build.stream(discarded, { ...traits, valueSerde: undefined }),
    late: build.stream(late, { ...traits, valueSerde: grouping.valueSerde }),
  }
}

function specsOf<K, E, S extends Stages>(
  name: string,
  nfa: Nfa<E, S>,
  keys: Serde<K>,
  events: Serde<E>,
): MatchStores<K, E> {
  return {
    states: {
      name,
      key: keys,
      value: matchStateSerde(name, nfa, events),
      // What is stored in it are states of this pattern.
      ...byKey('pattern', keys, events, { runs: (state) => openRuns(nfa, state as MatchState<E>) }),
    },
    due: dueKeysSpec(`${name}-due`, keys),
  }
}
