import { describe, expect, it } from 'vitest'
import { errorCatalogue } from '../../streams/errors.ts'
import { readProjectFile } from './source-files.ts'

interface Documented {
  readonly code: string
  readonly recovery: string
  readonly text: string
}

/** The sections of docs/errors.md: under `## recovery` one `### CODE` for each code. */
function readDocumented(): Documented[] {
  const documented: Documented[] = []
  for (const part of readProjectFile('docs/errors.md').split(/^## /m).slice(1)) {
    const recovery = /`([a-z-]+)`/.exec(part.split('\n', 1)[0]!)?.[1] ?? ''
    for (const section of part.split(/^### /m).slice(1)) {
      const [heading, ...text] = section.split('\n')
      documented.push({ code: heading!.trim(), recovery, text: text.join('\n') })
    }
  }
  return documented
}

describe('docs/errors.md', () => {
  const documented = readDocumented()

  it('should document exactly the codes that there are, each once', () => {
    expect(documented.map(({ code }) => code).sort()).toEqual(Object.keys(errorCatalogue).sort())
  })

  it('should put each code under the recovery that the engine chooses', () => {
    const expected = Object.entries(errorCatalogue).map(([code, { recovery }]) => `${code}: ${recovery}`)
    expect(documented.map(({ code, recovery }) => `${code}: ${recovery}`).sort()).toEqual(expected.sort())
  })

  it('should say of each code when it occurs and what to do', () => {
    for (const { code, text } of documented) {
      expect(text, code).toMatch(/\*\*When:\*\* \S/)
      expect(text, code).toMatch(/\*\*You:\*\* \S/)
    }
  })
})
