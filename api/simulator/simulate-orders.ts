/**
 * A shop's order events from a seed: the same options give the same bytes, on every machine.
 *
 * Orders begin at random moments at a steady rate, each lives its own life, and the events of all come out in the order
 * in which they would arrive. Some arrive late, some are broken in one of the ways of `orders/bad-orders.ts`; every event
 * says which, so that a test can reckon up what must come of the stream.
 *
 * Occurrences are scenarios that take place a given number of times, at random moments of the ordinary traffic. Where
 * there are any, what must be found is known exactly: so broken events are orders of their own then, which come on top
 * of the sound ones and take nothing away.
 */
import { type BadOrder, badOrders } from '../../orders/bad-orders.ts'
import { formatAmount, formatTime } from '../../orders/format-order.ts'
import type { JsonObject } from '../../orders/parse-order.ts'
import type { OrderStatus } from '../../schemas/generated/records.ts'
import { Customers } from './customers.ts'
import { EventQueue } from './event-queue.ts'
import { ordinaryOrder } from './lifecycle.ts'
import { Random } from './random.ts'
import { type AlertType, type OrderPlan, type Scenario, type Shop, totalOf } from './scenario.ts'

export interface SimulationOptions {
  readonly seed: number
  /** How many ordinary orders begin. Undefined: without end. */
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
  /** What the ordinary traffic is made of. */
  readonly scenarios?: readonly Scenario[]
  /** What takes place beside it; without end, among its first 1,000 orders. */
  readonly occurrences?: readonly Occurrence[]
  readonly shop?: Partial<Shop>
}

export interface Occurrence {
  readonly scenario: Scenario
  readonly count: number
}

/** What detection must find. */
export interface ExpectedAlert {
  readonly type: AlertType
  readonly orderId: string
  readonly userId: string
  /** See `PlannedAlert`. */
  readonly timeMs: number
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
  /** What must be found of its order; told by the order's first event only. */
  readonly alerts: readonly ExpectedAlert[]
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
  occurrences: [],
} as const satisfies Partial<SimulationOptions>

const defaultShop: Shop = { users: 1000, products: 500, stores: 20, currencies: ['USD', 'USD', 'EUR', 'GBP'] }

const endlessMoments = 1000

type Settings = Required<Omit<SimulationOptions, 'shop'>>

/** The events in the order of their arrival. Pure, and lazy: without a number of orders it never ends. */
export function* simulateOrders(options: SimulationOptions): Generator<SimulatedEvent> {
  const settings: Settings = { ...defaults, ...options }
  const shop = { ...defaultShop, ...options.shop }
  const schedule = new Schedule(settings, shop)
  const random = new Random(settings.seed)
  // Numbers of their own, so that the ordinary traffic is the same without them.
  const besideRandom = new Random(~settings.seed)
  const beside = momentsOf(settings, besideRandom)
  let startTimeMs = settings.startTimeMs
  for (let moment = 0, orders = 0; orders < settings.orders; moment++) {
    yield* schedule.takeUntil(startTimeMs)
    for (const scenario of beside.get(moment) ?? []) schedule.add(scenario, besideRandom, startTimeMs)
    beside.delete(moment)
    orders += schedule.add(pickScenario(random, settings.scenarios), random, startTimeMs)
    startTimeMs += random.delayMs(1000 / settings.ordersPerSecond)
  }
  // Scenarios of several orders each come to the end sooner than the moments drawn.
  for (const scenario of [...beside.values()].flat()) schedule.add(scenario, besideRandom, startTimeMs)
  yield* schedule.takeUntil(Number.POSITIVE_INFINITY)
}

/** Before which of the ordinary orders each occurrence takes place. */
function momentsOf({ occurrences, orders }: Settings, random: Random): Map<number, Scenario[]> {
  const moments = new Map<number, Scenario[]>()
  const last = Math.min(orders, endlessMoments) - 1
  for (const { scenario, count } of occurrences) {
    for (let number = 0; number < count; number++) {
      const moment = random.integer(0, Math.max(0, last))
      moments.set(moment, [...(moments.get(moment) ?? []), scenario])
    }
  }
  return moments
}

/** The events of the orders that have begun, until they arrive. */
class Schedule {
  private readonly settings: Settings
  private readonly shop: Shop
  private readonly customers: Customers
  private readonly coming = new EventQueue<SimulatedEvent>()
  /** What dirt, lateness and repeats are drawn from where they must not change what happens. */
  private readonly trouble: Random | undefined
  private orders = 0
  private brokenOrders = 0

  constructor(settings: Settings, shop: Shop) {
    this.settings = settings
    this.shop = shop
    this.customers = new Customers(shop)
    if (settings.occurrences.length > 0) this.trouble = new Random(settings.seed ^ 0x5555_5555)
  }

  *takeUntil(timeMs: number): Generator<SimulatedEvent> {
    const { coming } = this
    for (;;) {
      if (coming.nextTimeMs > timeMs) return
      const event = coming.take()
      if (event === undefined) return
      yield event
    }
  }

  /** Answers how many orders the scenario begins. */
  add(scenario: Scenario, random: Random, startTimeMs: number): number {
    const { shop, customers } = this
    const plans = scenario.plan({ random, startTimeMs, shop, customers })
    for (const plan of plans) this.addOrder(plan, scenario.name, this.trouble ?? random)
    return plans.length
  }

  private addOrder(plan: OrderPlan, scenario: string, random: Random): void {
    const { settings, coming } = this
    const orderId = `${settings.seed}-${++this.orders}`
    for (const [index, { status, timeMs }] of plan.events.entries()) {
      const sound = orderJson(plan, orderId, status, timeMs)
      const fault = random.chance(settings.dirtyShare) ? random.pick(settings.faults) : null
      const latenessMs = random.chance(settings.lateShare) ? random.integer(1, settings.maxLatenessMs) : 0
      const event: SimulatedEvent = {
        bytes: Buffer.from(JSON.stringify(sound)),
        orderId,
        status,
        timeMs,
        arrivalTimeMs: timeMs + latenessMs,
        scenario,
        fault: null,
        isRepeat: false,
        alerts: index === 0 ? alertsOf(plan, orderId) : [],
      }
      const isOnTop = this.trouble !== undefined
      if (fault !== null && isOnTop) coming.add(this.brokenBeside(event, sound, fault))
      const sent = fault === null || isOnTop ? event : { ...event, bytes: fault.spoil(sound), fault }
      coming.add(sent)
      if (random.chance(settings.repeatShare)) {
        const arrivalTimeMs = event.arrivalTimeMs + random.delayMs(1000)
        coming.add({ ...sent, arrivalTimeMs, isRepeat: true, alerts: [] })
      }
    }
  }

  private brokenBeside(event: SimulatedEvent, sound: JsonObject, fault: BadOrder): SimulatedEvent {
    const orderId = `${this.settings.seed}-broken-${++this.brokenOrders}`
    return { ...event, orderId, bytes: fault.spoil({ ...sound, order_id: orderId }), fault, alerts: [] }
  }
}

function alertsOf({ userId, alerts = [] }: OrderPlan, orderId: string): ExpectedAlert[] {
  return alerts.map((alert) => ({ ...alert, orderId, userId }))
}

function orderJson(plan: OrderPlan, orderId: string, status: OrderStatus, timeMs: number): JsonObject {
  return {
    order_id: orderId,
    user_id: plan.userId,
    store_id: plan.storeId,
    status,
    currency: plan.currency,
    order_time: formatTime(timeMs),
    total_amount: formatAmount(totalOf(plan.lines)),
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
