/** The ordinary life of an order, from CREATED to its end, along legal transitions only. */
import type { OrderStatus } from '../../schemas/generated/records.ts'
import type { Random } from './random.ts'
import { type PlannedEvent, plainBasket, type Scenario } from './scenario.ts'

interface Step {
  readonly to: OrderStatus
  /** Of the orders that get this far; the rest stays as it is. */
  readonly share: number
  readonly meanDelayMs: number
}

const minute = 60_000

/** Lives are shorter than in a real shop, so that a simulation of minutes shows them whole. */
const steps: Readonly<Record<OrderStatus, readonly Step[]>> = {
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
        events: life(random, startTimeMs),
      },
    ]
  },
}

function life(random: Random, startTimeMs: number): PlannedEvent[] {
  const events: PlannedEvent[] = [{ status: 'CREATED', timeMs: startTimeMs }]
  for (;;) {
    const { status, timeMs } = events.at(-1)!
    const step = nextStep(random, steps[status])
    if (step === undefined) return events
    events.push({ status: step.to, timeMs: timeMs + random.delayMs(step.meanDelayMs) })
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
