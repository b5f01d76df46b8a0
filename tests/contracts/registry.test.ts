import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type EmbeddedLog, openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { MemoryStoreProvider } from '../../streams/adapters/memory/memory-store.ts'
import { openConfluentRegistry } from '../../streams/adapters/registry/confluent-registry.ts'
import { openLogRegistry } from '../../streams/adapters/registry/log-registry.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import type { SchemaRegistry } from '../../streams/ports/registry.ts'
import { ManualClock } from '../../streams/testing/manual-clock.ts'
import { MemoryRegistry } from '../../streams/testing/memory-registry.ts'
import { registryContract } from './registry-contract.ts'

const clock = new ManualClock()

async function openLog(provider = new MemoryStoreProvider()): Promise<EmbeddedLog> {
  return openEmbeddedLog({ store: await provider.open('log'), clock, cleaningIntervalMs: null })
}

registryContract('in memory', async () => ({ registry: new MemoryRegistry(), dispose: async () => {} }))

registryContract('in the log', async () => {
  const log = await openLog()
  return { registry: await openLogRegistry({ log, clock }), dispose: () => log.close() }
})

const registryUrl = process.env['TEST_REGISTRY_URL'] ?? ''

registryContract(
  registryUrl === '' ? 'Confluent (skipped: TEST_REGISTRY_URL=http://host:port runs it)' : 'Confluent',
  async () => {
    const registry = await openConfluentRegistry({ url: registryUrl, clock: systemClock })
    return { registry: onlyOwnSubjects(registry), dispose: async () => {} }
  },
  { skipped: registryUrl === '' },
)

/** A part of a registry that others use too. */
function onlyOwnSubjects(registry: SchemaRegistry): SchemaRegistry {
  const prefix = `test-${randomUUID()}-`
  return {
    register: (subject, schema) => registry.register(prefix + subject, schema),
    schemaById: (id) => registry.schemaById(id),
    latest: (subject) => registry.latest(prefix + subject),
    versions: (subject) => registry.versions(prefix + subject),
    subjects: async () =>
      (await registry.subjects()).flatMap((subject) =>
        subject.startsWith(prefix) ? subject.slice(prefix.length) : [],
      ),
  }
}

describe('schema registry in the log', () => {
  it('should number schemas from 1 over all subjects', async () => {
    const log = await openLog()
    const registry = await openLogRegistry({ log, clock })
    expect(await registry.register('a', '"int"')).toBe(1)
    expect(await registry.register('b', '"string"')).toBe(2)
    expect(await registry.register('a', '"long"')).toBe(3)
    await log.close()
  })

  it('should still know everything after a crash and a compaction', async () => {
    const provider = new MemoryStoreProvider()
    const log = await openLog(provider)
    const registry = await openLogRegistry({ log, clock })
    await registry.register('a', '"int"')
    await registry.register('b', '"string"')
    await registry.register('a', '"long"')
    await log.clean({ force: true })

    const reopened = await openLog(provider.snapshot())
    const again = await openLogRegistry({ log: reopened, clock })
    expect(await again.latest('a')).toEqual({ id: 3, version: 2, schema: '"long"' })
    expect(await again.schemaById(2)).toBe('"string"')
    expect(await again.register('a', '"int"')).toBe(1)
    expect(await again.register('c', '"bytes"')).toBe(4)
    await reopened.close()
    await log.close()
  })

  it('should give out no id twice when several registries share a log', async () => {
    const log = await openLog()
    const open = () => openLogRegistry({ log, clock })
    const registries = await Promise.all([open(), open(), open()])
    const schemas = Array.from({ length: 6 }, (_, i) => `{"type":"fixed","name":"F${i}","size":1}`)
    const ids = await Promise.all(
      schemas.flatMap((schema, i) => registries.map((registry) => registry.register(`subject-${i}`, schema))),
    )
    const bySchema = schemas.map((_, i) => new Set(ids.slice(i * 3, i * 3 + 3)))
    expect(bySchema.map((found) => found.size)).toEqual([1, 1, 1, 1, 1, 1])
    expect([...new Set(ids)].sort()).toEqual([1, 2, 3, 4, 5, 6])
    await log.close()
  })

  it('should find what another registry has added since', async () => {
    const log = await openLog()
    const [one, other] = [await openLogRegistry({ log, clock }), await openLogRegistry({ log, clock })]
    const id = await one.register('a', '"int"')
    expect(await other.schemaById(id)).toBe('"int"')
    expect(await other.subjects()).toEqual(['a'])
    await log.close()
  })

  it('should say so when its topic has other settings', async () => {
    const log = await openLog()
    await log.createTopics([{ name: '_schemas', partitions: 3, cleanup: 'delete', timestampType: 'create' }])
    await expect(openLogRegistry({ log, clock })).rejects.toMatchObject({ code: 'TOPIC_MISMATCH' })
    await log.close()
  })
})
