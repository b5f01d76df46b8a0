import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Pattern } from '../cep/pattern.ts'
import { openEmbedded } from '../embedded/index.ts'
import { RecordBatchBuilder, valueAt } from '../records/record-batch.ts'
import { followToEnd } from '../runtime/follow-to-end.ts'
import { StreamsApp } from '../runtime/streams-app.ts'
import { avro } from '../serde/avro.ts'
import type { AvroSchema } from '../serde/avro-schema.ts'
import type { Serde } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import type { Topology } from '../topology/topology.ts'
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

/** Serdes of single states that differ from that of the others. */
type Changed<S> = Partial<Record<'value' | 'list' | 'map', Serde<S>>>

/** Keeps what it is told of each kind of state, and tells what it had. */
class Keeper<S> extends KeyedProcessor<string, string, string> {
  private readonly latest
  private readonly history
  private readonly byLetter
  private readonly make: (name: string) => S

  constructor(serde: Serde<S>, make: (name: string) => S, changed: Changed<S>) {
    super()
    this.latest = this.value('value', changed.value ?? serde)
    this.history = this.list('list', changed.list ?? serde)
    this.byLetter = this.map('map', { key: serdes.string, value: changed.map ?? serde })
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

function topologyWith<S>(serde: Serde<S>, make: (text: string) => S, changed: Changed<S> = {}) {
  return defineTopology('keeper', (builder) => {
    builder
      .stream(names)
      .groupByKey()
      .process('kept', () => new Keeper(serde, make, changed))
      .main.to(lines)
  })
}

let directory: string
let timeMs = 0

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keyed-evolution-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Starts one release of the topology, gives it a name, and answers the last line that was written, null before the first. */
async function release(topology: Topology, text: string, key = 'key'): Promise<unknown> {
  const ports = await openEmbedded(directory, { sync: false })
  const app = new StreamsApp({ topologies: [topology], ...ports })
  try {
    await app.start()
    const batch = new RecordBatchBuilder(names.name, 0)
    batch.append(Buffer.from(key), Buffer.from(text), ++timeMs)
    await ports.log.append([batch.build()])
    await app.drained()
    let line = 'null'
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

  it.each(['value', 'list', 'map'] as const)(
    'should keep a release from starting that could not read its %s, by name',
    async (changed) => {
      const make = (text: string) => ({ name: text })
      await release(topologyWith(first, make), 'ann')
      const unreadable = topologyWith<First | { readonly name: number }>(first, make, { [changed]: other })
      await expect(release(unreadable, 'bob')).rejects.toMatchObject({
        code: 'SCHEMA_INCOMPATIBLE',
        message: expect.stringContaining(`keeper-kept-${changed}-changelog-value`),
      })
    },
  )
})

describe('partial matches', () => {
  const isNamed =
    (wanted: string) =>
    ({ name }: { readonly name: unknown }) =>
      name === wanted
  const plain = <E extends { readonly name: unknown }>() => Pattern.of<E>().begin('ann').where(isNamed('ann'))

  function matching<E extends { readonly name: unknown }>(
    serde: Serde<E>,
    make: (name: string) => E,
    behind: 'followedBy' | 'next' = 'followedBy',
  ): Topology {
    const pattern = behind === 'next' ? plain<E>().next('bob') : plain<E>().followedBy('bob')
    return defineTopology('keeper', (builder) => {
      builder
        .stream(names)
        .mapValues(make)
        .groupByKey()
        .match(pattern.where(isNamed('bob')), {
          store: 'pairs',
          value: serde,
          select: ({ ann, bob }) => JSON.stringify([ann[0], bob[0]]),
        })
        .main.to(lines)
    })
  }

  const make = (text: string): First => ({ name: text })

  it('should go on under a release that has added to the schema of their events', async () => {
    await release(matching(first, make), 'ann')
    const later = matching(second, (text) => ({ name: text, visits: 7 }))
    expect(await release(later, 'bob')).toEqual([
      { name: 'ann', visits: 1 },
      { name: 'bob', visits: 7 },
    ])
  })

  it('should keep a release from starting that could not read their events, by name', async () => {
    await release(matching(first, make), 'ann')
    const unreadable = matching(other, () => ({ name: 1 }))
    await expect(release(unreadable, 'bob')).rejects.toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      message: expect.stringContaining('keeper-pairs-changelog-value'),
    })
  })

  it('should keep a release from starting whose pattern has another shape, by the name of the store', async () => {
    await release(matching(first, make), 'ann')
    // No event of the key comes: what is stored is looked at before any is read.
    await expect(release(matching(first, make, 'next'), 'ann', 'another key')).rejects.toMatchObject({
      code: 'STATE_FORMAT_UNSUPPORTED',
      message: expect.stringContaining('store pairs'),
    })
  })
})
