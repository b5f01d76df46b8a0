import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSimulation } from '../support/order-files.ts'
import {
  dumpTables,
  orderStreams,
  startOrderStreams,
  summaryOf,
  temporaryDirectory,
} from '../support/order-streams.ts'

let directory: ReturnType<typeof temporaryDirectory>
let input: string
let undisturbed: { readonly tables: string; readonly summary: Record<string, unknown> }

function argumentsFor(dataDir: string): string[] {
  return ['start', '--once', '--json', '--input', input, '--data-dir', dataDir]
}

async function runToEnd(dataDir: string) {
  const summary = summaryOf(await orderStreams(argumentsFor(dataDir)))
  const { seconds, ordersPerSecond, newOrders, ...totals } = summary
  return { tables: await dumpTables(dataDir), summary: totals }
}

beforeAll(async () => {
  directory = temporaryDirectory()
  input = join(directory.path, 'orders.ndjson')
  writeSimulation(input, { seed: 3, orders: 1500, dirtyShare: 0.05, repeatShare: 0.03, lateShare: 0.1 })
  undisturbed = await runToEnd(join(directory.path, 'undisturbed'))
  expect(undisturbed.summary).toMatchObject({ reconciles: true })
})

afterAll(() => directory.dispose())

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

describe('a run that is ended in the middle', () => {
  it.each([1, 2, 3, 4, 5])(
    'should end in the same tables after SIGKILL at random moments (seed %i)',
    async (seed) => {
      const random = randomFrom(seed)
      const dataDir = join(directory.path, `killed-${seed}`)
      let kills = 0
      while (kills < 5) {
        const running = startOrderStreams(argumentsFor(dataDir))
        const timeout = new AbortController()
        // The first ones strike while it starts, the later ones in the midst of the work.
        const killed = delay(200 + random() * (300 + 300 * kills), undefined, {
          signal: timeout.signal,
        }).then(
          () => running.kill('SIGKILL'),
          () => {},
        )
        const { signal } = await running.ended
        timeout.abort()
        await killed
        if (signal !== 'SIGKILL') break
        kills++
      }
      expect(kills).toBeGreaterThan(0)
      expect(await runToEnd(dataDir)).toEqual(undisturbed)
    },
  )

  it.each([0, 300, 600])(
    'should end in the same tables after SIGTERM %i ms into the work, and tell to start again',
    async (afterMs) => {
      const dataDir = join(directory.path, `stopped-${afterMs}`)
      const running = startOrderStreams([...argumentsFor(dataDir), '--log-format', 'json'])
      await running.said('"opened"')
      await delay(afterMs)
      running.kill('SIGTERM')
      const { code, stderr, stdout } = await running.ended
      // A fast machine may be done by then.
      if (code !== 0) {
        expect(code).toBe(1)
        expect(stderr).toContain('start again to go on from there')
        expect(stdout).toBe('')
      }
      expect(await runToEnd(dataDir)).toEqual(undisturbed)
    },
  )
})
