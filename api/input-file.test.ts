import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { topics } from '../schemas/topics.ts'
import { MemoryStoreProvider } from '../streams/adapters/memory/memory-store.ts'
import { type Log, StreamsError } from '../streams/index.ts'
import { MemoryRegistry } from '../streams/testing/index.ts'
import { type OrderLog, openOrderLog, recordsOf } from '../tests/support/order-log.ts'
import { type InputOptions, type InputProgress, ingestFile, ingestStream } from './input-file.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'order-input-'))
})

afterEach(() => rm(directory, { recursive: true }))

async function fileOf(content: string | Buffer, name = 'orders.ndjson'): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, content)
  return path
}

function optionsFor(order: OrderLog, more: Partial<InputOptions> = {}): InputOptions {
  return { ...order, topics, ...more }
}

const order = (number: number, user = `user-${number % 5}`) =>
  JSON.stringify({ order_id: number, user_id: ` ${user} `, order_time: 1_500_000_000 + number })

const manyLines = Array.from({ length: 100 }, (_, i) => order(i))

describe('ingestFile', () => {
  it('should append every line as it stands, keyed by user and stamped with its time', async () => {
    const lines = [order(1), '', '{"user_id":7}', '\xff\xfe', order(3), 'no order']
    const opened = await openOrderLog()
    const path = await fileOf(Buffer.from(`${lines.join('\r\n')}\n`, 'latin1'))
    expect(await ingestFile(path, optionsFor(opened))).toEqual({ lines: 6, appendedLines: 6, done: true })
    const records = await recordsOf(opened.log, 'order-raw')
    const seen = records.map(({ key, value, timestampMs }) => [value.toString('latin1'), key, timestampMs])
    expect(seen.sort()).toEqual(
      [
        [lines[0], 'user-1', 1_500_000_001_000],
        ['', null, 1_500_000_001_000],
        ['{"user_id":7}', '7', 1_500_000_001_000],
        ['\xff\xfe', null, 1_500_000_001_000],
        [lines[4], 'user-3', 1_500_000_003_000],
        ['no order', null, 1_500_000_003_000],
      ].sort(),
    )
  })

  it('should stamp with 0 what comes before the first time, and not take times of the far future', async () => {
    const opened = await openOrderLog()
    const path = await fileOf(`{"a":1}\n${JSON.stringify({ order_time: '2999-01-01T00:00:00Z' })}`)
    await ingestFile(path, optionsFor(opened))
    expect((await recordsOf(opened.log, 'order-raw')).map(({ timestampMs }) => timestampMs)).toEqual([0, 0])
  })

  it('should put the events of one user into one partition in their order', async () => {
    const opened = await openOrderLog()
    await ingestFile(await fileOf(manyLines.join('\n')), optionsFor(opened, { limits: { batchLines: 7 } }))
    const records = await recordsOf(opened.log, 'order-raw')
    for (let user = 0; user < 5; user++) {
      const own = records.filter(({ key }) => key === `user-${user}`)
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1)
      expect(own.map(({ value }) => value.toString())).toEqual(manyLines.filter((_, i) => i % 5 === user))
    }
  })

  it('should unpack gzip by its content, several members too', async () => {
    const opened = await openOrderLog()
    const packed = Buffer.concat([gzipSync('{"a":1}\n'), gzipSync('{"a":2}\n')])
    expect(await ingestFile(await fileOf(packed, 'x.txt'), optionsFor(opened))).toMatchObject({
      lines: 2,
      done: true,
    })
  })

  it('should read nothing of an empty file', async () => {
    const opened = await openOrderLog()
    expect(await ingestFile(await fileOf(''), optionsFor(opened))).toEqual({
      lines: 0,
      appendedLines: 0,
      done: true,
    })
  })

  it('should cut off a line that no order can be as long as, and keep the memory bounded', async () => {
    const opened = await openOrderLog()
    const path = await fileOf(`${order(1)}\n${'x'.repeat(5_000_000)}\n${order(2)}\n`)
    await ingestFile(path, optionsFor(opened))
    const records = await recordsOf(opened.log, 'order-raw')
    expect(records.map(({ value }) => value.length).sort((a, b) => a - b)).toEqual([
      order(1).length,
      order(2).length,
      1_001_000,
    ])
  })

  it('should add nothing when it reads a file again, wherever that lies now', async () => {
    const opened = await openOrderLog()
    await ingestFile(await fileOf(manyLines.join('\n')), optionsFor(opened))
    const copy = await fileOf(manyLines.join('\n'), 'copy.ndjson')
    const progress: InputProgress[] = []
    const result = await ingestFile(copy, optionsFor(opened, { onProgress: (p) => progress.push(p) }))
    expect(result).toEqual({ lines: 100, appendedLines: 0, done: true })
    expect(progress.at(-1)).toMatchObject({ lines: 100, done: true })
    expect(await recordsOf(opened.log, 'order-raw')).toHaveLength(100)
  })

  it('should report how far it is, up to the whole file', async () => {
    const opened = await openOrderLog()
    const content = manyLines.join('\n')
    const progress: InputProgress[] = []
    const onProgress = (p: InputProgress) => progress.push(p)
    await ingestFile(await fileOf(content), optionsFor(opened, { limits: { batchLines: 30 }, onProgress }))
    expect(progress.map(({ lines, done }) => [lines, done])).toEqual([
      [0, false],
      [30, false],
      [60, false],
      [90, false],
      [100, true],
    ])
    expect(progress.at(-1)).toMatchObject({ bytes: content.length, totalBytes: content.length })
  })

  it('should stop when it is told to and go on later where it was', async () => {
    const opened = await openOrderLog()
    const path = await fileOf(manyLines.join('\n'))
    const controller = new AbortController()
    const onProgress = ({ lines }: InputProgress) => lines >= 20 && controller.abort()
    const limits = { batchLines: 10 }
    const first = await ingestFile(
      path,
      optionsFor(opened, { limits, onProgress, signal: controller.signal }),
    )
    expect(first).toEqual({ lines: 20, appendedLines: 20, done: false })
    expect(await ingestFile(path, optionsFor(opened))).toEqual({ lines: 100, appendedLines: 80, done: true })
    expect(await recordsOf(opened.log, 'order-raw')).toHaveLength(100)
  })

  it('should end in the same records after a crash at any write', async () => {
    // Lines without a time are stamped with the one before: that must hold across the crash too.
    const lines = manyLines.slice(0, 24).map((line, i) => (i % 4 === 3 ? `{"user_id":${i}}` : line))
    const content = lines.join('\n')
    const path = await fileOf(gzipSync(content))
    const limits = { batchLines: 5 }
    const registry = new MemoryRegistry()
    const crashes: MemoryStoreProvider[] = []
    const provider: MemoryStoreProvider = new MemoryStoreProvider({
      beforeWrite: () => void crashes.push(provider.snapshot({ beforeWrite: () => {} })),
    })
    const undisturbed = await openOrderLog({ provider, registry })
    const writesBefore = crashes.length
    await ingestFile(path, optionsFor(undisturbed, { limits }))
    const expected = await recordsOf(undisturbed.log, 'order-raw')
    expect(expected).toHaveLength(24)
    expect(crashes.length - writesBefore).toBeGreaterThanOrEqual(5)
    for (const crash of crashes.slice(writesBefore)) {
      const restarted = await openOrderLog({ provider: crash, registry })
      expect(await ingestFile(path, optionsFor(restarted, { limits }))).toMatchObject({
        lines: 24,
        done: true,
      })
      expect(await recordsOf(restarted.log, 'order-raw')).toEqual(expected)
    }
  })

  it('should try again when a transaction fails, and append every line once', async () => {
    const opened = await openOrderLog()
    let commits = 0
    const log = withCommit(opened.log, async (commit) => {
      commits++
      if (commits === 2) throw new StreamsError('TRANSACTION_ABORTED', 'lost')
      await commit()
      if (commits === 4) throw new StreamsError('TRANSACTION_OUTCOME_UNKNOWN', 'no answer')
    })
    const running = ingestFile(await fileOf(manyLines.join('\n')), {
      ...optionsFor(opened, { limits: { batchLines: 25 } }),
      log,
    })
    expect(await untilSettled(running, opened)).toMatchObject({ lines: 100, appendedLines: 100, done: true })
    expect(await recordsOf(opened.log, 'order-raw')).toHaveLength(100)
  })

  it('should read a file once when two read it at the same time: the first gives way', async () => {
    const opened = await openOrderLog()
    const path = await fileOf(manyLines.join('\n'))
    let commits = 0
    const log = withCommit(opened.log, async (commit) => {
      commits++
      if (commits === 3) {
        const second = await ingestFile(path, optionsFor(opened))
        expect(second).toEqual({ lines: 100, appendedLines: 80, done: true })
      }
      await commit()
    })
    const first = ingestFile(path, { ...optionsFor(opened, { limits: { batchLines: 10 } }), log })
    await expect(first).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
    expect(await recordsOf(opened.log, 'order-raw')).toHaveLength(100)
  })

  it('should give up after so many failures in a row', async () => {
    const opened = await openOrderLog()
    let commits = 0
    const log = withCommit(opened.log, async () => {
      commits++
      throw new StreamsError('LOG_UNAVAILABLE', 'away')
    })
    const running = ingestFile(await fileOf('{}'), {
      ...optionsFor(opened, { limits: { maxFailures: 3 } }),
      log,
    })
    await expect(untilSettled(running, opened)).rejects.toThrow('away')
    expect(commits).toBe(3)
  })

  it('should tell of a file that is not there, is no file or is damaged', async () => {
    const options = optionsFor(await openOrderLog())
    await expect(ingestFile(join(directory, 'none'), options)).rejects.toMatchObject({
      code: 'INPUT_NOT_FOUND',
    })
    await expect(ingestFile(directory, options)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    const packed = gzipSync(manyLines.join('\n'))
    const damaged = await fileOf(packed.subarray(0, packed.length - 20))
    await expect(ingestFile(damaged, options)).rejects.toMatchObject({ code: 'INPUT_CORRUPT' })
  })

  it('should append the whole lines before the damage in a packed file, once however often it is tried', async () => {
    const opened = await openOrderLog()
    const packed = gzipSync(manyLines.join('\n'))
    const damaged = await fileOf(packed.subarray(0, packed.length - 20))
    await expect(ingestFile(damaged, optionsFor(opened))).rejects.toThrow('unexpected end of file')
    const seen = (await recordsOf(opened.log, 'order-raw')).map(({ value }) => value.toString())
    expect(seen.length).toBeGreaterThan(manyLines.length / 2)
    expect(seen.sort()).toEqual(manyLines.slice(0, seen.length).sort())
    await expect(ingestFile(damaged, optionsFor(opened))).rejects.toThrow('unexpected end of file')
    expect(await recordsOf(opened.log, 'order-raw')).toHaveLength(seen.length)
  })

  it('should read the sample whole', async () => {
    const opened = await openOrderLog()
    const sample = new URL('../samples/orders-2017-01.ndjson.gz', import.meta.url).pathname
    const progress: InputProgress[] = []
    const onProgress = (p: InputProgress) => progress.push(p)
    expect(await ingestFile(sample, optionsFor(opened, { onProgress }))).toMatchObject({
      lines: 12_721,
      done: true,
    })
    expect(progress.at(-1)!.bytes).toBe((await readFile(sample)).length)
    expect(await recordsOf(opened.log, 'order-raw')).toHaveLength(12_721)
  })
})

describe('ingestStream', () => {
  it('should append whatever has come without waiting for more', async () => {
    const opened = await openOrderLog()
    const source = new PassThrough()
    const progress: InputProgress[] = []
    let reported = () => {}
    const running = ingestStream(
      source,
      optionsFor(opened, {
        onProgress: (p) => {
          progress.push(p)
          reported()
        },
      }),
    )
    const firstBatch = new Promise<void>((resolve) => {
      reported = () => progress.some(({ lines }) => lines === 2) && resolve()
    })
    source.write(`${order(1)}\n${order(2)}\n{"half`)
    await firstBatch
    expect(await recordsOf(opened.log, 'order-raw')).toHaveLength(2)
    source.end('":1}')
    expect(await running).toEqual({ lines: 3, appendedLines: 3, done: true })
    expect(progress.at(-1)).toMatchObject({ totalBytes: null, done: true })
  })

  it('should read a stream every time, packed ones too', async () => {
    const opened = await openOrderLog()
    for (let run = 0; run < 2; run++) {
      const source = Readable.from([gzipSync(`${order(1)}\n`)])
      expect(await ingestStream(source, optionsFor(opened))).toMatchObject({ lines: 1 })
    }
    expect(await recordsOf(opened.log, 'order-raw')).toHaveLength(2)
  })

  it('should end at once when it is told to, also while nothing comes', async () => {
    const opened = await openOrderLog()
    const controller = new AbortController()
    const running = ingestStream(new PassThrough(), optionsFor(opened, { signal: controller.signal }))
    controller.abort()
    expect(await running).toEqual({ lines: 0, appendedLines: 0, done: false })
  })
})

/** The log, with commits of its transactions handed to `around`. */
function withCommit(log: Log, around: (commit: () => Promise<void>) => Promise<void>): Log {
  return new Proxy(log, {
    get: (target, name) => {
      if (name !== 'openTransactionalProducer') return bound(target, name)
      return async (options: Parameters<Log['openTransactionalProducer']>[0]) => {
        const producer = await target.openTransactionalProducer(options)
        return new Proxy(producer, {
          get: (inner, method) =>
            method === 'commit' ? () => around(() => inner.commit()) : bound(inner, method),
        })
      }
    },
  })
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name)
  return typeof value === 'function' ? value.bind(target) : value
}

/** Fires timers as they are set, until the promise settles. */
async function untilSettled<T>(running: Promise<T>, { clock }: OrderLog): Promise<T> {
  let settled = false
  const done = () => {
    settled = true
  }
  running.then(done, done)
  while (!settled) {
    if (clock.nextTimerMs !== undefined) clock.advanceTo(clock.nextTimerMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return running
}
