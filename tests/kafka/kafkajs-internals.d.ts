/** The inner modules of kafkajs whose hazards tests show; `tests/kafka/kafkajs-hazards.test.ts` says why. */
declare module 'kafkajs/src/consumer/batch.js' {
  class Batch {
    constructor(
      topic: string,
      fetchedOffset: string,
      partitionData: {
        partition: number
        highWatermark: string
        abortedTransactions: readonly unknown[]
        messages: readonly unknown[]
      },
    )
    isEmpty(): boolean
    lastOffset(): string
  }
  export default Batch
}

declare module 'kafkajs/src/consumer/subscriptionState.js' {
  class SubscriptionState {
    assign(partitions: readonly { topic: string; partitions: readonly number[] }[]): void
    pause(partitions: readonly { topic: string; partitions?: readonly number[] }[]): void
    paused(): { topic: string; partitions: number[] }[]
  }
  export default SubscriptionState
}

declare module 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js' {
  import type Decoder from 'kafkajs/src/protocol/decoder.js'

  function decodeMessages(decoder: Decoder): Promise<readonly { readonly offset: string }[]>
  export default decodeMessages
}
