/** Random interleavings of everything that writes, against a model that keeps plain lists. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newTopic, openOn, readAll } from '../../../tests/support/embedded-log.ts'
import type { TransactionalProducer } from '../../ports/log.ts'
import { plainRecords, valuesBatch } from '../../testing/plain-records.ts'
import { MemoryStoreProvider } from '../memory/memory-store.ts'
import type { EmbeddedLog } from './embedded-log.ts'

const partitions = [0, 1]
const producerIds = [0, 1, 2]

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constant('send'), fc.nat(2), fc.nat(1), fc.integer({ min: 1, max: 3 })),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant('commit'), fc.nat(2), fc.nat(1), fc.nat()) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('abort'), fc.nat(2), fc.nat(1), fc.nat()) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant('append'), fc.nat(2), fc.nat(1), fc.integer({ min: 1, max: 3 })),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('open anew'), fc.nat(2), fc.nat(1), fc.nat()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('commit all'), fc.nat(2), fc.nat(1), fc.nat()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('crash'), fc.nat(2), fc.nat(1), fc.nat()) },
)

interface Sent {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

class Model {
  committed: Sent[] = []
  readonly open = new Map<number, Sent[]>(producerIds.map((id) => [id, []]))
  committedCount = new Map<number, number>()

  commit(id: number): void {
    const sent = this.open.get(id)!
    this.committed.push(...sent)
    if (sent.length > 0) this.committedCount.set(id, (this.committedCount.get(id) ?? 0) + 1)
    this.open.set(id, [])
  }

  abortAll(): void {
    for (const id of producerIds) this.open.set(id, [])
  }

  /** What a reader may see: what is committed below the first open record. */
  visible(partition: number): [number, string][] {
    const openOffsets = [...this.open.values()].flat().filter((sent) => sent.partition === partition)
    const end = Math.min(...openOffsets.map((sent) => sent.offset))
    return this.committed
      .filter((sent) => sent.partition === partition && sent.offset < end)
      .sort((a, b) => a.offset - b.offset)
      .map(({ offset, value }) => [offset, value])
  }

  isTaken({ partition, offset }: Sent): boolean {
    return [...this.committed, ...[...this.open.values()].flat()].some(
      (sent) => sent.partition === partition && sent.offset === offset,
    )
  }
}

class Run {
  readonly model = new Model()
  private provider = new MemoryStoreProvider()
  private log!: EmbeddedLog
  private producers: TransactionalProducer[] = []
  private followed: [number, string][][] = []
  private take: () => void = () => {}
  private sentCount = 0

  async start(): Promise<void> {
    ;({ log: this.log } = await openOn(this.provider, { cacheBytes: 400 }))
    await newTopic(this.log, { partitions: partitions.length })
    this.producers = await Promise.all(producerIds.map((id) => this.openProducer(id)))
    const reader = this.log.openReader({
      onReady: () => this.take(),
      onError: (_, error) => {
        throw error
      },
    })
    const before = this.followed
    this.followed = partitions.map((partition) => before[partition] ?? [])
    this.take = () => {
      for (const partition of partitions) {
        for (let more = true; more; ) {
          const batch = reader.take({ topic: 'topic', partition })
          more = batch !== null
          if (batch !== null) {
            for (const { offset, value } of plainRecords(batch))
              this.followed[partition]!.push([offset, value!])
          }
        }
      }
    }
    for (const partition of partitions) {
      const last = this.followed[partition]!.at(-1)
      reader.follow({ topic: 'topic', partition }, last === undefined ? 0 : last[0] + 1)
    }
  }

  async do(action: string, id: number, partition: number, count: number): Promise<void> {
    switch (action) {
      case 'send':
        return this.send(this.model.open.get(id)!, partition, count, (batch) =>
          this.producers[id]!.send([batch]),
        )
      case 'append':
        return this.send(this.model.committed, partition, count, (batch) => this.log.append([batch]))
      case 'commit':
        await this.commit(id)
        return
      case 'commit all':
        await Promise.all(producerIds.map((one) => this.commit(one)))
        return
      case 'abort':
        await this.producers[id]!.abort()
        this.model.open.set(id, [])
        return
      case 'open anew': {
        const predecessor = this.producers[id]!
        this.producers[id] = await this.openProducer(id)
        await expect(predecessor.commit()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
        this.model.open.set(id, [])
        return
      }
      default:
        this.provider = this.provider.snapshot()
        this.model.abortAll()
        await this.start()
    }
  }

  async check(): Promise<void> {
    for (const partition of partitions) {
      const visible = this.model.visible(partition)
      const read = await readAll(this.log, 'topic', partition)
      expect(read.map(({ offset, value }) => [offset, value])).toEqual(visible)
      expect(this.followed[partition]).toEqual(visible)
    }
    const counts = await this.log.committedOffsets(
      'group',
      producerIds.map((partition) => ({ topic: 'counts', partition })),
    )
    expect(counts).toEqual(producerIds.map((id) => this.model.committedCount.get(id) ?? null))
  }

  private async openProducer(id: number): Promise<TransactionalProducer> {
    await newTopic(this.log, { name: 'counts', partitions: producerIds.length })
    return this.log.openTransactionalProducer({ transactionalId: `producer-${id}`, timeoutMs: 1000 })
  }

  private async send(
    to: Sent[],
    partition: number,
    count: number,
    send: (batch: ReturnType<typeof valuesBatch>) => Promise<number[]>,
  ): Promise<void> {
    const values = Array.from({ length: count }, () => `value ${this.sentCount++}`)
    const [first] = await send(valuesBatch('topic', partition, ...values))
    for (const [i, value] of values.entries()) {
      const sent = { partition, offset: first! + i, value }
      expect(this.model.isTaken(sent)).toBe(false)
      to.push(sent)
    }
  }

  private async commit(id: number): Promise<void> {
    const producer = this.producers[id]!
    if (this.model.open.get(id)!.length > 0) {
      const offset = (this.model.committedCount.get(id) ?? 0) + 1
      await producer.sendOffsets('group', [{ topic: 'counts', partition: id, offset }])
    }
    await producer.commit()
    this.model.commit(id)
  }
}

describe('transactions', () => {
  it('should show what is committed, in order, up to the first open record, in any interleaving', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const run = new Run()
        await run.start()
        for (const [action, id, partition, count] of steps) {
          await run.do(action, id, partition, count)
          await run.check()
        }
      }),
      { numRuns: 150 },
    )
  })
})
