/** How streams come to sessions and sliding windows: as they are, through a repartition topic, or combined in front of one. */

import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import { topic as declareTopic } from '../serde/topic.ts'
import { dueKeysSpec } from '../state/due-keys.ts'
import { windowListSerde } from '../state/window-list.ts'
import { SessionWindows } from '../time/session-windows.ts'
import type { SlidingWindows } from '../time/sliding-windows.ts'
import { type GraphNode, meeting, sourcesBehind } from '../topology/graph.ts'
import type { Windowed } from '../topology/store-spec.ts'
import { byKey } from '../topology/store-view.ts'
import { StreamNode, TableNode, type TableRows } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import { internalTopics } from '../topology/topology.ts'
import type { Grouping } from './aggregate.ts'
import type { BuildContext } from './build-context.ts'
import { type EarlyTarget, storesOfEarly } from './early-results.ts'
import type { KTable } from './ktable.ts'
import { ListedOutlet, type ListedTarget, timestampedWindow, windowIdentity } from './listed-windows.ts'
import { intoSessions, mergeSessions, type SessionFolding, type SessionPartial } from './session-aggregate.ts'
import { combineSessions, sessionPartialSerde } from './session-combine.ts'
import { intoSlidingWindows } from './sliding-aggregate.ts'
import { lateStream, type WindowedFolding, type WindowedPlan } from './windowed-inputs.ts'

export type ListedKind = SessionWindows | SlidingWindows

export interface ListedOptions<K, A> {
  readonly name: string
  readonly key: Serde<K>
  readonly windowKey: Serde<Windowed<K>>
  readonly value: Serde<A>
  readonly retentionMs: number
  readonly closes: boolean
  readonly early: EarlyTarget<K, A> | undefined
}

interface Input<K, A> {
  readonly parent: GraphNode
  attach(node: GraphNode, oneOrder: boolean, outlet: (task: TaskContext) => ListedOutlet<K, A>): void
}

/** Takes records into the windows of a task. */
type Operator<K, V, A> = (
  task: TaskContext,
  listed: ListedOutlet<K, A>,
  oneOrder: boolean,
  late: Receiver<K, V> | undefined,
) => Receiver<K, V>

/** An aggregate over sessions or sliding windows, as it is being declared. */
export class ListedPlan<K, A> implements WindowedPlan<K, A> {
  private readonly build: BuildContext
  private readonly windows: ListedKind
  private readonly options: ListedOptions<K, A>
  private readonly target: ListedTarget<K, A>
  private readonly inputs: Input<K, A>[] = []

  constructor(build: BuildContext, windows: ListedKind, options: ListedOptions<K, A>) {
    const { name, key, value, retentionMs, closes, early } = options
    const keptMs = Math.max(retentionMs, windows.neededMs)
    const forgetMs = (endMs: number): number => endMs + keptMs + 1
    this.build = build
    this.windows = windows
    this.options = options
    this.target = {
      store: {
        name,
        key,
        value: windowListSerde(value),
        ...byKey('window-list', key, value, {
          listed: { kind: windows instanceof SessionWindows ? 'session' : 'window', forgetMs },
        }),
      },
      due: dueKeysSpec(`${name}-due`, key),
      rules: { closeMs: (endMs) => windows.closeMs(endMs), forgetMs },
      closes,
      early,
    }
  }

  connect<V>(grouping: Grouping<K, V>, topicName: string, folding: WindowedFolding<K, V, A>): void {
    const { windows } = this
    const combines = windows instanceof SessionWindows && grouping.repartition && folding.merge !== undefined
    this.inputs.push(
      combines
        ? this.combined(windows, grouping, topicName, folding)
        : this.each(grouping, topicName, folding),
    )
  }

  table(operator: string): KTable<Windowed<K>, A> {
    const { build, target, options, inputs } = this
    const parents = inputs.map(({ parent }) => parent)
    const sources = sourcesBehind(parents).size
    const node = build.graph.add({
      name: `${operator}-${options.name}`,
      role: { kind: 'operator', operator, usesTime: true, ...meeting(parents) },
      parents,
      stores: [target.store, target.due, ...storesOfEarly(target.early)],
    })
    const place = new TableNode<Windowed<K>, A>(
      node,
      () => true,
      (task) => rowsOf(task, target),
    )
    let oldValuesMatter = false
    const outlets = new WeakMap<TaskContext, ListedOutlet<K, A>>()
    const outletOf = (task: TaskContext): ListedOutlet<K, A> => {
      const known =
        outlets.get(task) ??
        new ListedOutlet(task, target, { node, receive: place.compile(task), oldValuesMatter })
      outlets.set(task, known)
      return known
    }
    for (const input of inputs) input.attach(node, sources === 1, outletOf)
    return build.table(place, {
      keySerde: options.windowKey,
      valueSerde: options.value,
      requireRows: () => {},
      requireOldValues: () => {
        oldValuesMatter = true
      },
    })
  }

  private each<V>(
    grouping: Grouping<K, V>,
    topicName: string,
    folding: WindowedFolding<K, V, A>,
  ): Input<K, A> {
    const { build, options, target } = this
    const stream = grouping.repartition
      ? build.repartition(grouping.stream, topicName, {
          key: options.key,
          value: build.serde(
            grouping.valueSerde,
            `the repartition topic of "${topicName}"`,
            'pass the value serde to groupBy or groupByKey, or give the aggregator a merge',
          ),
        })
      : grouping.stream
    const into = this.operator(folding)
    return {
      parent: stream.node,
      attach: (node, oneOrder, outletOf) => {
        const late = lateStream(build, node, { ...grouping, repartition: false }, topicName, folding.late)
        stream.attach((task) => {
          if (grouping.repartition || grouping.fromSource) task.readsAhead(target.store)
          return into(task, outletOf(task), oneOrder, late?.compile(task))
        })
      },
    }
  }

  private operator<V>(folding: WindowedFolding<K, V, A>): Operator<K, V, A> {
    const { windows } = this
    if (!(windows instanceof SessionWindows))
      return (task, listed, ...rest) => intoSlidingWindows(task, windows, listed, folding.fold, ...rest)
    const sessions = this.sessions(folding)
    return (task, listed, ...rest) => intoSessions(task, windows, listed, sessions, ...rest)
  }

  private combined<V>(
    windows: SessionWindows,
    grouping: Grouping<K, V>,
    topicName: string,
    folding: WindowedFolding<K, V, A>,
  ): Input<K, A> {
    const { build, options, target } = this
    const sessions = this.sessions(folding)
    const between = declareTopic<K, SessionPartial<A>>(
      internalTopics.repartition(build.topologyName, topicName),
      { key: options.key, value: sessionPartialSerde(options.value) },
    )
    const node = build.graph.add({
      name: `${topicName}-combine`,
      role: { kind: 'operator', operator: 'combine', usesTime: true },
      parents: [grouping.stream.node],
    })
    const combined = new StreamNode<K, SessionPartial<A>>(node)
    const late = lateStream(build, node, grouping, topicName, folding.late)
    grouping.stream.attach((task) =>
      combineSessions(
        task,
        node,
        { windows, between },
        sessions,
        combined.compile(task),
        late?.compile(task),
      ),
    )
    build.sink(combined, between, { repartition: true })
    const partials = build.source(between, { repartition: true })
    return {
      parent: partials.node,
      attach: (_node, _oneOrder, outletOf) =>
        partials.attach((task): Receiver<K, SessionPartial<A>> => {
          task.readsAhead(target.store)
          return mergeSessions(task, windows, outletOf(task), sessions.merge)
        }),
    }
  }

  private sessions<V>({ fold, merge, join = merge }: WindowedFolding<K, V, A>): SessionFolding<K, V, A> {
    if (join !== undefined) return { fold, merge: join }
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `store "${this.options.name}": a record may make one session of two, and nothing says how their aggregates become one; ` +
        'give the aggregator a merge',
    )
  }
}

/** What is in the lists, window by window. */
function rowsOf<K, A>(
  task: TaskContext,
  { store: spec, rules }: ListedTarget<K, A>,
): TableRows<Windowed<K>, A> {
  const store = task.store(spec)
  return {
    get: (window) => {
      if (rules.forgetMs(window.endMs) <= task.time.watermarkMs) return undefined
      return timestampedWindow(store.get(window.key), window)
    },
    identity: (key) => windowIdentity(key, store),
    reject: ({ key }, error) => store.reject(key, error),
  }
}
