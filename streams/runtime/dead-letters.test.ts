/** Dead letters of records that a dead letter cannot simply carry. */
import { describe, expect, it } from 'vitest'
import { jsonTopic, withDriver } from '../../tests/support/topologies.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import { messageOf } from '../errors.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import { contentOmittedHeader } from './dead-letters.ts'

const words = jsonTopic<string>('words')

/** A topology that throws for each of its records. */
const throwing = (error: unknown) =>
  defineTopology('test', (builder) => {
    builder.stream(words).peek(() => {
      throw error
    })
  })

describe('dead letters', () => {
  it('should be written whatever text the error has', async () => {
    const halfOfAPair = new Error(`unexpected ${'😀'.slice(0, 1)}`)
    const long = new Error('x'.repeat(2_000_000))
    const notText = Object.assign(new Error(), { message: 13 })
    for (const error of [halfOfAPair, long, notText, undefined, Object.create(null)]) {
      await withDriver(throwing(error), {}, async (driver) => {
        await driver.pipe(words, { key: 'a', value: 'b' })
        const [letter] = await driver.deadLetters()
        expect(letter?.message).toBe(Buffer.from(messageOf(error).slice(0, 4096)).toString())
        expect(Buffer.from(letter?.value ?? []).toString()).toBe('"b"')
      })
    }
  })

  it('should leave the content out of a record so large that none could hold it and its cause', async () => {
    await withDriver(throwing(new Error('no')), { settings: { recordMaxBytes: 1_000 } }, async (driver) => {
      await driver.pipe(words, { key: 'small', value: 'x' }, { key: 'large', value: 'x'.repeat(950) })
      const [small, large] = await driver.deadLetters()
      expect(small).toMatchObject({ offset: 0, message: 'no', headers: [] })
      expect(large).toMatchObject({
        offset: 1,
        key: Buffer.from('large'),
        value: null,
        headers: [{ key: contentOmittedHeader, value: null }],
        message:
          "no (left out here, for its size: the record's content, 957 bytes; it is at words-0 offset 1)",
      })
    })
  })

  it('should be written for keys that the store behind cannot hold, however many come at a time', async () => {
    const anyKeys = topic('any-keys', { key: serdes.json<string>(), value: serdes.json<number>() })
    const counting = defineTopology('test', (builder) => {
      builder.stream(anyKeys).groupByKey({ key: serdes.string }).count({ store: 'counts' })
    })
    await withDriver(counting, {}, async (driver) => {
      await driver.write(
        anyKeys,
        ...Array.from({ length: 40 }, (_, n) => ({ key: JSON.parse(n === 7 ? '7' : `"k${n}"`), value: n })),
      )
      await driver.run()
      expect(await driver.deadLetters()).toMatchObject([{ offset: 7, code: 'RECORD_NOT_ENCODABLE' }])
      expect([...driver.store<string, number>('counts').range()]).toHaveLength(39)
    })
  })
})
