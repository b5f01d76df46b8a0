import { beforeEach, describe, expect, it } from 'vitest'
import {
  audit,
  audited,
  LetterWorld,
  orders,
  parsed,
  seen,
  shop,
} from '../../../tests/support/letter-world.ts'
import { defineTopology } from '../../dsl/stream-builder.ts'
import { RecordError } from '../../errors.ts'
import { contentOmittedHeader } from '../../runtime/dead-letters.ts'
import { checkpointTopic } from '../../runtime/internal-topics.ts'
import { attemptHeader, replayForHeader } from '../../runtime/replay-headers.ts'
import { serdes } from '../../serde/serdes.ts'
import { topic } from '../../serde/topic.ts'
import type { DeadLetterDesk, ReplayOutcome } from './dead-letter-desk.ts'
import type { Letter } from './letter.ts'

const by = 'ann'
const counted = topic('counted', { key: serdes.string, value: serdes.nullable(serdes.json<number>()) })

let world: LetterWorld
let desk: DeadLetterDesk

beforeEach(async () => {
  world = await LetterWorld.create(1)
  desk = world.desk()
})

const isBad = (order: string) => order.startsWith('bad')

async function failing(...values: string[]): Promise<void> {
  await world.give(
    orders.name,
    values.map((value, index) => ({ key: value.slice(-1), value, timestampMs: 1_000 + index })),
  )
  await world.process([shop(isBad), audit()])
}

async function listed(withSettled = false): Promise<Letter[]> {
  return world.listed(desk, { withSettled })
}

async function replayed(letter: Letter, beyondAttemptsMax = false): Promise<ReplayOutcome> {
  return world.run(desk.replay(letter.place, { by, beyondAttemptsMax }))
}

const replayAll = (own: Partial<Parameters<DeadLetterDesk['replayAll']>[0]> = {}) =>
  world.run(desk.replayAll({ kind: 'dead-letters', filter: {}, by, attemptsMax: 3, ...own }))

describe('DeadLetterDesk', () => {
  it('should list what failed, the newest first, and find each with its record', async () => {
    await failing('bad-a', 'good-b', 'bad-c')
    const letters = await listed()
    expect(letters.map(({ message }) => message)).toEqual(['cannot take bad-c', 'cannot take bad-a'])
    expect(letters[1]).toMatchObject({
      topology: 'shop',
      subTopology: 'orders',
      operator: 'parse',
      codes: ['ORDER_BAD'],
      record: { topic: 'orders', partition: 0, offset: 0 },
      recordTimeMs: 1_000,
      attempt: 1,
      isRejection: false,
    })
    const one = await world.run(desk.get(letters[0]!.place))
    expect(one?.content).toMatchObject({
      key: Buffer.from('c'),
      value: Buffer.from('bad-c'),
      timestampMs: 1_002,
    })
    expect(one?.status).toBeUndefined()
    expect(await world.run(desk.get({ ...letters[0]!.place, offset: 99 }))).toBeUndefined()
    expect(await world.run(desk.get({ ...letters[0]!.place, partition: 9 }))).toBeUndefined()
    expect(await world.run(desk.get({ ...letters[0]!.place, topic: 'orders' }))).toBeUndefined()
  })

  it('should list nothing of a topology that never ran', async () => {
    const unheard = world.desk({ topology: { ...shop(isBad), name: 'unheard' } })
    expect(await world.listed(unheard)).toEqual([])
  })

  it('should send a record through its sub-topology again, past everybody else', async () => {
    await failing('bad-a', 'good-b')
    const [letter] = await listed()
    const outcome = await replayed(letter!)
    expect(outcome).toMatchObject({
      kind: 'replayed',
      status: {
        state: 'REPLAYED',
        settled_by: by,
        replayed_as: { topic: 'orders', partition: 0, offset: 2 },
      },
    })
    expect((await world.read(orders.name)).at(-1)).toMatchObject({
      offset: 2,
      key: 'a',
      value: 'bad-a',
      timestampMs: 1_000,
      headers: [`${attemptHeader}=1`, `${replayForHeader}=shop/orders`],
    })
    await world.process([shop(() => false), audit()])
    expect(await world.values(parsed.name)).toEqual(['bad-a', 'good-b'])
    expect(await world.values(seen.name)).toEqual(['bad-a', 'good-b'])
    // Both had come to it before: `orders` in full, `parsed` with what is new.
    expect(await world.values(audited.name)).toEqual(['bad-a', 'bad-a', 'good-b', 'good-b'])
    // What was made of the copy is for everybody.
    expect((await world.read(parsed.name)).flatMap(({ headers }) => headers)).toEqual([])
  })

  it('should send one once, however often it is asked', async () => {
    await failing('bad-a')
    const [letter] = await listed()
    const outcomes = await world.run(Promise.all([1, 2, 3].map(() => desk.replay(letter!.place, { by }))))
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['replayed', 'settled', 'settled'])
    expect((await replayed(letter!)).kind).toBe('settled')
    expect(await world.values(orders.name)).toEqual(['bad-a', 'bad-a'])
    expect(await listed()).toEqual([])
    expect(await listed(true)).toHaveLength(1)
  })

  it('should count attempts, and stop at three unless told otherwise', async () => {
    await failing('bad-a')
    for (let attempt = 1; attempt <= 2; attempt++) {
      const [letter] = await listed()
      expect(letter?.attempt).toBe(attempt)
      expect((await replayed(letter!)).kind).toBe('replayed')
      await world.process([shop(isBad)])
    }
    const [third] = await listed()
    expect(third?.attempt).toBe(3)
    expect((await replayed(third!)).kind).toBe('tried-enough')
    expect((await replayed(third!, true)).kind).toBe('replayed')
    await world.process([shop(() => false)])
    expect(await world.values(seen.name)).toEqual(['bad-a'])
    const headers = (await world.read(orders.name)).at(-1)!.headers
    expect(headers).toEqual([`${attemptHeader}=3`, `${replayForHeader}=shop/orders`])
  })

  it('should replay what passes a filter in the order in which it failed, at a rate, and tell how far it is', async () => {
    await failing('bad-a', 'bad-b', 'good-c', 'bad-a')
    const progress: string[] = []
    const startMs = world.open.clock.now()
    const summary = await replayAll({
      filter: { code: 'ORDER_BAD', topic: 'orders', operator: 'parse' },
      recordsPerSecond: 2,
      onProgress: ({ step, done, total }) => progress.push(`${step} ${done}/${total}`),
    })
    expect(summary).toEqual({ replayed: 3, triedEnough: 0, recordsGone: 0, waiting: 0, notReplayable: 0 })
    expect(world.open.clock.now() - startMs).toBeGreaterThanOrEqual(1_000)
    expect(progress[0]).toBe('counting 0/0')
    expect(progress.at(-1)).toBe('replaying 3/3')
    expect((await world.read(orders.name)).slice(4).map(({ key }) => key)).toEqual(['a', 'b', 'a'])
    expect(await replayAll()).toMatchObject({ replayed: 0 })
    expect(await replayAll({ filter: { code: 'OTHER' } })).toMatchObject({ replayed: 0 })
  })

  it('should let later letters of a key wait for one that was left', async () => {
    const key = Buffer.from('k')
    await world.fail([
      { key, attempt: 3, value: Buffer.from('1') },
      { key, attempt: 1, value: Buffer.from('2') },
      { key: Buffer.from('other'), value: Buffer.from('3') },
      { key: null, attempt: 3, value: Buffer.from('4') },
      { key: null, value: Buffer.from('5') },
    ])
    expect(await replayAll()).toEqual({
      replayed: 2,
      triedEnough: 2,
      recordsGone: 0,
      waiting: 1,
      notReplayable: 0,
    })
    expect(await world.values(orders.name)).toEqual(['3', '5'])
    const [, oldest] = (await listed()).reverse()
    expect(oldest?.attempt).toBe(1)
    expect(await replayAll({ attemptsMax: undefined })).toMatchObject({ replayed: 3, waiting: 0 })
    expect((await world.read(orders.name)).slice(2).map(({ value }) => value)).toEqual(['1', '2', '4'])
  })

  it('should break a replay off when it is told to, and go on with the rest later', async () => {
    await failing('bad-a', 'bad-b', 'bad-c')
    const stop = new AbortController()
    const broken = replayAll({
      recordsPerSecond: 1,
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 2) stop.abort()
      },
    })
    await expect(broken).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await replayAll()).toMatchObject({ replayed: 2 })
    expect((await world.read(orders.name)).slice(3).map(({ key }) => key)).toEqual(['a', 'b', 'c'])
  })

  it('should discard with a reason, one or what passes a filter', async () => {
    await failing('bad-a', 'bad-b', 'bad-c')
    const [newest] = await listed()
    const discard = (reason: string) => world.run(desk.discard(newest!.place, { by, reason }))
    await expect(discard(' ')).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
    expect(await discard('a test order')).toMatchObject({
      kind: 'discarded',
      status: { state: 'DISCARDED', reason: 'a test order', settled_by: by, replayed_as: null },
    })
    expect(await discard('again')).toMatchObject({ kind: 'settled', status: { reason: 'a test order' } })
    expect((await replayed(newest!)).kind).toBe('settled')
    const all = { kind: 'dead-letters', filter: {}, by, reason: 'the rest' } as const
    expect(await world.run(desk.discardAll(all))).toBe(2)
    expect(await world.run(desk.discardAll(all))).toBe(0)
    expect(await replayAll()).toMatchObject({ replayed: 0 })
    expect(await world.values(orders.name)).toHaveLength(3)
  })

  it('should read what was left out of a dead letter from the topic of its record', async () => {
    const headers = [{ key: contentOmittedHeader, value: null }]
    await world.give(orders.name, [{ key: 'k', value: 'large' }])
    await world.fail([
      { offset: 0, value: null, headers },
      { offset: 7, value: null, headers },
    ])
    const [gone, kept] = await listed()
    expect((await world.run(desk.get(kept!.place)))?.content?.value?.toString()).toBe('large')
    expect((await world.run(desk.get(gone!.place)))?.content).toBeUndefined()
    expect((await replayed(kept!)).kind).toBe('replayed')
    expect((await replayed(gone!)).kind).toBe('record-gone')
    expect((await world.read(orders.name)).at(-1)).toMatchObject({
      value: 'large',
      headers: [`${attemptHeader}=1`, `${replayForHeader}=shop/orders`],
    })
    expect(await replayAll()).toMatchObject({ replayed: 0, recordsGone: 1 })
  })

  it.each([
    ['a change of a store', { topic: 'shop-x-changelog', offset: -1 }, /change of the store/],
    ['a topic that nobody reads any more', { topic: 'former' }, /no longer reads topic former/],
    ['a partition that is not there any more', { partition: 5 }, /none with the number 5/],
  ])('should say why it cannot send %s again', async (_what, own, why) => {
    await world.fail([own])
    const [letter] = await listed()
    expect(await replayed(letter!)).toMatchObject({ kind: 'not-replayable', why: expect.stringMatching(why) })
    expect((await world.run(desk.get(letter!.place)))?.notReplayable).toMatch(why)
    expect(await replayAll()).toMatchObject({ replayed: 0, notReplayable: 1 })
  })

  it('should not send a row of a compacted topic again, where it would hide a newer one', async () => {
    const [sub] = shop(isBad).subTopologies
    const checkpoints = checkpointTopic('shop')
    const source = { ...sub!.sources[0]!, topic: checkpoints }
    const topology = { ...shop(isBad), subTopologies: [{ ...sub!, sources: [source] }] }
    desk = world.desk({ topology })
    await world.fail([{ topic: checkpoints.name }])
    const [letter] = await listed()
    expect(await replayed(letter!)).toMatchObject({
      kind: 'not-replayable',
      why: expect.stringMatching(/compacted/),
    })
  })

  it('should send a record of a repartition topic again, to be counted once', async () => {
    let isMended = false
    const counting = () =>
      defineTopology('counting', (builder) => {
        builder
          .stream(orders)
          .repartition({ name: 'again', key: serdes.nullable(serdes.string) })
          .mapValues((order) => {
            if (isBad(order) && !isMended) throw new RecordError('ORDER_BAD', order)
            return order
          })
          .groupByKey({ key: serdes.string })
          .count({ store: 'counts' })
          .toStream()
          .to(counted)
      })
    desk = world.desk({ topology: counting() })
    await world.give(
      orders.name,
      ['bad-1', 'good', 'bad-2'].map((value) => ({ key: 'k', value })),
    )
    await world.process([counting()])
    expect((await listed()).map(({ record }) => record.topic)).toEqual(
      Array(2).fill('counting-again-repartition'),
    )
    isMended = true
    expect(await replayAll()).toMatchObject({ replayed: 2 })
    await world.process([counting()])
    expect((await world.read(counted.name)).at(-1)).toMatchObject({ key: 'k', value: '3' })
    expect(await listed()).toEqual([])
  })

  it.each(['exactly-once', 'at-least-once'] as const)(
    'should send a record once where processing is %s',
    async (processingGuarantee) => {
      await failing('bad-a')
      const [letter] = await listed()
      await replayed(letter!)
      await replayed(letter!)
      await world.process([shop(() => false)], { processingGuarantee })
      expect(await world.values(seen.name)).toEqual(['bad-a'])
    },
  )

  it('should list a dead letter that cannot be read itself, and let it be discarded', async () => {
    await world.give('shop-dead-letter', [{ key: 'k', value: 'rubbish' }])
    const [letter] = await listed()
    expect(letter).toMatchObject({
      codes: ['RECORD_NOT_DECODABLE'],
      notReplayable: expect.stringMatching(/cannot be read/),
    })
    expect((await replayed(letter!)).kind).toBe('not-replayable')
    expect((await world.run(desk.discard(letter!.place, { by, reason: 'rubbish' }))).kind).toBe('discarded')
    expect(await listed()).toEqual([])
  })
})
