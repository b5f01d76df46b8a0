/** From windows and what was counted in them to the rows of the statistics. */
import type {
  CurrencyTotals,
  MilestoneBatch,
  OrderStatistic,
  OrderTotals,
  PeriodOrdersKind,
  ProductTotals,
  StatusTotals,
  UserOrdersKind,
} from '../../schemas/generated/records.ts'
import type { FullWindow, Windowed } from '../../streams/index.ts'

/** The key of a row: its newest record says what it is. */
export function statisticKey({ window_start, window_end, figures }: OrderStatistic): string {
  const start = isoText(window_start)
  switch (figures.kind) {
    case 'MINUTE':
    case 'HOUR':
      return `${figures.kind}/${figures.currency}/${start}`
    case 'USER_HOUR':
      return `${figures.kind}/${figures.user_id}/${figures.currency}/${start}`
    case 'USER_LAST_HOUR':
      return `${figures.kind}/${figures.user_id}/${figures.currency}/${isoText(window_end)}`
    case 'PRODUCT_HOUR':
      return `${figures.kind}/${figures.product_id}/${figures.currency}/${start}`
    case 'STATUS_MINUTE':
      return `${figures.kind}/${figures.status}/${start}`
    case 'USER_SESSION':
      return `${figures.kind}/${figures.user_id}/${start}`
    case 'MILESTONE':
      return `${figures.kind}/${figures.order_number}`
  }
}

let lastMs = Number.NaN
let lastText = ''

/** Rows come window by window, so most share their time with the one before. */
function isoText(epochMs: number): string {
  if (epochMs !== lastMs) {
    lastText = new Date(epochMs).toISOString()
    lastMs = epochMs
  }
  return lastText
}

export function periodRows(
  kind: PeriodOrdersKind,
  window: Windowed<string>,
  { totals }: OrderTotals,
): OrderStatistic[] {
  return totals.map(({ currency, order_count, total_amount }) =>
    row(window, { kind, currency, order_count, total_amount }),
  )
}

export function userRows(window: Windowed<string>, { totals }: OrderTotals): OrderStatistic[] {
  return userTotals('USER_HOUR', window, totals)
}

/** Of all windows that slide over a user's orders, those that end at one say what its last hour was. */
export function lastHourRows(
  window: Windowed<string>,
  { newest_time, totals }: OrderTotals,
): OrderStatistic[] {
  if (newest_time !== window.endMs) return []
  return userTotals('USER_LAST_HOUR', window, totals)
}

function userTotals(
  kind: UserOrdersKind,
  window: Windowed<string>,
  totals: readonly CurrencyTotals[],
): OrderStatistic[] {
  return totals.map(({ currency, order_count, total_amount }) =>
    row(window, { kind, user_id: window.key, currency, order_count, total_amount }),
  )
}

export function productRows(window: Windowed<string>, { totals }: ProductTotals): OrderStatistic[] {
  return totals.map(({ currency, order_count, quantity, sales_amount }) =>
    row(window, {
      kind: 'PRODUCT_HOUR',
      product_id: window.key,
      currency,
      order_count,
      quantity,
      sales_amount,
    }),
  )
}

export function statusRows(window: Windowed<string>, totals: StatusTotals): OrderStatistic[] {
  return [row(window, { kind: 'STATUS_MINUTE', status: window.key, ...totals })]
}

/** @param session null when there is no such session any more: it has become part of another */
export function sessionRow(window: Windowed<string>, session: OrderTotals | null): OrderStatistic {
  const own = { kind: 'USER_SESSION', user_id: window.key } as const
  if (session === null)
    return row(window, { ...own, order_count: 0, total_amount: 0, currency: '', removed: true })
  const order_count = session.totals.reduce((sum, totals) => sum + totals.order_count, 0)
  const { total_amount, currency } = mainOf(session.totals)
  return row(window, { ...own, order_count, total_amount, currency, removed: false })
}

/** The currency of most orders; of several the first. */
function mainOf(totals: readonly CurrencyTotals[]): CurrencyTotals {
  return totals.reduce((main, one) => (one.order_count > main.order_count ? one : main))
}

export function milestoneRow({
  startMs,
  endMs,
  toRecord,
  value,
}: FullWindow<MilestoneBatch>): OrderStatistic {
  return row({ startMs, endMs }, { kind: 'MILESTONE', order_number: toRecord, ...value })
}

function row(
  { startMs, endMs }: Pick<Windowed<unknown>, 'startMs' | 'endMs'>,
  figures: OrderStatistic['figures'],
): OrderStatistic {
  return { window_start: startMs, window_end: endMs, figures }
}
