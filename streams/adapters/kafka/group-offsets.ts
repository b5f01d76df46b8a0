/** Offsets that groups committed, outside transactions. */
import type { PartitionOffset, TopicPartition } from '../../ports/log.ts'
import type { Leaders } from './leaders.ts'
import { code } from './protocol/error-codes.ts'
import { type Committer, commitOffsets, fetchOffsets } from './protocol/transaction-calls.ts'

export class GroupOffsets {
  private readonly leaders: Leaders

  constructor(leaders: Leaders) {
    this.leaders = leaders
  }

  /** Waits while a transaction that commits such an offset is pending, so that what is answered stands. */
  async committed(groupId: string, partitions: readonly TopicPartition[]): Promise<(number | null)[]> {
    if (partitions.length === 0) return []
    const answer = await this.leaders.callCoordinator(
      { kind: 'group', key: groupId },
      'reading the offsets',
      fetchOffsets(groupId, partitions),
      (fetched) => fetched.errorCode || firstError(fetched.partitions),
    )
    return partitions.map(({ topic, partition }) => {
      const found = answer.partitions.find((one) => one.topic === topic && one.partition === partition)
      return found === undefined || found.value < 0 ? null : found.value
    })
  }

  /** A group that has members takes offsets from those only. */
  async commit(groupId: string, committer: Committer, offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length === 0) return
    await this.leaders.callCoordinator(
      { kind: 'group', key: groupId },
      'committing the offsets',
      commitOffsets(groupId, committer, offsets),
      firstError,
    )
  }
}

function firstError(answers: readonly { readonly errorCode: number }[]): number {
  return answers.find(({ errorCode }) => errorCode !== code.none)?.errorCode ?? code.none
}
