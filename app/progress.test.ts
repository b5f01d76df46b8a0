import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Flow } from './flow.ts'
import { flowLine, flowTable, showProgress } from './progress.ts'

const flow: Flow = {
  input: { lines: 1500, bytes: 50, totalBytes: 100, done: false },
  elapsedMs: 1234,
  topologies: [
    {
      name: 'ingest',
      in: 1500,
      out: 1490,
      rejected: null,
      dead: 10,
      stored: 900,
      lag: 600,
      recordsPerSecond: 999.6,
    },
    {
      name: 'cleanse',
      in: 1000,
      out: 9000,
      rejected: 5,
      dead: 0,
      stored: 8000,
      lag: 1490,
      recordsPerSecond: 0,
    },
  ],
}

describe('flowTable', () => {
  it('should show the input and a line for each topology', () => {
    expect(flowTable(flow).split('\n')).toEqual([
      'input  ███████████████░░░░░░░░░░░░░░░  50 %  1,500 lines read, 1.2 s',
      '',
      'topology     in    out  rejected  dead  stored    lag  records/s',
      'ingest    1,500  1,490         -    10     900    600      1,000',
      'cleanse   1,000  9,000         5     0   8,000  1,490          0',
    ])
  })

  it('should have no bar for a stream, whose end nobody knows, and none without an input', () => {
    const stream = { lines: 3, bytes: 50, totalBytes: null, done: false }
    expect(flowTable({ ...flow, input: stream })).toMatch(/^input {2}3 lines read, 1\.2 s\n/)
    expect(flowTable({ ...flow, input: undefined })).toMatch(/^topology/)
  })

  it('should be full at the end, also of an empty file', () => {
    const empty = { lines: 0, bytes: 0, totalBytes: 0, done: true }
    expect(flowTable({ ...flow, input: empty })).toContain('100 %')
  })
})

describe('flowLine', () => {
  it('should say the same in one line', () => {
    expect(flowLine(flow)).toBe(
      'read 1500 | ingest in 1500 out 1490 dead 10 lag 600 | cleanse in 1000 out 9000 rejected 5 dead 0 lag 1490',
    )
  })
})

describe('showProgress', () => {
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  it('should tell a line off a terminal only when something has moved, and the last state at the end', async () => {
    vi.useFakeTimers()
    const told: string[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0)
    let now = flow
    const progress = showProgress({ measure: async () => now }, () => undefined)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(told).toEqual([`1.2 s | ${flowLine(flow)}\n`])
    now = { ...flow, elapsedMs: 60_000, input: undefined }
    await progress.stop()
    expect(told.slice(1)).toEqual([`60.0 s | ${flowLine(now)}\n`])
  })
})
