/**
 * What cleanse does with one order event, as a decision: the stage's operator only carries it out.
 *
 *     validate ─► rejected, with every reason
 *        └──────► look into the order's memory ─► a repeat, dropped
 *                                             └─► header, lines, and the new memory
 *
 * Nothing here reads a clock. How far ahead of its receipt an event may lie is counted from the record's timestamp, which
 * is the event's own time where that was plausible on receipt, and the time of receipt otherwise: so the same records
 * give the same result whenever they are processed.
 */
import { type AssessOptions, assessOrder } from '../../orders/assess-order.ts'
import type {
  OrderLine,
  OrderMemory,
  OrderParsed,
  OrderProcessed,
  OrderRejected,
} from '../../schemas/generated/records.ts'
import { defaultMemoryLimits, type MemoryLimits, rememberEvent } from './memory.ts'
import { type RejectedRecord, toHeader, toLines, toRejection } from './split.ts'

export interface CleanseSettings extends AssessOptions {
  readonly memory?: MemoryLimits
}

export type Cleansed =
  | { readonly kind: 'rejected'; readonly rejection: OrderRejected }
  | { readonly kind: 'repeat'; readonly orderId: string }
  | {
      readonly kind: 'clean'
      readonly header: OrderProcessed
      readonly lines: readonly OrderLine[]
      readonly memory: OrderMemory
    }

/** @param recall what is remembered of an order; undefined when it is new */
export function cleanseOrder(
  sent: OrderParsed,
  record: RejectedRecord & { readonly timestampMs: number },
  recall: (orderId: string) => OrderMemory | undefined,
  settings: CleanseSettings = {},
): Cleansed {
  const assessment = assessOrder(sent, record.timestampMs, settings)
  if (!assessment.accepted) {
    const rejection = toRejection(sent, assessment.findings, record, record.timestampMs)
    return { kind: 'rejected', rejection }
  }
  const { order, warnings } = assessment
  const event = {
    status: order.status,
    timeMs: order.order_time,
    lineNumbers: order.lines.map((line) => line.line_no),
  }
  const decision = rememberEvent(
    recall(order.order_id) ?? null,
    event,
    settings.memory ?? defaultMemoryLimits,
  )
  if (decision.outcome === 'repeat') return { kind: 'repeat', orderId: order.order_id }
  return {
    kind: 'clean',
    header: toHeader(order, decision, warnings),
    lines: toLines(order, decision),
    memory: decision.memory,
  }
}
