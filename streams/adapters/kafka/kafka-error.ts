import { StreamsError } from '../../errors.ts'
import type { TopicPartition } from '../../ports/log.ts'
import { describeCode } from './protocol/error-codes.ts'

/** The error of the engine for a broker's code, saying what was done and to which partition. */
export function kafkaError(
  what: string,
  errorCode: number,
  partition?: TopicPartition,
  brokerMessage?: string | null,
): StreamsError {
  const { name, becomes } = describeCode(errorCode)
  const where = partition === undefined ? '' : ` ${partition.topic}-${partition.partition}`
  const detail = brokerMessage ? `: ${brokerMessage}` : ''
  return new StreamsError(becomes, `${what}${where} failed with ${name}${detail}`, {
    details: {
      kafkaCode: errorCode,
      kafkaError: name,
      ...(partition === undefined ? {} : { topic: partition.topic, partition: partition.partition }),
    },
  })
}

/** The broker's code in an error made here. */
export function kafkaCodeOf(error: StreamsError): number | undefined {
  const { kafkaCode } = error.details
  return typeof kafkaCode === 'number' ? kafkaCode : undefined
}
