/** Global tables whose topic or registry makes trouble while they are followed. */
import { describe, expect, it } from 'vitest'
import { newWorld, openLog, run, settle } from '../../tests/simulation/world.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import { StreamsError } from '../errors.ts'
import type { Log, ReaderOptions } from '../ports/log.ts'
import { silentLogger } from '../ports/observability.ts'
import { type RecordBatch, RecordBatchBuilder } from '../records/record-batch.ts'
import { type Codec, SchemaNotLoaded, type Serde } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import { MemoryMetrics, MemoryRegistry, MemoryStoreProvider } from '../testing/index.ts'
import { replayForHeader } from './replay-headers.ts'
import type { RuntimeSettings } from './settings.ts'
import { StreamsApp } from './streams-app.ts'

const orders = jsonTopic<string>('orders')

/** Text that cannot be read before `load` has been called, as Avro whose schema is not known yet. */
function unloadedText(load: () => Promise<void>): Serde<string> {
  let loaded = false
  const codec: Codec<string> = {
    encode: (value, writer) => writer.utf8(value),
    decode: (bytes, start, end) => {
      if (!loaded) throw new SchemaNotLoaded(1)
      return bytes.toString('utf8', start, end)
    },
    loadSchema: async () => {
      await load()
      loaded = true
    },
  }
  return { name: 'text', nullable: false, open: async () => codec }
}

async function started(value: Serde<string>, settings: Partial<RuntimeSettings> = {}) {
  const open = await openLog(newWorld())
  const products = topic('products', { key: serdes.string, value })
  const seen: string[] = []
  const topology = defineTopology('joining', (builder) => {
    const table = builder.globalTable(products, { store: 'products' })
    builder.stream(orders).joinGlobal(
      table,
      (order) => order,
      (order, product) => seen.push(`${order}: ${product}`),
    )
  })
  const readers: ReaderOptions[] = []
  const log: Log = Object.create(open.log)
  log.openReader = (options) => {
    readers.push(options)
    return open.log.openReader(options)
  }
  const metrics = new MemoryMetrics()
  const app = new StreamsApp({
    topologies: [topology],
    log,
    clock: open.clock,
    stores: new MemoryStoreProvider(),
    registry: new MemoryRegistry(),
    logger: silentLogger,
    metrics,
    settings: { defaultPartitions: 1, ...settings },
  })
  await run(open.clock, app.start())
  const write = (name: string, key: string, text: string) => open.log.append([oneRecord(name, key, text)])
  return { app, seen, write, readers, metrics, clock: open.clock, log: open.log }
}

function oneRecord(name: string, key: string, text: string): RecordBatch {
  const batch = new RecordBatchBuilder(name, 0)
  batch.append(Buffer.from(key), Buffer.from(text), 0)
  return batch.build()
}

describe('a global table', () => {
  it('should pass over a row that is replayed for a sub-topology, and keep the newer one', async () => {
    const { app, seen, write, clock, log } = await started(serdes.string)
    await write('products', 'tea', 'green')
    await write('products', 'tea', 'black')
    const copy = new RecordBatchBuilder('products', 0)
    copy.append(Buffer.from('tea'), Buffer.from('green'), 0, [
      { key: replayForHeader, value: Buffer.from('other/products') },
    ])
    await log.append([copy.build()])
    await settle(clock, 200)
    await write('orders', 'x', '"tea"')
    await run(clock, app.drained())
    await run(clock, app.stop())
    expect(seen).toEqual(['tea: black'])
  })

  it('should wait for a registry that is away, and leave no row out', async () => {
    let failures = 3
    const { app, seen, write, clock } = await started(
      unloadedText(async () => {
        if (failures-- > 0) throw new StreamsError('REGISTRY_UNAVAILABLE', 'away')
      }),
    )
    await write('products', 'tea', 'green')
    await settle(clock, 200)
    await write('orders', 'x', '"tea"')
    await run(clock, app.drained())
    await run(clock, app.stop())
    expect(seen).toEqual(['tea: green'])
  })

  it('should stop the topology when the registry stays away', async () => {
    const away = new StreamsError('REGISTRY_UNAVAILABLE', 'away')
    const { app, write, clock } = await started(
      unloadedText(() => Promise.reject(away)),
      {
        taskMaxAttempts: 2,
      },
    )
    await write('products', 'tea', 'green')
    await expect(run(clock, app.failed)).rejects.toBe(away)
    await run(clock, app.stop())
  })

  it('should stop the topology when its topic cannot be followed on', async () => {
    const { app, readers, clock } = await started(serdes.string)
    const gone = new StreamsError('OFFSET_OUT_OF_RANGE', 'deleted')
    readers[1]!.onError({ topic: 'products', partition: 0 }, gone)
    await expect(run(clock, app.failed)).rejects.toBe(gone)
    await run(clock, app.stop())
  })

  it('should leave out and count rows that cannot be decoded, or stop the topology, by policy', async () => {
    const text: Serde<string> = {
      ...serdes.string,
      open: async (context) => ({
        ...(await serdes.string.open(context)),
        decode: () => {
          throw new Error('not readable')
        },
      }),
    }
    const counting = await started(text)
    await counting.write('products', 'tea', 'green')
    await settle(counting.clock)
    const dropped = counting.metrics.snapshot().find(({ name }) => name === 'streams_records_dropped_total')
    expect(dropped).toMatchObject({ value: 1, labels: { operator: 'products', reason: 'not-decodable' } })
    await run(counting.clock, counting.app.stop())

    const stopping = await started(text, { onDecodeError: 'stop' })
    await stopping.write('products', 'tea', 'green')
    await expect(run(stopping.clock, stopping.app.failed)).rejects.toMatchObject({
      code: 'PROCESSING_STOPPED',
    })
    await run(stopping.clock, stopping.app.stop())
  })
})
