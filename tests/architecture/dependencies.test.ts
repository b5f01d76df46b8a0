import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readProjectFile } from './source-files.ts'

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly overrides: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}

interface LockEntry {
  readonly version: string
  /** The package's own name where it is installed under another one. */
  readonly name?: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
}

const manifest: Manifest = JSON.parse(readProjectFile('package.json'))
const lock: { readonly packages: Readonly<Record<string, LockEntry>> } = JSON.parse(
  readProjectFile('package-lock.json'),
)
/** Each place under node_modules with what lies there, without the project itself. */
const installed = Object.entries(lock.packages).filter(([place]) => place !== '')
const page = readProjectFile('docs/dependencies.md')
const permissive = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
])

describe('docs/dependencies.md', () => {
  const table = page.split('## Packages')[1]?.split('\n## ')[0] ?? ''
  const rows = [...table.matchAll(/^\| `(.+?)` \| (.+) \|$/gm)]

  it('should have a row for each production dependency, in their order, and for nothing else', () => {
    expect(rows.map(([, name]) => name)).toEqual(Object.keys(manifest.dependencies))
  })

  it('should say of each what it is for, why it was chosen and how to do without it', () => {
    for (const [row, , cells] of rows) {
      expect(
        cells!.split(' | ').filter((cell) => cell.trim() !== ''),
        row,
      ).toHaveLength(3)
    }
  })

  it('should tell of the versions that are installed of what it tells the provenance of', () => {
    for (const name of ['kafkajs', 'rocksdb', 'libsql']) {
      const section = page.split(`\n## ${name}\n`)[1]?.split('\n## ')[0] ?? ''
      expect(section, name).toContain(lock.packages[`node_modules/${name}`]?.version)
    }
  })
})

describe('dependencies', () => {
  it('should be of exact versions', () => {
    const versions = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.overrides }
    for (const [name, version] of Object.entries(versions)) {
      expect(version, name).toMatch(/^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+$/)
    }
  })

  it('should have the hash of their archive in the lock file', () => {
    expect(installed.length).toBeGreaterThan(100)
    for (const [place, { integrity }] of installed) expect(integrity, place).toMatch(/^sha512-/)
  })

  it('should have install scripts only where that was decided', () => {
    const withScripts = installed.filter(([, entry]) => entry.hasInstallScript)
    const names = withScripts.map(([place, entry]) => entry.name ?? nameAt(place))
    expect([...new Set(names)].sort()).toEqual(Object.keys(manifest.allowScripts).sort())
  })

  it('should run the install script of one of them alone', () => {
    const allowed = Object.entries(manifest.allowScripts).filter(([, isAllowed]) => isAllowed)
    expect(allowed.map(([name]) => name)).toEqual(['@nxtedition/rocksdb'])
  })

  it('should have permissive licences where they are needed to run', () => {
    for (const [place, entry] of installed.filter(([, { dev }]) => !dev)) {
      const licences = (entry.license ?? licenceFileAt(place)).replace(/[()]/g, '').split(/ AND /)
      expect(
        licences.filter((licence) => !permissive.has(licence)),
        place,
      ).toEqual([])
    }
  })
})

function nameAt(place: string): string {
  return place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

/** For packages that name their licence in no other way. */
function licenceFileAt(place: string): string {
  const text = readFileSync(fileURLToPath(new URL(`../../${place}/LICENSE`, import.meta.url)), 'utf8')
  return text.startsWith('MIT License\n') ? 'MIT' : `unknown: ${text.slice(0, 40)}`
}
