/** What `simulate` is asked to have happen, and what must be found of it. */
import { writeFileSync } from 'node:fs'
import { quietOrder } from '../../api/simulator/quiet-order.ts'
import { remarkableOrders } from '../../api/simulator/remarkable-orders.ts'
import {
  type ExpectedAlert,
  type Occurrence,
  type SimulationOptions,
  simulateOrders,
} from '../../api/simulator/simulate-orders.ts'
import { suggestion } from '../../control/did-you-mean.ts'
import { messageOf } from '../../streams/index.ts'
import { CommandFailed, UsageError } from '../failure.ts'

export const scenarioHelp = `Scenarios, each with the alerts that must come of one, and nothing else:
  bursts            six orders or more of a user within a minute: BURST
  unpaid            an order that is never paid: UNPAID_TIMEOUT
  paid-late         an order that is paid after more than 30 minutes: UNPAID_TIMEOUT and UNPAID_RESOLVED
  illegal           a status that may not follow the one before: ILLEGAL_TRANSITION
  large             an order over more than 10,000.00: LARGE_ORDER
  repeat-purchases  the same product again within an hour, in another order: REPEAT_PURCHASE
  escalating        three orders within an hour, each at least 1.5 times the one before: ESCALATING_AMOUNT
  near-misses       what just fails to be any of these: no alert`

/** The parser of `--scenario`, which may be given several times. @throws UsageError */
export function scenarioCounts(text: string, before: readonly Occurrence[] = []): readonly Occurrence[] {
  const scenarios = new Map(Object.entries(remarkableOrders))
  const asked = text.split(',').map((part): Occurrence => {
    const [, name, count] = /^\s*([^=]+?)\s*=\s*(\d{1,9})\s*$/.exec(part) ?? []
    if (name === undefined)
      throw new UsageError(`--scenario "${part}": write a scenario, = and how often it takes place: bursts=3`)
    const scenario = scenarios.get(name)
    if (scenario === undefined)
      throw new UsageError(`there is no scenario "${name}": ${suggestion(name, [...scenarios.keys()])}`)
    return { scenario, count: Number(count) }
  })
  return [...before, ...asked]
}

/** Traffic in which only that happens which was asked for. */
export function remarkableOnly(occurrences: readonly Occurrence[]): Partial<SimulationOptions> {
  return { scenarios: [quietOrder], occurrences }
}

/** All that must be found of a simulation, by time. */
export function truthOf(simulation: SimulationOptions): ExpectedAlert[] {
  const alerts: ExpectedAlert[] = []
  for (const event of simulateOrders(simulation)) alerts.push(...event.alerts)
  return alerts.sort((a, b) => a.timeMs - b.timeMs)
}

export function alertCounts(alerts: readonly ExpectedAlert[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { type } of alerts) counts[type] = (counts[type] ?? 0) + 1
  return counts
}

/** @throws CommandFailed */
export function writeTruth(
  path: string,
  { seed }: SimulationOptions,
  alerts: readonly ExpectedAlert[],
): void {
  const truth = {
    seed,
    alerts: alerts.map(({ type, orderId, userId, timeMs }) => ({
      type,
      order_id: orderId,
      user_id: userId,
      event_time: new Date(timeMs).toISOString(),
    })),
  }
  try {
    writeFileSync(path, `${JSON.stringify(truth, null, 2)}\n`)
  } catch (error) {
    throw new CommandFailed(`the truth cannot be written to ${path}: ${messageOf(error)}`)
  }
}
