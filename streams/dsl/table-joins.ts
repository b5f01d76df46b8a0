/** Joins of two tables by key. Each change of either side is joined with the other side's row as it is now. */
import type { TableReceiver, Timestamped } from '../topology/store-spec.ts'
import { TableNode } from '../topology/stream-node.ts'
import type { TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'

export type TableJoinType = 'inner' | 'left' | 'outer'

/** The joiner answers null where the join type has no result for that pair. */
export function joinTables<K, VL, VR, R>(
  build: BuildContext,
  left: TableNode<K, VL>,
  right: TableNode<K, VR>,
  type: TableJoinType,
  joiner: (left: VL | null, right: VR | null, key: K) => R | null,
): TableNode<K, R> {
  const node = build.graph.add({
    name: build.graph.nameFor('table-join'),
    role: { kind: 'operator', operator: `${type} join of tables`, coPartitioned: true },
    parents: [left.node, right.node],
  })
  const joined = new TableNode<K, R>(
    node,
    () => true,
    (task) => {
      const [leftRow, rightRow] = [left.getter(task), right.getter(task)]
      return (key) => {
        const [l, r] = [leftRow(key), rightRow(key)]
        const value = joiner(l?.value ?? null, r?.value ?? null, key)
        return value === null
          ? undefined
          : { value, timestampMs: Math.max(l?.timestampMs ?? 0, r?.timestampMs ?? 0) }
      }
    },
  )
  left.attach((task) =>
    side(task, joined, right.getter(task), type === 'inner', (own, other, key) => joiner(own, other, key)),
  )
  right.attach((task) =>
    side(task, joined, left.getter(task), type !== 'outer', (own, other, key) => joiner(other, own, key)),
  )
  return joined
}

/** One side's changes. `needsOther`: without a row on the other side there is, and was, no result. */
function side<K, V, VO, R>(
  task: TaskContext,
  joined: TableNode<K, R>,
  otherRow: (key: K) => Timestamped<VO> | undefined,
  needsOther: boolean,
  join: (own: V | null, other: VO | null, key: K) => R | null,
): TableReceiver<K, V> {
  const next = joined.compile(task)
  return (key, newValue, oldValue, timestampMs) => {
    task.enter(joined.node)
    const other = otherRow(key)
    if (other === undefined && (needsOther || (newValue === null && oldValue === null))) return
    const otherValue = other === undefined ? null : other.value
    const newestMs = other === undefined ? timestampMs : Math.max(timestampMs, other.timestampMs)
    next(key, join(newValue, otherValue, key), join(oldValue, otherValue, key), newestMs)
  }
}
