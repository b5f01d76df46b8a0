/**
 * Prints the bill of materials of what the package needs to run: every package of the lock file that is not for development alone.
 * `npm sbom --omit dev` by itself also leaves out what is needed for both. `node scripts/sbom.js [cyclonedx|spdx]`: as JSON.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const format = process.argv[2] ?? 'cyclonedx'
const { devDependencies: _, ...manifest } = readJson('package.json')
const lock = readJson('package-lock.json')
delete lock.packages[''].devDependencies
lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([, entry]) => !entry.dev))

const work = mkdtempSync(join(tmpdir(), 'sbom-'))
try {
  // npm calls the root after its directory.
  const project = join(work, manifest.name)
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify(lock))
  copyFileSync(join(root, '.npmrc'), join(project, '.npmrc'))
  const options = ['--package-lock-only', '--sbom-format', format, '--sbom-type', 'application']
  const { status } = spawnSync('npm', ['sbom', ...options], { cwd: project, stdio: 'inherit' })
  process.exitCode = status ?? 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

function readJson(name) {
  return JSON.parse(readFileSync(join(root, name), 'utf8'))
}
