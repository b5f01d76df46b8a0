import { describe, expect, it } from 'vitest'
import { WatchTopologiesResponse } from '../../../control/generated/orderstreams/control/v1/topology_service.ts'
import { noColours } from '../../dashboard/text.ts'
import { type Order, type TopFrameOptions, topFrame } from './top-frame.ts'

const time = new Date('2017-01-01T10:30:00Z')

function task(name: string, lag: number, more: object = {}) {
  return {
    task: name,
    state: 'TASK_STATE_RUNNING' as const,
    lag,
    recordsPerSecond: 100 - lag,
    stateDiskBytes: lag * 1024,
    ...more,
  }
}

const reading = WatchTopologiesResponse.fromPartial({
  time,
  topologies: [
    {
      topology: 'cleanse',
      taskCount: 2,
      runningTaskCount: 2,
      lag: 7,
      recordsPerSecond: 1500,
      stateDiskBytes: 2048,
    },
    {
      topology: 'statistics',
      taskCount: 3,
      runningTaskCount: 1,
      lag: 12_721,
      watermarkDelay: { seconds: 90, nanos: 0 },
      flow: 'FLOW_STATE_PAUSED',
      failures: ['LOG_UNAVAILABLE: no broker answers'],
    },
  ],
  instances: [
    {
      instanceId: 'a',
      topologies: [
        {
          topology: 'cleanse',
          tasks: [
            task('raw_0', 3, { watermark: new Date('2017-01-01T10:29:00Z') }),
            task('raw_1', 40, { failure: 'no broker answers' }),
          ],
        },
      ],
    },
    { instanceId: 'b', unreachableReason: 'connection refused' },
  ],
})

function linesOf(changes: Partial<TopFrameOptions> = {}): string[] {
  const options = {
    width: 120,
    height: undefined,
    paint: noColours,
    order: 'lag' as Order,
    hasTasks: true,
    address: 'here:50051',
    notice: null,
  }
  return topFrame(reading, { ...options, ...changes }).split('\n')
}

/** The first words of the lines of both lists. */
function firstColumn(lines: readonly string[]): (string | undefined)[] {
  return lines.map((line) => /^(cleanse raw_\d|cleanse|statistics)/.exec(line)?.[0]).filter(Boolean)
}

describe('the frame of ctl top', () => {
  it('should tell place, time and sums, and who did not answer', () => {
    const [head, totals, unreachable] = linesOf()
    expect(head).toMatch(/^order-streams {2}here:50051 +2017-01-01 10:30:00 UTC$/)
    expect(totals).toBe('2 instances  2 tasks  1,500 records/s  lag 12,728  state 2.0 KiB')
    expect(unreachable).toBe('instance b did not answer: connection refused')
  })

  it('should list topologies and tasks with their figures', () => {
    const text = linesOf().join('\n')
    expect(text).toMatch(/^statistics +paused +1\/3 +0 +12,721 +1 min 30 s +0 B +LOG_UNAVAILABLE: no broker/m)
    expect(text).toMatch(/^cleanse raw_0 +a +running +- +97 +3 +1 min +3\.0 KiB$/m)
    expect(text).toMatch(/^cleanse raw_1 +a +running +- +60 +40 +- +40\.0 KiB +no broker answers$/m)
  })

  it.each<[Order, string[]]>([
    ['lag', ['statistics', 'cleanse', 'cleanse raw_1', 'cleanse raw_0']],
    ['rate', ['cleanse', 'statistics', 'cleanse raw_0', 'cleanse raw_1']],
    ['delay', ['statistics', 'cleanse', 'cleanse raw_0', 'cleanse raw_1']],
    ['state', ['cleanse', 'statistics', 'cleanse raw_1', 'cleanse raw_0']],
    ['name', ['cleanse', 'statistics', 'cleanse raw_0', 'cleanse raw_1']],
  ])('should sort by %s', (order, names) => {
    expect(firstColumn(linesOf({ order }))).toEqual(names)
  })

  it('should cut long names of tasks in their middle, so that their figures have room', () => {
    const long = WatchTopologiesResponse.fromPartial({
      ...reading,
      instances: [
        {
          instanceId: 'a',
          topologies: [
            { topology: 'statistics', tasks: [task('statistics-orders-per-hour-repartition_3', 5)] },
          ],
        },
      ],
    })
    const options = {
      width: 90,
      height: undefined,
      paint: noColours,
      order: 'lag' as Order,
      hasTasks: true,
      address: 'here',
      notice: null,
    }
    expect(topFrame(long, options)).toMatch(
      /^statistics sta…repartition_3 +a +running +- +95 +5 +- +5\.0 KiB$/m,
    )
  })

  it('should leave the tasks out when asked to', () => {
    expect(firstColumn(linesOf({ hasTasks: false }))).toEqual(['statistics', 'cleanse'])
  })

  it('should say why the figures are not of now', () => {
    expect(linesOf({ notice: 'not of now' })[1]).toBe('not of now')
  })

  it.each([1, 12, 20, 40, 80])('should be no wider than %i columns and no higher than 6 lines', (width) => {
    const lines = linesOf({ width, height: 6 })
    expect(lines.length).toBeLessThanOrEqual(6)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
  })
})
