import { describe, expect, it } from 'vitest'
import {
  attemptHeader,
  attemptsBefore,
  recipientName,
  recipientOf,
  replayForHeader,
  replayHeaders,
  withoutReplay,
} from './replay-headers.ts'

const own = [{ key: 'trace', value: Buffer.from('1') }]

describe('headers of replayed records', () => {
  it('should say whom the copy is for and how often the record was tried, beside its own headers', () => {
    const headers = replayHeaders(own, recipientName('cleanse', 'order-parsed'), 2)
    expect(headers.slice(0, 1)).toEqual(own)
    expect(recipientOf(headers)).toBe('cleanse/order-parsed')
    expect(attemptsBefore(headers)).toBe(2)
  })

  it('should be replaced by those of the next replay', () => {
    const headers = replayHeaders(replayHeaders(own, 'a/b', 1), 'a/c', 2)
    expect(headers.map(({ key }) => key)).toEqual(['trace', attemptHeader, replayForHeader])
    expect(recipientOf(headers)).toBe('a/c')
    expect(attemptsBefore(headers)).toBe(2)
  })

  it('should not go on to what is made of the record', () => {
    expect(withoutReplay(replayHeaders(own, 'a/b', 1))).toEqual(own)
    expect(withoutReplay(own)).toBe(own)
  })

  it('should count no attempts where the header makes no sense', () => {
    const counted = ['x', '-1', '1.5', '', null].map((text) =>
      attemptsBefore([{ key: attemptHeader, value: text === null ? null : Buffer.from(text) }]),
    )
    expect(counted).toEqual([0, 0, 0, 0, 0])
    expect(recipientOf(undefined)).toBeUndefined()
    expect(recipientOf([{ key: replayForHeader, value: null }])).toBeUndefined()
  })
})
