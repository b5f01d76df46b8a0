import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEmbedded } from '../embedded/index.ts'
import { RecordBatchBuilder, valueAt } from '../records/record-batch.ts'
import { followToEnd } from '../runtime/follow-to-end.ts'
import { StreamsApp } from '../runtime/streams-app.ts'
import { avro } from '../serde/avro.ts'
import type { AvroSchema } from '../serde/avro-schema.ts'
import type { Serde } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import { type KeyedContext, KeyedProcessor } from './keyed-processor.ts'
import { defineTopology } from './stream-builder.ts'

const names = topic('names', { key: serdes.string, value: serdes.string }, { partitions: 1 })
const lines = topic('lines', { key: serdes.string, value: serdes.string }, { partitions: 1 })

function schemaOf<T>(...fields: { name: string; type: unknown; default?: unknown }[]): AvroSchema<T> {
  return { type: 'record', name: 'State', fields } as AvroSchema<T>
}

interface First {
  readonly name: string
}

interface Second extends First {
  readonly visits: number
}

const name = { name: 'name', type: 'string' }
const first = avro(schemaOf<First>(name))
const second = avro(schemaOf<Second>(name, { name: 'visits', type: 'long', default: 1 }))
const other = avro(schemaOf<{ readonly name: number }>({ name: 'name', type: 'long' }))

/** Keeps what it is told of each kind of state, and tells what it had. */
class Keeper<S> extends KeyedProcessor<string, string, string> {
  private readonly latest
  private readonly history
  private readonly byLetter
  private readonly make: (name: string) => S

  constructor(serde: Serde<S>, make: (name: string) => S) {
    super()
    this.latest = this.value('value', serde)
    this.history = this.list('list', serde)
    this.byLetter = this.map('map', { key: serdes.string, value: serde })
    this.make = make
  }

  override process(text: string, context: KeyedContext<string, string>): void {
    context.forward(JSON.stringify([this.latest.get(), this.history.values(), this.byLetter.get('x')]))
    const state = this.make(text)
    this.latest.set(state)
    this.history.add(state)
    this.byLetter.set('x', state)
  }
}

function topologyWith<S>(serde: Serde<S>, make: (text: string) => S) {
  return defineTopology('keeper', (builder) => {
    builder
      .stream(names)
      .groupByKey()
      .process('kept', () => new Keeper(serde, make))
      .main.to(lines)
  })
}

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keyed-evolution-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Starts one release of the topology, gives it a name, and answers the last line that is written then. */
async function release(topology: ReturnType<typeof topologyWith>, text: string): Promise<unknown> {
  const ports = await openEmbedded(directory, { sync: false })
  const app = new StreamsApp({ topologies: [topology], ...ports })
  try {
    await app.start()
    const batch = new RecordBatchBuilder(names.name, 0)
    batch.append(Buffer.from('key'), Buffer.from(text), 1)
    await ports.log.append([batch.build()])
    await app.drained()
    let line = ''
    await followToEnd(ports, [{ topic: lines.name, partition: 0, offset: 0 }], (read) => {
      line = valueAt(read, read.length - 1)!.toString()
    })
    return JSON.parse(line)
  } finally {
    await app.stop()
    await ports.close()
  }
}

describe('state of a keyed processor', () => {
  it('should be read by a release that has added to its schema', async () => {
    await release(
      topologyWith(first, (text) => ({ name: text })),
      'ann',
    )
    const ann = { name: 'ann', visits: 1 }
    const later = topologyWith(second, (text) => ({ name: text, visits: 7 }))
    expect(await release(later, 'bob')).toEqual([ann, [ann], ann])
    const bob = { name: 'bob', visits: 7 }
    expect(await release(later, 'cy')).toEqual([bob, [ann, bob], bob])
  })

  it('should keep a release from starting that could not read it, by name', async () => {
    await release(
      topologyWith(first, (text) => ({ name: text })),
      'ann',
    )
    const unreadable = topologyWith(other, () => ({ name: 1 }))
    await expect(release(unreadable, 'bob')).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      message: expect.stringContaining('keeper-kept-value-changelog-value'),
    })
  })
})
