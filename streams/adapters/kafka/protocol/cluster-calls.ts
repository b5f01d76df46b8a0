/** Requests about the cluster: its topics, their settings, and who coordinates. */
import type { Call } from './call.ts'

export interface TopicLayout {
  readonly name: string
  readonly errorCode: number
  /** The leading broker of each partition, by partition; -1 while there is none. */
  readonly leaders: readonly number[]
  readonly internal: boolean
  /** Of the partition with the fewest copies. */
  readonly replicationFactor: number
}

/** The topics named, or all. Asking creates none. */
export function describeTopicLayouts(names: readonly string[] | undefined): Call<readonly TopicLayout[]> {
  return {
    apiKey: 3,
    version: 7,
    name: 'Metadata',
    write(writer) {
      if (names === undefined) writer.int32(-1)
      else writer.array(names, (name) => writer.string(name))
      writer.bool(false)
    },
    read(reader) {
      reader.array(() => {
        reader.int32()
        reader.string()
        reader.int32()
        reader.nullableString()
      })
      reader.nullableString()
      reader.int32()
      return reader.array(() => {
        const errorCode = reader.int16()
        const name = reader.string()
        const internal = reader.bool()
        const leaders: number[] = []
        let replicationFactor = Number.POSITIVE_INFINITY
        reader.array(() => {
          reader.int16()
          const partition = reader.int32()
          leaders[partition] = reader.int32()
          reader.int32()
          const [replicas] = [0, 1, 2].map(() => reader.array(() => reader.int32()))
          replicationFactor = Math.min(replicationFactor, replicas!.length)
        })
        return { name, errorCode, leaders, internal, replicationFactor }
      })
    },
  }
}

export const coordinatorOf = { group: 0, transaction: 1 } as const
export type CoordinatorOf = keyof typeof coordinatorOf

export function findCoordinator(
  kind: CoordinatorOf,
  key: string,
): Call<{ readonly errorCode: number; readonly nodeId: number }> {
  return {
    apiKey: 10,
    version: 2,
    name: 'FindCoordinator',
    write(writer) {
      writer.string(key)
      writer.int8(coordinatorOf[kind])
    },
    read(reader) {
      const errorCode = reader.int16()
      reader.nullableString()
      return { errorCode, nodeId: reader.int32() }
    },
  }
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  /** -1 takes the broker's default. */
  readonly replicationFactor: number
  readonly configuration: Readonly<Record<string, string>>
}

export interface NamedAnswer {
  readonly name: string
  readonly errorCode: number
  readonly errorMessage: string | null
}

export function createTopics(topics: readonly NewTopic[], timeoutMs: number): Call<readonly NamedAnswer[]> {
  return {
    apiKey: 19,
    version: 4,
    name: 'CreateTopics',
    extraTimeoutMs: timeoutMs,
    write(writer) {
      writer.array(topics, ({ name, partitions, replicationFactor, configuration }) => {
        writer.string(name)
        writer.int32(partitions)
        writer.int16(replicationFactor)
        writer.int32(0)
        writer.array(Object.entries(configuration), ([setting, value]) => {
          writer.string(setting)
          writer.string(value)
        })
      })
      writer.int32(timeoutMs)
      writer.bool(false)
    },
    read: (reader) =>
      reader.array(() => ({
        name: reader.string(),
        errorCode: reader.int16(),
        errorMessage: reader.nullableString(),
      })),
  }
}

const topicResource = 2

/** Where a setting's value comes from: 1 is the topic's own, the others are the brokers'. */
const ownSource = 1

export interface DescribedConfiguration extends NamedAnswer {
  /** `isOwn` where the value was set for this topic. */
  readonly settings: ReadonlyMap<string, { readonly value: string | null; readonly isOwn: boolean }>
}

export function describeConfigurations(
  topics: readonly string[],
  settings: readonly string[],
): Call<readonly DescribedConfiguration[]> {
  return {
    apiKey: 32,
    version: 2,
    name: 'DescribeConfigs',
    write(writer) {
      writer.array(topics, (topic) => {
        writer.int8(topicResource)
        writer.string(topic)
        writer.array(settings, (setting) => writer.string(setting))
      })
      writer.bool(false)
    },
    read: (reader) =>
      reader.array(() => {
        const errorCode = reader.int16()
        const errorMessage = reader.nullableString()
        reader.int8()
        const name = reader.string()
        const entries = reader.array((): [string, { value: string | null; isOwn: boolean }] => {
          const [setting, value] = [reader.string(), reader.nullableString()]
          reader.bool()
          const isOwn = reader.int8() === ownSource
          reader.bool()
          reader.array(() => {
            reader.string()
            reader.nullableString()
            reader.int8()
          })
          return [setting, { value, isOwn }]
        })
        return { name, errorCode, errorMessage, settings: new Map(entries) }
      }),
  }
}
