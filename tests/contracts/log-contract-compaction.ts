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

  it('should keep the newest record of each key at its offset', async ({ skip }) => {
    const { log, compact } = subject()
    if (compact === undefined) return skip('compaction cannot be triggered here')
    const topic = await newTopic(log, { cleanup: 'compact' })
    const newest = new Map<string, [number, string | null]>()
    for (let round = 0; round < 5; round++) {
      const records = Array.from({ length: 40 }, (_, i) => ({
        key: `key-${(i * (round + 1)) % 60}`,
        value: i === 7 ? null : `value-${round}-${i}`,
      }))
      const [first] = await log.append([batchOf(topic, 0, records)])
      records.forEach(({ key, value }, i) => {
        newest.set(key, [first! + i, value])
      })
    }
    const end = await waitFor('the records', async () => {
      const now = await endOf(log, topic)
      return now >= 200 && now
    })
    await compact()
    const expected = [...newest].map(([key, [offset, value]]) => ({ key, offset, value }))
    expected.sort((a, b) => a.offset - b.offset)
    const left = (await readAll(log, topic)).map(({ key, offset, value }) => ({ key, offset, value }))
    expect(left).toEqual(expected)
    expect(await endOf(log, topic)).toBe(end)
  })
}
