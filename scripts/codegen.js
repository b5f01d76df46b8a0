// Generates the record types from schemas/ and streams/schemas/, and what is made from proto/; with --check it only compares.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const statuses = [
  'dist/schemas/codegen.js',
  'scripts/generate-control.js',
  'dist/observability/dashboards/codegen.js',
].map((script) => {
  const { status } = spawnSync(process.execPath, [join(root, script), ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  })
  return status ?? 1
})
process.exitCode = Math.max(...statuses)
