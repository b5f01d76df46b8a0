import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { ErrorReason } from '../../control/generated/orderstreams/control/v1/errors.ts'
import { codeOfReason, reasonsOfCalls } from '../../control/server/status.ts'
import { errorCatalogue } from '../../streams/errors.ts'
import { readProjectFile } from './source-files.ts'

interface Documented {
  readonly code: string
  /** Undefined for a reason that only calls have. */
  readonly recovery: string | undefined
  readonly text: string
}

/** The sections of docs/errors.md: under `## recovery` one `### CODE` for each code, and at last those of calls. */
function readDocumented(): Documented[] {
  const documented: Documented[] = []
  for (const part of readProjectFile('docs/errors.md').split(/^## /m).slice(1)) {
    const recovery = /`([a-z-]+)`/.exec(part.split('\n', 1)[0]!)?.[1]
    for (const section of part.split(/^### /m).slice(1)) {
      const [heading, ...text] = section.split('\n')
      documented.push({ code: heading!.trim(), recovery, text: text.join('\n') })
    }
  }
  return documented
}

const documented = readDocumented()
const ofEngine = documented.filter(({ recovery }) => recovery !== undefined)
const ofCalls = documented.filter(({ recovery }) => recovery === undefined)

describe('docs/errors.md', () => {
  it('should document exactly the codes that there are, each once', () => {
    expect(ofEngine.map(({ code }) => code).sort()).toEqual(Object.keys(errorCatalogue).sort())
  })

  it('should put each code under the recovery that the engine chooses', () => {
    const expected = Object.entries(errorCatalogue).map(([code, { recovery }]) => `${code}: ${recovery}`)
    expect(ofEngine.map(({ code, recovery }) => `${code}: ${recovery}`).sort()).toEqual(expected.sort())
  })

  it('should document exactly the reasons that only calls have, each once with its status', () => {
    const found = ofCalls.map(({ code, text }) => `${code}: ${/Status `(\w+)`/.exec(text)?.[1]}`)
    const expected = reasonsOfCalls.map((reason) => `${reason}: ${status[codeOfReason[reason]]}`)
    expect(found.sort()).toEqual(expected.sort())
  })

  it('should say of each code when it occurs and what to do', () => {
    for (const { code, text } of documented) {
      expect(text, code).toMatch(/\*\*When:\*\* \S/)
      expect(text, code).toMatch(/\*\*You:\*\* \S/)
    }
  })
})

describe('errors.proto', () => {
  it('should have a reason for each error code of the engine and each reason of calls, and no other', () => {
    const reasons = Object.keys(ErrorReason)
      .filter((name) => name.startsWith('ERROR_REASON_') && name !== 'ERROR_REASON_UNSPECIFIED')
      .map((name) => name.slice('ERROR_REASON_'.length))
    expect(reasons.sort()).toEqual([...Object.keys(errorCatalogue), ...reasonsOfCalls].sort())
    expect(Object.keys(codeOfReason).sort()).toEqual(reasons.sort())
  })
})
