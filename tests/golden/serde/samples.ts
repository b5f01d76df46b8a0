/** A value of every schema, typed by it: a schema that gains a field stops this file from compiling. */
import {
  type BurstOrder,
  burstOrderSchema,
  type DetectionRule,
  detectionRuleSchema,
  type EscalatingOrder,
  escalatingOrderSchema,
  type MilestoneBatch,
  milestoneBatchSchema,
  type OrderAnomaly,
  type OrderInputProgress,
  type OrderLife,
  type OrderLine,
  type OrderMemory,
  type OrderParsed,
  type OrderProcessed,
  type OrderProducts,
  type OrderRejected,
  type OrderStatistic,
  type OrderStatusChange,
  type OrderStatuses,
  type OrderTotals,
  orderAnomalySchema,
  orderInputProgressSchema,
  orderLifeSchema,
  orderLineSchema,
  orderMemorySchema,
  orderParsedSchema,
  orderProcessedSchema,
  orderProductsSchema,
  orderRejectedSchema,
  orderStatisticSchema,
  orderStatusChangeSchema,
  orderStatusesSchema,
  orderTotalsSchema,
  type ProductTotals,
  productTotalsSchema,
  type RecentProducts,
  recentProductsSchema,
  type StatusTotals,
  statusTotalsSchema,
  type UserBehavior,
  type UserProfile,
  userBehaviorSchema,
  userProfileSchema,
} from '../../../schemas/generated/records.ts'
import {
  type Checkpoint,
  checkpointSchema,
  type DeadLetter,
  type DeadLetterStatus,
  deadLetterSchema,
  deadLetterStatusSchema,
  type StageCommand,
  stageCommandSchema,
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

const found = {
  anomaly_id: 'as it is told',
  severity: 'WARNING',
  order_id: '31198570044',
  user_id: '900',
  event_time: 1_483_271_606_000,
  detected_time: 1_483_271_607_000,
  rule_version: 3,
} as const

const largeOrder: OrderAnomaly = {
  ...found,
  type: 'LARGE_ORDER',
  details: { kind: 'LARGE_ORDER', total_amount: 1_000_001, limit_amount: 1_000_000, currency: 'USD' },
}

const orderBurst: OrderAnomaly = {
  ...found,
  type: 'BURST',
  details: {
    kind: 'BURST',
    order_ids: ['1', '2', '31198570044'],
    first_time: 1_483_271_600_000,
    last_time: 1_483_271_606_000,
    max_orders: 2,
    within_ms: 60_000,
  },
}

const unpaidTimeout: OrderAnomaly = {
  ...found,
  type: 'UNPAID_TIMEOUT',
  details: { kind: 'UNPAID_TIMEOUT', created_time: 1_483_269_806_000, within_ms: 1_800_000 },
}

const unpaidResolved: OrderAnomaly = {
  ...found,
  type: 'UNPAID_RESOLVED',
  details: { kind: 'UNPAID_RESOLVED', created_time: 1_483_269_800_000, due_time: 1_483_271_600_000 },
}

const illegalTransition: OrderAnomaly = {
  ...found,
  type: 'ILLEGAL_TRANSITION',
  details: {
    kind: 'ILLEGAL_TRANSITION',
    from_status: 'CREATED',
    to_status: 'SHIPPED',
    from_time: 1_483_271_600_000,
    event_number: 2,
  },
}

const repeatPurchase: OrderAnomaly = {
  ...found,
  type: 'REPEAT_PURCHASE',
  details: {
    kind: 'REPEAT_PURCHASE',
    product_ids: ['1095275', 'thé'],
    earlier_order_ids: ['1', '2'],
    first_time: 1_483_271_600_000,
    within_ms: 3_600_000,
  },
}

const escalatingAmount: OrderAnomaly = {
  ...found,
  type: 'ESCALATING_AMOUNT',
  details: {
    kind: 'ESCALATING_AMOUNT',
    order_ids: ['1', '2', '31198570044'],
    amounts: [100, 150, 9_007_199_254_740_991],
    currency: 'EUR',
    first_time: 1_483_271_600_000,
    percent: 150,
    within_ms: 3_600_000,
  },
}

const statusChange: OrderStatusChange = {
  order_id: '31198570044',
  user_id: '900',
  sequence: 2,
  from_status: 'PAID',
  to_status: 'CREATED',
  event_time: 1_483_271_606_000,
  legal: false,
}

const userBehavior: UserBehavior = {
  user_id: '900',
  order_count: 2,
  total_amount: 4_205,
  currency: 'USD',
  average_gap_ms: 3_600_000,
  favorite_products: [{ product_id: '1095275', order_count: 2 }],
  first_seen: 1_483_268_006_000,
  last_seen: 1_483_271_606_000,
}

const detectionRule: DetectionRule = {
  version: 3,
  mode: 'SHADOW',
  amount: 1_000_000,
  amounts: { EUR: 900_000 },
  max_orders: null,
  within_ms: 60_000,
  percent: 150,
}

const orderLife: OrderLife = {
  status: 'CREATED',
  status_time: 1_483_271_606_000,
  sequence: 1,
  large: 'SHADOW',
  awaited: {
    created_time: 1_483_271_606_000,
    due_time: 1_483_273_406_000,
    raised: { version: 3, mode: 'ENFORCED' },
  },
}

const burstOrder: BurstOrder = {
  order_id: '31198570044',
  order_time: 1_483_271_606_000,
  version: 3,
  mode: 'ENFORCED',
  max_orders: 5,
  within_ms: 60_000,
}

const escalatingOrder: EscalatingOrder = {
  order_id: '31198570044',
  order_time: 1_483_271_606_000,
  currency: 'USD',
  total_amount: 150,
  version: 3,
  mode: 'OFF',
  percent: 150,
  within_ms: 3_600_000,
}

const recentProducts: RecentProducts = {
  products: [{ product_id: '1095275', order_id: '31198570044', order_time: 1_483_271_606_000 }],
}

const userProfile: UserProfile = {
  totals,
  first_seen: 1_483_268_006_000,
  last_seen: 1_483_271_606_000,
  products: [{ product_id: '1095275', order_count: 2 }],
}

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
  holds: [{ hold: '3-1483271600000', steps_used: 3, settled: true }],
  restoring: null,
}

const stageCommand: StageCommand = {
  sub_topology: 'order-parsed',
  operator: null,
  kind: 'PAUSE',
  reason: 'the database is being moved',
  commanded_by: 'alice',
  commanded_time: 1_483_271_600_000,
  until: 1_483_275_200_000,
  hold: '3-1483271600000',
  step_total: 3,
  task_steps: [{ task: 'order-parsed_1', records: 2 }],
  records_per_second: 0,
  drain_to: [{ topic: 'order-parsed', partition: 1, offset: 1000 }],
}

const deadLetterStatus: DeadLetterStatus = {
  state: 'REPLAYED',
  settled_time: 1_483_271_600_000,
  settled_by: 'alice',
  reason: null,
  replayed_as: { topic: 'order-parsed', partition: 1, offset: 1000, attempts_before: 2 },
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
  LargeOrder: { schema: orderAnomalySchema, value: largeOrder },
  OrderBurst: { schema: orderAnomalySchema, value: orderBurst },
  UnpaidTimeout: { schema: orderAnomalySchema, value: unpaidTimeout },
  UnpaidResolved: { schema: orderAnomalySchema, value: unpaidResolved },
  IllegalTransition: { schema: orderAnomalySchema, value: illegalTransition },
  RepeatPurchase: { schema: orderAnomalySchema, value: repeatPurchase },
  EscalatingAmount: { schema: orderAnomalySchema, value: escalatingAmount },
  OrderStatusChange: { schema: orderStatusChangeSchema, value: statusChange },
  UserBehavior: { schema: userBehaviorSchema, value: userBehavior },
  DetectionRule: { schema: detectionRuleSchema, value: detectionRule },
  OrderLife: { schema: orderLifeSchema, value: orderLife },
  BurstOrder: { schema: burstOrderSchema, value: burstOrder },
  EscalatingOrder: { schema: escalatingOrderSchema, value: escalatingOrder },
  RecentProducts: { schema: recentProductsSchema, value: recentProducts },
  UserProfile: { schema: userProfileSchema, value: userProfile },
  DeadLetter: { schema: deadLetterSchema, value: deadLetter },
  Checkpoint: { schema: checkpointSchema, value: checkpoint },
  DeadLetterStatus: { schema: deadLetterStatusSchema, value: deadLetterStatus },
  StageCommand: { schema: stageCommandSchema, value: stageCommand },
}
