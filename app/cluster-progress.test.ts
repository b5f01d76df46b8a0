import { describe, expect, it } from 'vitest'
import type { DriverState, TopologyStatus } from '../streams/index.ts'
import { TaskNews, tasksText } from './cluster-progress.ts'

const running: DriverState = { kind: 'running' }
const restoring = (done: number): DriverState => ({
  kind: 'restoring',
  progress: { done, total: 2000, elapsedMs: 1000, remainingMs: 3000 },
})

function status(
  tasks: Readonly<Record<string, DriverState>>,
  more: Partial<TopologyStatus> = {},
): TopologyStatus {
  return {
    name: 'cleanse',
    state: { kind: 'running' },
    isAssigned: true,
    isConfirmed: true,
    tasks: new Map(Object.entries(tasks)),
    awayTasks: new Set(),
    silentTasks: new Set(),
    standbys: new Map(),
    ...more,
  }
}

describe('tasksText', () => {
  it('should group tasks by what they read and do, and name copies apart', () => {
    const tasks = {
      'order-parsed_10': running,
      'order-line_0': running,
      'order-parsed_2': running,
      a_b_1: restoring(0),
    }
    const standbys = new Map([['order-parsed_3', { kind: 'following', lag: 0 } as const]])
    expect(tasksText(status(tasks, { standbys }))).toBe(
      'has a_b 1 (restoring), order-line 0 (running), order-parsed 2, 10 (running); keeps copies of order-parsed 3 (following)',
    )
  })

  it('should say that there is nothing, or nothing yet', () => {
    expect(tasksText(status({}))).toBe('has no task')
    expect(tasksText(status({}, { isAssigned: false }))).toMatch(/^waits for the group/)
    expect(tasksText(status({}, { state: { kind: 'stopping' } }))).toBe('is stopping')
  })
})

describe('TaskNews', () => {
  const textsOf = (news: TaskNews, statuses: TopologyStatus[], nowMs: number) =>
    news.news(statuses, nowMs).map(({ text }) => text)

  it('should tell what stands, once', () => {
    const news = new TaskNews()
    const one = [status({ 'order-parsed_0': running })]
    expect(textsOf(news, one, 0)).toEqual([])
    expect(textsOf(news, one, 500)).toEqual(['cleanse has order-parsed 0 (running)'])
    expect(textsOf(news, one, 60_000)).toEqual([])
    expect(textsOf(news, [status({})], 61_000)).toEqual([])
    expect(textsOf(news, [status({})], 61_500)).toEqual(['cleanse has no task'])
  })

  it('should tell of opening only when it takes long', () => {
    const news = new TaskNews()
    const opening = [status({ 'order-parsed_0': { kind: 'opening' } })]
    for (const nowMs of [0, 500, 1000, 4500]) expect(textsOf(news, opening, nowMs)).toEqual([])
    expect(textsOf(news, opening, 5000)).toEqual(['cleanse has order-parsed 0 (opening)'])
  })

  it('should tell how far a restore has come every few seconds', () => {
    const news = new TaskNews()
    expect(textsOf(news, [status({ 'order-parsed_0': restoring(0) })], 0)).toEqual([])
    expect(textsOf(news, [status({ 'order-parsed_0': restoring(400) })], 500)).toEqual([
      'cleanse has order-parsed 0 (restoring)',
    ])
    expect(textsOf(news, [status({ 'order-parsed_0': restoring(1500) })], 5000)).toEqual([
      'cleanse restores order-parsed_0 1,500 of 2,000 records, about 3.0 s left',
    ])
    expect(textsOf(news, [status({ 'order-parsed_0': restoring(1600) })], 5500)).toEqual([])
  })
})
