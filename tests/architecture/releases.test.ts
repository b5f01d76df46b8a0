import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { readProjectFile } from './source-files.ts'

const { version } = z.object({ version: z.string() }).parse(JSON.parse(readProjectFile('package.json')))
const headings = [...readProjectFile('CHANGELOG.md').matchAll(/^## \[(.+?)\](.*)$/gm)]

describe('the version', () => {
  it('should be the same in the lock file and in the chart', () => {
    const lock = z
      .object({ version: z.string(), packages: z.object({ '': z.object({ version: z.string() }) }) })
      .parse(JSON.parse(readProjectFile('package-lock.json')))
    expect([lock.version, lock.packages[''].version]).toEqual([version, version])
    expect(parse(readProjectFile('helm/order-streams/Chart.yaml'))).toMatchObject({
      version,
      appVersion: version,
    })
  })

  it('should be the newest one that the changelog tells of, under what is not released yet', () => {
    expect(headings.slice(0, 2).map(([, name]) => name)).toEqual(['Unreleased', version])
  })

  it('should have a date in the changelog', () => {
    for (const [heading, , date] of headings.slice(1)) expect(date, heading).toMatch(/^ - \d{4}-\d{2}-\d{2}$/)
  })
})
