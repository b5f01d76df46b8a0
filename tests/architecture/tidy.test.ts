import { describe, expect, it } from 'vitest'
import { parseSource, readSourceFiles } from './source-files.ts'
import { tidyViolations } from './tidy-rules.ts'

function findings(path: string, text: string): string[] {
  return tidyViolations(parseSource(path, text))
}

describe('house rules', () => {
  it('should hold in every file', () => {
    expect(readSourceFiles().flatMap(tidyViolations)).toEqual([])
  })

  it.each([
    ['const t = Date.now()', 'use `now()` of the Clock port'],
    ['const now = Date.now', 'use `now()` of the Clock port'],
    ['const t = performance.now()', 'use `now()` of the Clock port'],
    ['const t = new Date()', 'use `now()` of the Clock port'],
    ['const x = Math.random()', 'take a seeded generator'],
    ['setTimeout(() => {}, 5)', 'use `setTimer` of the Clock port'],
    ['globalThis.setTimeout(() => {}, 5)', 'use `setTimer` of the Clock port'],
    ['setInterval(() => {}, 5)', 'use `setTimer` of the Clock port'],
    ['setImmediate(() => {})', 'use `yieldTurn` of the Clock port'],
    ['const home = process.env.HOME', 'take the setting as an option'],
    ['const { HOME } = process.env', 'take the setting as an option'],
    ['const id = randomUUID()', 'take the id as an option'],
  ])('should refuse a hidden input of the engine: %s', (text, remedy) => {
    expect(findings('streams/dsl/x.ts', text)).toEqual([expect.stringContaining(remedy)])
    expect(findings('streams/adapters/system/x.ts', text)).toEqual([])
    expect(findings('streams/dsl/x.test.ts', text)).toEqual([])
    expect(findings('api/x.ts', text)).toEqual([])
  })

  it('should allow a date made from a time, and the words in comments and strings', () => {
    const text = '// Date.now() and any\nconst day = new Date(timeMs)\nconst help = "Math.random() as any"'
    expect(findings('streams/dsl/x.ts', text)).toEqual([])
  })

  it.each([
    ['let x: any', '`unknown`'],
    ['const x = y as any', '`unknown`'],
    ['type T = Record<string, any>', '`unknown`'],
    ['const x = y as unknown as string', 'narrow with a check'],
    ['// @ts-ignore\nx()', 'mend the type'],
    ['// @ts-nocheck\nx()', 'mend the type'],
    ['// @ts-expect-error\nx()', 'mend the type'],
    ['// TODO later\nx()', 'do it now'],
  ])('should refuse what hides a mistake: %s', (text, remedy) => {
    expect(findings('api/x.ts', text)).toEqual([expect.stringContaining(remedy)])
  })

  it('should allow tests to show that misuse does not compile', () => {
    expect(findings('api/x.test.ts', '// @ts-expect-error a number is no name\nx(1)')).toEqual([])
  })

  it('should refuse a file of more than 500 lines', () => {
    expect(findings('api/x.ts', 'x()\n'.repeat(499))).toEqual([])
    expect(findings('api/x.ts', 'x()\n'.repeat(500))).toEqual([expect.stringContaining('split the file')])
  })

  it.each([
    ["it.skip('should a', () => {})", 'skipIf'],
    ["it.only('should a', () => {})", 'skipIf'],
    ["it.todo('should a')", 'skipIf'],
    ["describe.only('a', () => {})", 'skipIf'],
    ["test.skip.each([1])('should a', () => {})", 'skipIf'],
    ["it('does a', () => {})", 'begin the title with "should"'],
    ['it(title, () => {})', 'begin the title with "should"'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the program under test
    ['it(`${name} should`, () => {})', 'begin the title with "should"'],
    ["it.each([1])('does %s', () => {})", 'begin the title with "should"'],
    ["it.skipIf(noServer)('does a', () => {})", 'begin the title with "should"'],
  ])('should refuse the test %s', (text, remedy) => {
    expect(findings('api/x.test.ts', text)).toContainEqual(expect.stringContaining(remedy))
  })

  it.each([
    "it('should a', () => {})",
    "it.each([1])('should %s', () => {})",
    "it.skipIf(noServer)('should a', () => {})",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the program under test
    'it(`should ${name}`, () => {})',
    "describe.each([1])('of %s', () => {})",
  ])('should allow the test %s', (text) => {
    expect(findings('api/x.test.ts', text)).toEqual([])
  })

  it('should ask files of runtime and state to open with a comment', () => {
    for (const folder of ['runtime', 'state']) {
      expect(findings(`streams/${folder}/x.ts`, 'x()')).toEqual([expect.stringContaining('invariants')])
      expect(findings(`streams/${folder}/x.ts`, '/** Why. */\nx()')).toEqual([])
      expect(findings(`streams/${folder}/x.test.ts`, 'x()')).toEqual([])
    }
    expect(findings('streams/dsl/x.ts', 'x()')).toEqual([])
  })

  it('should refuse await in a decision', () => {
    const text = '/** Why. */\nexport async function decide() { await x() }'
    expect(findings('streams/runtime/decide-commit.ts', text)).toEqual([
      expect.stringContaining('facts that the caller has gathered'),
    ])
    expect(findings('streams/runtime/task.ts', text)).toEqual([])
  })

  it('should name path and line', () => {
    expect(findings('api/x.ts', 'const a = 1\nlet b: any')[0]).toMatch(/^api\/x\.ts:2: /)
  })
})
