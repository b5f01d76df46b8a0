/**
 * What is counted: aggregators of orders, lines and order events. All of them can be joined in any order, so that they are
 * combined before they go over the network, and sessions that turn out to be one are added up.
 */
import {
  type CurrencySales,
  type CurrencyTotals,
  type MilestoneBatch,
  milestoneBatchSchema,
  type OrderLine,
  type OrderProcessed,
  type OrderTotals,
  orderTotalsSchema,
  type ProductTotals,
  productTotalsSchema,
  type StatusTotals,
  statusTotalsSchema,
} from '../../schemas/generated/records.ts'
import { type Aggregator, avro, type Serde } from '../../streams/index.ts'

type Totals<V, A> = Required<Pick<Aggregator<V, A>, 'init' | 'add' | 'merge'>> & { readonly serde: Serde<A> }

/** Count and amount of orders, by currency. */
export const orderTotals: Totals<OrderProcessed, OrderTotals> = {
  serde: avro(orderTotalsSchema),
  init: () => ({ newest_time: 0, totals: [] }),
  add: (totals, order) => mergeOrders(totals, { newest_time: order.order_time, totals: [totalOf(order)] }),
  merge: mergeOrders,
}

function mergeOrders(left: OrderTotals, right: OrderTotals): OrderTotals {
  return {
    newest_time: Math.max(left.newest_time, right.newest_time),
    totals: byCurrency(left.totals, right.totals, addTotals),
  }
}

function totalOf({ currency, total_amount }: OrderProcessed): CurrencyTotals {
  return { currency, order_count: 1, total_amount }
}

function addTotals(left: CurrencyTotals, right: CurrencyTotals): CurrencyTotals {
  return {
    currency: left.currency,
    order_count: left.order_count + right.order_count,
    total_amount: left.total_amount + right.total_amount,
  }
}

/** A batch of orders, and the one that made it full. */
export const milestoneTotals: Omit<Totals<OrderProcessed, MilestoneBatch>, 'merge'> = {
  serde: avro(milestoneBatchSchema),
  init: () => ({ order_id: '', user_id: '', totals: [] }),
  add: ({ totals }, order) => ({
    order_id: order.order_id,
    user_id: order.user_id,
    totals: byCurrency(totals, [totalOf(order)], addTotals),
  }),
}

/** A line of an order that is counted. */
export interface SoldLine {
  readonly line: OrderLine
  /** Whether no line of the order with the same product came before. */
  readonly countsOrder: boolean
}

/** Orders, quantity and sales of a product, by currency. */
export const productTotals: Totals<SoldLine, ProductTotals> = {
  serde: avro(productTotalsSchema),
  init: () => ({ totals: [] }),
  add: ({ totals }, { line, countsOrder }) => {
    const { currency, quantity, line_amount: sales_amount } = line
    const sale = { currency, order_count: countsOrder ? 1 : 0, quantity, sales_amount }
    return { totals: byCurrency(totals, [sale], addSales) }
  },
  merge: (left, right) => ({ totals: byCurrency(left.totals, right.totals, addSales) }),
}

function addSales(left: CurrencySales, right: CurrencySales): CurrencySales {
  return {
    currency: left.currency,
    order_count: left.order_count + right.order_count,
    quantity: left.quantity + right.quantity,
    sales_amount: left.sales_amount + right.sales_amount,
  }
}

/** An event of an order. */
export interface StatusEvent {
  readonly status: OrderProcessed['status']
  /** Whether the order has the status for the first time. */
  readonly enters: boolean
}

/** Events with a status. */
export const statusTotals: Totals<StatusEvent, StatusTotals> = {
  serde: avro(statusTotalsSchema),
  init: () => ({ order_count: 0, entered_count: 0 }),
  add: (totals, { enters }) => ({
    order_count: totals.order_count + 1,
    entered_count: totals.entered_count + (enters ? 1 : 0),
  }),
  merge: (left, right) => ({
    order_count: left.order_count + right.order_count,
    entered_count: left.entered_count + right.entered_count,
  }),
}

/** Both lists in one, in the order of the currencies; mostly there is but one. */
function byCurrency<T extends { readonly currency: string }>(
  left: readonly T[],
  right: readonly T[],
  add: (left: T, right: T) => T,
): readonly T[] {
  if (left.length === 0) return right
  if (left.length === 1 && right.length === 1 && left[0]!.currency === right[0]!.currency)
    return [add(left[0]!, right[0]!)]
  const merged = [...left]
  for (const one of right) {
    const at = merged.findIndex(({ currency }) => currency >= one.currency)
    if (at < 0) merged.push(one)
    else if (merged[at]!.currency === one.currency) merged[at] = add(merged[at]!, one)
    else merged.splice(at, 0, one)
  }
  return merged
}
