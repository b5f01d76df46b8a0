import kafkaJsErrors from 'kafkajs/src/protocol/error.js'
import { describe, expect, it } from 'vitest'
import { errorCatalogue } from '../../../errors.ts'
import { describeCode, knownCodes } from './error-codes.ts'

describe('the error codes of brokers', () => {
  it('should include all that kafkajs knows', () => {
    const known = new Set(knownCodes())
    expect(kafkaJsErrors.errorCodes.filter(({ code }) => !known.has(code))).toEqual([])
  })

  it('should be tried again exactly when the engine may call again, but for topics that may be new', () => {
    for (const errorCode of knownCodes()) {
      const { name, reaction, becomes } = describeCode(errorCode)
      const passes = errorCatalogue[becomes].recovery === 'retry' || becomes === 'TOPIC_UNKNOWN'
      expect([name, reaction !== 'fail']).toEqual([name, passes])
    }
  })

  it('should fail at once when nobody knows them', () => {
    expect(describeCode(9999)).toMatchObject({ reaction: 'fail', becomes: 'LOG_REFUSED' })
  })
})
