/** Input files for the whole job, with what must come of them. */
import { writeFileSync } from 'node:fs'
import { type SimulationOptions, simulateOrders } from '../../api/simulator/simulate-orders.ts'
import { badOrders } from '../../orders/bad-orders.ts'

const lineFeed = Buffer.from('\n')

export function writeLines(path: string, lines: readonly Uint8Array[]): void {
  writeFileSync(path, Buffer.concat(lines.flatMap((line) => [line, lineFeed])))
}

/** Writes the events of a simulated shop, and answers how many. */
export function writeSimulation(path: string, options: SimulationOptions): number {
  const lines = Array.from(simulateOrders(options), ({ bytes }) => bytes)
  writeLines(path, lines)
  return lines.length
}

export function sampleOrder(orderId: string, changes: object = {}) {
  return {
    order_id: orderId,
    user_id: `user-${orderId.at(-1)}`,
    store_id: '330',
    status: 'CREATED',
    currency: 'USD',
    order_time: '2017-01-01T11:53:26Z',
    total_amount: '3.50',
    lines: [
      { line_no: 1, product_id: '1095275', quantity: 1, line_amount: '0.50' },
      { line_no: 2, product_id: '1041453', quantity: 2, line_amount: '3.00' },
    ],
    ...changes,
  }
}

export interface BadFile {
  readonly orders: number
  readonly headers: number
  readonly updates: number
  readonly repeats: number
  readonly lines: number
  readonly rejected: number
  readonly deadLetters: number
  /** A code that each rejected event has, counted. */
  readonly reasons: Readonly<Record<string, number>>
  readonly deadLetterReasons: Readonly<Record<string, number>>
}

/** Every kind of bad line that is known, each beside a sound order, and then a repeat, an update and a late event. */
export function writeBadFile(path: string): BadFile {
  const lines: Buffer[] = []
  const json = (order: object) => Buffer.from(JSON.stringify(order))
  const reasons: Record<string, number> = {}
  const deadLetterReasons: Record<string, number> = {}
  for (const [index, { spoil, outcome, code }] of badOrders.entries()) {
    lines.push(json(sampleOrder(`sound-${index}`)), spoil(sampleOrder(`bad-${index}`)))
    const counts = outcome === 'rejected' ? reasons : deadLetterReasons
    counts[code] = (counts[code] ?? 0) + 1
  }
  const oneLine = [{ line_no: 2, product_id: '1041453', quantity: 2, line_amount: '3.00' }]
  const paid = { status: 'PAID', order_time: '2017-01-01T12:00:00Z', total_amount: '3.00', lines: oneLine }
  lines.push(
    json(sampleOrder('sound-0')),
    json(sampleOrder('sound-1', paid)),
    json(sampleOrder('sound-1', { status: 'CANCELLED', order_time: '2017-01-01T11:00:00Z' })),
  )
  writeLines(path, lines)
  const rejected = badOrders.filter(({ outcome }) => outcome === 'rejected').length
  return {
    orders: lines.length,
    headers: badOrders.length,
    updates: 2,
    repeats: 1,
    lines: 2 * badOrders.length - 1,
    rejected,
    deadLetters: badOrders.length - rejected,
    reasons,
    deadLetterReasons,
  }
}
