import { describe, expect, it } from 'vitest'
import { measureLongWindow } from './long-window.ts'

describe('thousands of open partial matches on one key', () => {
  it('should cost an event as much as a few do: counted in tests called and runs touched', async () => {
    const events = 1000
    const [few, many] = [await measureLongWindow(200, events), await measureLongWindow(8000, events)]
    expect(few.openRuns).toBeLessThan(300)
    expect(many.openRuns).toBeGreaterThan(7900)
    // Once each test that some run waits for, however many do: `warm`, `hot`, `cooled`, `stopped`.
    expect(many.conditionsAsked).toBe(4 * events)
    expect(many.conditionsAsked).toBe(few.conditionsAsked)
    // Nobody but those whose time is over: one in ten events begins a run, as one times out.
    expect(many.runsTouched).toBeLessThan(0.15 * events)
    expect(few.runsTouched).toBeLessThan(0.15 * events)
  })
})
