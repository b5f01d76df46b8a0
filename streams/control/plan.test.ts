/** Releases compared with a topology that really ran. */
import { afterEach, describe, expect, it } from 'vitest'
import { ControlCluster } from '../../tests/support/control-harness.ts'
import { jsonTopic } from '../../tests/support/topologies.ts'
import type { EmbeddedLog } from '../adapters/embedded/embedded-log.ts'
import { defineTopology, type StreamBuilder } from '../dsl/stream-builder.ts'
import type { TopicPartition } from '../ports/log.ts'
import { RecordBatchBuilder } from '../records/record-batch.ts'
import { avro } from '../serde/avro.ts'
import type { AvroSchema } from '../serde/avro-schema.ts'
import { serdes } from '../serde/serdes.ts'
import type { Topic } from '../serde/topic.ts'
import { MemoryRegistry } from '../testing/memory-registry.ts'
import { tumbling } from '../time/windows.ts'
import { keyValueStore } from '../topology/store-spec.ts'
import type { Topology } from '../topology/topology.ts'
import { type PlanItem, planExitCode, planTopology, type TopologyPlan, type Verdict } from './plan.ts'
import { readPlanFacts } from './plan-facts.ts'

interface Sale {
  readonly product: string
}

const sales = jsonTopic<Sale>('sales')
const returns = jsonTopic<Sale>('returns')

interface Seen {
  readonly count: number
}

function seenSchema(...more: { name: string; type: unknown; default?: unknown }[]): AvroSchema<Seen> {
  // The shape that the test's stores hold, whatever is added to it.
  return {
    type: 'record',
    name: 'Seen',
    fields: [{ name: 'count', type: 'long' }, ...more],
  } as AvroSchema<Seen>
}

interface Release {
  readonly name?: string
  readonly source?: Topic<string, Sale>
  readonly store?: string
  readonly key?: 'string' | 'avro'
  readonly schema?: AvroSchema<Seen>
  readonly ttlMs?: number
  readonly windowMs?: number
  readonly graceMs?: number
  readonly more?: (builder: StreamBuilder) => void
}

const wordSchema = { type: 'string' } as AvroSchema<string>

/** Counts in a store of its own, and in windows behind a repartition topic. */
function release(own: Release = {}): Topology {
  const {
    name = 'shop',
    source = sales,
    store = 'seen',
    schema = seenSchema(),
    ttlMs,
    windowMs = 60_000,
  } = own
  const key = own.key === 'avro' ? avro(wordSchema) : serdes.string
  const seen = keyValueStore({
    name: store,
    key,
    value: avro(schema),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  })
  return defineTopology(name, (builder) => {
    const records = builder.stream(source)
    records.process('look', {
      stores: { seen },
      outputs: {},
      create:
        ({ stores }) =>
        (word) =>
          stores.seen.put(word, { count: 1 }),
    })
    records
      .groupBy((sale) => sale.product, serdes.string)
      .windowedBy(tumbling(windowMs).grace(own.graceMs ?? 1_000))
      .count({ store: 'per-product' })
    own.more?.(builder)
  })
}

/** The log after topics were deleted, and with them what groups have committed of them. */
function without(log: EmbeddedLog, gone: readonly string[]): EmbeddedLog {
  return Object.assign(Object.create(log), {
    describeTopics: async () => (await log.describeTopics()).filter(({ name }) => !gone.includes(name)),
  })
}

/** The log with other records in some partitions. */
function withRanges(
  log: EmbeddedLog,
  ranges: readonly { topic: string; partition: number; start: number; end: number }[],
): EmbeddedLog {
  return Object.assign(Object.create(log), {
    offsetRanges: async (partitions: readonly TopicPartition[]) =>
      (await log.offsetRanges(partitions)).map(
        (range) =>
          ranges.find(({ topic, partition }) => topic === range.topic && partition === range.partition) ??
          range,
      ),
  })
}

describe('plan', () => {
  let cluster: ControlCluster

  /** Runs a release until it has processed something, and stops it. */
  const deployed = async (topology: Topology = release(), isStopped = true): Promise<void> => {
    cluster = await ControlCluster.open({ topologies: () => [topology], services: () => [], partitions: 2 })
    const instance = await cluster.start()
    await cluster.settled(topology.name)
    const batch = new RecordBatchBuilder('sales', 0)
    batch.append(Buffer.from('a'), Buffer.from(JSON.stringify({ product: 'tea' })), 1_000)
    await cluster.log.append([batch.build()])
    await instance.streams.drained()
    if (isStopped) await instance.stop()
  }

  const planned = async (topology: Topology, others: readonly Topology[] = []): Promise<TopologyPlan> =>
    planTopology(await readPlanFacts(cluster, topology, [topology, ...others], 2))

  const plannedWithout = async (topology: Topology, gone: readonly string[]): Promise<TopologyPlan> =>
    planTopology(
      await readPlanFacts({ ...cluster, log: without(cluster.log, gone) }, topology, [topology], 2),
    )

  const of = ({ items }: TopologyPlan, name: string, kind?: PlanItem['kind']): PlanItem => {
    const found = items.find((item) => item.name === name && (kind === undefined || item.kind === kind))
    if (found === undefined)
      throw new Error(`nothing of ${name}: ${items.map((item) => item.name).join(', ')}`)
    return found
  }

  const verdicts = ({ items }: TopologyPlan): Set<Verdict> => new Set(items.map(({ verdict }) => verdict))

  afterEach(() => cluster.close())

  it('should keep everything of the release that is deployed', async () => {
    await deployed()
    const plan = await planned(release())
    expect([...verdicts(plan)]).toEqual(['keep'])
    expect(of(plan, 'seen').text).toBe('goes on as it is')
    expect(planExitCode([plan])).toBe(0)
  })

  it('should find everything new where nothing is deployed', async () => {
    cluster = await ControlCluster.open({ topologies: () => [], services: () => [] })
    const plan = await planned(release())
    expect([...verdicts(plan)]).toEqual(['new'])
    expect(planExitCode([plan])).toBe(0)
  })

  it('should take what is added for safe: a store, a sub-topology, a field with a default', async () => {
    await deployed()
    const plan = await planned(
      release({
        schema: seenSchema({ name: 'note', type: 'string', default: '' }),
        more: (builder) => void builder.stream(returns).groupByKey().count({ store: 'returned' }),
      }),
    )
    expect(of(plan, 'returned')).toMatchObject({ kind: 'store', verdict: 'new' })
    expect(of(plan, 'returns', 'sub-topology')).toMatchObject({ verdict: 'new' })
    expect(of(plan, 'seen')).toMatchObject({
      verdict: 'keep',
      text: 'goes on as it is; its value schema is registered as version 2',
    })
    expect(planExitCode([plan])).toBe(0)
  })

  it('should refuse a schema that cannot read what was written', async () => {
    await deployed()
    const plan = await planned(release({ schema: seenSchema({ name: 'note', type: 'string' }) }))
    expect(of(plan, 'seen')).toMatchObject({ kind: 'store', verdict: 'incompatible' })
    expect(of(plan, 'seen').text).toContain('note')
    expect(of(plan, 'seen').remedy).toContain('default')
    expect(planExitCode([plan])).toBe(4)
  })

  it('should refuse keys of another kind', async () => {
    await deployed()
    const plan = await planned(release({ key: 'avro' }))
    expect(of(plan, 'seen')).toMatchObject({ verdict: 'incompatible' })
    expect(of(plan, 'seen').text).toContain('keys')
  })

  it('should leave a store that the release has under another name, and say so', async () => {
    await deployed()
    const plan = await planned(release({ store: 'noticed' }))
    expect(of(plan, 'noticed')).toMatchObject({ verdict: 'new' })
    expect(of(plan, 'seen')).toMatchObject({ verdict: 'orphan' })
    expect(of(plan, 'seen').remedy).toContain('if noticed is it under a new name')
    expect(planExitCode([plan])).toBe(3)
  })

  it('should restore a store that remembers for another time', async () => {
    await deployed()
    const plan = await planned(release({ ttlMs: 3_600_000 }))
    expect(of(plan, 'seen')).toMatchObject({ verdict: 'restore' })
    expect(of(plan, 'seen').text).toContain('1 h instead of ever')
    expect(planExitCode([plan])).toBe(3)
  })

  it('should refuse windows of another size', async () => {
    await deployed()
    const plan = await planned(release({ windowMs: 30_000 }))
    expect(of(plan, 'per-product')).toMatchObject({ verdict: 'incompatible' })
    expect(of(plan, 'per-product').text).toContain('windows of 30 s instead of windows of 1 min')
  })

  it('should refuse a changelog that would be kept for too short a time, and say which setting to change', async () => {
    await deployed()
    const plan = await planned(release({ graceMs: 5_000 }))
    expect(of(plan, 'per-product')).toMatchObject({
      verdict: 'incompatible',
      remedy: 'set retention.ms of topic shop-per-product-changelog to 86465000',
    })
  })

  it('should restore what a sub-topology with other sources keeps, and leave its old checkpoints', async () => {
    await deployed()
    const merged = release({
      more: (builder) => {
        builder.stream(returns).process('also', {
          stores: {},
          outputs: {},
          create: () => () => {},
        })
      },
    })
    expect(planExitCode([await planned(merged)])).toBe(0)
    const elsewhere = await planned(release({ source: returns }))
    expect(of(elsewhere, 'seen')).toMatchObject({ verdict: 'restore' })
    expect(of(elsewhere, 'sales', 'sub-topology')).toMatchObject({ verdict: 'orphan' })
    expect(planExitCode([elsewhere])).toBe(3)
  })

  it('should refuse a topology that was renamed, but not one that is new beside it', async () => {
    await deployed()
    const renamed = await planned(release({ name: 'store' }))
    expect(of(renamed, 'store', 'topology')).toMatchObject({ verdict: 'incompatible' })
    expect(of(renamed, 'store', 'topology').text).toContain('topology shop is deployed with the same parts')
    expect(planExitCode([renamed])).toBe(4)
    const beside = await planned(release({ name: 'store' }), [release()])
    expect([...verdicts(beside)].sort()).toEqual(['keep', 'new'])
    // Its name begins like another's, whose topics are not its own.
    const like = await planned(release({ name: 'sh' }), [release()])
    expect(verdicts(like).has('orphan')).toBe(false)
  })

  it('should refuse a number of partitions under which keys are not found again', async () => {
    await deployed()
    const facts = await readPlanFacts(cluster, release(), [release()], 2)
    const grown = new Map(facts.topics)
    grown.set('sales', { ...grown.get('sales')!, partitions: 4 })
    if ('problem' in facts.wanted) throw new Error(facts.wanted.problem)
    const wanted = facts.wanted.map((one) =>
      one.name === 'sales' || one.name === 'shop-seen-changelog' ? { ...one, partitions: 4 } : one,
    )
    const plan = planTopology({ ...facts, topics: grown, wanted })
    expect(of(plan, 'seen')).toMatchObject({ verdict: 'incompatible' })
    expect(of(plan, 'seen').text).toContain('has 2 partitions, and needs 4')
    const unlike = planTopology({ ...facts, wanted: { problem: 'topics that are joined differ' } })
    expect(of(unlike, 'shop', 'topology')).toMatchObject({ verdict: 'keep' })
    expect(planExitCode([unlike])).toBe(4)
  })

  it('should refuse a topic that is cleaned up in another way', async () => {
    await deployed()
    const facts = await readPlanFacts(cluster, release(), [release()], 2)
    const topics = new Map(facts.topics)
    topics.set('shop-seen-changelog', { ...topics.get('shop-seen-changelog')!, cleanup: 'delete' })
    const plan = planTopology({ ...facts, topics })
    expect(of(plan, 'seen')).toMatchObject({
      verdict: 'incompatible',
      remedy: 'set cleanup.policy of topic shop-seen-changelog to compact',
    })
  })

  it('should miss a changelog that was deleted', async () => {
    await deployed()
    const facts = await readPlanFacts(cluster, release(), [release()], 2)
    const topics = new Map(facts.topics)
    topics.delete('shop-seen-changelog')
    const plan = planTopology({ ...facts, topics })
    expect(of(plan, 'seen')).toMatchObject({ verdict: 'incompatible' })
    expect(of(plan, 'seen').text).toContain('is gone')
  })

  it('should refuse to begin a topic anew that tasks go on in the middle of', async () => {
    await deployed()
    const plan = await plannedWithout(release(), ['sales'])
    expect(of(plan, 'sales', 'topic')).toMatchObject({
      verdict: 'incompatible',
      text: 'it is gone, and would be made anew without records, but a task goes on at offset 1 of partition 0: the release does not start',
    })
    expect(of(plan, 'sales', 'topic').remedy).toContain('positions of group shop')
    expect(planExitCode([plan])).toBe(4)
    const repartition = 'shop-per-product-repartition'
    const between = await plannedWithout(release(), [repartition])
    expect(of(between, repartition, 'topic')).toMatchObject({ verdict: 'incompatible' })
  })

  it('should take a topic for new that no task has read, and one whose position was given up', async () => {
    await deployed()
    const more = release({
      more: (builder) => void builder.stream(returns).groupByKey().count({ store: 'returned' }),
    })
    expect(of(await planned(more), 'returns', 'topic')).toMatchObject({ verdict: 'new' })
    const offsets = [0, 1].map((partition) => ({ topic: 'sales', partition, offset: 0 }))
    await cluster.log.commitOffsets('shop', offsets)
    const log = withRanges(
      cluster.log,
      offsets.map((position) => ({ ...position, start: 0, end: 0 })),
    )
    const facts = await readPlanFacts({ ...cluster, log }, release(), [release()], 2)
    expect(planExitCode([planTopology(facts)])).toBe(0)
  })

  it('should refuse a topic that was replaced by a shorter one, or has lost what was not processed', async () => {
    await deployed()
    const replaced = withRanges(cluster.log, [{ topic: 'sales', partition: 0, start: 0, end: 0 }])
    const facts = await readPlanFacts({ ...cluster, log: replaced }, release(), [release()], 2)
    expect(of(planTopology(facts), 'sales', 'topic')).toMatchObject({
      verdict: 'incompatible',
      text: expect.stringContaining('it has 0 to 0 in partition 0, but a task goes on at offset 1'),
    })
    const expired = withRanges(cluster.log, [{ topic: 'sales', partition: 0, start: 5, end: 9 }])
    const later = await readPlanFacts({ ...cluster, log: expired }, release(), [release()], 2)
    expect(of(planTopology(later), 'sales', 'topic').text).toContain('it has 5 to 9 in partition 0')
  })

  it('should go by checkpoints where the group has forgotten its positions, unless they are of at-least-once', async () => {
    await deployed()
    const log: EmbeddedLog = Object.assign(Object.create(without(cluster.log, ['sales'])), {
      committedOffsets: async (_group: string, partitions: readonly unknown[]) => partitions.map(() => null),
    })
    const planWith = async (guarantee: 'exactly-once' | 'at-least-once') =>
      planTopology(await readPlanFacts({ ...cluster, log }, release(), [release()], 2, guarantee))
    expect(of(await planWith('exactly-once'), 'sales', 'topic')).toMatchObject({ verdict: 'incompatible' })
    expect(of(await planWith('at-least-once'), 'sales', 'topic')).toMatchObject({ verdict: 'new' })
  })

  it('should miss state in a changelog that was made anew, or whose record is gone with it', async () => {
    await deployed()
    const changelog = 'shop-seen-changelog'
    const anew = withRanges(cluster.log, [{ topic: changelog, partition: 0, start: 0, end: 0 }])
    const facts = await readPlanFacts({ ...cluster, log: anew }, release(), [release()], 2)
    expect(of(planTopology(facts), 'seen')).toMatchObject({ verdict: 'incompatible' })
    expect(of(planTopology(facts), 'seen').text).toContain('ends at 0 in partition 0')
    const both = await plannedWithout(release(), [changelog, 'shop-topology'])
    expect(of(both, 'seen')).toMatchObject({ verdict: 'incompatible' })
    expect(of(both, 'seen').remedy).toContain('savepoint')
  })

  it('should refuse to go on without the checkpoints of a topology that goes by time', async () => {
    await deployed()
    const plan = await plannedWithout(release(), ['shop-checkpoint'])
    expect(of(plan, 'shop-checkpoint')).toMatchObject({ verdict: 'incompatible' })
    expect(of(plan, 'shop-checkpoint').text).toContain('windows, timers and patterns')
    const unrecorded = await plannedWithout(release(), ['shop-checkpoint', 'shop-topology'])
    expect(of(unrecorded, 'shop-checkpoint')).toMatchObject({ verdict: 'incompatible' })
    const anew = [...(await cluster.log.describeTopics())].map(({ name }) => name)
    expect([...verdicts(await plannedWithout(release(), anew))]).toEqual(['new'])
  })

  it('should ask to look at lost checkpoints where positions and state are all that counts', async () => {
    const timeless = () =>
      defineTopology('shop', (builder) => void builder.stream(sales).groupByKey().count({ store: 'sold' }))
    await deployed(timeless())
    const plan = await plannedWithout(timeless(), ['shop-checkpoint'])
    expect(of(plan, 'shop-checkpoint')).toMatchObject({ verdict: 'lost' })
    expect(planExitCode([plan])).toBe(3)
    const forgotten: EmbeddedLog = Object.assign(Object.create(without(cluster.log, ['shop-checkpoint'])), {
      committedOffsets: async (_group: string, partitions: readonly unknown[]) => partitions.map(() => null),
    })
    const facts = await readPlanFacts({ ...cluster, log: forgotten }, timeless(), [timeless()], 2)
    expect(of(planTopology(facts), 'shop-checkpoint')).toMatchObject({ verdict: 'incompatible' })
  })

  it('should refuse a registry that has not the schemas of what was written, or others under their ids', async () => {
    await deployed()
    const checkpointText = (await cluster.registry.latest('shop-checkpoint-value'))!.schema
    const plannedWith = async (schemas: readonly string[]): Promise<TopologyPlan> => {
      const registry = new MemoryRegistry()
      for (const [index, schema] of schemas.entries()) await registry.register(`other-${index}`, schema)
      if (schemas.length > 0) await registry.register('shop-checkpoint-value', checkpointText)
      return planTopology(await readPlanFacts({ ...cluster, registry }, release(), [release()], 2))
    }
    const empty = await plannedWith([])
    expect(of(empty, 'shop-checkpoint-value', 'schema')).toMatchObject({ verdict: 'incompatible' })
    expect(of(empty, 'shop-checkpoint-value').text).toContain('not in the registry')
    const others = await plannedWith(
      Array.from({ length: 20 }, (_, size) =>
        JSON.stringify({ type: 'fixed', name: 'Other', size: size + 1 }),
      ),
    )
    expect(of(others, 'shop-checkpoint-value').text).toContain('another id')
    expect(planExitCode([empty, others])).toBe(4)
  })

  it('should take a topology for new whose input and topics are there, and that never ran', async () => {
    cluster = await ControlCluster.open({ topologies: () => [release()], services: () => [] })
    const batch = new RecordBatchBuilder('sales', 0)
    batch.append(Buffer.from('a'), Buffer.from('{}'), 1_000)
    await cluster.log.append([batch.build()])
    // As migrations leave it, and as a first start that was broken off.
    expect(planExitCode([await planned(release())])).toBe(0)
    expect(planExitCode([await plannedWithout(release(), ['shop-checkpoint'])])).toBe(0)
    // Somebody has set where it is to begin.
    await cluster.log.commitOffsets('shop', [{ topic: 'sales', partition: 0, offset: 1 }])
    expect(planExitCode([await plannedWithout(release(), ['shop-checkpoint'])])).toBe(0)
  })

  it('should ask to stop instances first that run another shape', async () => {
    await deployed(release(), false)
    const same = await planned(release())
    expect(planExitCode([same])).toBe(0)
    const other = await planned(
      release({ more: (builder) => void builder.stream(returns).groupByKey().count({ store: 'returned' }) }),
    )
    expect(of(other, 'shop', 'topology')).toMatchObject({ verdict: 'stop-first' })
    expect(planExitCode([other])).toBe(3)
    expect(planExitCode([other], ['restore', 'orphan'])).toBe(3)
    expect(planExitCode([other], ['stop-first'])).toBe(0)
    const refused: PlanItem = { ...other.items[0]!, verdict: 'incompatible' }
    expect(planExitCode([{ ...other, items: [refused] }], ['stop-first', 'incompatible'])).toBe(4)
  })

  it('should say that a release before the first record compares less', async () => {
    await deployed()
    const facts = await readPlanFacts(cluster, release({ windowMs: 30_000 }), [], 2)
    const plan = planTopology({ ...facts, record: null })
    expect(of(plan, 'shop', 'topology').text).toContain('has not recorded its shape')
  })
})
