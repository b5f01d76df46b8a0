// Generated from the .avsc files by `npm run codegen`. Do not edit.
import type { AvroSchema } from '../../../../streams/index.ts'

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
