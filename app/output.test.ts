import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { liveText, tell } from './output.ts'

let written: string

beforeEach(() => {
  written = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text)
    return true
  })
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Makes standard error look like a terminal, or like none. */
function terminal(isTTY: boolean, rows: number): void {
  for (const [name, value] of Object.entries({ isTTY, rows, columns: 80 })) {
    Object.defineProperty(process.stderr, name, { value, configurable: true, writable: true })
  }
}

describe('liveText', () => {
  const { isTTY, rows, columns } = process.stderr

  afterEach(() => {
    for (const [name, value] of Object.entries({ isTTY, rows, columns })) {
      Object.defineProperty(process.stderr, name, { value, configurable: true, writable: true })
    }
  })

  it('should be there on a terminal that has a size only', () => {
    terminal(false, 24)
    expect(liveText()).toBeUndefined()
    terminal(true, 0)
    expect(liveText()).toBeUndefined()
  })

  it('should keep what is told meanwhile, above the text, and leave the text in the end', () => {
    terminal(true, 24)
    const live = liveText()!
    live.show('first\n42 %')
    written = ''
    tell('stopping')
    const [told, shown] = [written.indexOf('stopping\n'), written.indexOf('first\n42 %')]
    expect(told).toBeGreaterThanOrEqual(0)
    expect(shown).toBeGreaterThan(told)
    live.done()
    written = ''
    tell('stopped')
    expect(written).toBe('stopped\n')
  })
})
