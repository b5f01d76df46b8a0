/** Whether a topic that exists has the settings that a release needs. */
import type { TopicSettings } from '../ports/log.ts'

export interface TopicMismatch {
  readonly text: string
  readonly remedy: string
}

/** The first setting that keeps the release from starting. */
export function topicMismatch(is: TopicSettings, wanted: TopicSettings): TopicMismatch | undefined {
  const { name } = wanted
  if (is.partitions !== wanted.partitions)
    return {
      text: `has ${is.partitions} partitions, and needs ${wanted.partitions}: keys lie in other partitions than they would be looked for`,
      remedy: `give what it belongs to ${is.partitions} partitions again, or begin anew: savepoints do not change partitions either`,
    }
  if (is.cleanup !== wanted.cleanup)
    return {
      text: `is cleaned up by ${is.cleanup}, and must be by ${wanted.cleanup}: the release does not start`,
      remedy: `set cleanup.policy of topic ${name} to ${wanted.cleanup.replace('-', ',')}`,
    }
  if (wanted.cleanup !== 'compact' && is.retentionMs !== wanted.retentionMs)
    return {
      text: `keeps records for ${is.retentionMs ?? 'ever'} ms, and must for ${wanted.retentionMs ?? 'ever'} ms: the release does not start`,
      remedy: `set retention.ms of topic ${name} to ${wanted.retentionMs ?? -1}`,
    }
  if (is.timestampType !== wanted.timestampType)
    return {
      text: `has timestamps of ${is.timestampType}, and must of ${wanted.timestampType}: the release does not start`,
      remedy: `set message.timestamp.type of topic ${name} to ${wanted.timestampType === 'append' ? 'LogAppendTime' : 'CreateTime'}`,
    }
  return undefined
}
