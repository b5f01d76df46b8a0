/**
 * `npm run codegen`: writes the record types of all schemas, the engine's own too. With `--check` it writes nothing and
 * fails when a generated file is not what the schemas now give.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { generateRecordTypes } from '../streams/index.ts'

const targets = [
  { folder: 'streams/schemas', runtimeImport: '../../serde/avro-schema.ts' },
  { folder: 'schemas', runtimeImport: '../../streams/index.ts' },
  { folder: 'bench/peer/schemas', runtimeImport: '../../../../streams/index.ts' },
]

/** The generated files, by path from the root, with the text they should have. */
export function generatedFiles(root: string): { readonly path: string; readonly text: string }[] {
  return targets.map(({ folder, runtimeImport }) => {
    const files = readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.avsc'))
      .map((name) => ({ name: join(folder, name), text: readFileSync(join(root, folder, name), 'utf8') }))
    return { path: join(folder, 'generated', 'records.ts'), text: generateRecordTypes(files, runtimeImport) }
  })
}

/** The generated files that are missing or stale. */
export function staleFiles(root: string): string[] {
  return generatedFiles(root)
    .filter(({ path, text }) => readOrEmpty(join(root, path)) !== text)
    .map(({ path }) => path)
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function main(root: string, check: boolean): void {
  if (check) {
    const stale = staleFiles(root)
    for (const path of stale) console.error(`${path} is stale: run \`npm run codegen\` and commit it`)
    process.exitCode = stale.length === 0 ? 0 : 1
    return
  }
  for (const { path, text } of generatedFiles(root)) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(path)
  }
}

const script = process.argv[1]
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  main(process.cwd(), process.argv.includes('--check'))
}
