import { describe, expect, it } from 'vitest'
import { readProjectFile, readSourceFiles } from './source-files.ts'

/** What stands in backquotes in a remark that names tests: *(`should …`; `should …`, 5 cases)*. */
function namedTests(page: string): string[] {
  return [...page.matchAll(/\*\(([^*]+)\)\*/g)].flatMap(([, remark]) => {
    const text = remark!.replaceAll(/\s+/g, ' ')
    return [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
  })
}

describe('docs/semantics.md', () => {
  it('should name tests that exist', () => {
    const sources = readSourceFiles()
      .filter(({ path }) => path.endsWith('.test.ts'))
      .map(({ path, text }) => `${path}\n${text}`)
    const named = namedTests(readProjectFile('docs/semantics.md'))
    expect(named.length).toBeGreaterThan(50)
    const isThere = (name: string) =>
      sources.some((source) => name.split('…').every((part) => source.includes(part.trim())))
    expect(named.filter((name) => !isThere(name))).toEqual([])
  })
})
