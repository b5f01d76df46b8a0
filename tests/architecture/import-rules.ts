/**
 * Which file may import which: the layers of the repository and of the engine, and the one folder of each library.
 * There is no list of exceptions. The folder tests/ may look into the engine, which is one of the things it tests, and
 * bench/ into its runtime and its matcher: it times a task and a pattern alone, which users never hold.
 */
import { isTest, type SourceFile } from './source-files.ts'

/** Top-level folders, and what else each may import. */
const folders: Readonly<Record<string, readonly string[]>> = {
  streams: [],
  schemas: ['streams'],
  orders: ['streams', 'schemas'],
  topologies: ['streams', 'schemas', 'orders'],
  sql: ['streams', 'schemas'],
  api: ['streams', 'schemas', 'orders'],
  control: ['streams', 'schemas'],
  app: ['streams', 'schemas', 'orders', 'topologies', 'sql', 'api', 'control'],
  examples: ['streams'],
  bench: ['streams', 'schemas', 'orders', 'topologies', 'sql', 'api', 'app'],
  observability: [],
  tests: [
    'streams',
    'schemas',
    'orders',
    'topologies',
    'sql',
    'api',
    'control',
    'app',
    'examples',
    'bench',
    'observability',
  ],
}

const publicEntries = new Set(['streams/index.ts', 'streams/testing/index.ts', 'streams/embedded/index.ts'])
/** Who wires adapters to the engine. */
const composers = new Set(['app', 'bench'])
const measured = ['streams/runtime/', 'streams/cep/']

/** The engine's folders: each may import those before it. */
const engineLayers = [
  'errors.ts',
  'records',
  'ports',
  'serde',
  'schemas',
  'topology',
  'time',
  'state',
  'cep',
  'dsl',
  'runtime',
  'control',
]
/** What an adapter knows of the engine. */
const adapterLayers = new Set(['errors.ts', 'records', 'ports', 'serde'])

/** Library to the folders that may import it; `test` stands for test files. Node's own modules are free. */
const libraries: Readonly<Record<string, readonly string[]>> = {
  rocksdb: ['streams/adapters/rocksdb'],
  '@opentelemetry/api': ['streams/adapters/opentelemetry'],
  '@opentelemetry/exporter-trace-otlp-http': ['streams/adapters/opentelemetry'],
  '@opentelemetry/resources': ['streams/adapters/opentelemetry'],
  '@opentelemetry/sdk-trace-base': ['streams/adapters/opentelemetry', 'tests'],
  kafkajs: ['streams/adapters/kafka', 'tests/kafka'],
  '@kafkajs/confluent-schema-registry': ['streams/adapters/registry'],
  testcontainers: ['tests/compose'],
  pino: ['streams/adapters/system'],
  'pino-pretty': ['streams/adapters/system'],
  avsc: ['streams/serde'],
  libsql: ['sql'],
  mysql2: ['sql'],
  postgrator: ['sql'],
  fastify: ['api', 'control', 'app'],
  '@grpc/grpc-js': ['control', 'tests'],
  '@bufbuild/protobuf': ['control/generated', 'control/server'],
  jose: ['control'],
  'prom-client': ['control', 'app'],
  commander: ['app'],
  yaml: ['app', 'tests/helm', 'tests/observability'],
  'log-update': ['app'],
  zod: ['api', 'app'],
  'pure-rand': ['api/simulator', 'streams/testing', 'bench'],
  vitest: ['test', 'vitest.config.ts'],
  'fast-check': ['test'],
  vite: ['test'],
}

/** What is wrong with the imports of a file, a sentence each. */
export function importViolations(file: SourceFile): string[] {
  const found = new Set<string>()
  for (const { specifier, target } of file.imports) {
    const reason =
      target === undefined ? libraryViolation(file.path, specifier) : layerViolation(file.path, target)
    if (reason !== undefined) found.add(`${file.path} imports ${target ?? specifier}: ${reason}`)
  }
  return [...found]
}

function libraryViolation(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return undefined
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const allowed = libraries[name]
  if (allowed === undefined) {
    return 'the library has no folder yet; give it one in the table of tests/architecture/import-rules.ts'
  }
  const inPlace = allowed.some((place) => (place === 'test' ? isTest(path) : isWithin(path, place)))
  return inPlace ? undefined : `only ${allowed.join(', ')} may; use the port or function that wraps it`
}

function layerViolation(path: string, target: string): string | undefined {
  if (!target.endsWith('.ts') && !target.endsWith('.json'))
    return 'a relative import names its file with `.ts`'
  const from = topFolder(path)
  const to = topFolder(target)
  // Tests beside the source may use what all tests share.
  if (path.endsWith('.test.ts') && to === 'tests') return undefined
  if (from === to) return from === 'streams' && !isTest(path) ? engineViolation(path, target) : undefined
  const allowed = folders[from]
  if (allowed === undefined) {
    return `folder ${from} has no layer yet; give it one in tests/architecture/import-rules.ts`
  }
  if (!allowed.includes(to)) return `${from} may import ${allowed.join(', ') || 'no other folder'}`
  return to === 'streams' && from !== 'tests' ? entryViolation(path, from, target) : undefined
}

function entryViolation(path: string, from: string, target: string): string | undefined {
  if (publicEntries.has(target)) return undefined
  const composes = composers.has(from) || isTest(path)
  if (composes && target.startsWith('streams/adapters/')) return undefined
  if (from === 'bench' && measured.some((folder) => target.startsWith(folder))) return undefined
  return `outside the engine import ${[...publicEntries].join(' or ')}${composes ? ' or an adapter' : ''}`
}

function engineViolation(path: string, target: string): string | undefined {
  const from = engineFolder(path)
  const to = engineFolder(target)
  if (from === to && from !== 'adapters') return undefined
  if (from === 'index.ts') return to === 'testing' ? 'testing has an index of its own' : undefined
  // Wires the engine to adapters, for applications in one process.
  if (from === 'embedded') return to === 'testing' ? 'only tests use what is for tests' : undefined
  if (from === 'testing') return to === 'index.ts' ? 'import the module itself, not the index' : undefined
  if (from === 'adapters') return adapterViolation(path, target, to)
  const rank = engineLayers.indexOf(from)
  if (rank < 0) return `streams/${from} has no layer yet; give it one in tests/architecture/import-rules.ts`
  if (engineLayers.slice(0, rank).includes(to)) return undefined
  return `streams/${from} may import ${engineLayers.slice(0, rank).join(', ') || 'nothing else of the engine'}`
}

function adapterViolation(path: string, target: string, to: string): string | undefined {
  if (adapterLayers.has(to)) return undefined
  const shared = to === 'adapters' && target.split('/').length === 3
  const own = adapterName(path) !== undefined && adapterName(path) === adapterName(target)
  if (shared || own) return undefined
  return `an adapter may import ${[...adapterLayers].join(', ')}, itself, and what lies in streams/adapters for all`
}

/** `rocksdb` for a file in streams/adapters/rocksdb; undefined for one that all adapters share. */
function adapterName(path: string): string | undefined {
  const segments = path.split('/')
  return segments.length > 3 ? segments[2] : undefined
}

function engineFolder(path: string): string {
  return path.split('/')[1] ?? ''
}

function topFolder(path: string): string {
  return path.split('/')[0] ?? ''
}

function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`)
}

/**
 * The cycles of imports among files, as lists of paths that end where they began. Imports of types alone do not count:
 * nothing depends on the order in which they are loaded.
 */
export function importCycles(files: readonly SourceFile[]): string[][] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const cycles: string[][] = []
  const visit = (path: string): void => {
    state.set(path, 'open')
    trail.push(path)
    for (const { target, typeOnly } of byPath.get(path)?.imports ?? []) {
      if (typeOnly || target === undefined || !byPath.has(target)) continue
      if (state.get(target) === 'open') cycles.push([...trail.slice(trail.indexOf(target)), target])
      else if (!state.has(target)) visit(target)
    }
    trail.pop()
    state.set(path, 'done')
  }
  for (const { path } of files) if (!state.has(path)) visit(path)
  return cycles
}
