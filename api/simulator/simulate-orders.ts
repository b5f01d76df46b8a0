/**
 * A shop's order events from a seed: the same options give the same bytes, on every machine.
 *
 * Orders begin at random moments at a steady rate, each lives its own life, and the events of all come out in the order
 * in which they would arrive. Some arrive late, some are broken in one of the ways of `orders/bad-orders.ts`; every event
 * says which, so that a test can reckon up what must come of the stream.
 */
import { type BadOrder, badOrders } from '../../orders/bad-orders.ts'
import { formatAmount, formatTime } from '../../orders/format-order.ts'
import type { JsonObject } from '../../orders/parse-order.ts'
import type { OrderStatus } from '../../schemas/generated/records.ts'
import { EventQueue } from './event-queue.ts'
import { ordinaryOrder } from './lifecycle.ts'
import { Random } from './random.ts'
import type { OrderPlan, Scenario, Shop } from './scenario.ts'

export interface SimulationOptions {
  readonly seed: number
  /** How many orders begin. Undefined: without end. */
  readonly orders?: number
  /** New orders a second of simulated time; each has about four events in its life. */
  readonly ordersPerSecond?: number
  /** When the first order begins; epoch milliseconds. */
  readonly startTimeMs?: number
  /** The share of events that are broken, from 0 to 1. */
  readonly dirtyShare?: number
  /** The share of events that are sent twice. */
  readonly repeatShare?: number
  /** The share of events that arrive late, and by how much at most. */
  readonly lateShare?: number
  readonly maxLatenessMs?: number
  readonly faults?: readonly BadOrder[]
  readonly scenarios?: readonly Scenario[]
  readonly shop?: Partial<Shop>
}

export interface SimulatedEvent {
  /** The event as the Order API takes it, or what is left of it. */
  readonly bytes: Buffer
  readonly orderId: string
  readonly status: OrderStatus
  /** When it took place, and when it arrives. */
  readonly timeMs: number
  readonly arrivalTimeMs: number
  /** The scenario that it belongs to. */
  readonly scenario: string
  /** How it is broken; null when it is not. */
  readonly fault: BadOrder | null
  /** Whether it was sent before, byte for byte. */
  readonly isRepeat: boolean
}

const defaults = {
  orders: Number.POSITIVE_INFINITY,
  ordersPerSecond: 100,
  startTimeMs: Date.UTC(2025, 0, 1, 8),
  dirtyShare: 0,
  repeatShare: 0,
  lateShare: 0,
  maxLatenessMs: 60_000,
  // A stream with an event of a megabyte every now and then is a test of its own.
  faults: badOrders.filter(({ code }) => code !== 'ORDER_TOO_LARGE'),
  scenarios: [ordinaryOrder],
} as const satisfies Partial<SimulationOptions>

const defaultShop: Shop = { users: 1000, products: 500, stores: 20, currencies: ['USD', 'USD', 'EUR', 'GBP'] }

type Settings = Required<Omit<SimulationOptions, 'shop'>>

/** The events in the order of their arrival. Pure, and lazy: without a number of orders it never ends. */
export function* simulateOrders(options: SimulationOptions): Generator<SimulatedEvent> {
  const settings: Settings = { ...defaults, ...options }
  const shop = { ...defaultShop, ...options.shop }
  const random = new Random(settings.seed)
  const coming = new EventQueue<SimulatedEvent>()
  let startTimeMs = settings.startTimeMs
  let orders = 0
  while (orders < settings.orders) {
    while (coming.nextTimeMs <= startTimeMs) yield coming.take()!
    const scenario = pickScenario(random, settings.scenarios)
    for (const plan of scenario.plan({ random, startTimeMs, shop })) {
      orders++
      schedule(plan, `${settings.seed}-${orders}`, scenario.name, { settings, random, coming })
    }
    startTimeMs += random.delayMs(1000 / settings.ordersPerSecond)
  }
  for (let event = coming.take(); event !== undefined; event = coming.take()) yield event
}

interface Schedule {
  readonly settings: Settings
  readonly random: Random
  readonly coming: EventQueue<SimulatedEvent>
}

function schedule(plan: OrderPlan, orderId: string, scenario: string, to: Schedule): void {
  const { settings, random, coming } = to
  for (const { status, timeMs } of plan.events) {
    const sound = orderJson(plan, orderId, status, timeMs)
    const fault = random.chance(settings.dirtyShare) ? random.pick(settings.faults) : null
    const bytes = fault === null ? Buffer.from(JSON.stringify(sound)) : fault.spoil(sound)
    const latenessMs = random.chance(settings.lateShare) ? random.integer(1, settings.maxLatenessMs) : 0
    const arrivalTimeMs = timeMs + latenessMs
    const event = { bytes, orderId, status, timeMs, arrivalTimeMs, scenario, fault, isRepeat: false }
    coming.add(event)
    if (random.chance(settings.repeatShare)) {
      coming.add({ ...event, arrivalTimeMs: arrivalTimeMs + random.delayMs(1000), isRepeat: true })
    }
  }
}

function orderJson(plan: OrderPlan, orderId: string, status: OrderStatus, timeMs: number): JsonObject {
  let total = 0
  for (const { amount } of plan.lines) total += amount
  return {
    order_id: orderId,
    user_id: plan.userId,
    store_id: plan.storeId,
    status,
    currency: plan.currency,
    order_time: formatTime(timeMs),
    total_amount: formatAmount(total),
    lines: plan.lines.map(({ productId, quantity, amount }, index) => ({
      line_no: index + 1,
      product_id: productId,
      quantity,
      line_amount: formatAmount(amount),
    })),
  }
}

function pickScenario(random: Random, scenarios: readonly Scenario[]): Scenario {
  if (scenarios.length === 1) return scenarios[0]!
  let total = 0
  for (const { weight } of scenarios) total += weight
  let at = (random.integer(0, 999_999) / 1_000_000) * total
  for (const scenario of scenarios) {
    if (at < scenario.weight) return scenario
    at -= scenario.weight
  }
  return scenarios.at(-1)!
}
