/** The ordinary life of an order, from CREATED to its end, along legal transitions only. */
import type { OrderStatus } from '../../schemas/generated/records.ts'
import type { Random } from './random.ts'
import { type PlannedEvent, plainBasket, type Scenario } from './scenario.ts'

interface Step {
  readonly to: OrderStatus
  /** Of the orders that get this far; the rest stays as it is. */
  readonly share: number
  readonly meanDelayMs: number
  /** Endless when left out. */
  readonly maxDelayMs?: number
}

type Steps = Readonly<Record<OrderStatus, readonly Step[]>>

const minute = 60_000

/** Lives are shorter than in a real shop, so that a simulation of minutes shows them whole. */
const steps: Steps = {
  CREATED: [
    { to: 'PAID', share: 0.88, meanDelayMs: minute },
    { to: 'CANCELLED', share: 0.08, meanDelayMs: 5 * minute },
  ],
  PAID: [
    { to: 'SHIPPED', share: 0.93, meanDelayMs: 5 * minute },
    { to: 'CANCELLED', share: 0.03, meanDelayMs: 2 * minute },
    { to: 'REFUNDED', share: 0.02, meanDelayMs: 5 * minute },
  ],
  SHIPPED: [
    { to: 'DELIVERED', share: 0.97, meanDelayMs: 10 * minute },
    { to: 'REFUNDED', share: 0.02, meanDelayMs: 10 * minute },
  ],
  DELIVERED: [
    { to: 'COMPLETED', share: 0.95, meanDelayMs: 10 * minute },
    { to: 'REFUNDED', share: 0.04, meanDelayMs: 10 * minute },
  ],
  COMPLETED: [{ to: 'REFUNDED', share: 0.01, meanDelayMs: 10 * minute }],
  CANCELLED: [],
  REFUNDED: [],
}

/** Every order is paid or cancelled, well before anyone would ask why it is not. */
const settledSteps: Steps = {
  ...steps,
  CREATED: [
    { to: 'PAID', share: 0.92, meanDelayMs: minute, maxDelayMs: 25 * minute },
    { to: 'CANCELLED', share: 0.08, meanDelayMs: 5 * minute, maxDelayMs: 25 * minute },
  ],
}

export const ordinaryOrder: Scenario = {
  name: 'ordinary-order',
  weight: 1,
  plan: (context) => {
    const { random, shop, startTimeMs } = context
    return [
      {
        userId: `user-${random.popular(shop.users) + 1}`,
        storeId: `store-${random.integer(1, shop.stores)}`,
        currency: random.pick(shop.currencies),
        lines: plainBasket(context),
        events: life(random, steps, { status: 'CREATED', timeMs: startTimeMs }),
      },
    ]
  },
}

/** A life in which nothing is wrong, from an order's first status or one that it has come to. */
export function settledLife(random: Random, first: PlannedEvent): PlannedEvent[] {
  return life(random, settledSteps, first)
}

function life(random: Random, from: Steps, first: PlannedEvent): PlannedEvent[] {
  const events = [first]
  for (;;) {
    const { status, timeMs } = events.at(-1)!
    const step = nextStep(random, from[status])
    if (step === undefined) return events
    const delayMs = Math.min(random.delayMs(step.meanDelayMs), step.maxDelayMs ?? Number.POSITIVE_INFINITY)
    events.push({ status: step.to, timeMs: timeMs + delayMs })
  }
}

function nextStep(random: Random, choices: readonly Step[]): Step | undefined {
  let percentile = random.integer(0, 9999) / 10_000
  for (const step of choices) {
    if (percentile < step.share) return step
    percentile -= step.share
  }
  return undefined
}
