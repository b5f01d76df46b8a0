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

  it('should be the newest one that the changelog tells of, under what is not released yet', () => {
    expect(headings.slice(0, 2).map(([, name]) => name)).toEqual(['Unreleased', version])
  })

  it('should have a date in the changelog', () => {
    for (const [heading, , date] of headings.slice(1)) expect(date, heading).toMatch(/^ - \d{4}-\d{2}-\d{2}$/)
  })
})
