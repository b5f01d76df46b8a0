/** A value of every schema, typed by it: a schema that gains a field stops this file from compiling. */
import {
  type MilestoneBatch,
  milestoneBatchSchema,
  type OrderInputProgress,
  type OrderLine,
  type OrderMemory,
  type OrderParsed,
  type OrderProcessed,
  type OrderProducts,
  type OrderRejected,
  type OrderStatistic,
  type OrderStatuses,
  type OrderTotals,
  orderInputProgressSchema,
  orderLineSchema,
  orderMemorySchema,
  orderParsedSchema,
  orderProcessedSchema,
  orderProductsSchema,
  orderRejectedSchema,
  orderStatisticSchema,
  orderStatusesSchema,
  orderTotalsSchema,
  type ProductTotals,
  productTotalsSchema,
  type StatusTotals,
  statusTotalsSchema,
} from '../../../schemas/generated/records.ts'
import {
  type Checkpoint,
  checkpointSchema,
  type DeadLetter,
  deadLetterSchema,
} from '../../../streams/schemas/generated/records.ts'
import type { AvroSchema } from '../../../streams/serde/avro-schema.ts'

export interface Sample {
  readonly schema: AvroSchema<unknown>
  readonly value: unknown
}

const orderParsed: OrderParsed = {
  order_id: '31198570044',
  user_id: '900',
  store_id: null,
  status: 'PAID',
  currency: 'USD',
  order_time: 1_483_271_606_000,
  total_amount: 50,
  lines: [
    { line_no: 1, product_id: '1095275', quantity: 1, line_amount: 50 },
    { line_no: null, product_id: null, quantity: null, line_amount: null },
  ],
  problems: [{ code: 'NOT_A_NUMBER', field: 'lines[1].quantity', value: '"élevé"' }],
}

const orderProcessed: OrderProcessed = {
  order_id: '31198570044',
  user_id: '900',
  store_id: '330',
  status: 'REFUNDED',
  currency: 'EUR',
  total_amount: 9_007_199_254_740_991,
  line_count: 2,
  order_time: 1_483_271_606_000,
  placed_time: 1_483_271_600_000,
  event_number: 3,
  latest: false,
  warnings: ['LINE_QUANTITY_ZERO'],
  product_ids: ['1095275', 'thé'],
}

const orderLine: OrderLine = {
  order_id: '31198570044',
  line_no: 2,
  user_id: '900',
  product_id: '1095275',
  quantity: 0,
  line_amount: -150,
  currency: 'USD',
  status: 'CREATED',
  order_time: 1_483_271_606_000,
  event_number: 1,
  removed: true,
}

const orderRejected: OrderRejected = {
  order_id: null,
  user_id: '900',
  reasons: [
    { code: 'ID_MISSING', field: 'order_id', message: 'the order has no id', value: null },
    { code: 'AMOUNT_NEGATIVE', field: 'total_amount', message: 'below zero', value: '-1.00' },
  ],
  payload: '{"user_id":"900","total_amount":"-1.00"}',
  topic: 'order-parsed',
  partition: 3,
  offset: 4_294_967_296,
  rejected_time: 1_483_271_607_123,
}

const orderMemory: OrderMemory = {
  placed_time: 1_483_271_600_000,
  latest_time: 1_483_271_606_000,
  event_count: 2,
  line_numbers: [1, 2, 300],
  events: [
    { status: 'CREATED', time: 1_483_271_600_000 },
    { status: 'PAID', time: 1_483_271_606_000 },
  ],
}

const orderInputProgress: OrderInputProgress = {
  file: 'samples/orders.ndjson.gz',
  lines: 12_721,
  bytes: 3_000_000_000,
  done: false,
}

const totals = [
  { currency: 'EUR', order_count: 1, total_amount: -150 },
  { currency: 'USD', order_count: 300, total_amount: 9_007_199_254_740_991 },
]

const hour = { window_start: 1_483_268_400_000, window_end: 1_483_272_000_000 }

const periodOrders: OrderStatistic = {
  ...hour,
  figures: { kind: 'HOUR', currency: 'USD', order_count: 12, total_amount: 4_205 },
}

const userOrders: OrderStatistic = {
  ...hour,
  figures: { kind: 'USER_LAST_HOUR', user_id: '900', currency: 'USD', order_count: 2, total_amount: 149 },
}

const productSales: OrderStatistic = {
  ...hour,
  figures: {
    kind: 'PRODUCT_HOUR',
    product_id: '1095275',
    currency: 'USD',
    order_count: 2,
    quantity: 13_000,
    sales_amount: 149,
  },
}

const statusOrders: OrderStatistic = {
  ...hour,
  figures: { kind: 'STATUS_MINUTE', status: 'PAID', order_count: 3, entered_count: 2 },
}

const userSession: OrderStatistic = {
  ...hour,
  figures: {
    kind: 'USER_SESSION',
    user_id: '900',
    order_count: 0,
    total_amount: 0,
    currency: '',
    removed: true,
  },
}

const orderMilestone: OrderStatistic = {
  ...hour,
  figures: { kind: 'MILESTONE', order_number: 100, order_id: '31198570044', user_id: '900', totals },
}

const orderTotals: OrderTotals = { newest_time: 1_483_271_606_000, totals }

const milestoneBatch: MilestoneBatch = { order_id: '31198570044', user_id: '900', totals }

const productTotals: ProductTotals = {
  totals: [{ currency: 'USD', order_count: 2, quantity: 13_000, sales_amount: 149 }],
}

const statusTotals: StatusTotals = { order_count: 3, entered_count: 2 }

const orderProducts: OrderProducts = { order_id: '31198570044', product_ids: ['1095275', '9878513'] }

const orderStatuses: OrderStatuses = { statuses: ['CREATED', 'PAID', 'REFUNDED'] }

const deadLetter: DeadLetter = {
  topic: 'order-raw',
  partition: 0,
  offset: 17,
  timestamp: 1_483_271_606_000,
  key: null,
  value: Buffer.from([0x00, 0xff, 0x7b]),
  headers: [
    { key: 'trace', value: Buffer.from('abc') },
    { key: 'empty', value: null },
  ],
  topology: 'ingest',
  sub_topology: 'ingest-0',
  operator: 'parse',
  code: 'ORDER_NOT_JSON',
  message: 'not JSON',
  failed_time: 1_483_271_607_000,
  attempt: 1,
}

const checkpoint: Checkpoint = {
  task: 'cleanse-0/3',
  commit_number: 42,
  input_offsets: [{ topic: 'order-parsed', partition: 3, offset: 1000 }],
  changelog_offsets: [],
  watermark: 1_483_271_606_000,
  timer_count: 0,
  bytes: 123_456,
  keys: 78,
  duration_ms: 12.5,
  instance: 'instance-1',
  committed_time: 1_483_271_607_000,
  stream_time: 1_483_271_606_500,
  input_watermarks: [
    {
      topic: 'order-parsed',
      watermark: 1_483_271_606_000,
      upstream: [
        { task: 'order-raw_0', watermark: 1_483_271_606_000, idle: false, ended: true },
        { task: 'order-raw_1', watermark: null, idle: true, ended: false },
      ],
    },
  ],
  kept_times: [{ name: 'sessions.report', time: 1_483_271_700_000 }],
}

export const samples: Readonly<Record<string, Sample>> = {
  OrderParsed: { schema: orderParsedSchema, value: orderParsed },
  OrderProcessed: { schema: orderProcessedSchema, value: orderProcessed },
  OrderLine: { schema: orderLineSchema, value: orderLine },
  OrderRejected: { schema: orderRejectedSchema, value: orderRejected },
  OrderMemory: { schema: orderMemorySchema, value: orderMemory },
  OrderInputProgress: { schema: orderInputProgressSchema, value: orderInputProgress },
  PeriodOrders: { schema: orderStatisticSchema, value: periodOrders },
  UserOrders: { schema: orderStatisticSchema, value: userOrders },
  ProductSales: { schema: orderStatisticSchema, value: productSales },
  StatusOrders: { schema: orderStatisticSchema, value: statusOrders },
  UserSession: { schema: orderStatisticSchema, value: userSession },
  OrderMilestone: { schema: orderStatisticSchema, value: orderMilestone },
  OrderTotals: { schema: orderTotalsSchema, value: orderTotals },
  MilestoneBatch: { schema: milestoneBatchSchema, value: milestoneBatch },
  ProductTotals: { schema: productTotalsSchema, value: productTotals },
  StatusTotals: { schema: statusTotalsSchema, value: statusTotals },
  OrderProducts: { schema: orderProductsSchema, value: orderProducts },
  OrderStatuses: { schema: orderStatusesSchema, value: orderStatuses },
  DeadLetter: { schema: deadLetterSchema, value: deadLetter },
  Checkpoint: { schema: checkpointSchema, value: checkpoint },
}
