// Generated from the .avsc files by `npm run codegen`. Do not edit.
import type { AvroSchema } from '../../../../streams/index.ts'

/** The symbols of {@link AnomalyKind}, in the order of the schema. */
export const anomalyKindSymbols = [
  'BURST',
  'LARGE',
] as const

export type AnomalyKind = (typeof anomalyKindSymbols)[number]

export interface Anomaly {
  readonly kind: AnomalyKind
  readonly orderId: string
  readonly userId: string
  readonly eventTime: number
}

/** The Avro schema of {@link Anomaly}. */
export const anomalySchema: AvroSchema<Anomaly> = {
  "type": "record",
  "name": "Anomaly",
  "namespace": "bench.schema",
  "fields": [
    {
      "name": "kind",
      "type": {
        "type": "enum",
        "name": "AnomalyKind",
        "symbols": [
          "BURST",
          "LARGE"
        ]
      }
    },
    {
      "name": "orderId",
      "type": "string"
    },
    {
      "name": "userId",
      "type": "string"
    },
    {
      "name": "eventTime",
      "type": "long"
    }
  ]
}

/** The symbols of {@link Status}, in the order of the schema. */
export const statusSymbols = [
  'CREATED',
  'PAID',
  'SHIPPED',
  'DELIVERED',
  'CANCELLED',
] as const

export type Status = (typeof statusSymbols)[number]

export interface OrderLine {
  readonly productId: string
  readonly quantity: number
  readonly priceCents: number
}

export interface Order {
  readonly orderId: string
  readonly userId: string
  readonly amountCents: number
  readonly status: Status
  readonly eventTime: number
  readonly lines: readonly OrderLine[]
}

/** The Avro schema of {@link Order}. */
export const orderSchema: AvroSchema<Order> = {
  "type": "record",
  "name": "Order",
  "namespace": "bench.schema",
  "fields": [
    {
      "name": "orderId",
      "type": "string"
    },
    {
      "name": "userId",
      "type": "string"
    },
    {
      "name": "amountCents",
      "type": "long"
    },
    {
      "name": "status",
      "type": {
        "type": "enum",
        "name": "Status",
        "symbols": [
          "CREATED",
          "PAID",
          "SHIPPED",
          "DELIVERED",
          "CANCELLED"
        ]
      }
    },
    {
      "name": "eventTime",
      "type": "long"
    },
    {
      "name": "lines",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "OrderLine",
          "fields": [
            {
              "name": "productId",
              "type": "string"
            },
            {
              "name": "quantity",
              "type": "int"
            },
            {
              "name": "priceCents",
              "type": "long"
            }
          ]
        }
      }
    }
  ]
}

export interface RecentOrders {
  readonly times: readonly number[]
}

/** The Avro schema of {@link RecentOrders}. */
export const recentOrdersSchema: AvroSchema<RecentOrders> = {
  "type": "record",
  "name": "RecentOrders",
  "namespace": "bench.schema",
  "fields": [
    {
      "name": "times",
      "type": {
        "type": "array",
        "items": "long"
      }
    }
  ]
}

export interface ValidOrder {
  readonly orderId: string
  readonly userId: string
  readonly amountCents: number
  readonly eventTime: number
}

/** The Avro schema of {@link ValidOrder}. */
export const validOrderSchema: AvroSchema<ValidOrder> = {
  "type": "record",
  "name": "ValidOrder",
  "namespace": "bench.schema",
  "fields": [
    {
      "name": "orderId",
      "type": "string"
    },
    {
      "name": "userId",
      "type": "string"
    },
    {
      "name": "amountCents",
      "type": "long"
    },
    {
      "name": "eventTime",
      "type": "long"
    }
  ]
}

export interface WindowStats {
  readonly windowStart: number
  readonly count: number
  readonly sumCents: number
}

/** The Avro schema of {@link WindowStats}. */
export const windowStatsSchema: AvroSchema<WindowStats> = {
  "type": "record",
  "name": "WindowStats",
  "namespace": "bench.schema",
  "fields": [
    {
      "name": "windowStart",
      "type": "long"
    },
    {
      "name": "count",
      "type": "long"
    },
    {
      "name": "sumCents",
      "type": "long"
    }
  ]
}
