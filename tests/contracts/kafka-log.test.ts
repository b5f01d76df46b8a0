import { describe, it } from 'vitest'
import { openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { type LogUnderTest, logContract } from './log-contract.ts'

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',').filter((broker) => broker !== '')

async function openLog(): Promise<LogUnderTest> {
  const log = await openKafkaLog({ brokers, clock: systemClock, heartbeatIntervalMs: 200 })
  return { log, close: () => log.close() }
}

if (brokers.length > 0) {
  logContract('Apache Kafka', openLog)
} else {
  describe('log contract: Apache Kafka', () => {
    it.skipIf(true)(
      'should be met by a real broker (skipped: set KAFKA_BROKERS to the host:port of one)',
      () => {},
    )
  })
}
