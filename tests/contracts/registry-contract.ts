/** What every schema registry must do; run on each adapter, also on a server that others have used before. */
import { describe, expect, it } from 'vitest'
import type { SchemaRegistry } from '../../streams/ports/registry.ts'

export interface RegistryUnderTest {
  /** Without subjects. */
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

export function registryContract(
  name: string,
  create: () => Promise<RegistryUnderTest>,
  { skipped = false }: { readonly skipped?: boolean } = {},
): void {
  const test = (title: string, body: (registry: SchemaRegistry) => Promise<void>) =>
    it(title, async () => {
      const { registry, dispose } = await create()
      try {
        await body(registry)
      } finally {
        await dispose()
      }
    })

  describe.skipIf(skipped)(`schema registry: ${name}`, () => {
    test('should give each schema an id of its own over all subjects', async (registry) => {
      const ids = [
        await registry.register('a', first),
        await registry.register('b', '"string"'),
        await registry.register('a', withAmount),
      ]
      expect(new Set(ids).size).toBe(3)
      for (const id of ids) expect(id).toBeGreaterThan(0)
      expect(await registry.versions('a')).toMatchObject([
        { id: ids[0], version: 1 },
        { id: ids[2], version: 2 },
      ])
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
      await expect(refused).rejects.toThrow(/version 2.*version 1/s)
      const id = await registry.register('other', withNote)
      expect(await registry.latest('other')).toMatchObject({ id, version: 1 })
    })

    test('should compare with the latest schema only', async (registry) => {
      await registry.register('a', order({ name: 'n', type: 'int' }))
      await registry.register('a', order({ name: 'n', type: 'long' }))
      await expect(
        registry.register('a', order({ name: 'n', type: ['int', 'string'] })),
      ).rejects.toMatchObject({
        code: 'SCHEMA_INCOMPATIBLE',
      })
      await registry.register('a', order({ name: 'n', type: 'double' }))
      expect(await registry.latest('a')).toMatchObject({ version: 3 })
    })

    test('should refuse what is not a schema', async (registry) => {
      for (const text of ['{"type":', '"text"', '{"type":"record","name":"R"}']) {
        await expect(registry.register('a', text)).rejects.toMatchObject({ code: 'SCHEMA_INVALID' })
      }
      expect(await registry.subjects()).toEqual([])
    })

    test('should say which id it does not know', async (registry) => {
      const unknown = 2 ** 31 - 42
      await expect(registry.schemaById(unknown)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' })
      await expect(registry.schemaById(unknown)).rejects.toThrow(String(unknown))
    })

    test('should give each schema one id when many are registered at once', async (registry) => {
      const schemas = ['"string"', '"long"', first, withAmount, '"bytes"']
      const register = (text: string, index: number) => registry.register(`s${index}`, text)
      const ids = await Promise.all([...schemas, ...schemas].map(register))
      expect(ids.slice(5)).toEqual(ids.slice(0, 5))
      expect(new Set(ids).size).toBe(5)
    })

    test('should add one version when many register it under one subject at once', async (registry) => {
      const ids = await Promise.all(
        [first, first, withAmount, withAmount].map((text) => registry.register('a', text)),
      )
      expect(ids[1]).toBe(ids[0])
      expect(ids[3]).toBe(ids[2])
      expect((await registry.versions('a')).map(({ id }) => id)).toEqual([ids[0], ids[2]])
    })
  })
}
