/**
 * The package as those who install it get it: packed from the built repository, unpacked beside the dependencies that it
 * declares and nothing else, type-checked and run from a project of its own.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const modules = join(root, 'node_modules')

let project: string
let installed: string
let files: readonly string[]

beforeAll(() => {
  if (!existsSync(join(root, 'dist', 'app', 'main.js'))) {
    throw new Error('the package is tested as it was built: run `npm run build` first')
  }
  project = mkdtempSync(join(tmpdir(), 'order-streams-package-'))
  const npm = ['pack', '--json', '--ignore-scripts', '--pack-destination', project]
  const [packed] = JSON.parse(execFileSync('npm', npm, { cwd: root, encoding: 'utf8', stdio: 'pipe' }))
  files = packed.files.map(({ path }: { path: string }) => path)

  installed = join(project, 'node_modules', 'order-streams')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(project, packed.filename), '-C', installed, '--strip-components=1'])
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) link(name)
  // What a TypeScript project on Node has of its own.
  link('@types/node')
  link('undici-types')
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module' }))
})

afterAll(() => rmSync(project, { recursive: true, force: true }))

function link(name: string): void {
  const target = join(project, 'node_modules', name)
  mkdirSync(dirname(target), { recursive: true })
  if (existsSync(join(modules, name))) symlinkSync(join(modules, name), target)
}

/** Runs a program in the project; its output where it fails is the failure. */
function run(...command: readonly string[]): string {
  try {
    return execFileSync(process.execPath, command, { cwd: project, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error
    throw new Error(`${command.join(' ')}\n${error.stdout}${error.stderr}`)
  }
}

const consumer = `
import { defineTopology, keyValueStore, output, serdes, type StreamBuilder, StreamsError, topic } from 'order-streams/streams'
import { MemoryMetrics, TopologyTestDriver } from 'order-streams/streams/testing'

const words = topic('words', { key: serdes.nullable(serdes.string), value: serdes.string })
const counts = topic('counts', { key: serdes.string, value: serdes.long })

const topology = defineTopology('count', (builder) => {
  const stream = builder.stream(words)
  stream
    .groupBy((word) => word, serdes.string)
    .count({ store: 'words' })
    .toStream()
    .mapValues((count) => count ?? 0)
    .to(counts)
  // @ts-expect-error the values are text: this compiles only where the types are lost
  stream.mapValues((word) => word.noSuchMember)
})

// What is exported needs a name in the declarations: these compile only if all types in between are public.
export const readings = new MemoryMetrics().snapshot()
export const seen = keyValueStore({ name: 'seen', key: serdes.string, value: serdes.long })
export const first = output<string, string>()
export function parts(builder: StreamBuilder) {
  const stream = builder.stream(words)
  const grouped = stream.groupBy((word) => word, serdes.string)
  const processed = stream.process('first-seen', {
    stores: { seen },
    outputs: { first },
    create: ({ stores, outputs }) => (_key, word) => {
      if (stores.seen.get(word) === undefined) outputs.first(word, word)
      stores.seen.put(word, 1)
    },
  })
  return { stream, grouped, processed, split: stream.split, table: grouped.count({ store: 'words' }) }
}

const driver = await TopologyTestDriver.open(topology)
for (const value of ['a', 'b', 'a']) await driver.pipe(words, { key: null, value })
const read: readonly { readonly key: string; readonly value: number }[] = await driver.read(counts)
await driver.close()
console.log(read.map(({ key, value }) => key + value).join(' '), StreamsError.name)
`

const compilerOptions = {
  target: 'es2023',
  module: 'nodenext',
  moduleResolution: 'nodenext',
  types: ['node'],
  strict: true,
  declaration: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  // The declarations of the package are checked too.
  skipLibCheck: false,
}

describe('the package', () => {
  it('should hold what the product runs on, and nothing that only its makers need', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'bin/order-streams.js',
        'dist/app/main.js',
        'dist/control/server/descriptors.binpb',
        'dist/streams/index.d.ts',
        'dist/streams/testing/index.d.ts',
        'proto/orderstreams/control/v1/errors.proto',
        'samples/orders-2017-01.ndjson.gz',
        'samples/README.md',
        'schemas/order-processed.avsc',
        'sql/migrations/001.do.orders.sql',
      ]),
    )
    const kept =
      /^(bin|dist\/(?!bench|examples)\w+|proto|samples|schemas|sql\/migrations|streams\/schemas)\/|^[^/]+$/
    expect(files.filter((path) => !kept.test(path))).toEqual([])
    expect(
      files.filter((path) => /\.test\.|(?<!\.d)\.ts$|\.map$|tsbuildinfo|\.log$|\.db$/.test(path)),
    ).toEqual([])
  })

  it('should give a strict TypeScript project the engine, its types and its test driver', () => {
    writeFileSync(join(project, 'consumer.ts'), consumer)
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
    run(join(modules, 'typescript', 'bin', 'tsc'), '-p', '.')
    expect(run('consumer.js').trim()).toBe('a1 b1 a2 StreamsError')
  })

  it('should keep what is not public to itself', () => {
    writeFileSync(join(project, 'inside.js'), "import 'order-streams/dist/streams/runtime/task.js'\n")
    expect(() => run('inside.js')).toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('should start from where it is installed', () => {
    const order = {
      order_id: '1',
      user_id: '2',
      status: 'PAID',
      currency: 'USD',
      order_time: '2017-01-01T11:53:26Z',
      total_amount: '0.50',
      lines: [{ line_no: 1, product_id: '3', quantity: 1, line_amount: '0.50' }],
    }
    writeFileSync(join(project, 'orders.ndjson'), `${JSON.stringify(order)}\n`)
    const bin = join(installed, 'bin', 'order-streams.js')
    const output = run(bin, 'start', '--once', '--json', '--input', 'orders.ndjson', '--data-dir', 'data')
    expect(JSON.parse(output.trim().split('\n').at(-1)!)).toMatchObject({ orders: 1, headers: 1, lines: 1 })
  })
})
