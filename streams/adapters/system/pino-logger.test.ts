import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { StreamsError } from '../../errors.ts'
import { pinoLogger } from './pino-logger.ts'

function collector(): { stream: Writable; lines(): string[] } {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  return { stream, lines: () => text.split('\n').filter((line) => line !== '') }
}

describe('pinoLogger', () => {
  it('should write fields, level and sentence as one JSON object a line', () => {
    const { stream, lines } = collector()
    const logger = pinoLogger({ level: 'info', format: 'json', stream })
    logger.info({ task: '0_1', offset: 7 }, 'task started')
    logger.warn({}, 'second')
    expect(lines().map((line) => JSON.parse(line))).toMatchObject([
      { level: 'info', task: '0_1', offset: 7, msg: 'task started' },
      { level: 'warn', msg: 'second' },
    ])
  })

  it('should leave out what lies below its level', () => {
    const { stream, lines } = collector()
    const logger = pinoLogger({ level: 'warn', format: 'json', stream })
    logger.debug({}, 'debug')
    logger.info({}, 'info')
    logger.error({}, 'error')
    expect(lines()).toHaveLength(1)
  })

  it('should give every line of a child the child’s fields', () => {
    const { stream, lines } = collector()
    const child = pinoLogger({ level: 'debug', format: 'json', stream }).child({ topology: 'ingest' })
    child.child({ task: '0_0' }).debug({}, 'deep')
    expect(JSON.parse(lines()[0]!)).toMatchObject({ topology: 'ingest', task: '0_0', msg: 'deep' })
  })

  it('should write an error with its code and cause', () => {
    const { stream, lines } = collector()
    const error = new StreamsError('STATE_CORRUPT', 'cannot be read', { cause: new Error('checksum') })
    pinoLogger({ level: 'info', format: 'json', stream }).error({ error }, 'task failed')
    expect(JSON.parse(lines()[0]!).error).toMatchObject({
      type: 'StreamsError',
      code: 'STATE_CORRUPT',
      message: 'cannot be read',
      cause: { message: 'checksum' },
    })
  })

  it('should write text for people', async () => {
    const { stream, lines } = collector()
    pinoLogger({ level: 'info', format: 'text', stream }).info({ task: '0_1' }, 'task started')
    await expect.poll(() => lines().join('\n')).toMatch(/INFO.*task started[\s\S]*task: "0_1"/)
  })
})
