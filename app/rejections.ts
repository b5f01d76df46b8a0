/** Where the rejections of the order ETL are, and how they are read: for who lists them and sends orders through again. */
import { topics } from '../schemas/topics.ts'
import { rejectionTopic } from '../streams/index.ts'

/** Orders that broke a rule of cleanse. When the event took place stands for when it was rejected: cleanse reads no clock. */
export const orderRejections = rejectionTopic('cleanse', topics.orderRejected, (rejected) => ({
  codes: [...new Set(rejected.reasons.map(({ code }) => code))],
  message: rejected.reasons.map(({ message }) => message).join('; '),
  record: rejected,
  recordTimeMs: rejected.rejected_time,
  rejectedTimeMs: rejected.rejected_time,
}))
