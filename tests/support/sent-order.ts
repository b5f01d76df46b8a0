/** An order event as the sample and the simulator have it: whole, and valid. */
export interface SentOrder {
  readonly order_id: string
  readonly user_id: string
  readonly store_id?: string
  readonly status: string
  readonly currency: string
  readonly order_time: string
  readonly total_amount: string
  readonly lines: readonly {
    readonly line_no: number
    readonly product_id: string
    readonly quantity: number
    readonly line_amount: string
  }[]
}
