// Generates from proto/ the code of the control services, control/generated, and the descriptors that server reflection answers with.
// With --check it writes nothing, and fails when what is there is not what would be generated.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const generated = join('control', 'generated')
const descriptors = join('control', 'server', 'descriptors.binpb')

/** Protos whose services are served, or whose messages are in errors: a directory, and which of its files. */
const described = [
  ['proto'],
  ['node_modules/google-proto-files', 'google/rpc/error_details.proto'],
  ['node_modules/grpc-health-check/proto', 'health'],
  ['node_modules/@grpc/reflection/build/proto', 'grpc'],
  ['node_modules/@grpc/grpc-js/proto', 'channelz.proto'],
]

const isCheck = process.argv.includes('--check')
const work = mkdtempSync(join(tmpdir(), 'control-generated-'))
try {
  // The template names where the code goes, from the directory given.
  const base = isCheck ? join(work, 'base') : root
  generate(base)
  if (isCheck) process.exitCode = compare(base, root)
} finally {
  rmSync(work, { recursive: true, force: true })
}

function generate(base) {
  buf('generate', '--output', base)
  // Sets of descriptors are joined by putting one behind the other.
  const sets = described.map(([directory, path], index) => {
    const file = join(work, `${index}.binpb`)
    const only = path === undefined ? [] : ['--path', join(directory, path)]
    buf('build', directory, ...only, '--as-file-descriptor-set', '--output', file)
    return readFileSync(file)
  })
  mkdirSync(dirname(join(base, descriptors)), { recursive: true })
  writeFileSync(join(base, descriptors), Buffer.concat(sets))
}

function buf(...args) {
  const { status, error } = spawnSync(join(root, 'node_modules', '.bin', 'buf'), args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error !== undefined) throw error
  if (status !== 0) {
    console.error(`buf ${args.join(' ')} failed`)
    process.exit(1)
  }
}

function compare(fresh, committed) {
  const files = new Set([fresh, committed].flatMap((base) => [...filesIn(base, generated), descriptors]))
  const stale = [...files].filter((file) => {
    const [a, b] = [join(fresh, file), join(committed, file)]
    return !existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b))
  })
  if (stale.length === 0) return 0
  console.error(`stale: ${stale.sort().join(', ')}; run \`npm run codegen\``)
  return 1
}

function filesIn(base, directory) {
  return readdirSync(join(base, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(base, join(entry.parentPath, entry.name)))
}
