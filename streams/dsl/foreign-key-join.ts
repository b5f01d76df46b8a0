/**
 * Joins of tables where rows of the left one name rows of the right one.
 *
 * A left row tells the task of the right row that it refers to it, through a repartition topic, and that task answers with the right
 * row through another: at once, and whenever that row changes. The result is made where the left row is.
 *
 * Invariants:
 * 1. What refers to a right row lies in that row's task, one row for each reference: a right row may have any number of them.
 * 2. An answer is used only if the left row refers to the row that it is of. Answers of one right row come in their order, so the last
 *    one that is used is the newest: results are right in the end, and are never made from a left row that has gone.
 * 3. Rows are looked at when what they are has been passed on: then whatever becomes of them later is answered, too.
 * 4. Both ways are topics in the tasks' transactions, so each reference and answer counts exactly once.
 */
import type { Serde } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic as declareTopic, type Topic } from '../serde/topic.ts'
import type { GraphNode } from '../topology/graph.ts'
import type { SourceTiming } from '../topology/source.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import { byKey, internal } from '../topology/store-view.ts'
import { StreamNode } from '../topology/stream-node.ts'
import type { Receiver, TaskContext } from '../topology/task-context.ts'
import { internalTopics } from '../topology/topology.ts'
import type { BuildContext } from './build-context.ts'
import {
  type Address,
  addressSerde,
  type Reference,
  type Response,
  referenceSerde,
  responseSerde,
  type Subscription,
  subscriptionSerde,
} from './foreign-key-serdes.ts'
import type { KTable } from './ktable.ts'
import { ofRowsBefore, writeRows } from './stored-rows.ts'
import { tableOfStore } from './table-sources.ts'

export interface ForeignKeyJoinOptions<K, KR, VR, R> {
  /** Names the result's store; what refers to what is in `<store>-references`, and goes through `<store>-subscriptions` and `<store>-responses`. */
  readonly store: string
  readonly value: Serde<R>
  readonly key?: Serde<K>
  readonly otherKey?: Serde<KR>
  readonly otherValue?: Serde<VR>
  /** How the topic of the other table is partitioned, if not by Kafka's default. */
  partitioner?(foreignKey: NonNullable<KR>, partitionCount: number): number
}

interface ForeignKeyJoin<K, V, KR, VR, R> {
  readonly left: KTable<K, V>
  readonly right: KTable<KR, VR>
  readonly type: 'inner' | 'left'
  readonly foreignKeyOf: (value: V, key: K) => KR | null
  /** Asked with null only by a left join. */
  readonly joiner: (left: V, right: VR | null, key: K) => R
}

/**
 * Both ways make a circle, in which nobody could wait for the time of the other: what comes here tells the time while it is there to
 * read, and holds nobody up.
 */
const asTheyCome: SourceTiming = { disorderMs: 0, idle: 'ignore', idleAfterMs: 0 }

export function joinByForeignKey<K, V, KR, VR, R>(
  build: BuildContext,
  join: ForeignKeyJoin<K, V, KR, VR, R>,
  options: ForeignKeyJoinOptions<K, KR, VR, R>,
): KTable<K, R> {
  const { left, right } = join
  const { store } = options
  const where = `foreign-key join "${store}"`
  for (const { traits } of [left, right]) traits.requireRows()
  left.traits.requireOldValues()
  const key = build.serde(options.key ?? left.traits.keySerde, where, 'pass { key: … }')
  const otherKey = build.serde(options.otherKey ?? right.traits.keySerde, where, 'pass { otherKey: … }')
  const otherValue = build.serde(
    options.otherValue ?? right.traits.valueSerde,
    where,
    'pass { otherValue: … }',
  )
  const topics = {
    subscriptions: between(build, `${store}-subscriptions`, otherKey, subscriptionSerde(key)),
    responses: between(build, `${store}-responses`, addressSerde(key), responseSerde(otherKey, otherValue)),
  }
  subscribe(build, join, options, topics.subscriptions)
  respond(build, right, store, topics, referenceSerde(otherKey, key))
  return results(
    build,
    join,
    { name: store, key, value: options.value, ...byKey('plain', key, options.value) },
    topics,
  )
}

interface Topics<K, KR, VR> {
  readonly subscriptions: Topic<KR, Subscription<K>>
  readonly responses: Topic<Address<K>, Response<KR, VR>>
}

function between<K, V>(build: BuildContext, name: string, key: Serde<K>, value: Serde<V>): Topic<K, V> {
  return declareTopic(internalTopics.repartition(build.topologyName, name), { key, value })
}

/** Tells right rows who refers to them, and who does no longer. */
function subscribe<K, V, KR, VR, R>(
  build: BuildContext,
  { left, type, foreignKeyOf }: ForeignKeyJoin<K, V, KR, VR, R>,
  { store, partitioner }: ForeignKeyJoinOptions<K, KR, VR, R>,
  subscriptions: Topic<KR, Subscription<K>>,
): void {
  const node = build.graph.add({
    name: `${store}-subscribe`,
    role: { kind: 'operator', operator: 'refer by foreign key' },
    parents: [left.node.node],
  })
  const stream = new StreamNode<KR, Subscription<K>>(node)
  const foreignKeyBefore = ofRowsBefore(foreignKeyOf)
  left.node.attach((task) => {
    const send = stream.compile(task)
    const identity = task.identity(subscriptions)
    const { partition } = task
    return (key, newValue, oldValue, timestampMs) => {
      task.enter(node)
      const oldKey = oldValue === null ? null : (foreignKeyBefore(oldValue, key) ?? null)
      const newKey = newValue === null ? null : (foreignKeyOf(newValue, key) ?? null)
      const stays = oldKey !== null && newKey !== null && identity(oldKey) === identity(newKey)
      if (oldKey !== null && !stays) send(oldKey, { key, partition, isActive: false }, timestampMs)
      if (newKey !== null) send(newKey, { key, partition, isActive: true }, timestampMs)
      // It was no result before, either: as a record without a key it is left out.
      else if (newValue !== null && oldKey === null && type === 'inner') task.dropped(node, 'null-key')
    }
  })
  left.node.attachOlder((task) => () => task.dropped(node, 'late'))
  build.sink(stream, subscriptions, { repartition: true, partitioner })
}

/** Tells left rows what they refer to: when they ask, and when it changes. */
function respond<K, KR, VR>(
  build: BuildContext,
  right: KTable<KR, VR>,
  store: string,
  { subscriptions, responses }: Topics<K, KR, VR>,
  referenceKeys: Serde<Reference<KR, K>>,
): void {
  const references: StoreSpec<Reference<KR, K>, number> = {
    name: `${store}-references`,
    key: referenceKeys,
    value: serdes.long,
    ...internal(referenceKeys, serdes.long),
  }
  const asked = build.source(subscriptions, { repartition: true, timing: asTheyCome })
  const node = build.graph.add({
    name: `${store}-respond`,
    role: { kind: 'operator', operator: 'answer by foreign key', coPartitioned: true },
    parents: [asked.node, right.node.node],
    stores: [references],
  })
  const stream = new StreamNode<Address<K>, Response<KR, VR>>(node)
  asked.attach((task) => {
    const send = stream.compile(task)
    const stored = task.store(references)
    const rows = right.node.rows(task)
    const answer = whenPassedOn<KR, Address<K>>(
      task,
      node,
      rows.reject,
      (foreignKey, address, timestampMs) => {
        if (stored.get({ foreignKey, key: address.key }) === undefined) return
        const row = rows.get(foreignKey)
        const newestMs = row === undefined ? timestampMs : Math.max(timestampMs, row.timestampMs)
        send(address, { foreignKey, row: row === undefined ? null : row.value }, newestMs)
      },
    )
    return (foreignKey, { key, partition, isActive }, timestampMs) => {
      if (isActive) {
        stored.put({ foreignKey, key }, partition, timestampMs)
        answer(foreignKey, { key, partition }, timestampMs)
      } else stored.delete({ foreignKey, key }, timestampMs)
    }
  })
  right.node.attach((task) => {
    const send = stream.compile(task)
    const stored = task.store(references)
    return (foreignKey, row, _oldRow, timestampMs) => {
      const [from, to] = [bound(foreignKey, 'begin'), bound(foreignKey, 'end')]
      for (const [reference, partition] of stored.range(from, to)) {
        if (!('key' in reference)) continue
        send({ key: reference.key, partition }, { foreignKey, row }, timestampMs)
      }
    }
  })
  right.node.attachOlder((task) => () => task.dropped(node, 'late'))
  build.sink(stream, responses, { repartition: true, partitioner: ({ partition }) => partition })
}

function bound<KR>(foreignKey: KR, end: 'begin' | 'end'): Reference<KR, never> {
  return { foreignKey, bound: end }
}

/** Makes the results, where the left rows are. */
function results<K, V, KR, VR, R>(
  build: BuildContext,
  { left, type, foreignKeyOf, joiner }: ForeignKeyJoin<K, V, KR, VR, R>,
  spec: StoreSpec<K, R>,
  { subscriptions, responses }: Topics<K, KR, VR>,
): KTable<K, R> {
  const answered = build.source(responses, { repartition: true, timing: asTheyCome })
  const node = build.graph.add({
    name: `${spec.name}-join`,
    role: { kind: 'operator', operator: `${type} join by foreign key`, coPartitioned: true },
    parents: [left.node.node, answered.node],
  })
  const made = new StreamNode<K, R | null>(node)
  const unmatched = (value: V, key: K): R | null => (type === 'inner' ? null : joiner(value, null, key))
  left.node.attach((task) => {
    const next = made.compile(task)
    return (key, value, _oldValue, timestampMs) => {
      task.enter(node)
      if (value === null) next(key, null, timestampMs)
      else if ((foreignKeyOf(value, key) ?? null) === null) next(key, unmatched(value, key), timestampMs)
      // Else the answer makes the result.
    }
  })
  answered.attach((task) => {
    const next = made.compile(task)
    const rows = left.node.rows(task)
    const identity = task.identity(subscriptions)
    const join = whenPassedOn<K, Response<KR, VR>>(task, node, rows.reject, (key, response, timestampMs) => {
      const value = rows.get(key)?.value ?? null
      const wanted = value === null ? null : (foreignKeyOf(value, key) ?? null)
      if (value === null || wanted === null || identity(wanted) !== identity(response.foreignKey)) return
      const { row } = response
      next(key, row === null ? unmatched(value, key) : joiner(value, row, key), timestampMs)
    })
    return ({ key }, response, timestampMs) => {
      task.enter(node)
      join(key, response, timestampMs)
    }
  })

  const { table, outlet } = tableOfStore(build, [node], spec, 'foreign-key-join')
  made.attach((task) => {
    const write = writeRows(task, spec, outlet(task).receive)
    const stored = task.store(spec)
    return (key, value, timestampMs) => {
      if (value !== null || stored.entry(key).value !== null) write(key, value, timestampMs)
    }
  })
  return table
}

/**
 * Looks at a table's rows when what they are has been passed on, so that whatever becomes of them later is passed on, too: at once
 * where each change is passed on, else at the commit, in order. A row that came and went in between is seen by nobody.
 */
function whenPassedOn<K, V>(
  task: TaskContext,
  node: GraphNode,
  reject: (key: K, error: unknown) => void,
  receive: Receiver<K, V>,
): Receiver<K, V> {
  if (task.emission === 'every-update') return receive
  let held: { readonly key: K; readonly value: V; readonly timestampMs: number }[] = []
  task.onCommit(node, () => {
    const due = held
    held = []
    for (const { key, value, timestampMs } of due) {
      task.enter(node)
      try {
        receive(key, value, timestampMs)
      } catch (error) {
        reject(key, error)
      }
    }
    return due.length > 0
  })
  return (key, value, timestampMs) => {
    held.push({ key, value, timestampMs })
  }
}
