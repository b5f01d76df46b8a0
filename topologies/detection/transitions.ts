/** Which status of an order may follow which. An order may be first seen in any of them. */
import type { OrderStatus } from '../../schemas/generated/records.ts'

export const legalTransitions: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  CREATED: ['PAID', 'CANCELLED'],
  PAID: ['SHIPPED', 'CANCELLED', 'REFUNDED'],
  SHIPPED: ['DELIVERED', 'REFUNDED'],
  DELIVERED: ['COMPLETED', 'REFUNDED'],
  COMPLETED: ['REFUNDED'],
  CANCELLED: [],
  REFUNDED: [],
}

export function isLegal(from: OrderStatus, to: OrderStatus): boolean {
  return legalTransitions[from].includes(to)
}
