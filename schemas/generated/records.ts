// Generated from the .avsc files by `npm run codegen`. Do not edit.
import type { AvroSchema } from '../../streams/index.ts'

/** The symbols of {@link RuleMode}, in the order of the schema. */
export const ruleModeSymbols = [
  'ENFORCED',
  'SHADOW',
  'OFF',
] as const

/** Whether what a rule finds is raised, only counted, or not looked for. */
export type RuleMode = (typeof ruleModeSymbols)[number]

/** An order with the rule of bursts that held when it was judged: in the state of the pattern. */
export interface BurstOrder {
  /** Order id. */
  readonly order_id: string
  /** When it was placed. */
  readonly order_time: number
  /** The rule's version. */
  readonly version: number
  /** The rule's mode. */
  readonly mode: RuleMode
  /** As in the rule. */
  readonly max_orders: number
  /** As in the rule, in milliseconds. */
  readonly within_ms: number
}

/** The Avro schema of {@link BurstOrder}. */
export const burstOrderSchema: AvroSchema<BurstOrder> = {
  "type": "record",
  "name": "BurstOrder",
  "namespace": "orderstreams",
  "doc": "An order with the rule of bursts that held when it was judged: in the state of the pattern.",
  "fields": [
    {
      "name": "order_id",
      "type": "string",
      "doc": "Order id."
    },
    {
      "name": "order_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When it was placed."
    },
    {
      "name": "version",
      "type": "int",
      "doc": "The rule's version."
    },
    {
      "name": "mode",
      "type": {
        "type": "enum",
        "name": "RuleMode",
        "doc": "Whether what a rule finds is raised, only counted, or not looked for.",
        "symbols": [
          "ENFORCED",
          "SHADOW",
          "OFF"
        ]
      },
      "doc": "The rule's mode."
    },
    {
      "name": "max_orders",
      "type": "int",
      "doc": "As in the rule."
    },
    {
      "name": "within_ms",
      "type": "long",
      "doc": "As in the rule, in milliseconds."
    }
  ]
}

/** The symbols of {@link AuditOutcome}, in the order of the schema. */
export const auditOutcomeSymbols = [
  'STARTED',
  'DONE',
  'FAILED',
  'REFUSED',
] as const

/** STARTED before anything is done, DONE or FAILED at the end, REFUSED when the caller was not let in. */
export type AuditOutcome = (typeof auditOutcomeSymbols)[number]

/** A step of a call that changes something: one record before it is executed and one when it has ended, or one when it was refused. The key is the id of the call. */
export interface ControlAudit {
  /** The same in both records of a call. */
  readonly call_id: string
  /** How far the call has come. */
  readonly outcome: AuditOutcome
  /** When, by the clock of the instance, epoch milliseconds UTC. */
  readonly time: number
  /** The instance that was called. */
  readonly instance: string
  /** Name of the caller; empty when it is not known. */
  readonly caller: string
  /** Role of the caller; empty when it is not known. */
  readonly role: string
  /** Where the call came from, as address:port. */
  readonly peer: string
  /** What was called, such as orderstreams.control.v1.StageService/PauseStage. */
  readonly method: string
  /** What it was for, such as a topology, a stage, or a savepoint; empty when the request names none. */
  readonly target: string
  /** The request as JSON. */
  readonly request: string
  /** The request_id that the caller has given; empty without one. */
  readonly request_id: string
  /** Another instance passed the call on, and has records of its own. */
  readonly forwarded: boolean
  /** Why it failed or was refused, as errors have it: PERMISSION_DENIED. */
  readonly reason: string | null
  /** The same for people. */
  readonly message: string | null
  /** How long it took; null before its end. */
  readonly duration_ms: number | null
}

/** The Avro schema of {@link ControlAudit}. */
export const controlAuditSchema: AvroSchema<ControlAudit> = {
  "type": "record",
  "name": "ControlAudit",
  "namespace": "orderstreams",
  "doc": "A step of a call that changes something: one record before it is executed and one when it has ended, or one when it was refused. The key is the id of the call.",
  "fields": [
    {
      "name": "call_id",
      "type": "string",
      "doc": "The same in both records of a call."
    },
    {
      "name": "outcome",
      "type": {
        "type": "enum",
        "name": "AuditOutcome",
        "doc": "STARTED before anything is done, DONE or FAILED at the end, REFUSED when the caller was not let in.",
        "symbols": [
          "STARTED",
          "DONE",
          "FAILED",
          "REFUSED"
        ]
      },
      "doc": "How far the call has come."
    },
    {
      "name": "time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When, by the clock of the instance, epoch milliseconds UTC."
    },
    {
      "name": "instance",
      "type": "string",
      "doc": "The instance that was called."
    },
    {
      "name": "caller",
      "type": "string",
      "doc": "Name of the caller; empty when it is not known."
    },
    {
      "name": "role",
      "type": "string",
      "doc": "Role of the caller; empty when it is not known."
    },
    {
      "name": "peer",
      "type": "string",
      "doc": "Where the call came from, as address:port."
    },
    {
      "name": "method",
      "type": "string",
      "doc": "What was called, such as orderstreams.control.v1.StageService/PauseStage."
    },
    {
      "name": "target",
      "type": "string",
      "doc": "What it was for, such as a topology, a stage, or a savepoint; empty when the request names none."
    },
    {
      "name": "request",
      "type": "string",
      "doc": "The request as JSON."
    },
    {
      "name": "request_id",
      "type": "string",
      "doc": "The request_id that the caller has given; empty without one."
    },
    {
      "name": "forwarded",
      "type": "boolean",
      "doc": "Another instance passed the call on, and has records of its own."
    },
    {
      "name": "reason",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Why it failed or was refused, as errors have it: PERMISSION_DENIED."
    },
    {
      "name": "message",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "The same for people."
    },
    {
      "name": "duration_ms",
      "type": [
        "null",
        "long"
      ],
      "default": null,
      "doc": "How long it took; null before its end."
    }
  ]
}

/** A rule of detection as it is from now on; the key names it. Thresholds that are null, or that the rule does not have, are those of the configuration. */
export interface DetectionRule {
  /** Counts what the rule has been, from 1; alerts carry it. 0 is the configuration. */
  readonly version: number
  /** Whether what the rule finds is raised, only counted, or not looked for. */
  readonly mode: RuleMode
  /** large-order: orders of more are large, in minor units (hundredths) of any currency that is not among `amounts`. */
  readonly amount: number | null
  /** large-order: the same by currency. */
  readonly amounts: Readonly<Record<string, number>> | null
  /** burst: so many orders are none, one more is. */
  readonly max_orders: number | null
  /** burst, repeat-purchase, escalating-amount: the orders lie less than this apart; unpaid: how long an order has to be paid. In milliseconds. */
  readonly within_ms: number | null
  /** escalating-amount: each order comes to at least so many percent of the one before. */
  readonly percent: number | null
}

/** The Avro schema of {@link DetectionRule}. */
export const detectionRuleSchema: AvroSchema<DetectionRule> = {
  "type": "record",
  "name": "DetectionRule",
  "namespace": "orderstreams",
  "doc": "A rule of detection as it is from now on; the key names it. Thresholds that are null, or that the rule does not have, are those of the configuration.",
  "fields": [
    {
      "name": "version",
      "type": "int",
      "doc": "Counts what the rule has been, from 1; alerts carry it. 0 is the configuration."
    },
    {
      "name": "mode",
      "type": {
        "type": "enum",
        "name": "RuleMode",
        "doc": "Whether what a rule finds is raised, only counted, or not looked for.",
        "symbols": [
          "ENFORCED",
          "SHADOW",
          "OFF"
        ]
      },
      "doc": "Whether what the rule finds is raised, only counted, or not looked for."
    },
    {
      "name": "amount",
      "type": [
        "null",
        "long"
      ],
      "default": null,
      "doc": "large-order: orders of more are large, in minor units (hundredths) of any currency that is not among `amounts`."
    },
    {
      "name": "amounts",
      "type": [
        "null",
        {
          "type": "map",
          "values": "long"
        }
      ],
      "default": null,
      "doc": "large-order: the same by currency."
    },
    {
      "name": "max_orders",
      "type": [
        "null",
        "int"
      ],
      "default": null,
      "doc": "burst: so many orders are none, one more is."
    },
    {
      "name": "within_ms",
      "type": [
        "null",
        "long"
      ],
      "default": null,
      "doc": "burst, repeat-purchase, escalating-amount: the orders lie less than this apart; unpaid: how long an order has to be paid. In milliseconds."
    },
    {
      "name": "percent",
      "type": [
        "null",
        "int"
      ],
      "default": null,
      "doc": "escalating-amount: each order comes to at least so many percent of the one before."
    }
  ]
}

/** An order with the rule of escalating amounts that held when it was judged: in the state of the pattern. */
export interface EscalatingOrder {
  /** Order id. */
  readonly order_id: string
  /** When it was placed. */
  readonly order_time: number
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** What it comes to, in minor units (hundredths) of the currency. */
  readonly total_amount: number
  /** The rule's version. */
  readonly version: number
  /** The rule's mode. */
  readonly mode: RuleMode
  /** As in the rule. */
  readonly percent: number
  /** As in the rule, in milliseconds. */
  readonly within_ms: number
}

/** The Avro schema of {@link EscalatingOrder}. */
export const escalatingOrderSchema: AvroSchema<EscalatingOrder> = {
  "type": "record",
  "name": "EscalatingOrder",
  "namespace": "orderstreams",
  "doc": "An order with the rule of escalating amounts that held when it was judged: in the state of the pattern.",
  "fields": [
    {
      "name": "order_id",
      "type": "string",
      "doc": "Order id."
    },
    {
      "name": "order_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When it was placed."
    },
    {
      "name": "currency",
      "type": "string",
      "doc": "ISO 4217 code in upper case, such as `USD`."
    },
    {
      "name": "total_amount",
      "type": "long",
      "doc": "What it comes to, in minor units (hundredths) of the currency."
    },
    {
      "name": "version",
      "type": "int",
      "doc": "The rule's version."
    },
    {
      "name": "mode",
      "type": {
        "type": "enum",
        "name": "RuleMode",
        "doc": "Whether what a rule finds is raised, only counted, or not looked for.",
        "symbols": [
          "ENFORCED",
          "SHADOW",
          "OFF"
        ]
      },
      "doc": "The rule's mode."
    },
    {
      "name": "percent",
      "type": "int",
      "doc": "As in the rule."
    },
    {
      "name": "within_ms",
      "type": "long",
      "doc": "As in the rule, in milliseconds."
    }
  ]
}

/** What orders in one currency come to. */
export interface CurrencyTotals {
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** Orders, each counted at its first event. */
  readonly order_count: number
  /** Sum of the orders' amounts in minor units (hundredths) of the currency. */
  readonly total_amount: number
}

/** What the orders of a batch come to: state of statistics. */
export interface MilestoneBatch {
  /** The order that was processed last. */
  readonly order_id: string
  /** Its user. */
  readonly user_id: string
  /** By currency, in the order of the alphabet. */
  readonly totals: readonly CurrencyTotals[]
}

/** The Avro schema of {@link MilestoneBatch}. */
export const milestoneBatchSchema: AvroSchema<MilestoneBatch> = {
  "type": "record",
  "name": "MilestoneBatch",
  "namespace": "orderstreams",
  "doc": "What the orders of a batch come to: state of statistics.",
  "fields": [
    {
      "name": "order_id",
      "type": "string",
      "doc": "The order that was processed last."
    },
    {
      "name": "user_id",
      "type": "string",
      "doc": "Its user."
    },
    {
      "name": "totals",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "CurrencyTotals",
          "doc": "What orders in one currency come to.",
          "fields": [
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Orders, each counted at its first event."
            },
            {
              "name": "total_amount",
              "type": "long",
              "doc": "Sum of the orders' amounts in minor units (hundredths) of the currency."
            }
          ]
        }
      },
      "doc": "By currency, in the order of the alphabet."
    }
  ]
}

/** The symbols of {@link AnomalyType}, in the order of the schema. */
export const anomalyTypeSymbols = [
  'LARGE_ORDER',
  'BURST',
  'UNPAID_TIMEOUT',
  'UNPAID_RESOLVED',
  'ILLEGAL_TRANSITION',
  'REPEAT_PURCHASE',
  'ESCALATING_AMOUNT',
] as const

/** What was found. */
export type AnomalyType = (typeof anomalyTypeSymbols)[number]

/** The symbols of {@link AnomalySeverity}, in the order of the schema. */
export const anomalySeveritySymbols = [
  'INFO',
  'WARNING',
  'CRITICAL',
] as const

/** How urgent it is that somebody looks at it. */
export type AnomalySeverity = (typeof anomalySeveritySymbols)[number]

/** The symbols of {@link LargeOrderKind}, in the order of the schema. */
export const largeOrderKindSymbols = [
  'LARGE_ORDER',
] as const

/** As the type. */
export type LargeOrderKind = (typeof largeOrderKindSymbols)[number]

/** An order over a limit. */
export interface LargeOrder {
  /** As the type. */
  readonly kind: LargeOrderKind
  /** What it comes to, in minor units (hundredths) of the currency. */
  readonly total_amount: number
  /** What it is more than. */
  readonly limit_amount: number
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
}

/** The symbols of {@link OrderBurstKind}, in the order of the schema. */
export const orderBurstKindSymbols = [
  'BURST',
] as const

/** As the type. */
export type OrderBurstKind = (typeof orderBurstKindSymbols)[number]

/** Many orders of a user within a short time. */
export interface OrderBurst {
  /** As the type. */
  readonly kind: OrderBurstKind
  /** The orders that make it, oldest first. */
  readonly order_ids: readonly string[]
  /** When the first of them was placed. */
  readonly first_time: number
  /** When the last of them was placed. */
  readonly last_time: number
  /** So many would have been none. */
  readonly max_orders: number
  /** They lie less than this apart, in milliseconds. */
  readonly within_ms: number
}

/** The symbols of {@link UnpaidTimeoutKind}, in the order of the schema. */
export const unpaidTimeoutKindSymbols = [
  'UNPAID_TIMEOUT',
] as const

/** As the type. */
export type UnpaidTimeoutKind = (typeof unpaidTimeoutKindSymbols)[number]

/** An order that was created, and then nothing happened. */
export interface UnpaidTimeout {
  /** As the type. */
  readonly kind: UnpaidTimeoutKind
  /** When it was created. */
  readonly created_time: number
  /** How long it had to be paid, in milliseconds. */
  readonly within_ms: number
}

/** The symbols of {@link UnpaidResolvedKind}, in the order of the schema. */
export const unpaidResolvedKindSymbols = [
  'UNPAID_RESOLVED',
] as const

/** As the type. */
export type UnpaidResolvedKind = (typeof unpaidResolvedKindSymbols)[number]

/** An order that was paid after its time-out was reported. */
export interface UnpaidResolved {
  /** As the type. */
  readonly kind: UnpaidResolvedKind
  /** When it was created. */
  readonly created_time: number
  /** When it should have been paid: the event_time of the time-out. */
  readonly due_time: number
}

/** The symbols of {@link IllegalTransitionKind}, in the order of the schema. */
export const illegalTransitionKindSymbols = [
  'ILLEGAL_TRANSITION',
] as const

/** As the type. */
export type IllegalTransitionKind = (typeof illegalTransitionKindSymbols)[number]

/** The symbols of {@link OrderStatus}, in the order of the schema. */
export const orderStatusSymbols = [
  'CREATED',
  'PAID',
  'SHIPPED',
  'DELIVERED',
  'COMPLETED',
  'CANCELLED',
  'REFUNDED',
] as const

/** Where an order stands. An order may be first seen in any of them. */
export type OrderStatus = (typeof orderStatusSymbols)[number]

/** An order that went from one status to another that may not follow it. */
export interface IllegalTransition {
  /** As the type. */
  readonly kind: IllegalTransitionKind
  /** Where the order stood. */
  readonly from_status: OrderStatus
  /** The status in the event. */
  readonly to_status: OrderStatus
  /** Since when it stood there. */
  readonly from_time: number
  /** The event among those of the order, as order-processed counts them. */
  readonly event_number: number
}

/** The symbols of {@link RepeatPurchaseKind}, in the order of the schema. */
export const repeatPurchaseKindSymbols = [
  'REPEAT_PURCHASE',
] as const

/** As the type. */
export type RepeatPurchaseKind = (typeof repeatPurchaseKindSymbols)[number]

/** An order with products that the user ordered shortly before. */
export interface RepeatPurchase {
  /** As the type. */
  readonly kind: RepeatPurchaseKind
  /** The products that were ordered again. */
  readonly product_ids: readonly string[]
  /** The orders that had them last, oldest first. */
  readonly earlier_order_ids: readonly string[]
  /** When the oldest of those was placed. */
  readonly first_time: number
  /** They lie less than this before it, in milliseconds. */
  readonly within_ms: number
}

/** The symbols of {@link EscalatingAmountKind}, in the order of the schema. */
export const escalatingAmountKindSymbols = [
  'ESCALATING_AMOUNT',
] as const

/** As the type. */
export type EscalatingAmountKind = (typeof escalatingAmountKindSymbols)[number]

/** Orders of a user in one currency, one after the other, each for much more than the one before. */
export interface EscalatingAmount {
  /** As the type. */
  readonly kind: EscalatingAmountKind
  /** The orders, oldest first. */
  readonly order_ids: readonly string[]
  /** What each comes to, in minor units (hundredths) of the currency. */
  readonly amounts: readonly number[]
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** When the first of them was placed. */
  readonly first_time: number
  /** Each comes to at least so many percent of the one before. */
  readonly percent: number
  /** They lie less than this apart, in milliseconds. */
  readonly within_ms: number
}

/** Something remarkable about an order or a user. What is found again has the same anomaly_id. */
export interface OrderAnomaly {
  /** What was found, by type, order and event time: the same after restarts, replays and repeated delivery. */
  readonly anomaly_id: string
  /** What was found; `details` says more. */
  readonly type: AnomalyType
  /** How urgent it is that somebody looks at it. */
  readonly severity: AnomalySeverity
  /** The order; of several the one that completed what was found. */
  readonly order_id: string
  /** The user; the key of the record. */
  readonly user_id: string
  /** The time of the event that completed it, or at which something was due, epoch milliseconds UTC. */
  readonly event_time: number
  /** The newest event time that had been seen when it was found, epoch milliseconds UTC. */
  readonly detected_time: number
  /** The version of the rule that found it; 0 is the configuration. */
  readonly rule_version: number
  /** What there is to say of this type. */
  readonly details: LargeOrder | OrderBurst | UnpaidTimeout | UnpaidResolved | IllegalTransition | RepeatPurchase | EscalatingAmount
}

/** The Avro schema of {@link OrderAnomaly}. */
export const orderAnomalySchema: AvroSchema<OrderAnomaly> = {
  "type": "record",
  "name": "OrderAnomaly",
  "namespace": "orderstreams",
  "doc": "Something remarkable about an order or a user. What is found again has the same anomaly_id.",
  "fields": [
    {
      "name": "anomaly_id",
      "type": "string",
      "doc": "What was found, by type, order and event time: the same after restarts, replays and repeated delivery."
    },
    {
      "name": "type",
      "type": {
        "type": "enum",
        "name": "AnomalyType",
        "doc": "What was found.",
        "symbols": [
          "LARGE_ORDER",
          "BURST",
          "UNPAID_TIMEOUT",
          "UNPAID_RESOLVED",
          "ILLEGAL_TRANSITION",
          "REPEAT_PURCHASE",
          "ESCALATING_AMOUNT"
        ]
      },
      "doc": "What was found; `details` says more."
    },
    {
      "name": "severity",
      "type": {
        "type": "enum",
        "name": "AnomalySeverity",
        "doc": "How urgent it is that somebody looks at it.",
        "symbols": [
          "INFO",
          "WARNING",
          "CRITICAL"
        ]
      },
      "doc": "How urgent it is that somebody looks at it."
    },
    {
      "name": "order_id",
      "type": "string",
      "doc": "The order; of several the one that completed what was found."
    },
    {
      "name": "user_id",
      "type": "string",
      "doc": "The user; the key of the record."
    },
    {
      "name": "event_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "The time of the event that completed it, or at which something was due, epoch milliseconds UTC."
    },
    {
      "name": "detected_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "The newest event time that had been seen when it was found, epoch milliseconds UTC."
    },
    {
      "name": "rule_version",
      "type": "int",
      "doc": "The version of the rule that found it; 0 is the configuration."
    },
    {
      "name": "details",
      "type": [
        {
          "type": "record",
          "name": "LargeOrder",
          "doc": "An order over a limit.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "LargeOrderKind",
                "doc": "As the type.",
                "symbols": [
                  "LARGE_ORDER"
                ]
              },
              "doc": "As the type."
            },
            {
              "name": "total_amount",
              "type": "long",
              "doc": "What it comes to, in minor units (hundredths) of the currency."
            },
            {
              "name": "limit_amount",
              "type": "long",
              "doc": "What it is more than."
            },
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            }
          ]
        },
        {
          "type": "record",
          "name": "OrderBurst",
          "doc": "Many orders of a user within a short time.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "OrderBurstKind",
                "doc": "As the type.",
                "symbols": [
                  "BURST"
                ]
              },
              "doc": "As the type."
            },
            {
              "name": "order_ids",
              "type": {
                "type": "array",
                "items": "string"
              },
              "doc": "The orders that make it, oldest first."
            },
            {
              "name": "first_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When the first of them was placed."
            },
            {
              "name": "last_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When the last of them was placed."
            },
            {
              "name": "max_orders",
              "type": "int",
              "doc": "So many would have been none."
            },
            {
              "name": "within_ms",
              "type": "long",
              "doc": "They lie less than this apart, in milliseconds."
            }
          ]
        },
        {
          "type": "record",
          "name": "UnpaidTimeout",
          "doc": "An order that was created, and then nothing happened.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "UnpaidTimeoutKind",
                "doc": "As the type.",
                "symbols": [
                  "UNPAID_TIMEOUT"
                ]
              },
              "doc": "As the type."
            },
            {
              "name": "created_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When it was created."
            },
            {
              "name": "within_ms",
              "type": "long",
              "doc": "How long it had to be paid, in milliseconds."
            }
          ]
        },
        {
          "type": "record",
          "name": "UnpaidResolved",
          "doc": "An order that was paid after its time-out was reported.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "UnpaidResolvedKind",
                "doc": "As the type.",
                "symbols": [
                  "UNPAID_RESOLVED"
                ]
              },
              "doc": "As the type."
            },
            {
              "name": "created_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When it was created."
            },
            {
              "name": "due_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When it should have been paid: the event_time of the time-out."
            }
          ]
        },
        {
          "type": "record",
          "name": "IllegalTransition",
          "doc": "An order that went from one status to another that may not follow it.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "IllegalTransitionKind",
                "doc": "As the type.",
                "symbols": [
                  "ILLEGAL_TRANSITION"
                ]
              },
              "doc": "As the type."
            },
            {
              "name": "from_status",
              "type": {
                "type": "enum",
                "name": "OrderStatus",
                "doc": "Where an order stands. An order may be first seen in any of them.",
                "symbols": [
                  "CREATED",
                  "PAID",
                  "SHIPPED",
                  "DELIVERED",
                  "COMPLETED",
                  "CANCELLED",
                  "REFUNDED"
                ]
              },
              "doc": "Where the order stood."
            },
            {
              "name": "to_status",
              "type": "OrderStatus",
              "doc": "The status in the event."
            },
            {
              "name": "from_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "Since when it stood there."
            },
            {
              "name": "event_number",
              "type": "int",
              "doc": "The event among those of the order, as order-processed counts them."
            }
          ]
        },
        {
          "type": "record",
          "name": "RepeatPurchase",
          "doc": "An order with products that the user ordered shortly before.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "RepeatPurchaseKind",
                "doc": "As the type.",
                "symbols": [
                  "REPEAT_PURCHASE"
                ]
              },
              "doc": "As the type."
            },
            {
              "name": "product_ids",
              "type": {
                "type": "array",
                "items": "string"
              },
              "doc": "The products that were ordered again."
            },
            {
              "name": "earlier_order_ids",
              "type": {
                "type": "array",
                "items": "string"
              },
              "doc": "The orders that had them last, oldest first."
            },
            {
              "name": "first_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When the oldest of those was placed."
            },
            {
              "name": "within_ms",
              "type": "long",
              "doc": "They lie less than this before it, in milliseconds."
            }
          ]
        },
        {
          "type": "record",
          "name": "EscalatingAmount",
          "doc": "Orders of a user in one currency, one after the other, each for much more than the one before.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "EscalatingAmountKind",
                "doc": "As the type.",
                "symbols": [
                  "ESCALATING_AMOUNT"
                ]
              },
              "doc": "As the type."
            },
            {
              "name": "order_ids",
              "type": {
                "type": "array",
                "items": "string"
              },
              "doc": "The orders, oldest first."
            },
            {
              "name": "amounts",
              "type": {
                "type": "array",
                "items": "long"
              },
              "doc": "What each comes to, in minor units (hundredths) of the currency."
            },
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            },
            {
              "name": "first_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When the first of them was placed."
            },
            {
              "name": "percent",
              "type": "int",
              "doc": "Each comes to at least so many percent of the one before."
            },
            {
              "name": "within_ms",
              "type": "long",
              "doc": "They lie less than this apart, in milliseconds."
            }
          ]
        }
      ],
      "doc": "What there is to say of this type."
    }
  ]
}

/** How far an input file has been read into the log. */
export interface OrderInputProgress {
  /** Path of the file as it was given; the key of the record is the SHA-256 of its content. */
  readonly file: string
  /** Lines read so far. */
  readonly lines: number
  /** Bytes of uncompressed text read so far. */
  readonly bytes: number
  /** True when the whole file has been read. */
  readonly done: boolean
}

/** The Avro schema of {@link OrderInputProgress}. */
export const orderInputProgressSchema: AvroSchema<OrderInputProgress> = {
  "type": "record",
  "name": "OrderInputProgress",
  "namespace": "orderstreams",
  "doc": "How far an input file has been read into the log.",
  "fields": [
    {
      "name": "file",
      "type": "string",
      "doc": "Path of the file as it was given; the key of the record is the SHA-256 of its content."
    },
    {
      "name": "lines",
      "type": "long",
      "doc": "Lines read so far."
    },
    {
      "name": "bytes",
      "type": "long",
      "doc": "Bytes of uncompressed text read so far."
    },
    {
      "name": "done",
      "type": "boolean",
      "doc": "True when the whole file has been read."
    }
  ]
}

/** The rule by which a time-out was reported. */
export interface RaisedTimeout {
  /** Its version. */
  readonly version: number
  /** Its mode. */
  readonly mode: RuleMode
}

/** An order that was created, and nothing has happened since. */
export interface AwaitedPayment {
  /** When it was created. */
  readonly created_time: number
  /** When it should be paid. */
  readonly due_time: number
  /** By what the time-out was reported; null: it was not. */
  readonly raised: RaisedTimeout | null
}

/** Where an order stands: state of detection. */
export interface OrderLife {
  /** The status in the newest event. */
  readonly status: OrderStatus
  /** The time of that event, epoch milliseconds UTC. */
  readonly status_time: number
  /** Entries in its history. */
  readonly sequence: number
  /** How it was found to be large; null: it was not. */
  readonly large: RuleMode | null
  /** What it waits for; null: it was settled, or is first known in another status. */
  readonly awaited: AwaitedPayment | null
}

/** The Avro schema of {@link OrderLife}. */
export const orderLifeSchema: AvroSchema<OrderLife> = {
  "type": "record",
  "name": "OrderLife",
  "namespace": "orderstreams",
  "doc": "Where an order stands: state of detection.",
  "fields": [
    {
      "name": "status",
      "type": {
        "type": "enum",
        "name": "OrderStatus",
        "doc": "Where an order stands. An order may be first seen in any of them.",
        "symbols": [
          "CREATED",
          "PAID",
          "SHIPPED",
          "DELIVERED",
          "COMPLETED",
          "CANCELLED",
          "REFUNDED"
        ]
      },
      "doc": "The status in the newest event."
    },
    {
      "name": "status_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "The time of that event, epoch milliseconds UTC."
    },
    {
      "name": "sequence",
      "type": "int",
      "doc": "Entries in its history."
    },
    {
      "name": "large",
      "type": [
        "null",
        {
          "type": "enum",
          "name": "RuleMode",
          "doc": "Whether what a rule finds is raised, only counted, or not looked for.",
          "symbols": [
            "ENFORCED",
            "SHADOW",
            "OFF"
          ]
        }
      ],
      "default": null,
      "doc": "How it was found to be large; null: it was not."
    },
    {
      "name": "awaited",
      "type": [
        "null",
        {
          "type": "record",
          "name": "AwaitedPayment",
          "doc": "An order that was created, and nothing has happened since.",
          "fields": [
            {
              "name": "created_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When it was created."
            },
            {
              "name": "due_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When it should be paid."
            },
            {
              "name": "raised",
              "type": [
                "null",
                {
                  "type": "record",
                  "name": "RaisedTimeout",
                  "doc": "The rule by which a time-out was reported.",
                  "fields": [
                    {
                      "name": "version",
                      "type": "int",
                      "doc": "Its version."
                    },
                    {
                      "name": "mode",
                      "type": "RuleMode",
                      "doc": "Its mode."
                    }
                  ]
                }
              ],
              "default": null,
              "doc": "By what the time-out was reported; null: it was not."
            }
          ]
        }
      ],
      "default": null,
      "doc": "What it waits for; null: it was settled, or is first known in another status."
    }
  ]
}

/** A line of a clean order event. */
export interface OrderLine {
  /** Order id. */
  readonly order_id: string
  /** Number of the line within the order. */
  readonly line_no: number
  /** User id; the key of the record. */
  readonly user_id: string
  /** Product id. */
  readonly product_id: string
  /** Pieces ordered. */
  readonly quantity: number
  /** Amount of the line in minor units (hundredths) of the currency. */
  readonly line_amount: number
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** Status that the order has from this event on. */
  readonly status: OrderStatus
  /** When the order's event took place, epoch milliseconds UTC. */
  readonly order_time: number
  /** Number of the order's event that this line belongs to; 1 is the first seen. */
  readonly event_number: number
  /** True when the line is no longer in the order's latest event; its product is then empty, its quantity and amount are 0. */
  readonly removed: boolean
}

/** The Avro schema of {@link OrderLine}. */
export const orderLineSchema: AvroSchema<OrderLine> = {
  "type": "record",
  "name": "OrderLine",
  "namespace": "orderstreams",
  "doc": "A line of a clean order event.",
  "fields": [
    {
      "name": "order_id",
      "type": "string",
      "doc": "Order id."
    },
    {
      "name": "line_no",
      "type": "int",
      "doc": "Number of the line within the order."
    },
    {
      "name": "user_id",
      "type": "string",
      "doc": "User id; the key of the record."
    },
    {
      "name": "product_id",
      "type": "string",
      "doc": "Product id."
    },
    {
      "name": "quantity",
      "type": "long",
      "doc": "Pieces ordered."
    },
    {
      "name": "line_amount",
      "type": "long",
      "doc": "Amount of the line in minor units (hundredths) of the currency."
    },
    {
      "name": "currency",
      "type": "string",
      "doc": "ISO 4217 code in upper case, such as `USD`."
    },
    {
      "name": "status",
      "type": {
        "type": "enum",
        "name": "OrderStatus",
        "doc": "Where an order stands. An order may be first seen in any of them.",
        "symbols": [
          "CREATED",
          "PAID",
          "SHIPPED",
          "DELIVERED",
          "COMPLETED",
          "CANCELLED",
          "REFUNDED"
        ]
      },
      "doc": "Status that the order has from this event on."
    },
    {
      "name": "order_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When the order's event took place, epoch milliseconds UTC."
    },
    {
      "name": "event_number",
      "type": "int",
      "doc": "Number of the order's event that this line belongs to; 1 is the first seen."
    },
    {
      "name": "removed",
      "type": "boolean",
      "doc": "True when the line is no longer in the order's latest event; its product is then empty, its quantity and amount are 0."
    }
  ]
}

/** An event of the order that was seen. */
export interface SeenEvent {
  /** Status in the event. */
  readonly status: string
  /** order_time of the event, epoch milliseconds UTC. */
  readonly time: number
}

/** What cleanse remembers of an order: the state that tells repeats, late events and removed lines apart. */
export interface OrderMemory {
  /** order_time of the earliest event of the order seen so far, epoch milliseconds UTC. */
  readonly placed_time: number
  /** order_time of the latest event of the order, epoch milliseconds UTC. */
  readonly latest_time: number
  /** Events of the order so far, repeats not counted. */
  readonly event_count: number
  /** Line numbers of the latest event, ascending. */
  readonly line_numbers: readonly number[]
  /** The events that are remembered, oldest first: a repeat of one of them is dropped. */
  readonly events: readonly SeenEvent[]
}

/** The Avro schema of {@link OrderMemory}. */
export const orderMemorySchema: AvroSchema<OrderMemory> = {
  "type": "record",
  "name": "OrderMemory",
  "namespace": "orderstreams",
  "doc": "What cleanse remembers of an order: the state that tells repeats, late events and removed lines apart.",
  "fields": [
    {
      "name": "placed_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "order_time of the earliest event of the order seen so far, epoch milliseconds UTC."
    },
    {
      "name": "latest_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "order_time of the latest event of the order, epoch milliseconds UTC."
    },
    {
      "name": "event_count",
      "type": "int",
      "doc": "Events of the order so far, repeats not counted."
    },
    {
      "name": "line_numbers",
      "type": {
        "type": "array",
        "items": "int"
      },
      "doc": "Line numbers of the latest event, ascending."
    },
    {
      "name": "events",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "SeenEvent",
          "doc": "An event of the order that was seen.",
          "fields": [
            {
              "name": "status",
              "type": "string",
              "doc": "Status in the event."
            },
            {
              "name": "time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "order_time of the event, epoch milliseconds UTC."
            }
          ]
        }
      },
      "doc": "The events that are remembered, oldest first: a repeat of one of them is dropped."
    }
  ]
}

/** A line of the order, not yet validated. */
export interface OrderParsedLine {
  /** Number of the line within the order. */
  readonly line_no: number | null
  /** Product id as sent, as text. */
  readonly product_id: string | null
  /** Pieces ordered. */
  readonly quantity: number | null
  /** Amount of the line in minor units (hundredths) of the order's currency. */
  readonly line_amount: number | null
}

/** A field that was there but could not be converted. */
export interface ParseProblem {
  /** Stable code of the problem, such as `AMOUNT_NOT_A_NUMBER`. */
  readonly code: string
  /** Path of the field, such as `lines[2].quantity`. */
  readonly field: string
  /** What was sent, as JSON, cut to 200 characters. */
  readonly value: string
}

/** What ingest makes of an order event: converted to the right types, not yet validated. A field that was missing, null or could not be converted is null. */
export interface OrderParsed {
  /** Order id as sent, as text. */
  readonly order_id: string | null
  /** User id as sent, as text. */
  readonly user_id: string | null
  /** Store id as sent, as text. */
  readonly store_id: string | null
  /** Order status as sent, as text; not checked against the known ones. */
  readonly status: string | null
  /** Currency as sent, as text; not checked against ISO 4217. */
  readonly currency: string | null
  /** When the event took place, epoch milliseconds UTC. */
  readonly order_time: number | null
  /** Amount of the whole order in minor units (hundredths) of the currency. */
  readonly total_amount: number | null
  /** The lines in the order in which they were sent. */
  readonly lines: readonly OrderParsedLine[]
  /** One entry for each field that was there but could not be converted. */
  readonly problems: readonly ParseProblem[]
}

/** The Avro schema of {@link OrderParsed}. */
export const orderParsedSchema: AvroSchema<OrderParsed> = {
  "type": "record",
  "name": "OrderParsed",
  "namespace": "orderstreams",
  "doc": "What ingest makes of an order event: converted to the right types, not yet validated. A field that was missing, null or could not be converted is null.",
  "fields": [
    {
      "name": "order_id",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Order id as sent, as text."
    },
    {
      "name": "user_id",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "User id as sent, as text."
    },
    {
      "name": "store_id",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Store id as sent, as text."
    },
    {
      "name": "status",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Order status as sent, as text; not checked against the known ones."
    },
    {
      "name": "currency",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Currency as sent, as text; not checked against ISO 4217."
    },
    {
      "name": "order_time",
      "type": [
        "null",
        {
          "type": "long",
          "logicalType": "timestamp-millis"
        }
      ],
      "default": null,
      "doc": "When the event took place, epoch milliseconds UTC."
    },
    {
      "name": "total_amount",
      "type": [
        "null",
        "long"
      ],
      "default": null,
      "doc": "Amount of the whole order in minor units (hundredths) of the currency."
    },
    {
      "name": "lines",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "OrderParsedLine",
          "doc": "A line of the order, not yet validated.",
          "fields": [
            {
              "name": "line_no",
              "type": [
                "null",
                "int"
              ],
              "default": null,
              "doc": "Number of the line within the order."
            },
            {
              "name": "product_id",
              "type": [
                "null",
                "string"
              ],
              "default": null,
              "doc": "Product id as sent, as text."
            },
            {
              "name": "quantity",
              "type": [
                "null",
                "long"
              ],
              "default": null,
              "doc": "Pieces ordered."
            },
            {
              "name": "line_amount",
              "type": [
                "null",
                "long"
              ],
              "default": null,
              "doc": "Amount of the line in minor units (hundredths) of the order's currency."
            }
          ]
        }
      },
      "doc": "The lines in the order in which they were sent."
    },
    {
      "name": "problems",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "ParseProblem",
          "doc": "A field that was there but could not be converted.",
          "fields": [
            {
              "name": "code",
              "type": "string",
              "doc": "Stable code of the problem, such as `AMOUNT_NOT_A_NUMBER`."
            },
            {
              "name": "field",
              "type": "string",
              "doc": "Path of the field, such as `lines[2].quantity`."
            },
            {
              "name": "value",
              "type": "string",
              "doc": "What was sent, as JSON, cut to 200 characters."
            }
          ]
        }
      },
      "doc": "One entry for each field that was there but could not be converted."
    }
  ]
}

/** The header of a clean order event. */
export interface OrderProcessed {
  /** Order id. */
  readonly order_id: string
  /** User id; the key of the record. */
  readonly user_id: string
  /** Store id; null when the order names none. */
  readonly store_id: string | null
  /** Status in the event; the order has it from now on if `latest`. */
  readonly status: OrderStatus
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** Amount of the whole order in minor units (hundredths) of the currency. */
  readonly total_amount: number
  /** Number of lines in the event. */
  readonly line_count: number
  /** When the event took place, epoch milliseconds UTC. */
  readonly order_time: number
  /** The order's own time: order_time of the earliest of its events seen so far, epoch milliseconds UTC. */
  readonly placed_time: number
  /** Counts the events seen of this order; 1 is the first. */
  readonly event_number: number
  /** False when an event of the order with a later order_time was seen before this one. */
  readonly latest: boolean
  /** Codes of the warnings that cleansing raised. */
  readonly warnings: readonly string[]
  /** The products of the event's lines, each once, in the order of the lines. */
  readonly product_ids: readonly string[]
}

/** The Avro schema of {@link OrderProcessed}. */
export const orderProcessedSchema: AvroSchema<OrderProcessed> = {
  "type": "record",
  "name": "OrderProcessed",
  "namespace": "orderstreams",
  "doc": "The header of a clean order event.",
  "fields": [
    {
      "name": "order_id",
      "type": "string",
      "doc": "Order id."
    },
    {
      "name": "user_id",
      "type": "string",
      "doc": "User id; the key of the record."
    },
    {
      "name": "store_id",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Store id; null when the order names none."
    },
    {
      "name": "status",
      "type": {
        "type": "enum",
        "name": "OrderStatus",
        "doc": "Where an order stands. An order may be first seen in any of them.",
        "symbols": [
          "CREATED",
          "PAID",
          "SHIPPED",
          "DELIVERED",
          "COMPLETED",
          "CANCELLED",
          "REFUNDED"
        ]
      },
      "doc": "Status in the event; the order has it from now on if `latest`."
    },
    {
      "name": "currency",
      "type": "string",
      "doc": "ISO 4217 code in upper case, such as `USD`."
    },
    {
      "name": "total_amount",
      "type": "long",
      "doc": "Amount of the whole order in minor units (hundredths) of the currency."
    },
    {
      "name": "line_count",
      "type": "int",
      "doc": "Number of lines in the event."
    },
    {
      "name": "order_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When the event took place, epoch milliseconds UTC."
    },
    {
      "name": "placed_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "The order's own time: order_time of the earliest of its events seen so far, epoch milliseconds UTC."
    },
    {
      "name": "event_number",
      "type": "int",
      "doc": "Counts the events seen of this order; 1 is the first."
    },
    {
      "name": "latest",
      "type": "boolean",
      "doc": "False when an event of the order with a later order_time was seen before this one."
    },
    {
      "name": "warnings",
      "type": {
        "type": "array",
        "items": "string"
      },
      "doc": "Codes of the warnings that cleansing raised."
    },
    {
      "name": "product_ids",
      "type": {
        "type": "array",
        "items": "string"
      },
      "default": [],
      "doc": "The products of the event's lines, each once, in the order of the lines."
    }
  ]
}

/** The products of a user's latest order that were counted: state of statistics, since an order counts once for a product. */
export interface OrderProducts {
  /** The order. */
  readonly order_id: string
  /** Its products so far. */
  readonly product_ids: readonly string[]
}

/** The Avro schema of {@link OrderProducts}. */
export const orderProductsSchema: AvroSchema<OrderProducts> = {
  "type": "record",
  "name": "OrderProducts",
  "namespace": "orderstreams",
  "doc": "The products of a user's latest order that were counted: state of statistics, since an order counts once for a product.",
  "fields": [
    {
      "name": "order_id",
      "type": "string",
      "doc": "The order."
    },
    {
      "name": "product_ids",
      "type": {
        "type": "array",
        "items": "string"
      },
      "doc": "Its products so far."
    }
  ]
}

/** One rule that the event broke. */
export interface RejectionReason {
  /** Stable code of the rule, such as `AMOUNT_NEGATIVE`. */
  readonly code: string
  /** Path of the field at fault, such as `lines[2].quantity`. */
  readonly field: string
  /** What is wrong, for people. */
  readonly message: string
  /** The value at fault as text; null when it was missing. */
  readonly value: string | null
}

/** An order event that failed validation, with every reason. */
export interface OrderRejected {
  /** Order id; null when the event has none. */
  readonly order_id: string | null
  /** User id; null when the event has none. */
  readonly user_id: string | null
  /** Every rule that the event broke, in the order of the rules. */
  readonly reasons: readonly RejectionReason[]
  /** The event as JSON, in the form in which the Order API takes it. */
  readonly payload: string
  /** Topic of the rejected record. */
  readonly topic: string
  /** Partition of the rejected record. */
  readonly partition: number
  /** Offset of the rejected record. */
  readonly offset: number
  /** Timestamp of the rejected record, epoch milliseconds UTC: when the event took place or, where it names no plausible time, was received. No clock is read, so that processing again gives the same. */
  readonly rejected_time: number
}

/** The Avro schema of {@link OrderRejected}. */
export const orderRejectedSchema: AvroSchema<OrderRejected> = {
  "type": "record",
  "name": "OrderRejected",
  "namespace": "orderstreams",
  "doc": "An order event that failed validation, with every reason.",
  "fields": [
    {
      "name": "order_id",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Order id; null when the event has none."
    },
    {
      "name": "user_id",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "User id; null when the event has none."
    },
    {
      "name": "reasons",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "RejectionReason",
          "doc": "One rule that the event broke.",
          "fields": [
            {
              "name": "code",
              "type": "string",
              "doc": "Stable code of the rule, such as `AMOUNT_NEGATIVE`."
            },
            {
              "name": "field",
              "type": "string",
              "doc": "Path of the field at fault, such as `lines[2].quantity`."
            },
            {
              "name": "message",
              "type": "string",
              "doc": "What is wrong, for people."
            },
            {
              "name": "value",
              "type": [
                "null",
                "string"
              ],
              "default": null,
              "doc": "The value at fault as text; null when it was missing."
            }
          ]
        }
      },
      "doc": "Every rule that the event broke, in the order of the rules."
    },
    {
      "name": "payload",
      "type": "string",
      "doc": "The event as JSON, in the form in which the Order API takes it."
    },
    {
      "name": "topic",
      "type": "string",
      "doc": "Topic of the rejected record."
    },
    {
      "name": "partition",
      "type": "int",
      "doc": "Partition of the rejected record."
    },
    {
      "name": "offset",
      "type": "long",
      "doc": "Offset of the rejected record."
    },
    {
      "name": "rejected_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "Timestamp of the rejected record, epoch milliseconds UTC: when the event took place or, where it names no plausible time, was received. No clock is read, so that processing again gives the same."
    }
  ]
}

/** The symbols of {@link PeriodOrdersKind}, in the order of the schema. */
export const periodOrdersKindSymbols = [
  'MINUTE',
  'HOUR',
] as const

/** The length of the period. */
export type PeriodOrdersKind = (typeof periodOrdersKindSymbols)[number]

/** All orders of a minute or an hour in one currency. */
export interface PeriodOrders {
  /** What the figures are of. */
  readonly kind: PeriodOrdersKind
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** Orders, each counted at its first event. */
  readonly order_count: number
  /** Sum of the orders' amounts in minor units (hundredths) of the currency. */
  readonly total_amount: number
}

/** The symbols of {@link UserOrdersKind}, in the order of the schema. */
export const userOrdersKindSymbols = [
  'USER_HOUR',
  'USER_LAST_HOUR',
] as const

/** A full hour of the day, or the hour up to and with an order. */
export type UserOrdersKind = (typeof userOrdersKindSymbols)[number]

/** A user's orders in one currency. */
export interface UserOrders {
  /** What the figures are of. */
  readonly kind: UserOrdersKind
  /** User id. */
  readonly user_id: string
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** Orders, each counted at its first event. */
  readonly order_count: number
  /** Sum of the orders' amounts in minor units (hundredths) of the currency. */
  readonly total_amount: number
}

/** The symbols of {@link ProductSalesKind}, in the order of the schema. */
export const productSalesKindSymbols = [
  'PRODUCT_HOUR',
] as const

/** A full hour of the day. */
export type ProductSalesKind = (typeof productSalesKindSymbols)[number]

/** The sales of a product in an hour in one currency. */
export interface ProductSales {
  /** What the figures are of. */
  readonly kind: ProductSalesKind
  /** Product id. */
  readonly product_id: string
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** Orders with the product, each counted once, at its first event. */
  readonly order_count: number
  /** Pieces ordered. */
  readonly quantity: number
  /** Sum of the lines' amounts in minor units (hundredths) of the currency. */
  readonly sales_amount: number
}

/** The symbols of {@link StatusOrdersKind}, in the order of the schema. */
export const statusOrdersKindSymbols = [
  'STATUS_MINUTE',
] as const

/** A minute. */
export type StatusOrdersKind = (typeof statusOrdersKindSymbols)[number]

/** The events of a minute with one status. */
export interface StatusOrders {
  /** What the figures are of. */
  readonly kind: StatusOrdersKind
  /** The status, such as `PAID`. */
  readonly status: string
  /** Order events with the status. */
  readonly order_count: number
  /** Those by which an order had the status for the first time. */
  readonly entered_count: number
}

/** The symbols of {@link UserSessionKind}, in the order of the schema. */
export const userSessionKindSymbols = [
  'USER_SESSION',
] as const

/** A session. */
export type UserSessionKind = (typeof userSessionKindSymbols)[number]

/** A user's orders that follow each other closely. */
export interface UserSession {
  /** What the figures are of. */
  readonly kind: UserSessionKind
  /** User id. */
  readonly user_id: string
  /** Orders, each counted at its first event, of all currencies. */
  readonly order_count: number
  /** Sum of the amounts of the orders in `currency`, in minor units (hundredths) of it. */
  readonly total_amount: number
  /** The currency that most of the orders are in, of several the first in the alphabet. */
  readonly currency: string
  /** True when there is no session with this start any more, since it begins earlier; the figures are then 0. */
  readonly removed: boolean
}

/** The symbols of {@link OrderMilestoneKind}, in the order of the schema. */
export const orderMilestoneKindSymbols = [
  'MILESTONE',
] as const

/** A batch. */
export type OrderMilestoneKind = (typeof orderMilestoneKindSymbols)[number]

/** A batch of a round number of orders, in the order in which they were processed. */
export interface OrderMilestone {
  /** What the figures are of. */
  readonly kind: OrderMilestoneKind
  /** The number of the batch's last order among all orders, from 1. */
  readonly order_number: number
  /** That order. */
  readonly order_id: string
  /** Its user. */
  readonly user_id: string
  /** What the batch comes to, by currency. */
  readonly totals: readonly CurrencyTotals[]
}

/** A row of the order statistics, as it is from now on. It replaces what was sent before under its key. */
export interface OrderStatistic {
  /** When the window begins, epoch milliseconds UTC; of a session and of a batch the time of its first order. */
  readonly window_start: number
  /** When the window ends, epoch milliseconds UTC. Minutes and hours end before it; sessions, batches and the hour up to an order with an order at it. */
  readonly window_end: number
  /** What there is to tell of the window. */
  readonly figures: PeriodOrders | UserOrders | ProductSales | StatusOrders | UserSession | OrderMilestone
}

/** The Avro schema of {@link OrderStatistic}. */
export const orderStatisticSchema: AvroSchema<OrderStatistic> = {
  "type": "record",
  "name": "OrderStatistic",
  "namespace": "orderstreams",
  "doc": "A row of the order statistics, as it is from now on. It replaces what was sent before under its key.",
  "fields": [
    {
      "name": "window_start",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When the window begins, epoch milliseconds UTC; of a session and of a batch the time of its first order."
    },
    {
      "name": "window_end",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When the window ends, epoch milliseconds UTC. Minutes and hours end before it; sessions, batches and the hour up to an order with an order at it."
    },
    {
      "name": "figures",
      "type": [
        {
          "type": "record",
          "name": "PeriodOrders",
          "doc": "All orders of a minute or an hour in one currency.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "PeriodOrdersKind",
                "doc": "The length of the period.",
                "symbols": [
                  "MINUTE",
                  "HOUR"
                ]
              },
              "doc": "What the figures are of."
            },
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Orders, each counted at its first event."
            },
            {
              "name": "total_amount",
              "type": "long",
              "doc": "Sum of the orders' amounts in minor units (hundredths) of the currency."
            }
          ]
        },
        {
          "type": "record",
          "name": "UserOrders",
          "doc": "A user's orders in one currency.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "UserOrdersKind",
                "doc": "A full hour of the day, or the hour up to and with an order.",
                "symbols": [
                  "USER_HOUR",
                  "USER_LAST_HOUR"
                ]
              },
              "doc": "What the figures are of."
            },
            {
              "name": "user_id",
              "type": "string",
              "doc": "User id."
            },
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Orders, each counted at its first event."
            },
            {
              "name": "total_amount",
              "type": "long",
              "doc": "Sum of the orders' amounts in minor units (hundredths) of the currency."
            }
          ]
        },
        {
          "type": "record",
          "name": "ProductSales",
          "doc": "The sales of a product in an hour in one currency.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "ProductSalesKind",
                "doc": "A full hour of the day.",
                "symbols": [
                  "PRODUCT_HOUR"
                ]
              },
              "doc": "What the figures are of."
            },
            {
              "name": "product_id",
              "type": "string",
              "doc": "Product id."
            },
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Orders with the product, each counted once, at its first event."
            },
            {
              "name": "quantity",
              "type": "long",
              "doc": "Pieces ordered."
            },
            {
              "name": "sales_amount",
              "type": "long",
              "doc": "Sum of the lines' amounts in minor units (hundredths) of the currency."
            }
          ]
        },
        {
          "type": "record",
          "name": "StatusOrders",
          "doc": "The events of a minute with one status.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "StatusOrdersKind",
                "doc": "A minute.",
                "symbols": [
                  "STATUS_MINUTE"
                ]
              },
              "doc": "What the figures are of."
            },
            {
              "name": "status",
              "type": "string",
              "doc": "The status, such as `PAID`."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Order events with the status."
            },
            {
              "name": "entered_count",
              "type": "long",
              "doc": "Those by which an order had the status for the first time."
            }
          ]
        },
        {
          "type": "record",
          "name": "UserSession",
          "doc": "A user's orders that follow each other closely.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "UserSessionKind",
                "doc": "A session.",
                "symbols": [
                  "USER_SESSION"
                ]
              },
              "doc": "What the figures are of."
            },
            {
              "name": "user_id",
              "type": "string",
              "doc": "User id."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Orders, each counted at its first event, of all currencies."
            },
            {
              "name": "total_amount",
              "type": "long",
              "doc": "Sum of the amounts of the orders in `currency`, in minor units (hundredths) of it."
            },
            {
              "name": "currency",
              "type": "string",
              "doc": "The currency that most of the orders are in, of several the first in the alphabet."
            },
            {
              "name": "removed",
              "type": "boolean",
              "doc": "True when there is no session with this start any more, since it begins earlier; the figures are then 0."
            }
          ]
        },
        {
          "type": "record",
          "name": "OrderMilestone",
          "doc": "A batch of a round number of orders, in the order in which they were processed.",
          "fields": [
            {
              "name": "kind",
              "type": {
                "type": "enum",
                "name": "OrderMilestoneKind",
                "doc": "A batch.",
                "symbols": [
                  "MILESTONE"
                ]
              },
              "doc": "What the figures are of."
            },
            {
              "name": "order_number",
              "type": "long",
              "doc": "The number of the batch's last order among all orders, from 1."
            },
            {
              "name": "order_id",
              "type": "string",
              "doc": "That order."
            },
            {
              "name": "user_id",
              "type": "string",
              "doc": "Its user."
            },
            {
              "name": "totals",
              "type": {
                "type": "array",
                "items": {
                  "type": "record",
                  "name": "CurrencyTotals",
                  "doc": "What orders in one currency come to.",
                  "fields": [
                    {
                      "name": "currency",
                      "type": "string",
                      "doc": "ISO 4217 code in upper case, such as `USD`."
                    },
                    {
                      "name": "order_count",
                      "type": "long",
                      "doc": "Orders, each counted at its first event."
                    },
                    {
                      "name": "total_amount",
                      "type": "long",
                      "doc": "Sum of the orders' amounts in minor units (hundredths) of the currency."
                    }
                  ]
                }
              },
              "doc": "What the batch comes to, by currency."
            }
          ]
        }
      ],
      "doc": "What there is to tell of the window."
    }
  ]
}

/** An entry in the history of an order. */
export interface OrderStatusChange {
  /** Order id. */
  readonly order_id: string
  /** User id; the key of the record. */
  readonly user_id: string
  /** Counts the entries of the order; 1 is the first. */
  readonly sequence: number
  /** Where the order stood; null in its first entry, and where that cannot be said any more. */
  readonly from_status: OrderStatus | null
  /** The status in the event. */
  readonly to_status: OrderStatus
  /** When it took place, epoch milliseconds UTC. */
  readonly event_time: number
  /** Whether one status may follow the other; null when the event came so late that what was judged since is newer. */
  readonly legal: boolean | null
}

/** The Avro schema of {@link OrderStatusChange}. */
export const orderStatusChangeSchema: AvroSchema<OrderStatusChange> = {
  "type": "record",
  "name": "OrderStatusChange",
  "namespace": "orderstreams",
  "doc": "An entry in the history of an order.",
  "fields": [
    {
      "name": "order_id",
      "type": "string",
      "doc": "Order id."
    },
    {
      "name": "user_id",
      "type": "string",
      "doc": "User id; the key of the record."
    },
    {
      "name": "sequence",
      "type": "int",
      "doc": "Counts the entries of the order; 1 is the first."
    },
    {
      "name": "from_status",
      "type": [
        "null",
        {
          "type": "enum",
          "name": "OrderStatus",
          "doc": "Where an order stands. An order may be first seen in any of them.",
          "symbols": [
            "CREATED",
            "PAID",
            "SHIPPED",
            "DELIVERED",
            "COMPLETED",
            "CANCELLED",
            "REFUNDED"
          ]
        }
      ],
      "default": null,
      "doc": "Where the order stood; null in its first entry, and where that cannot be said any more."
    },
    {
      "name": "to_status",
      "type": "OrderStatus",
      "doc": "The status in the event."
    },
    {
      "name": "event_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When it took place, epoch milliseconds UTC."
    },
    {
      "name": "legal",
      "type": [
        "null",
        "boolean"
      ],
      "default": null,
      "doc": "Whether one status may follow the other; null when the event came so late that what was judged since is newer."
    }
  ]
}

/** The statuses that an order has had: state of statistics, since an order enters each once. */
export interface OrderStatuses {
  /** In the order in which they were seen. */
  readonly statuses: readonly OrderStatus[]
}

/** The Avro schema of {@link OrderStatuses}. */
export const orderStatusesSchema: AvroSchema<OrderStatuses> = {
  "type": "record",
  "name": "OrderStatuses",
  "namespace": "orderstreams",
  "doc": "The statuses that an order has had: state of statistics, since an order enters each once.",
  "fields": [
    {
      "name": "statuses",
      "type": {
        "type": "array",
        "items": {
          "type": "enum",
          "name": "OrderStatus",
          "doc": "Where an order stands. An order may be first seen in any of them.",
          "symbols": [
            "CREATED",
            "PAID",
            "SHIPPED",
            "DELIVERED",
            "COMPLETED",
            "CANCELLED",
            "REFUNDED"
          ]
        }
      },
      "doc": "In the order in which they were seen."
    }
  ]
}

/** What the orders in a window come to: state of statistics. */
export interface OrderTotals {
  /** order_time of the newest of the orders, epoch milliseconds UTC. */
  readonly newest_time: number
  /** By currency, in the order of the alphabet. */
  readonly totals: readonly CurrencyTotals[]
}

/** The Avro schema of {@link OrderTotals}. */
export const orderTotalsSchema: AvroSchema<OrderTotals> = {
  "type": "record",
  "name": "OrderTotals",
  "namespace": "orderstreams",
  "doc": "What the orders in a window come to: state of statistics.",
  "fields": [
    {
      "name": "newest_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "order_time of the newest of the orders, epoch milliseconds UTC."
    },
    {
      "name": "totals",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "CurrencyTotals",
          "doc": "What orders in one currency come to.",
          "fields": [
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Orders, each counted at its first event."
            },
            {
              "name": "total_amount",
              "type": "long",
              "doc": "Sum of the orders' amounts in minor units (hundredths) of the currency."
            }
          ]
        }
      },
      "doc": "By currency, in the order of the alphabet."
    }
  ]
}

/** Sales in one currency. */
export interface CurrencySales {
  /** ISO 4217 code in upper case, such as `USD`. */
  readonly currency: string
  /** Orders with the product. */
  readonly order_count: number
  /** Pieces ordered. */
  readonly quantity: number
  /** Sum of the lines' amounts in minor units (hundredths) of the currency. */
  readonly sales_amount: number
}

/** The sales of a product in a window: state of statistics. */
export interface ProductTotals {
  /** By currency, in the order of the alphabet. */
  readonly totals: readonly CurrencySales[]
}

/** The Avro schema of {@link ProductTotals}. */
export const productTotalsSchema: AvroSchema<ProductTotals> = {
  "type": "record",
  "name": "ProductTotals",
  "namespace": "orderstreams",
  "doc": "The sales of a product in a window: state of statistics.",
  "fields": [
    {
      "name": "totals",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "CurrencySales",
          "doc": "Sales in one currency.",
          "fields": [
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Orders with the product."
            },
            {
              "name": "quantity",
              "type": "long",
              "doc": "Pieces ordered."
            },
            {
              "name": "sales_amount",
              "type": "long",
              "doc": "Sum of the lines' amounts in minor units (hundredths) of the currency."
            }
          ]
        }
      },
      "doc": "By currency, in the order of the alphabet."
    }
  ]
}

/** A product with the last order of it. */
export interface RecentProduct {
  /** Product id. */
  readonly product_id: string
  /** The last order with it. */
  readonly order_id: string
  /** When that was placed. */
  readonly order_time: number
}

/** The products that a user ordered last: state of detection. */
export interface RecentProducts {
  /** Those ordered longest ago first. */
  readonly products: readonly RecentProduct[]
}

/** The Avro schema of {@link RecentProducts}. */
export const recentProductsSchema: AvroSchema<RecentProducts> = {
  "type": "record",
  "name": "RecentProducts",
  "namespace": "orderstreams",
  "doc": "The products that a user ordered last: state of detection.",
  "fields": [
    {
      "name": "products",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "RecentProduct",
          "doc": "A product with the last order of it.",
          "fields": [
            {
              "name": "product_id",
              "type": "string",
              "doc": "Product id."
            },
            {
              "name": "order_id",
              "type": "string",
              "doc": "The last order with it."
            },
            {
              "name": "order_time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "When that was placed."
            }
          ]
        }
      },
      "doc": "Those ordered longest ago first."
    }
  ]
}

/** The events with one status in a window: state of statistics. */
export interface StatusTotals {
  /** Order events with the status. */
  readonly order_count: number
  /** Those by which an order had the status for the first time. */
  readonly entered_count: number
}

/** The Avro schema of {@link StatusTotals}. */
export const statusTotalsSchema: AvroSchema<StatusTotals> = {
  "type": "record",
  "name": "StatusTotals",
  "namespace": "orderstreams",
  "doc": "The events with one status in a window: state of statistics.",
  "fields": [
    {
      "name": "order_count",
      "type": "long",
      "doc": "Order events with the status."
    },
    {
      "name": "entered_count",
      "type": "long",
      "doc": "Those by which an order had the status for the first time."
    }
  ]
}

/** A product that a user orders often. */
export interface FavoriteProduct {
  /** Product id. */
  readonly product_id: string
  /** The user's orders with it. */
  readonly order_count: number
}

/** How a user orders. It replaces what was sent before of the user. */
export interface UserBehavior {
  /** User id; the key of the record. */
  readonly user_id: string
  /** Orders of all currencies, each counted once. */
  readonly order_count: number
  /** Sum of the amounts of the orders in `currency`, in minor units (hundredths) of it. */
  readonly total_amount: number
  /** The currency that most of the orders are in, of several the first in the alphabet. */
  readonly currency: string
  /** Mean time between an order and the next, in milliseconds; null as long as there is one order. */
  readonly average_gap_ms: number | null
  /** The products of most orders, most often ordered first. */
  readonly favorite_products: readonly FavoriteProduct[]
  /** The time of the oldest order, epoch milliseconds UTC. */
  readonly first_seen: number
  /** The time of the newest order, epoch milliseconds UTC. */
  readonly last_seen: number
}

/** The Avro schema of {@link UserBehavior}. */
export const userBehaviorSchema: AvroSchema<UserBehavior> = {
  "type": "record",
  "name": "UserBehavior",
  "namespace": "orderstreams",
  "doc": "How a user orders. It replaces what was sent before of the user.",
  "fields": [
    {
      "name": "user_id",
      "type": "string",
      "doc": "User id; the key of the record."
    },
    {
      "name": "order_count",
      "type": "long",
      "doc": "Orders of all currencies, each counted once."
    },
    {
      "name": "total_amount",
      "type": "long",
      "doc": "Sum of the amounts of the orders in `currency`, in minor units (hundredths) of it."
    },
    {
      "name": "currency",
      "type": "string",
      "doc": "The currency that most of the orders are in, of several the first in the alphabet."
    },
    {
      "name": "average_gap_ms",
      "type": [
        "null",
        "long"
      ],
      "default": null,
      "doc": "Mean time between an order and the next, in milliseconds; null as long as there is one order."
    },
    {
      "name": "favorite_products",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "FavoriteProduct",
          "doc": "A product that a user orders often.",
          "fields": [
            {
              "name": "product_id",
              "type": "string",
              "doc": "Product id."
            },
            {
              "name": "order_count",
              "type": "int",
              "doc": "The user's orders with it."
            }
          ]
        }
      },
      "doc": "The products of most orders, most often ordered first."
    },
    {
      "name": "first_seen",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "The time of the oldest order, epoch milliseconds UTC."
    },
    {
      "name": "last_seen",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "The time of the newest order, epoch milliseconds UTC."
    }
  ]
}

/** What is known of a user's orders: state of detection. */
export interface UserProfile {
  /** In the order of the currencies. */
  readonly totals: readonly CurrencyTotals[]
  /** The time of the oldest order. */
  readonly first_seen: number
  /** The time of the newest order. */
  readonly last_seen: number
  /** Most often ordered first; not all of them. */
  readonly products: readonly FavoriteProduct[]
}

/** The Avro schema of {@link UserProfile}. */
export const userProfileSchema: AvroSchema<UserProfile> = {
  "type": "record",
  "name": "UserProfile",
  "namespace": "orderstreams",
  "doc": "What is known of a user's orders: state of detection.",
  "fields": [
    {
      "name": "totals",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "CurrencyTotals",
          "doc": "What orders in one currency come to.",
          "fields": [
            {
              "name": "currency",
              "type": "string",
              "doc": "ISO 4217 code in upper case, such as `USD`."
            },
            {
              "name": "order_count",
              "type": "long",
              "doc": "Orders, each counted at its first event."
            },
            {
              "name": "total_amount",
              "type": "long",
              "doc": "Sum of the orders' amounts in minor units (hundredths) of the currency."
            }
          ]
        }
      },
      "doc": "In the order of the currencies."
    },
    {
      "name": "first_seen",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "The time of the oldest order."
    },
    {
      "name": "last_seen",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "The time of the newest order."
    },
    {
      "name": "products",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "FavoriteProduct",
          "doc": "A product that a user orders often.",
          "fields": [
            {
              "name": "product_id",
              "type": "string",
              "doc": "Product id."
            },
            {
              "name": "order_count",
              "type": "int",
              "doc": "The user's orders with it."
            }
          ]
        }
      },
      "doc": "Most often ordered first; not all of them."
    }
  ]
}
