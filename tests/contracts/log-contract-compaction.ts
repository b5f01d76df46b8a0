import { expect, it } from 'vitest'
import { batchOf, endOf, type LogUnderTest, newTopic, readAll, waitFor } from './log-fixture.ts'

/** The log contract's part on compacted topics. */
export function compactionContract(subject: () => LogUnderTest): void {
  it('should refuse a record without a key in a compacted topic', async () => {
    const { log } = subject()
    const topic = await newTopic(log, { cleanup: 'compact' })
    const appended = log.append([batchOf(topic, 0, [{ key: null, value: 'v' }])])
    await expect(appended).rejects.toMatchObject({ code: 'RECORD_NULL_NOT_ALLOWED' })
  })

  it('should keep the newest record of each key at its offset, and of the others what it likes', async () => {
    const { log } = subject()
    const topic = await newTopic(log, { cleanup: 'compact' })
    const { written, newest } = await writeRounds(subject(), topic)
    const left = await readValues(subject(), topic)
    expect(left.filter(({ offset, key }) => newest.get(key) === offset)).toHaveLength(newest.size)
    for (const record of left) expect(record).toEqual(written.get(record.offset))
    expect(left.map(({ offset }) => offset)).toEqual(left.map(({ offset }) => offset).sort((a, b) => a - b))
  })

  it('should keep nothing but the newest record of each key once it has compacted', async () => {
    const { log } = subject()
    const topic = await newTopic(log, { cleanup: 'compact' })
    const { written, newest } = await writeRounds(subject(), topic)
    const end = await endOf(log, topic)
    await subject().compact(topic)
    const offsets = [...newest.values()].sort((a, b) => a - b)
    const left = (await readValues(subject(), topic)).filter(({ offset }) => offset < end)
    expect(left).toEqual(offsets.map((offset) => written.get(offset)))
    expect(await endOf(log, topic)).toBeGreaterThanOrEqual(end)
    const [next] = await log.append([batchOf(topic, 0, [{ key: 'next', value: 'v' }])])
    expect(next).toBeGreaterThanOrEqual(end)
  })
}

interface Written {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
}

/** Writes keys over and over, deletions among them; answers all records by offset, and the newest offset of each key. */
async function writeRounds(
  { log }: LogUnderTest,
  topic: string,
): Promise<{ written: Map<number, Written>; newest: Map<string | null, number> }> {
  const written = new Map<number, Written>()
  const newest = new Map<string | null, number>()
  for (let round = 0; round < 5; round++) {
    const records = Array.from({ length: 40 }, (_, i) => ({
      key: `key-${(i * (round + 1)) % 60}`,
      value: i === 7 ? null : `value-${round}-${i}`,
    }))
    const [first] = await log.append([batchOf(topic, 0, records)])
    records.forEach((record, i) => {
      written.set(first! + i, { offset: first! + i, ...record })
      newest.set(record.key, first! + i)
    })
  }
  const last = Math.max(...written.keys())
  await waitFor('the records', async () => (await endOf(log, topic)) > last)
  return { written, newest }
}

async function readValues({ log }: LogUnderTest, topic: string): Promise<Written[]> {
  return (await readAll(log, topic)).map(({ offset, key, value }) => ({ offset, key, value }))
}
