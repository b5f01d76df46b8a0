/**
 * Where each task stands in the database, and who may move it: table `sink_progress`.
 *
 * 1. The epoch of a task only grows, by one with every session that opens.
 * 2. Positions move only in the transaction that writes the rows before them, only under the newest epoch, and only from where the
 *    session left them: a database that was put back from a backup may have the epoch, and lacks rows.
 */
import { type PartitionOffset, type SinkTask, StreamsError, type TopicPartition } from '../streams/index.ts'
import type { Database, Transaction } from './database.ts'
import { defineTable, integer, nullable, text } from './table.ts'

export const sinkProgressTable = defineTable({
  name: 'sink_progress',
  key: ['task_id', 'topic', 'partition'],
  columns: {
    task_id: text(249),
    topic: text(249),
    partition: integer,
    next_offset: nullable(integer),
    epoch: integer,
  },
})

const ofTask = 'SELECT `topic`, `partition`, next_offset, epoch FROM sink_progress WHERE task_id = ?'
const addPartition = {
  sqlite:
    'INSERT INTO sink_progress (task_id, `topic`, `partition`, epoch) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING',
  mysql:
    'INSERT INTO sink_progress (task_id, `topic`, `partition`, epoch) VALUES (?, ?, ?, 0) ON DUPLICATE KEY UPDATE epoch = epoch',
}
const takeOver = 'UPDATE sink_progress SET epoch = ? WHERE task_id = ?'
const holdStill = 'UPDATE sink_progress SET epoch = epoch WHERE task_id = ? AND epoch = ?'
const moveOn = {
  sqlite:
    'UPDATE sink_progress SET next_offset = ? WHERE task_id = ? AND `topic` = ? AND `partition` = ? AND epoch = ? AND next_offset IS ?',
  mysql:
    'UPDATE sink_progress SET next_offset = ? WHERE task_id = ? AND `topic` = ? AND `partition` = ? AND epoch = ? AND next_offset <=> ?',
}

export interface TaskProgress {
  readonly epoch: number
  /** In the order of the task's partitions. */
  readonly positions: readonly (number | null)[]
}

/** Takes a task over with a new epoch, and reads where it stands. */
export async function takeTask(database: Database, task: SinkTask): Promise<TaskProgress> {
  const transaction = await database.begin(task.id)
  try {
    const suffix = database.dialect === 'mysql' ? ' FOR UPDATE' : ''
    let rows = await transaction.query(ofTask + suffix, [task.id])
    const missing = task.partitions.filter((partition) => !rows.some((row) => isOf(row, partition)))
    // The upsert makes two that open the same new task wait for one another.
    for (const { topic, partition } of missing) {
      await transaction.run(addPartition[database.dialect], [task.id, topic, partition])
    }
    if (missing.length > 0) rows = await transaction.query(ofTask + suffix, [task.id])
    const epoch = 1 + Math.max(0, ...rows.map((row) => Number(row['epoch'])))
    await transaction.run(takeOver, [epoch, task.id])
    await transaction.commit()
    const positions = task.partitions.map((partition) => {
      const next = rows.find((row) => isOf(row, partition))?.['next_offset'] ?? null
      return next === null ? null : Number(next)
    })
    return { epoch, positions }
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

/**
 * Moves a task's positions on from those that the session has left them at, and so holds its rows until the transaction ends.
 *
 * @throws SINK_FENCED
 */
export async function advance(
  transaction: Transaction,
  task: SinkTask,
  { epoch, positions }: TaskProgress,
  next: readonly PartitionOffset[],
  dialect: Database['dialect'],
): Promise<void> {
  // Rows without a position are as much the owner's alone.
  if (next.length === 0 && (await transaction.run(holdStill, [task.id, epoch])) === 0)
    throw fenced(task, epoch)
  for (const partition of next) {
    const from = positions[task.partitions.findIndex((own) => isSame(own, partition))] ?? null
    const place = [task.id, partition.topic, partition.partition, epoch, from]
    const moved = await transaction.run(moveOn[dialect], [partition.offset, ...place])
    if (moved !== 1) throw fenced(task, epoch)
  }
}

/** Where a session stands once `next` is final. */
export function movedTo(
  task: SinkTask,
  { epoch, positions }: TaskProgress,
  next: readonly PartitionOffset[],
): TaskProgress {
  const offsetOf = (own: TopicPartition) => next.findLast((moved) => isSame(moved, own))?.offset
  return { epoch, positions: task.partitions.map((own, index) => offsetOf(own) ?? positions[index] ?? null) }
}

function fenced(task: SinkTask, epoch: number): StreamsError {
  return new StreamsError(
    'SINK_FENCED',
    `task ${task.id} is not where the session of epoch ${epoch} has left it: a newer session has taken it over, or the database was ` +
      'put back to an older state',
    { details: { task: task.id, epoch } },
  )
}

function isSame(one: TopicPartition, other: TopicPartition): boolean {
  return one.topic === other.topic && one.partition === other.partition
}

function isOf(row: Readonly<Record<string, unknown>>, partition: TopicPartition): boolean {
  return row['topic'] === partition.topic && Number(row['partition']) === partition.partition
}
