/** What can keep the Order API from working, told so that whoever started it can mend it. */

export type OrderApiErrorCode =
  | 'INPUT_NOT_FOUND'
  | 'INPUT_UNREADABLE'
  | 'INPUT_CORRUPT'
  | 'PORT_UNUSABLE'
  | 'ORDER_API_UNAVAILABLE'

export class OrderApiError extends Error {
  readonly code: OrderApiErrorCode

  constructor(code: OrderApiErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'OrderApiError'
    this.code = code
  }
}

/** The code of an error of Node.js, such as ENOENT. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
