import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { countWords } from './word-count-app.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'word-count-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

it('should count words, and go on from there when it is started again', async () => {
  const first = await countWords(directory, ['to be or not to be'])
  expect(first).toEqual(new Map(Object.entries({ to: 2, be: 2, or: 1, not: 1 })))
  const second = await countWords(directory, ['to do is to be', 'to be is to do'])
  expect(second).toEqual(new Map(Object.entries({ to: 6, be: 4, or: 1, not: 1, do: 2, is: 2 })))
})
