/** What the chart is checked with: the tools that scripts/chart-tools.sh makes, run on the chart as it lies in the repository. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'

export const chart = join(import.meta.dirname, '../../helm/order-streams')

/** The one that scripts/chart-tools.sh has the schemas of. */
export const kubernetesVersion = '1.34.4'

const tools = process.env['TEST_CHART_TOOLS'] ?? ''

/** Why the chart cannot be checked; empty when it can. */
export const whyNoChecks: string =
  tools === ''
    ? ' (skipped: set TEST_CHART_TOOLS to the directory that scripts/chart-tools.sh makes, or use `npm run test:chart`)'
    : ''

/** The paths of the files with values that the chart is installed with, in the chart's directory. */
export const valuesFiles: readonly string[] = [
  'quickstart-values.yaml',
  ...filesIn('ci')
    .filter((file) => file.endsWith('-values.yaml'))
    .map((file) => `ci/${file}`),
]

/** All templates that make manifests, and the notes, relative to `templates`. */
export function templates(): string[] {
  return filesIn('templates').filter((file) => !file.split('/').at(-1)!.startsWith('_'))
}

/** Files below a directory of the chart, relative to it; none where it is not there. */
export function filesIn(directory: string): string[] {
  const path = join(chart, directory)
  if (!existsSync(path)) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted()
}

/** How a tool ended. */
export interface Ending {
  readonly status: number | null
  /** All that it wrote. */
  readonly text: string
}

export function runTool(name: string, args: readonly string[], input = ''): Ending {
  const { status, stdout, stderr, error } = spawnSync(join(tools, name), args, {
    cwd: chart,
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 28,
  })
  if (error !== undefined) throw error
  return { status, text: `${stdout}${stderr}` }
}

/** The manifests with the values of a file, hooks and tests too. Throws what helm says when it cannot make them. */
export function render(valuesFile: string): string {
  return renderWith(['-f', valuesFile])
}

/** The same with other ways to give values. */
export function renderWith(values: readonly string[]): string {
  const args = ['template', 'orders', '.', '--namespace', 'shop', '--kube-version', kubernetesVersion]
  return execFileSync(join(tools, 'helm'), [...args, ...values], {
    cwd: chart,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
}

/** Says what is wrong with manifests by the API's own schemas; unknown kinds and fields are wrong, too. */
export function checkAgainstSchemas(manifests: string): Ending {
  const location = `${join(tools, 'schemas')}/{{.ResourceKind}}{{.KindSuffix}}.json`
  return runTool('kubeconform', ['-strict', '-schema-location', location], manifests)
}

/**
 * Critical findings as `object: what is wrong`. CPU needs no limit: it would slow a pod down while processors are idle, and requests
 * share them out when they are not.
 */
export function criticalFindings(manifests: string, ignored: readonly string[]): string[] {
  const ignoring = ignored.flatMap((check) => ['--ignore-test', check])
  const { text } = runTool(
    'kube-score',
    ['score', '--output-format', 'ci', '--ignore-container-cpu-limit', ...ignoring, '-'],
    manifests,
  )
  return text
    .split('\n')
    .filter((line) => line.startsWith('[CRITICAL]'))
    .map((line) => line.slice('[CRITICAL] '.length))
}

/** A file of the chart's own unit tests. */
export interface UnitTestFile {
  readonly name: string
  readonly templates: readonly string[]
  readonly titles: readonly string[]
}

export function unitTestFiles(): UnitTestFile[] {
  return filesIn('tests')
    .filter((file) => file.endsWith('_test.yaml'))
    .map((name) => {
      const file: { templates?: string[]; tests: { it: string; template?: string; templates?: string[] }[] } =
        parse(readFileSync(join(chart, 'tests', name), 'utf8'))
      return { name, templates: file.templates ?? [], titles: file.tests.map(({ it }) => it) }
    })
}

/** What is wrong, by the titles of a file's tests; null for those that pass. Those that did not run are not in it. */
export function runUnitTests({ name }: UnitTestFile): { text: string; failures: Map<string, string | null> } {
  const directory = mkdtempSync(join(tmpdir(), 'chart-unit-tests-'))
  try {
    const report = join(directory, 'report.xml')
    const { text } = runTool('untt', ['--strict', '-f', `tests/${name}`, '-t', 'JUnit', '-o', report, '.'])
    const cases = existsSync(report) ? readFileSync(report, 'utf8').split('<testcase ').slice(1) : []
    return {
      text,
      failures: new Map(
        cases.map((part) => {
          const failed = /<(?:failure|error) message="[^"]*"[^>]*>([^<]*)/.exec(part)
          return [
            unescaped(/ name="([^"]*)"/.exec(part)![1]!),
            failed === null ? null : unescaped(failed[1]!),
          ]
        }),
      ),
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
  return text.replaceAll(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return named[name] ?? whole
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal))
  })
}
