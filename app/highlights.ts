/** What stands out in the statistics: the busiest hours, the products that sold best, the users who ordered for most. */
import type { Database } from '../sql/index.ts'
import { type Panel, sideBySide } from './dashboard/panels.ts'
import { minuteText, money, rule } from './dashboard/text.ts'
import {
  type ProductFigures,
  productPanel,
  topProducts,
  topUsers,
  type UserFigures,
  userPanel,
} from './dashboard/top-lists.ts'
import { count } from './output.ts'

export interface HourFigures {
  /** Its start. */
  readonly hour: string
  readonly orders: number
  readonly amount: number
}

export interface Highlights {
  /** The currency of most orders, which the figures are of. */
  readonly currency: string
  readonly busiestHours: readonly HourFigures[]
  readonly topProducts: readonly ProductFigures[]
  readonly topUsers: readonly UserFigures[]
}

const places = 5

/** Null when there are no statistics. */
export async function takeHighlights(database: Database): Promise<Highlights | null> {
  const [most] = await database.query(
    'SELECT currency FROM order_statistics_hour GROUP BY currency ORDER BY sum(order_count) DESC, currency LIMIT 1',
  )
  if (most === undefined) return null
  const currency = String(most['currency'])
  return {
    currency,
    busiestHours: await busiestHours(database, currency),
    topProducts: await topProducts(database, { currency, places }),
    topUsers: await topUsers(database, { currency, places }),
  }
}

async function busiestHours(database: Database, currency: string): Promise<HourFigures[]> {
  const rows = await database.query(
    'SELECT window_start, order_count AS orders, total_amount AS amount FROM order_statistics_hour ' +
      `WHERE currency = ? ORDER BY orders DESC, window_start LIMIT ${places}`,
    [currency],
  )
  return rows.map((row) => ({
    hour: `${String(row['window_start']).replace(' ', 'T')}Z`,
    orders: Number(row['orders']),
    amount: Number(row['amount']),
  }))
}

const width = 80

/** The lists beside each other, as the dashboard shows them. */
export function highlightsText({ currency, busiestHours, topProducts, topUsers }: Highlights): string {
  const panels = [hourPanel(busiestHours), productPanel(topProducts), userPanel(topUsers)]
  const most = Math.max(busiestHours.length, topProducts.length, topUsers.length)
  return [
    rule(`Busiest hours, top products and top users, in ${currency}`, width),
    ...sideBySide(panels, { width, places: most }),
  ].join('\n')
}

function hourPanel(hours: readonly HourFigures[]): Panel {
  return {
    names: { heading: 'hour', cells: hours.map(({ hour }) => minuteText(Date.parse(hour))) },
    figures: [
      { heading: 'orders', cells: hours.map(({ orders }) => count(orders)) },
      { heading: 'amount', cells: hours.map(({ amount }) => money(amount)), isOptional: true },
    ],
  }
}
