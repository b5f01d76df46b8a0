import { describe, expect, it } from 'vitest'
import { commitSteps } from '../../streams/index.ts'
import { asNode, readProjectFile, readSourceFiles, type SourceFile, walk } from './source-files.ts'

const spec = readProjectFile('docs/commit.md')

/** The text under a `## heading`, up to the next one. */
function section(heading: string): string {
  const found = spec.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))
  if (found === undefined) throw new Error(`docs/commit.md has no section "${heading}"`)
  return found
}

/** The cells of a section's table, row by row, without its head. */
function rows(heading: string): string[][] {
  const lines = section(heading)
    .split('\n')
    .filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

function steps(heading: string): string[] {
  return rows(heading).map(([step]) => step!.replaceAll('`', ''))
}

/** Titles of all tests, as far as they are written out: up to the first placeholder. */
function testTitles(files: readonly SourceFile[]): string[] {
  const titles: string[] = []
  for (const file of files) {
    if (!file.path.endsWith('.test.ts')) continue
    walk(file.program, (node) => {
      if (node.type === 'Literal' && typeof node['value'] === 'string') titles.push(node['value'])
      if (node.type === 'TemplateElement') {
        const value = asNode(node)?.['value']
        if (typeof value === 'object' && value !== null && 'cooked' in value)
          titles.push(String(value.cooked))
      }
    })
  }
  return titles.filter((title) => title.startsWith('should '))
}

describe('docs/commit.md', () => {
  it('should have a row for each commit step, in their order', () => {
    expect(steps('Exactly-once, step by step')).toEqual([...commitSteps])
  })

  it('should have a row for each step of at-least-once, which has no transaction and ends with the offsets', () => {
    const withoutTransaction = commitSteps.filter((step) => step !== 'committed' && step !== 'offsets-sent')
    expect(steps('At-least-once')).toEqual([...withoutTransaction, 'offsets-sent'])
  })

  it('should fill every cell', () => {
    const headings = ['Exactly-once, step by step', 'At-least-once', 'What else can happen at a step']
    for (const cells of headings.flatMap(rows)) expect(cells, cells[0]).not.toContain('')
  })

  it('should number its invariants from 1 and name tests that exist', () => {
    const invariants = section('Invariants')
      .split(/^(?=\d+\. )/m)
      .slice(1)
    expect(invariants.map((text) => Number.parseInt(text, 10))).toEqual(
      invariants.map((_, index) => index + 1),
    )
    const titles = testTitles(readSourceFiles())
    const exists = (named: string): boolean => titles.some((title) => title.startsWith(named))
    const named = invariants.map((text) =>
      [...text.matchAll(/^ +- (should .*)$/gm)].map(([, title]) => title!),
    )
    for (const [index, tests] of named.entries())
      expect(tests.length, `invariant ${index + 1}`).toBeGreaterThan(0)
    const inTables = rows('What else can happen at a step').map((cells) => cells.at(-1)!)
    expect([...named.flat(), ...inTables].filter((title) => !exists(title))).toEqual([])
  })
})
