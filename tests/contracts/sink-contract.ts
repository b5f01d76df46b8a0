/** What every transactional sink must do, as tests: see streams/ports/sink.ts. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Sink, SinkTask } from '../../streams/ports/sink.ts'

/** A fresh sink over rows of a text key and a number; of two rows with one key the later stays. */
export interface SinkHarness<R> {
  readonly sink: Sink<R>
  /** The same database, as another process reaches it. */
  readonly elsewhere: Sink<R>
  row(key: string, value: number): R
  /** A row that the database rejects. */
  badRow(key: string): R
  stored(): Promise<Record<string, number>>
  /** Ends a process's handle as a kill does, with whatever is open. */
  kill(sink: Sink<R>): Promise<void>
  dispose(): Promise<void>
}

const task: SinkTask = {
  id: 'application/0_0',
  partitions: [
    { topic: 'orders', partition: 0 },
    { topic: 'lines', partition: 0 },
  ],
}
const at = (orders: number) => [{ topic: 'orders', partition: 0, offset: orders }]

export function describeSinkContract<R>(
  title: string,
  open: () => Promise<SinkHarness<R>>,
  { skipped = false }: { readonly skipped?: boolean } = {},
): void {
  describe.skipIf(skipped)(`sink contract: ${title}`, () => {
    let harness: SinkHarness<R>
    beforeEach(async () => {
      harness = await open()
    })
    afterEach(() => harness.dispose())

    it('should have no positions for a task it never saw', async () => {
      const session = await harness.sink.open(task)
      expect(session.positions).toEqual([null, null])
      await session.close()
    })

    it('should keep rows and positions of a commit together', async () => {
      const session = await harness.sink.open(task)
      const rejections = await session.prepare([harness.row('a', 1), harness.row('b', 2)], at(2))
      expect(rejections).toEqual([])
      await session.commit()
      await session.prepare([harness.row('a', 3)], [...at(5), { topic: 'lines', partition: 0, offset: 7 }])
      await session.commit()
      await session.close()
      expect(await harness.stored()).toEqual({ a: 3, b: 2 })
      expect((await harness.elsewhere.open(task)).positions).toEqual([5, 7])
    })

    it('should show nothing before the commit', async () => {
      const session = await harness.sink.open(task)
      await session.prepare([harness.row('a', 1)], at(1))
      expect(await harness.stored()).toEqual({})
      await session.commit()
      expect(await harness.stored()).toEqual({ a: 1 })
      await session.close()
    })

    it('should drop rows and positions on rollback, and go on', async () => {
      const session = await harness.sink.open(task)
      await session.prepare([harness.row('a', 1)], at(1))
      await session.rollback()
      expect(await harness.stored()).toEqual({})
      await session.prepare([harness.row('a', 2)], at(1))
      await session.commit()
      await session.close()
      expect(await harness.stored()).toEqual({ a: 2 })
      expect((await harness.sink.open(task)).positions).toEqual([1, null])
    })

    it('should drop what was prepared when it is closed', async () => {
      const session = await harness.sink.open(task)
      await session.prepare([harness.row('a', 1)], at(1))
      await session.close()
      expect(await harness.stored()).toEqual({})
      expect((await harness.sink.open(task)).positions).toEqual([null, null])
    })

    it('should move positions without rows', async () => {
      const session = await harness.sink.open(task)
      await session.prepare([], at(9))
      await session.commit()
      expect((await harness.sink.open(task)).positions).toEqual([9, null])
    })

    it('should keep the order of rows with the same key', async () => {
      const session = await harness.sink.open(task)
      await session.prepare([harness.row('a', 1), harness.row('b', 5), harness.row('a', 2)], at(3))
      await session.commit()
      expect(await harness.stored()).toEqual({ a: 2, b: 5 })
    })

    it('should leave out and report only the rows that the database rejects', async () => {
      const session = await harness.sink.open(task)
      const rows = Array.from({ length: 300 }, (_, i) =>
        i % 97 === 5 ? harness.badRow(`k${i}`) : harness.row(`k${i}`, i),
      )
      const rejections = await session.prepare(rows, at(300))
      expect(rejections.map((rejection) => rejection.index)).toEqual([5, 102, 199, 296])
      for (const rejection of rejections) {
        expect(rejection.code).not.toBe('')
        expect(rejection.message).not.toBe('')
      }
      await session.commit()
      expect(Object.keys(await harness.stored())).toHaveLength(296)
    })

    it('should keep the good row of a key whose later row is rejected', async () => {
      const session = await harness.sink.open(task)
      const rows = [
        harness.row('a', 1),
        harness.badRow('a'),
        harness.row('b', 1),
        harness.badRow('c'),
        harness.row('c', 3),
      ]
      const rejections = await session.prepare(rows, at(5))
      expect(rejections.map((rejection) => rejection.index).filter((index) => index !== 3)).toEqual([1])
      await session.commit()
      expect(await harness.stored()).toEqual({ a: 1, b: 1, c: 3 })
    })

    it('should fence a session whose task was taken over', async () => {
      const zombie = await harness.sink.open(task)
      await zombie.prepare([harness.row('a', 1)], at(1))
      await zombie.commit()
      const owner = await harness.elsewhere.open(task)
      expect(owner.positions).toEqual([1, null])
      await expect(zombie.prepare([harness.row('a', 99)], at(2))).rejects.toMatchObject({
        code: 'SINK_FENCED',
      })
      await owner.prepare([harness.row('a', 2)], at(2))
      await owner.commit()
      await expect(zombie.prepare([harness.row('a', 99)], at(3))).rejects.toMatchObject({
        code: 'SINK_FENCED',
      })
      expect(await harness.stored()).toEqual({ a: 2 })
    })

    it('should let the sessions of different tasks write at the same time', async () => {
      const tasks = Array.from({ length: 6 }, (_, i) => ({
        id: `task-${i}`,
        partitions: [{ topic: 'orders', partition: i }],
      }))
      await Promise.all(
        tasks.map(async (own, i) => {
          const session = await harness.sink.open(own)
          for (let round = 1; round <= 5; round++) {
            await session.prepare(
              [harness.row(`key-${i}`, round)],
              [{ ...own.partitions[0]!, offset: round }],
            )
            await session.commit()
          }
          await session.close()
        }),
      )
      expect(Object.values(await harness.stored())).toEqual([5, 5, 5, 5, 5, 5])
    })

    it('should forget what was prepared when the process is killed', async () => {
      const session = await harness.elsewhere.open(task)
      await session.prepare([harness.row('a', 1)], at(1))
      await session.commit()
      await session.prepare([harness.row('a', 2)], at(2))
      await harness.kill(harness.elsewhere)
      const next = await harness.sink.open(task)
      expect(next.positions).toEqual([1, null])
      expect(await harness.stored()).toEqual({ a: 1 })
    })

    it('should let the others write when it is closed while it prepares', async () => {
      const session = await harness.sink.open(task)
      const preparing = session.prepare([harness.row('a', 1)], at(1))
      await session.close()
      await expect(preparing).rejects.toMatchObject({ code: 'CLOSED' })
      const next = await harness.sink.open(task)
      expect(next.positions).toEqual([null, null])
      await next.prepare([harness.row('a', 2)], at(1))
      await next.commit()
      expect(await harness.stored()).toEqual({ a: 2 })
    })

    it('should refuse calls out of turn', async () => {
      const session = await harness.sink.open(task)
      await expect(session.commit()).rejects.toMatchObject({ code: 'INVARIANT_VIOLATED' })
      await session.prepare([], at(1))
      await expect(session.prepare([], at(1))).rejects.toMatchObject({ code: 'INVARIANT_VIOLATED' })
      await session.rollback()
      await expect(session.prepare([], [{ topic: 'other', partition: 0, offset: 1 }])).rejects.toMatchObject({
        code: 'INVARIANT_VIOLATED',
      })
      await session.close()
      await expect(session.prepare([], at(1))).rejects.toMatchObject({ code: 'CLOSED' })
    })
  })
}
