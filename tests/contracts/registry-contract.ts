/** What every schema registry must do; run on each adapter. */
import { describe, expect, it } from 'vitest'
import type { SchemaRegistry } from '../../streams/ports/registry.ts'

export interface RegistryUnderTest {
  readonly registry: SchemaRegistry
  dispose(): Promise<void>
}

function order(...fields: object[]): string {
  return JSON.stringify({
    type: 'record',
    name: 'Order',
    fields: [{ name: 'id', type: 'string' }, ...fields],
  })
}

const first = order()
const withAmount = order({ name: 'amount', type: 'long', default: 0 })
const withNote = order({ name: 'note', type: 'string' })

export function registryContract(name: string, create: () => Promise<RegistryUnderTest>): void {
  const test = (title: string, body: (registry: SchemaRegistry) => Promise<void>) =>
    it(title, async () => {
      const { registry, dispose } = await create()
      try {
        await body(registry)
      } finally {
        await dispose()
      }
    })

  describe(`schema registry: ${name}`, () => {
    test('should number schemas from 1 over all subjects', async (registry) => {
      expect(await registry.register('a', first)).toBe(1)
      expect(await registry.register('b', '"string"')).toBe(2)
      expect(await registry.register('a', withAmount)).toBe(3)
    })

    test('should give a schema registered again its id, and no new version', async (registry) => {
      const id = await registry.register('a', first)
      await registry.register('a', withAmount)
      expect(await registry.register('a', first)).toBe(id)
      expect(await registry.latest('a')).toMatchObject({ version: 2 })
      expect((await registry.versions('a')).map(({ version }) => version)).toEqual([1, 2])
      expect(await registry.versions('nobody')).toEqual([])
    })

    test('should take schemas for the same that differ in notation and documentation', async (registry) => {
      const id = await registry.register('a', '{"type":"record","name":"n.R","fields":[]}')
      const same = '{ "name": "R", "namespace": "n", "doc": "x", "fields": [], "type": "record" }'
      expect(await registry.register('a', same)).toBe(id)
    })

    test('should share the id of a schema between subjects', async (registry) => {
      const id = await registry.register('a', first)
      await registry.register('b', '"string"')
      expect(await registry.register('c', first)).toBe(id)
      expect(await registry.latest('c')).toMatchObject({ id, version: 1 })
    })

    test('should tell the newest schema and the subjects', async (registry) => {
      expect(await registry.latest('a')).toBeNull()
      expect(await registry.subjects()).toEqual([])
      await registry.register('b', first)
      const id = await registry.register('a', first)
      const newer = await registry.register('a', withAmount)
      const latest = await registry.latest('a')
      expect(latest).toMatchObject({ id: newer, version: 2 })
      expect(JSON.parse(latest!.schema)).toEqual(JSON.parse(withAmount))
      expect(JSON.parse(await registry.schemaById(id))).toEqual(JSON.parse(first))
      expect((await registry.subjects()).sort()).toEqual(['a', 'b'])
    })

    test('should refuse a schema that cannot read the latest, naming subject and field', async (registry) => {
      await registry.register('orders-value', first)
      const refused = registry.register('orders-value', withNote)
      await expect(refused).rejects.toMatchObject({ code: 'SCHEMA_INCOMPATIBLE' })
      await expect(refused).rejects.toThrow(/orders-value.*note/s)
      expect(await registry.latest('orders-value')).toMatchObject({ version: 1 })
      expect(await registry.register('other', withNote)).toBe(2)
    })

    test('should compare with the latest schema only', async (registry) => {
      await registry.register('a', order({ name: 'n', type: 'int' }))
      await registry.register('a', order({ name: 'n', type: 'long' }))
      await expect(
        registry.register('a', order({ name: 'n', type: ['int', 'string'] })),
      ).rejects.toMatchObject({
        code: 'SCHEMA_INCOMPATIBLE',
      })
      expect(await registry.register('a', order({ name: 'n', type: 'double' }))).toBe(3)
    })

    test('should refuse what is not a schema', async (registry) => {
      for (const text of ['{"type":', '"text"', '{"type":"record","name":"R"}']) {
        await expect(registry.register('a', text)).rejects.toMatchObject({ code: 'SCHEMA_INVALID' })
      }
      expect(await registry.subjects()).toEqual([])
    })

    test('should say which id it does not know', async (registry) => {
      await expect(registry.schemaById(42)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' })
      await expect(registry.schemaById(42)).rejects.toThrow('42')
    })

    test('should give each schema one id when many are registered at once', async (registry) => {
      const schemas = ['"string"', '"long"', first, withAmount, '"bytes"']
      const register = (text: string, index: number) => registry.register(`s${index}`, text)
      const ids = await Promise.all([...schemas, ...schemas].map(register))
      expect(ids.slice(5)).toEqual(ids.slice(0, 5))
      expect([...new Set(ids)].sort()).toEqual([1, 2, 3, 4, 5])
    })
  })
}
