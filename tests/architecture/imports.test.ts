import { describe, expect, it } from 'vitest'
import { importCycles, importViolations } from './import-rules.ts'
import { parseSource, readSourceFiles } from './source-files.ts'

describe('imports of the repository', () => {
  const files = readSourceFiles()

  it('should go down the layers only, through public entries, and reach each library from its folder', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(files.flatMap(importViolations)).toEqual([])
  })

  it('should name files that exist', () => {
    const paths = new Set(files.map(({ path }) => path))
    const missing = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target?.endsWith('.ts') && !paths.has(target))
        .map(({ target }) => `${path} imports ${target}`),
    )
    expect(missing).toEqual([])
  })

  it('should form no cycles', () => {
    expect(importCycles(files)).toEqual([])
  })
})

describe('import rules', () => {
  it.each([
    ['streams/dsl/stream.ts', '../../schemas/topics.ts', 'streams may import no other folder'],
    ['schemas/topics.ts', '../topologies/ingest/topology.ts', 'schemas may import streams'],
    ['topologies/ingest/topology.ts', '../../sql/index.ts', 'topologies may import streams, schemas, orders'],
    ['sql/sink.ts', '../api/errors.ts', 'sql may import streams, schemas'],
    ['api/errors.ts', '../app/main.ts', 'api may import streams, schemas, orders'],
    ['tools/x.ts', '../streams/index.ts', 'folder tools has no layer yet'],
    ['sql/sink.ts', '../streams/errors.ts', 'outside the engine import streams/index.ts'],
    [
      'api/http.ts',
      '../streams/adapters/memory/memory-store.ts',
      'outside the engine import streams/index.ts',
    ],
    ['app/main.ts', '../streams/runtime/task.ts', 'or an adapter'],
    ['bench/task-loop.ts', '../streams/state/table-store.ts', 'or an adapter'],
    ['streams/records/batch.ts', '../ports/log.ts', 'streams/records may import errors.ts'],
    ['streams/errors.ts', './records/batch.ts', 'nothing else of the engine'],
    ['streams/topology/graph.ts', '../runtime/task.ts', 'streams/topology may import'],
    ['streams/runtime/task.ts', '../adapters/memory/memory-store.ts', 'streams/runtime may import'],
    ['streams/runtime/task.ts', '../testing/manual-clock.ts', 'streams/runtime may import'],
    ['streams/runtime/task.ts', '../index.ts', 'streams/runtime may import'],
    ['streams/extra/x.ts', '../errors.ts', 'streams/extra has no layer yet'],
    ['streams/index.ts', './testing/manual-clock.ts', 'testing has an index of its own'],
    ['streams/adapters/kafka/log.ts', '../../runtime/task.ts', 'an adapter may import'],
    ['streams/adapters/kafka/log.ts', '../memory/memory-store.ts', 'an adapter may import'],
    ['streams/adapters/store-name.ts', './memory/memory-store.ts', 'an adapter may import'],
    ['streams/errors.ts', './records/batch', 'names its file with `.ts`'],
    ['streams/runtime/task.ts', 'kafkajs', 'only streams/adapters/kafka, tests/kafka may'],
    ['streams/adapters/kafka/log.ts', 'rocksdb', 'only streams/adapters/rocksdb may'],
    ['api/http.ts', 'mysql2/promise', 'only sql may'],
    ['app/main.ts', '@kafkajs/confluent-schema-registry/dist/x.js', 'only streams/adapters/registry may'],
    ['app/main.ts', 'left-pad', 'the library has no folder yet'],
    ['app/main.ts', 'vitest', 'only test, vitest.config.ts may'],
  ])('should refuse %s importing %s', (path, specifier, reason) => {
    const violations = importViolations(parseSource(path, `import { x } from '${specifier}'`))
    expect(violations).toHaveLength(1)
    expect(violations[0]).toContain(reason)
  })

  it.each([
    ['topologies/ingest/topology.ts', '../../streams/index.ts'],
    ['topologies/ingest/topology.test.ts', '../../streams/testing/index.ts'],
    ['examples/word-count.ts', '../streams/index.ts'],
    ['app/main.ts', '../streams/adapters/rocksdb/rocks-store.ts'],
    ['bench/task-loop.ts', '../streams/runtime/task.ts'],
    ['sql/sink.test.ts', '../streams/adapters/memory/memory-store.ts'],
    ['sql/sink.test.ts', '../tests/contracts/sink-contract.ts'],
    ['streams/dsl/stream.ts', '../cep/pattern.ts'],
    ['streams/adapters/embedded/log.ts', '../../ports/store.ts'],
    ['streams/adapters/rocksdb/a.ts', './b.ts'],
    ['streams/adapters/rocksdb/a.ts', '../store-errors.ts'],
    ['streams/testing/driver.ts', '../adapters/memory/memory-store.ts'],
    ['streams/serde/avro.test.ts', '../testing/memory-registry.ts'],
    ['streams/adapters/rocksdb/a.ts', 'rocksdb/binding.js'],
    ['streams/adapters/rocksdb/a.ts', 'node:fs'],
    ['api/http.test.ts', 'vitest'],
  ])('should allow %s importing %s', (path, specifier) => {
    expect(importViolations(parseSource(path, `import { x } from '${specifier}'`))).toEqual([])
  })

  it('should see every form of import', () => {
    const { imports } = parseSource(
      'app/x.ts',
      `import type { A } from './a.ts'
       import './b.ts'
       export * from './c.ts'
       export { D } from './d.ts'
       const e = await import('./e.ts')
       let f: import('./f.ts').F
       // import './g.ts'
       const h = "import './h.ts'"`,
    )
    expect(imports.map(({ target }) => target)).toEqual(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `app/${name}.ts`),
    )
  })

  it('should tell imports of types alone from others', () => {
    const { imports } = parseSource(
      'app/x.ts',
      `import type { A } from './a.ts'
       import { type B } from './b.ts'
       export type { C } from './c.ts'
       let d: import('./d.ts').D
       import { type E, e } from './e.ts'
       import './f.ts'
       export * from './g.ts'
       import h from './h.ts'`,
    )
    expect(imports.map(({ typeOnly }) => typeOnly)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ])
  })

  it('should not count a cycle of types', () => {
    const files = [
      parseSource('app/a.ts', `import type { B } from './b.ts'`),
      parseSource('app/b.ts', `import { a } from './a.ts'`),
    ]
    expect(importCycles(files)).toEqual([])
  })

  it('should find a cycle through several files, once', () => {
    const files = [
      parseSource('app/a.ts', `import './b.ts'\nimport './d.ts'`),
      parseSource('app/b.ts', `import './c.ts'`),
      parseSource('app/c.ts', `import { type B, a } from './a.ts'`),
      parseSource('app/d.ts', `import './c.ts'`),
    ]
    expect(importCycles(files)).toEqual([['app/a.ts', 'app/b.ts', 'app/c.ts', 'app/a.ts']])
  })
})
