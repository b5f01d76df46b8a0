import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { minutes, seconds } from '../streams/index.ts'
import { TopologyTestDriver } from '../streams/testing/index.ts'
import { alerts, type Order, orderPatterns, orders, tooLate } from './order-patterns.ts'

const noon = Date.UTC(2026, 0, 1, 12)

const at = (afterNoonMs: number, id: string, change: Partial<Order> = {}) => {
  const order = { id, user: 'ann', status: 'CREATED' as const, cents: 100, ...change }
  return { key: order.user, value: order, timestampMs: noon + afterNoonMs }
}

/** A burst of orders, a second apart. */
const burst = (startMs: number, from: number, count: number) =>
  Array.from({ length: count }, (_, n) => at(startMs + seconds(n), `o${from + n}`))

async function alertsOf(...inputs: ReturnType<typeof at>[]): Promise<{ told: string[]; late: string[] }> {
  const driver = await TopologyTestDriver.open(orderPatterns)
  try {
    await driver.write(orders, ...inputs)
    await driver.run()
    await driver.endInput()
    const told = (await driver.read(alerts)).map(
      ({ value, timestampMs }) => `${value} @${timestampMs - noon}`,
    )
    return { told, late: (await driver.read(tooLate)).map(({ value }) => value.id) }
  } finally {
    await driver.close()
  }
}

const of = (told: readonly string[], kind: string): string[] => told.filter((alert) => alert.startsWith(kind))

describe('patterns of orders', () => {
  it('should tell of a burst once, and count anew behind it', async () => {
    expect(of((await alertsOf(...burst(0, 1, 5))).told, 'burst')).toEqual([])
    expect(of((await alertsOf(...burst(0, 1, 11))).told, 'burst')).toEqual(['burst, o1 to o6 @5000'])
    expect(of((await alertsOf(...burst(0, 1, 12))).told, 'burst')).toEqual([
      'burst, o1 to o6 @5000',
      'burst, o7 to o12 @11000',
    ])
  })

  it('should find the six of a minute among slow orders before and other events between', async () => {
    const before = [at(-minutes(1), 'a'), at(-seconds(55), 'b')]
    const paid = at(seconds(2), 'o2', { status: 'PAID' })
    const told = (await alertsOf(...before, ...burst(0, 1, 3), paid, ...burst(seconds(3), 4, 3))).told
    expect(of(told, 'burst')).toEqual(['burst, b to o5 @4000'])
  })

  it('should take orders that come out of order within the disorder, and pass others on as late', async () => {
    const [first, second, ...others] = burst(0, 1, 6)
    const { told, late } = await alertsOf(
      second!,
      first!,
      ...others,
      at(seconds(20), 'z'),
      at(seconds(1), 'late'),
    )
    expect(of(told, 'burst')).toEqual(['burst, o1 to o6 @5000'])
    expect(late).toEqual(['late'])
  })

  it('should tell of an order that is not paid within half an hour, at that time, both ways', async () => {
    const { told } = await alertsOf(
      at(0, 'a'),
      at(minutes(1), 'b'),
      at(minutes(29), 'b', { status: 'PAID' }),
      at(minutes(40), 'c'),
      at(minutes(70), 'c', { status: 'PAID' }),
    )
    expect(of(told, 'unpaid')).toEqual(['unpaid: a @1800000', 'unpaid: c @4200000'])
    expect(of(told, 'no money').map((alert) => alert.replace(/ by.*/, ''))).toEqual([
      'no money for a',
      'no money for c',
    ])
  })

  it('should see amounts that go up by half twice', async () => {
    const amounts = [100, 120, 160, 200, 250, 400]
    const { told } = await alertsOf(...amounts.map((cents, n) => at(minutes(n), `o${n}`, { cents })))
    expect(of(told, 'escalating')).toEqual(['escalating: 100 160 250 @240000'])
  })
})

describe('docs/patterns.md', () => {
  const source = readFileSync(new URL('order-patterns.ts', import.meta.url), 'utf8')
  const page = readFileSync(new URL('../docs/patterns.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!)

  it('should show code that runs here', () => {
    expect(blocks.length).toBeGreaterThan(4)
    for (const block of blocks) expect(unindented(source)).toContain(unindented(block))
  })
})

function unindented(code: string): string {
  return code
    .split('\n')
    .map((line) => line.trim())
    .join('\n')
    .trim()
}
