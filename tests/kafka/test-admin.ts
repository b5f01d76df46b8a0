/** What tests do to a real broker beside the adapter under test, as an operator would. */
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs'

/** The brokers that tests may use, or none. */
export const testBrokers = (process.env['TEST_KAFKA_BROKERS'] ?? '')
  .split(',')
  .filter((broker) => broker !== '')

/** kafkajs itself, with nothing of ours. */
export function plainKafka(brokers: readonly string[] = testBrokers): Kafka {
  return new Kafka({ brokers: [...brokers], clientId: 'tests', logLevel: logLevel.NOTHING })
}

export async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = plainKafka().admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

const ownValue = 1

/** What was set for the topic itself. */
export async function ownSettings(topic: string): Promise<Record<string, string>> {
  const { resources } = await withAdmin((admin) =>
    admin.describeConfigs({
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
      includeSynonyms: false,
    }),
  )
  const own = resources[0]!.configEntries.filter(({ configSource }) => Number(configSource) === ownValue)
  return Object.fromEntries(own.map(({ configName, configValue }) => [configName, configValue]))
}

/** Changes some settings of a topic and leaves the others. */
export async function alterTopic(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const all = { ...(await ownSettings(topic)), ...settings }
  const configEntries = Object.entries(all).map(([name, value]) => ({ name, value }))
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
  await withAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources }))
}

export async function growTopic(topic: string, partitions: number): Promise<void> {
  await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] }))
}
