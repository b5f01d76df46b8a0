/** Orders with a positive amount, as smaller records. */
import { avro, type KStream, serdes, topic } from '../../../streams/index.ts'
import { type Order, validOrderSchema } from '../schemas/generated/records.ts'

export function validate(orders: KStream<string, Order>, outputTopic: string): void {
  orders
    .filter(({ amountCents }) => amountCents > 0)
    .mapValues(({ orderId, userId, amountCents, eventTime }) => ({ orderId, userId, amountCents, eventTime }))
    .to(topic(outputTopic, { key: serdes.string, value: avro(validOrderSchema) }))
}
