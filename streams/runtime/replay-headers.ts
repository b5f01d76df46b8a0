/**
 * The headers of a record that is sent for a second time, because whoever read it first failed on it.
 *
 * 1. Only the sub-topology that it is sent for takes it. All others have had the record before, and pass over the copy.
 * 2. They are about that one record: what an operator makes of it is new, and carries neither.
 */
import type { Headers } from '../records/record-batch.ts'

/** How often a replayed record was tried before. */
export const attemptHeader = 'dead-letter-attempt'

/** Whom a replayed record is for: topology and sub-topology, with a slash in between. */
export const replayForHeader = 'replay-for'

/** A sub-topology as the header names it. */
export function recipientName(topology: string, subTopology: string): string {
  return `${topology}/${subTopology}`
}

/** The headers of a copy of a record: its own, and what makes it a replay. */
export function replayHeaders(original: Headers, recipient: string, attemptsBefore: number): Headers {
  return [
    ...withoutReplay(original),
    { key: attemptHeader, value: Buffer.from(String(attemptsBefore)) },
    { key: replayForHeader, value: Buffer.from(recipient) },
  ]
}

/** Whom a record is for; undefined for a record that is for everybody. */
export function recipientOf(headers: Headers | undefined): string | undefined {
  const value = headers?.find(({ key }) => key === replayForHeader)?.value
  if (value === null || value === undefined) return undefined
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString()
}

/** How often a record was tried before; 0 when its header says nothing sensible. */
export function attemptsBefore(headers: Headers): number {
  const header = headers.find(({ key }) => key === attemptHeader)
  const attempts = header?.value == null ? 0 : Number(Buffer.from(header.value).toString())
  return Number.isSafeInteger(attempts) && attempts > 0 ? attempts : 0
}

/** The headers that go on to what is made of a record. */
export function withoutReplay(headers: Headers): Headers {
  return headers.some(isOfReplay) ? headers.filter((header) => !isOfReplay(header)) : headers
}

function isOfReplay({ key }: Headers[number]): boolean {
  return key === replayForHeader || key === attemptHeader
}
