import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readProjectFile } from './source-files.ts'

const { version } = JSON.parse(readProjectFile('package.json'))
const headings = [...readProjectFile('CHANGELOG.md').matchAll(/^## \[(.+?)\](.*)$/gm)]

describe('the version', () => {
  it('should be the same in the lock file and in the chart', () => {
    const lock = JSON.parse(readProjectFile('package-lock.json'))
    expect([lock.version, lock.packages[''].version]).toEqual([version, version])
    const chart = readProjectFile('helm/order-streams/Chart.yaml')
    const inChart = [...chart.matchAll(/^(version|appVersion): "?([^"\s]+)"?$/gm)].map(([, , text]) => text)
    expect(inChart).toEqual([version, version])
  })

  it('should be what the image says of itself', () => {
    expect(readProjectFile('Dockerfile')).toContain(`\nARG VERSION=${version}\n`)
  })

  it('should be the newest one that the changelog tells of, under what is not released yet', () => {
    expect(headings.slice(0, 2).map(([, name]) => name)).toEqual(['Unreleased', version])
  })

  it('should have a date in the changelog', () => {
    for (const [heading, , date] of headings.slice(1)) expect(date, heading).toMatch(/^ - \d{4}-\d{2}-\d{2}$/)
  })
})

describe('the bill of materials', () => {
  const lock: { packages: Record<string, { version: string; name?: string; dev?: boolean }> } = JSON.parse(
    readProjectFile('package-lock.json'),
  )
  const needed = Object.entries(lock.packages)
    .filter(([place, { dev }]) => place !== '' && !dev)
    .map(([place, { name, version }]) => `${name ?? place.replace(/.*node_modules\//, '')}@${version}`)

  /** What npm warns of goes nowhere. */
  function listed(...args: string[]): { [key: string]: readonly Record<string, unknown>[] } {
    const script = fileURLToPath(new URL('../../scripts/sbom.js', import.meta.url))
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
    return JSON.parse(execFileSync(process.execPath, [script, ...args], { encoding: 'utf8', stdio }))
  }

  it('should have every package that is needed to run, by its own name, with its hash and licence, and no other', () => {
    const { components = [] } = listed()
    expect(components.map((component) => component['bom-ref']).sort()).toEqual([...new Set(needed)].sort())
    expect(needed).toContainEqual(expect.stringMatching(/^@nxtedition\/rocksdb@/))
    expect(components.filter(({ hashes }) => !Array.isArray(hashes))).toEqual([])
    const withoutLicence = components.filter(({ licenses }) => !Array.isArray(licenses))
    expect(withoutLicence.map(({ name }) => name)).toEqual(['@kafkajs/confluent-schema-registry'])
  })

  it('should have as many in the format SPDX, with the product itself', () => {
    expect(listed('spdx')['packages']).toHaveLength(new Set(needed).size + 1)
  })
})
