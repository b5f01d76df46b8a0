/** Looking at checkpoints: they come from the log, so whoever ran the task last, and whether anybody runs it now, does not matter. */
import {
  Checkpoints,
  differenceOf,
  type Checkpoint as EngineCheckpoint,
  lagsOf,
  type PartitionPosition,
} from '../../../streams/index.ts'
import type { ControlContext } from '../../context.ts'
import { ControlError, invalidField } from '../../errors.ts'
import type {
  Checkpoint,
  DiffCheckpointsRequest,
  DiffCheckpointsResponse,
  ListCheckpointsRequest,
  ListCheckpointsResponse,
} from '../../generated/orderstreams/control/v1/checkpoint_service.ts'
import type { NamedCount } from '../../generated/orderstreams/control/v1/common.ts'
import { cursorOf, nextPageToken, pageOf, pageSizeOf } from '../../pages.ts'
import { checkpointMessage, durationMessage } from './messages.ts'

export class CheckpointHistory {
  private readonly context: ControlContext
  private readonly opened = new Map<string, Checkpoints>()

  constructor(context: ControlContext) {
    this.context = context
  }

  async list(request: ListCheckpointsRequest): Promise<ListCheckpointsResponse> {
    const { topology, task } = request
    if (task === '') {
      const query = { list: 'checkpoints', topology }
      const newest = await this.newest(topology)
      const { page, nextPageToken: token } = pageOf(newest, (one) => one.task, request, query)
      return { checkpoints: await this.messages(topology, page), nextPageToken: token }
    }
    const query = { list: 'checkpoints', topology, task }
    const size = pageSizeOf(request)
    const cursor = cursorOf(request, query)
    const checkpoints = await this.of(topology)
    const found = await checkpoints.history(task, {
      limit: size + 1,
      ...(cursor === undefined ? {} : { before: Number(cursor) }),
    })
    if (found.length === 0 && cursor === undefined) await this.taskExists(topology, task)
    const page = found.slice(0, size)
    const last = page.at(-1)
    const more = found.length > size && last !== undefined
    return {
      checkpoints: await this.messages(topology, page),
      nextPageToken: more ? nextPageToken(String(last.commit_number), query) : '',
    }
  }

  /** @param commitNumber 0 for the newest */
  async get(topology: string, task: string, commitNumber: number): Promise<Checkpoint> {
    const [message] = await this.messages(topology, [await this.one(topology, task, commitNumber)])
    if (message === undefined) throw new ControlError('INVARIANT_VIOLATED', 'a checkpoint came to no message')
    return message
  }

  async diff(request: DiffCheckpointsRequest): Promise<DiffCheckpointsResponse> {
    const { topology, task, fromCommitNumber, toCommitNumber } = request
    const to = await this.one(topology, task, toCommitNumber)
    const from =
      fromCommitNumber === 0
        ? await this.before(topology, task, to.commit_number)
        : await this.one(topology, task, fromCommitNumber)
    if (from.commit_number >= to.commit_number) {
      throw invalidField(
        'from_commit_number',
        `is ${from.commit_number}, which is not before ${to.commit_number}: give the number of the earlier commit, or 0`,
      )
    }
    const { inputs, changelogs, watermarkMovedMs, elapsedMs, timersAdded } = differenceOf(from, to)
    const [fromMessage, toMessage] = await this.messages(topology, [from, to])
    return {
      from: fromMessage,
      to: toMessage,
      recordsRead: inputs.map(countOf),
      changelogRecords: changelogs.map(countOf),
      watermarkMoved: watermarkMovedMs === null ? undefined : durationMessage(watermarkMovedMs),
      elapsed: durationMessage(elapsedMs),
      timersAdded,
    }
  }

  /** Of each task, in the order of their names. */
  async newest(topology: string): Promise<EngineCheckpoint[]> {
    return (await this.of(topology)).newest()
  }

  async messages(topology: string, checkpoints: readonly EngineCheckpoint[]): Promise<Checkpoint[]> {
    const lags = await lagsOf(this.context.log, checkpoints)
    return checkpoints.map((checkpoint, index) => checkpointMessage(topology, checkpoint, lags[index] ?? 0))
  }

  private async one(topology: string, task: string, commitNumber: number): Promise<EngineCheckpoint> {
    if (commitNumber < 0)
      throw invalidField('commit_number', `is ${commitNumber}; give 1 or more, or 0 for the newest`)
    const newest = await this.taskExists(topology, task)
    if (commitNumber === 0 || newest.commit_number === commitNumber) return newest
    const checkpoints = await this.of(topology)
    const [found] = await checkpoints.history(task, { before: commitNumber + 1, limit: 1 })
    if (found?.commit_number === commitNumber) return found
    throw notFound(topology, task, `${commitNumber}: the log has compacted it away, or it was never made`)
  }

  private async before(topology: string, task: string, commitNumber: number): Promise<EngineCheckpoint> {
    const checkpoints = await this.of(topology)
    const [found] = await checkpoints.history(task, { before: commitNumber, limit: 1 })
    if (found !== undefined) return found
    throw notFound(
      topology,
      task,
      `before ${commitNumber}: the log has compacted them away, or there were none`,
    )
  }

  /** Answers its newest checkpoint. */
  private async taskExists(topology: string, task: string): Promise<EngineCheckpoint> {
    const newest = await this.newest(topology)
    const found = newest.find((checkpoint) => checkpoint.task === task)
    if (found !== undefined) return found
    const known = newest.map((checkpoint) => checkpoint.task).join(', ')
    throw new ControlError(
      'TASK_NOT_FOUND',
      `topology ${topology} has no checkpoint of a task "${task}"; it has those of ${known === '' ? 'none' : known}`,
      { metadata: { topology, task } },
    )
  }

  /** Of any topology that the log has checkpoints of, whether this application knows it or not. */
  private async of(topology: string): Promise<Checkpoints> {
    const known = this.opened.get(topology)
    if (known !== undefined) return known
    const opened = topology === '' ? undefined : await Checkpoints.open(this.context, topology)
    if (opened === undefined) {
      throw new ControlError('TOPOLOGY_NOT_FOUND', `the log has no checkpoints of a topology "${topology}"`, {
        metadata: { topology },
      })
    }
    this.opened.set(topology, opened)
    return opened
  }
}

function countOf({ topic, partition, offset }: PartitionPosition): NamedCount {
  return { name: `${topic}-${partition}`, count: offset }
}

function notFound(topology: string, task: string, which: string): ControlError {
  return new ControlError(
    'CHECKPOINT_NOT_FOUND',
    `task ${task} of topology ${topology} has no checkpoint ${which}`,
    {
      metadata: { topology, task },
    },
  )
}
