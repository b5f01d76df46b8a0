/**
 * Joins of two tables by key. Each change of either side is joined with the other side's row as it is now.
 *
 * Where tables pass changes on at commit, both sides may have changed since. The join then waits for both and passes one
 * change on, from what the pair was to what it is: the values before must be those that the tables behind know.
 */
import type { TableReceiver } from '../topology/store-spec.ts'
import { TableNode, type TablePlace, type TableRows } from '../topology/stream-node.ts'
import type { TaskContext } from '../topology/task-context.ts'
import type { BuildContext } from './build-context.ts'
import { ofRowsBefore } from './stored-rows.ts'

export type TableJoinType = 'inner' | 'left' | 'outer'

/** Answers null where the join type has no result for that pair. */
type Joiner<K, VL, VR, R> = (left: VL | null, right: VR | null, key: K) => R | null

interface JoinSides<K, VL, VR> {
  readonly left: TableReceiver<K, VL>
  readonly right: TableReceiver<K, VR>
}

export function joinTables<K, VL, VR, R>(
  build: BuildContext,
  left: TablePlace<K, VL>,
  right: TablePlace<K, VR>,
  type: TableJoinType,
  joiner: Joiner<K, VL, VR, R>,
): TableNode<K, R> {
  const node = build.graph.add({
    name: build.graph.nameFor('table-join'),
    role: { kind: 'operator', operator: `${type} join of tables`, coPartitioned: true },
    parents: [left.node, right.node],
  })
  const joined = new TableNode<K, R>(
    node,
    () => true,
    (task) => joinedRows(left.rows(task), right.rows(task), joiner),
  )
  const ofTask = new WeakMap<TaskContext, JoinSides<K, VL, VR>>()
  const sides = (task: TaskContext): JoinSides<K, VL, VR> => {
    let made = ofTask.get(task)
    if (made === undefined) {
      const [leftRows, rightRows] = [left.rows(task), right.rows(task)]
      made =
        task.emission === 'per-commit'
          ? joinAtCommit(task, joined, leftRows, rightRows, joiner)
          : joinAtOnce(task, joined, leftRows, rightRows, type, joiner)
      ofTask.set(task, made)
    }
    return made
  }
  left.attach((task) => sides(task).left)
  right.attach((task) => sides(task).right)
  for (const side of [left, right]) side.attachOlder((task) => () => task.dropped(node, 'late'))
  return joined
}

function joinedRows<K, VL, VR, R>(
  left: TableRows<K, VL>,
  right: TableRows<K, VR>,
  joiner: Joiner<K, VL, VR, R>,
): TableRows<K, R> {
  return {
    identity: left.identity,
    reject: left.reject,
    get: (key) => {
      const [l, r] = [left.get(key), right.get(key)]
      const value = joiner(l?.value ?? null, r?.value ?? null, key)
      if (value === null) return undefined
      return { value, timestampMs: Math.max(l?.timestampMs ?? 0, r?.timestampMs ?? 0) }
    },
  }
}

function joinAtOnce<K, VL, VR, R>(
  task: TaskContext,
  joined: TableNode<K, R>,
  leftRows: TableRows<K, VL>,
  rightRows: TableRows<K, VR>,
  type: TableJoinType,
  joiner: Joiner<K, VL, VR, R>,
): JoinSides<K, VL, VR> {
  const next = joined.compile(task)
  const joinerBefore = ofRowsBefore(joiner)
  /** `needsOther`: without a row on the other side there is, and was, no result. */
  const side =
    <V, VO>(
      otherRows: TableRows<K, VO>,
      needsOther: boolean,
      join: (own: V | null, other: VO | null, key: K) => R | null,
      joinBefore: typeof join,
    ): TableReceiver<K, V> =>
    (key, newValue, oldValue, timestampMs) => {
      task.enter(joined.node)
      const other = otherRows.get(key)
      if (other === undefined && (needsOther || (newValue === null && oldValue === null))) return
      const otherValue = other === undefined ? null : other.value
      const newestMs = other === undefined ? timestampMs : Math.max(timestampMs, other.timestampMs)
      next(key, join(newValue, otherValue, key), joinBefore(oldValue, otherValue, key), newestMs)
    }
  return {
    left: side(rightRows, type === 'inner', joiner, joinerBefore),
    right: side(
      leftRows,
      type !== 'outer',
      (own, other, key) => joiner(other, own, key),
      (own, other, key) => joinerBefore(other, own, key),
    ),
  }
}

/** What became of a key since the last commit. Undefined: that side has not changed. */
interface PairChange<K, VL, VR> {
  readonly key: K
  leftBefore: VL | null | undefined
  rightBefore: VR | null | undefined
  timestampMs: number
}

function joinAtCommit<K, VL, VR, R>(
  task: TaskContext,
  joined: TableNode<K, R>,
  leftRows: TableRows<K, VL>,
  rightRows: TableRows<K, VR>,
  joiner: Joiner<K, VL, VR, R>,
): JoinSides<K, VL, VR> {
  const next = joined.compile(task)
  const joinerBefore = ofRowsBefore(joiner)
  const changes = new Map<unknown, PairChange<K, VL, VR>>()
  const changeOf = (key: K, timestampMs: number): PairChange<K, VL, VR> => {
    const id = leftRows.identity(key)
    let change = changes.get(id)
    if (change === undefined) {
      change = { key, leftBefore: undefined, rightBefore: undefined, timestampMs }
      changes.set(id, change)
    }
    change.timestampMs = Math.max(change.timestampMs, timestampMs)
    return change
  }
  const passOn = ({ key, leftBefore, rightBefore, timestampMs }: PairChange<K, VL, VR>): void => {
    const [left, right] = [leftRows.get(key), rightRows.get(key)]
    const [leftNow, rightNow] = [left?.value ?? null, right?.value ?? null]
    const newValue = joiner(leftNow, rightNow, key)
    const oldValue = joinerBefore(
      leftBefore === undefined ? leftNow : leftBefore,
      rightBefore === undefined ? rightNow : rightBefore,
      key,
    )
    if (newValue === null && oldValue === null) return
    next(key, newValue, oldValue, Math.max(timestampMs, left?.timestampMs ?? 0, right?.timestampMs ?? 0))
  }
  task.onCommit(joined.node, () => {
    if (changes.size === 0) return false
    for (const change of changes.values()) {
      task.enter(joined.node)
      try {
        passOn(change)
      } catch (error) {
        if (change.leftBefore === undefined) rightRows.reject(change.key, error)
        else leftRows.reject(change.key, error)
      }
    }
    changes.clear()
    return true
  })
  return {
    left: (key, _newValue, oldValue, timestampMs) => {
      const change = changeOf(key, timestampMs)
      if (change.leftBefore === undefined) change.leftBefore = oldValue
    },
    right: (key, _newValue, oldValue, timestampMs) => {
      const change = changeOf(key, timestampMs)
      if (change.rightBefore === undefined) change.rightBefore = oldValue
    },
  }
}
