/** What the chart says of the product and of its own files, held against these. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { loadConfig } from '../../app/config.ts'
import { settingNames } from '../../app/config-schema.ts'
import { orderTopologies, topologyNames } from '../../app/order-topologies.ts'
import { sourceTopicsOf } from '../../streams/runtime/task-place.ts'
import { chart, filesIn, renderWith, whyNoChecks } from './chart-checks.ts'

const skipped = whyNoChecks !== ''

describe('the topics that topologies are scaled by', () => {
  const template = readFileSync(join(chart, 'templates/_scaling.tpl'), 'utf8')
  const listed: Record<string, string[]> = parse(
    /define "order-streams\.inputTopics" -\}\}\n([^{]*)/.exec(template)?.[1] ?? '',
  )
  const { config } = loadConfig({ environment: {}, flags: [], workingDirectory: chart })

  it.each(topologyNames)('should be those that the group %s reads', (name) => {
    const [topology] = orderTopologies([name], config)
    const repartitioned = topology!.repartitionTopics.map((topic) => topic.name)

    const read = new Set(sourceTopicsOf(topology!).filter((topic) => !repartitioned.includes(topic)))

    expect(listed[name]?.toSorted()).toEqual([...read].toSorted())
  })

  it('should be of topologies that there are', () => {
    expect(Object.keys(listed)).toEqual(topologyNames)
  })
})

describe(`what the chart takes over from files${whyNoChecks}`, () => {
  const manifests = (setting: string) =>
    parseAllDocuments(renderWith(['-f', 'quickstart-values.yaml', '--set', setting])).map((document) =>
      document.toJS(),
    )
  const ofKind = (kind: string, setting: string) =>
    manifests(setting).filter((manifest) => manifest?.kind === kind)

  it.skipIf(skipped)('should be all alert rules, with what Prometheus fills in as it is', () => {
    const files = filesIn('rules').filter((file) => file.endsWith('.yaml'))
    const groups = files.flatMap((file) => parse(readFileSync(join(chart, 'rules', file), 'utf8')).groups)

    const [rule] = ofKind('PrometheusRule', 'metrics.prometheusRule.enabled=true')

    expect(groups.length).toBeGreaterThan(0)
    expect(rule.spec.groups).toEqual(groups)
  })

  it.skipIf(skipped)('should be all dashboards, each small enough for a ConfigMap', () => {
    const files = filesIn('dashboards').filter((file) => file.endsWith('.json'))
    const texts = files.map((file) => readFileSync(join(chart, 'dashboards', file), 'utf8'))

    const found = ofKind('ConfigMap', 'metrics.dashboards.enabled=true').flatMap((manifest) =>
      Object.entries<string>(manifest.data)
        .map(([name, text]): [string, string] => [name.replace(/^order-streams-/, ''), text])
        .filter(([name]) => files.includes(name)),
    )

    expect(files.length).toBeGreaterThan(0)
    expect(Object.fromEntries(found.map(([name, text]) => [name, JSON.parse(text)]))).toEqual(
      Object.fromEntries(files.map((name, index) => [name, JSON.parse(texts[index]!)])),
    )
    expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBeLessThan(1024 * 1024)
  })
})

describe(`what starts pods anew${whyNoChecks}`, () => {
  const checksums = (...settings: string[]) =>
    Object.fromEntries(
      parseAllDocuments(
        renderWith(['-f', 'quickstart-values.yaml', ...settings.flatMap((setting) => ['--set', setting])]),
      )
        .map((document) => document.toJS())
        .filter((manifest) => manifest?.kind === 'StatefulSet')
        .flatMap(({ metadata, spec }) => {
          const checksum: unknown = spec.template.metadata.annotations?.['checksum/configuration']
          return checksum === undefined ? [] : [[metadata.name.replace(/.*-/, ''), checksum]]
        }),
    )

  it.skipIf(skipped)('should be a setting of its topology, or of all, and no other', () => {
    const before = checksums()
    const ofOne = checksums('topologies.ingest.settings.commitIntervalMs=50')
    const ofAll = checksums('settings.commitIntervalMs=50')
    const ofNone = checksums('commonLabels.team=shop', 'image.tag=1.2.3', 'topologies.ingest.replicas=2')

    expect(Object.keys(before).toSorted()).toEqual(topologyNames.toSorted())
    expect(ofOne).toEqual({ ...before, ingest: expect.not.stringMatching(before['ingest']) })
    expect(Object.keys(before).filter((name) => ofAll[name] === before[name])).toEqual([])
    expect(ofNone).toEqual(before)
  })
})

describe(`the settings that values of the chart are there for${whyNoChecks}`, () => {
  const template = readFileSync(join(chart, 'templates/_validations.tpl'), 'utf8')
  const reserved = Object.keys(
    parse(/define "order-streams\.reservedSettings" -\}\}\n([^{]*)/.exec(template)?.[1] ?? ''),
  )

  it('should be settings', () => {
    expect(reserved.length).toBeGreaterThan(20)
    expect(reserved.filter((name) => !settingNames.some((known) => known === name))).toEqual([])
  })

  it.skipIf(skipped)('should be all that it renders, but for a few that may be otherwise', () => {
    // The third is a setting of those files.
    const free = ['outageMaxMs', 'registerSchemas', 'standbyReplicas', 'startWaitMs']
    const files = ['ci/secured-values.yaml', 'ci/savepoints-values.yaml', 'ci/monitoring-values.yaml']
    const rendered = files.flatMap((file) =>
      parseAllDocuments(renderWith(['-f', file]))
        .map((document) => document.toJS())
        .filter((manifest) => manifest?.kind === 'ConfigMap' && 'order-streams.yaml' in manifest.data)
        .filter((manifest) => manifest.metadata.name.endsWith('-cleanse'))
        .flatMap((manifest) => Object.keys(parse(manifest.data['order-streams.yaml']))),
    )
    expect(rendered.length).toBeGreaterThan(30)
    expect([...new Set(rendered)].filter((name) => !reserved.includes(name)).sort()).toEqual(free)
  })
})

describe('the page of the chart', () => {
  it('should name every value (helm-docs makes it anew from values.yaml)', () => {
    const page = readFileSync(join(chart, 'README.md'), 'utf8')

    // What is described as a whole is one row.
    const isTold = (path: string): boolean =>
      page.includes(`| ${path} |`) ||
      page.includes(`| ${path}[0] |`) ||
      (path.includes('.') && isTold(path.slice(0, path.lastIndexOf('.'))))
    const missing = leavesOf(parse(readFileSync(join(chart, 'values.yaml'), 'utf8')), '').filter(
      (path) => !isTold(path),
    )

    expect(missing).toEqual([])
  })
})

/** Paths as helm-docs writes them; what is in lists is told with its list. */
function leavesOf(value: unknown, path: string): string[] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [path]
  const entries = Object.entries(value).filter(([key]) => /^[A-Za-z]+$/.test(key))
  if (entries.length === 0) return []
  return entries.flatMap(([key, inner]) => leavesOf(inner, path === '' ? key : `${path}.${key}`))
}
