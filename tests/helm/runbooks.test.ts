/** What the runbooks name is there: objects that the chart makes, settings, codes of errors. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { settingNames } from '../../app/config-schema.ts'
import { errorCatalogue } from '../../streams/errors.ts'
import { chart, renderWith, whyNoChecks } from './chart-checks.ts'

const docs = join(chart, '../../docs')
const runbooks = readdirSync(join(docs, 'runbooks')).map((page) => `runbooks/${page}`)
const pages = readdirSync(docs, { encoding: 'utf8', recursive: true }).filter((page) => page.endsWith('.md'))

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: {
    readonly replicas?: number
    readonly template?: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } }
  }
}

/** Lines of code that begin with `kubectl`, without what is done with the answer. */
const kubectl = pages.flatMap((page) =>
  [...readFileSync(join(docs, page), 'utf8').matchAll(/^kubectl (.+)$/gm)].map(([, words]) => ({
    page,
    words: words!.split(/ [|&#]/)[0]!.trim(),
  })),
)

describe(`the commands of kubectl on the pages${whyNoChecks}`, () => {
  const manifests: readonly Manifest[] =
    whyNoChecks === ''
      ? parseAllDocuments(renderWith(['-f', 'ci/default-values.yaml'])).flatMap(
          (document) => document.toJS() ?? [],
        )
      : []
  const podLabels = manifests.map(({ spec }) => spec?.template?.metadata.labels ?? {})
  const names = new Set(manifests.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`))
  for (const { kind, metadata, spec } of manifests) {
    if (kind !== 'StatefulSet') continue
    for (let at = 0; at < (spec?.replicas ?? 0); at++) names.add(`pod/${metadata.name}-${at}`)
  }

  it('should be there', () => {
    expect(kubectl.length).toBeGreaterThan(15)
  })

  it.skipIf(whyNoChecks !== '').each(kubectl)(
    'should name what the chart makes: $words ($page)',
    ({ words }) => {
      const selector = /(?:-l|--selector)[ =](\S+)/.exec(words)?.[1]
      if (selector !== undefined) {
        const wanted = selector.split(',').map((pair) => pair.split('='))
        expect(podLabels.some((labels) => wanted.every(([label, value]) => labels[label!] === value))).toBe(
          true,
        )
      }
      for (const [, kind, name] of words.matchAll(/(?:(\w+)[ /])?(orders-order-streams[\w-]*)/g))
        expect([...names]).toContain(`${kind === undefined || kind === 'logs' ? 'pod' : kind}/${name}`)
    },
  )
})

describe('the runbooks', () => {
  it.each(runbooks)('should name settings and codes that there are: %s', (page) => {
    const prose = readFileSync(join(docs, page), 'utf8').replaceAll(
      /```promql[\s\S]*?```|\[[^\]]*\]\([^)]*\)/g,
      '',
    )
    const names = prose.match(/\b[a-z]+(?:[A-Z][a-z]+)+\b/g) ?? []
    const codes = (prose.match(/\b[A-Z]+_[A-Z_]+\b/g) ?? []).filter((code) => !code.startsWith('_'))

    expect(names.filter((name) => !settingNames.some((one) => one === name))).toEqual([])
    expect(codes.filter((code) => !(code in errorCatalogue))).toEqual([])
  })
})
