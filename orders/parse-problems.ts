/** What can be wrong with a field before any rule looks at it, and what to do about it. */

interface ProblemText {
  readonly message: string
  readonly remedy: string
}

export const parseProblems = {
  ID_NOT_TEXT: {
    message: 'the id is neither text nor an integer',
    remedy: 'send the id as a JSON string',
  },
  ID_NOT_EXACT: {
    message: 'the id is a number too large for JSON to carry exactly',
    remedy: 'send the id as a JSON string',
  },
  TEXT_EXPECTED: { message: 'the value is not text', remedy: 'send a JSON string' },
  TEXT_NOT_WELL_FORMED: {
    message: 'the text holds half of a surrogate pair, so it is not valid Unicode',
    remedy: 'send valid Unicode text',
  },
  AMOUNT_NOT_A_NUMBER: {
    message: 'the amount is not a decimal number',
    remedy: 'send digits with a decimal point and at most two decimals, such as "12.50"',
  },
  AMOUNT_TOO_PRECISE: {
    message: 'the amount has more than two decimals',
    remedy: 'round the amount to two decimals before sending it',
  },
  AMOUNT_NOT_EXACT: {
    message: 'the amount is a number too large for JSON to carry exactly',
    remedy: 'send the amount as a JSON string',
  },
  AMOUNT_OUT_OF_RANGE: {
    message: 'the amount does not fit into 64 bits of hundredths as JavaScript holds them',
    remedy: 'send an amount below 90071992547409.92',
  },
  QUANTITY_NOT_AN_INTEGER: {
    message: 'the quantity is not a whole number',
    remedy: 'send a whole number of pieces, such as 3',
  },
  QUANTITY_OUT_OF_RANGE: {
    message: 'the quantity is too large to be held exactly',
    remedy: 'send a quantity below 9007199254740992',
  },
  LINE_NO_NOT_AN_INTEGER: {
    message: 'the line number is not a whole number',
    remedy: 'number the lines 1, 2, 3 …',
  },
  LINE_NO_OUT_OF_RANGE: {
    message: 'the line number does not fit into 32 bits',
    remedy: 'number the lines 1, 2, 3 …',
  },
  TIME_NOT_A_TIME: {
    message: 'the time is neither ISO 8601 nor epoch seconds or milliseconds',
    remedy: 'send a time such as "2017-01-01T11:53:26Z"',
  },
  TIME_WITHOUT_ZONE: {
    message: 'the time names no zone, so it could mean any of 26 hours',
    remedy: 'append Z for UTC, or an offset such as +01:00',
  },
  TIME_OUT_OF_RANGE: {
    message: 'the time lies beyond what a date can hold',
    remedy: 'send epoch seconds or milliseconds',
  },
  LINES_NOT_AN_ARRAY: { message: 'lines is not an array', remedy: 'send an array of line objects' },
  LINE_NOT_AN_OBJECT: {
    message: 'the line is not an object',
    remedy: 'send an object with line_no, product_id, quantity and line_amount',
  },
  LINES_TOO_MANY: {
    message: 'the order has more lines than are taken',
    remedy: 'split the order into several',
  },
  PROBLEMS_TOO_MANY: {
    message: 'the order has further problems, which are not listed',
    remedy: 'mend those listed and send the order again',
  },
} as const satisfies Record<string, ProblemText>

export type ParseProblemCode = keyof typeof parseProblems

/** The text for a code read from a record, which another version may have written. */
export function parseProblemText(code: string): ProblemText {
  return Object.hasOwn(parseProblems, code)
    ? parseProblems[code as ParseProblemCode]
    : { message: 'the field could not be converted', remedy: 'send the field as the Order API documents it' }
}
