/** Records in and out while programs come and go: fills the state, keeps a little traffic up, and sees what is committed. */
import { setTimeout as pause } from 'node:timers/promises'
import {
  type Log,
  type LogReader,
  partitionForKey,
  RecordBatchBuilder,
  valueAt,
} from '../../streams/index.ts'

export const partitions = 4
const valueBytes = 100
const batchRecords = 20_000
const probeIntervalMs = 10

/** Every key once, over all partitions. */
export async function fill(log: Log, topic: string, keys: number): Promise<void> {
  const padding = '.'.repeat(valueBytes)
  for (let done = 0; done < keys; done += batchRecords) {
    const batches = Array.from(
      { length: partitions },
      (_, partition) => new RecordBatchBuilder(topic, partition),
    )
    for (let n = done; n < Math.min(done + batchRecords, keys); n++) {
      const key = keyOf(n)
      const value = Buffer.from(`fill-${n}-${padding}`.slice(0, valueBytes))
      batches[partitionForKey(key, 0, key.length, partitions)]!.append(key, value, Date.now())
    }
    await log.append(batches.filter(({ length }) => length > 0).map((batch) => batch.build()))
  }
}

/** Sends one record to each partition every few milliseconds, numbered, and hears which of them came out committed. */
export class Probes {
  private readonly log: Log
  private readonly inputTopic: string
  private readonly outputTopic: string
  private readonly reader: LogReader
  private readonly newest = new Array<number>(partitions).fill(-1)
  private readonly keys = firstKeyOfEach()
  private sent = 0
  private stopped = false
  private readonly sending: Promise<void>

  private constructor(log: Log, inputTopic: string, outputTopic: string) {
    this.log = log
    this.inputTopic = inputTopic
    this.outputTopic = outputTopic
    this.reader = log.openReader({
      onReady: () => this.hear(),
      onError: (_partition, error) => {
        throw error
      },
    })
    this.sending = this.send()
  }

  static async start(log: Log, inputTopic: string, outputTopic: string): Promise<Probes> {
    const probes = new Probes(log, inputTopic, outputTopic)
    const outputs = Array.from({ length: partitions }, (_, partition) => ({ topic: outputTopic, partition }))
    for (const { topic, partition, end } of await log.offsetRanges(outputs))
      probes.reader.follow({ topic, partition }, end)
    return probes
  }

  /** Resolves when every partition has passed on something that was sent after the call. Answers when, by `performance.now()`. */
  async passedOn(): Promise<number> {
    const from = this.sent
    while (this.newest.some((number) => number < from)) await pause(1)
    return performance.now()
  }

  async stop(): Promise<void> {
    this.stopped = true
    await this.sending
    await this.reader.close()
  }

  private async send(): Promise<void> {
    while (!this.stopped) {
      const value = Buffer.from(`${++this.sent} `.padEnd(valueBytes, '.'))
      const batches = this.keys.map((key, partition) => {
        const batch = new RecordBatchBuilder(this.inputTopic, partition)
        batch.append(key, value, Date.now())
        return batch.build()
      })
      await this.log.append(batches)
      await pause(probeIntervalMs)
    }
  }

  private hear(): void {
    for (let partition = 0; partition < partitions; partition++) {
      const place = { topic: this.outputTopic, partition }
      for (let batch = this.reader.take(place); batch !== null; batch = this.reader.take(place)) {
        for (let index = 0; index < batch.length; index++) {
          const number = Number.parseInt(valueAt(batch, index)?.toString() ?? '', 10)
          if (number > this.newest[partition]!) this.newest[partition] = number
        }
      }
    }
  }
}

function keyOf(n: number): Buffer {
  return Buffer.from(`key-${String(n).padStart(8, '0')}`)
}

/** Of each partition one of the keys that are there. */
function firstKeyOfEach(): Buffer[] {
  const keys: Buffer[] = []
  for (let n = 0; keys.filter((key) => key !== undefined).length < partitions; n++) {
    const key = keyOf(n)
    keys[partitionForKey(key, 0, key.length, partitions)] ??= key
  }
  return keys
}
