import { describe, expect, it } from 'vitest'
import { defineTopology } from '../dsl/stream-builder.ts'
import type { TopicSettings } from '../ports/log.ts'
import { nullable } from '../serde/serde.ts'
import { serdes } from '../serde/serdes.ts'
import { topic } from '../serde/topic.ts'
import { session } from '../time/session-windows.ts'
import { days, hours, minutes, tumbling } from '../time/windows.ts'
import { taskCount, topicsOf } from './internal-topics.ts'

const values = { key: serdes.string, value: serdes.string }
const orders = topic('orders', values)
const users = topic('users', values, { partitions: 3 })
const joined = defineTopology('joined', (builder) => {
  builder
    .stream(orders)
    .join(builder.table(users, { store: 'users' }), (order, user) => order + user)
    .to(topic('out', values))
})
const counted = defineTopology('counted', (builder) => {
  builder
    .stream(orders)
    .groupBy((order) => order, serdes.string)
    .count({ store: 'counts' })
    .toStream()
    .to(topic('out', { key: serdes.string, value: nullable(serdes.long) }))
})

function existing(...settings: [string, number][]): ReadonlyMap<string, TopicSettings> {
  return new Map(
    settings.map(([name, partitions]) => [
      name,
      { name, partitions, cleanup: 'delete', timestampType: 'create' },
    ]),
  )
}

function counts(topics: readonly TopicSettings[]): Record<string, number> {
  return Object.fromEntries(topics.map(({ name, partitions }) => [name, partitions]))
}

describe('topicsOf', () => {
  it('should take the partitions that exist, then those that the topic names, then the default', () => {
    expect(counts(topicsOf(counted, existing(['orders', 5]), 2))).toMatchObject({
      orders: 5,
      out: 2,
      'counted-counts-repartition': 2,
      'counted-counts-changelog': 2,
      'counted-checkpoint': 1,
      'counted-dead-letter': 2,
    })
    expect(counts(topicsOf(joined, existing(), 3))).toMatchObject({ users: 3, orders: 3 })
  })

  it('should give each store a compacted changelog with a partition for each task, stamped by the log', () => {
    const changelog = topicsOf(counted, existing(['counted-counts-repartition', 6]), 2).find(
      ({ name }) => name === 'counted-counts-changelog',
    )
    expect(changelog).toEqual({
      name: 'counted-counts-changelog',
      partitions: 6,
      cleanup: 'compact',
      timestampType: 'append',
    })
  })

  it('should let changelogs of windows forget by themselves, a day after nobody reads a window any more', () => {
    const topology = defineTopology('windowed', (builder) => {
      const grouped = builder.stream(orders).groupByKey()
      grouped.windowedBy(tumbling(minutes(5))).count({ store: 'own', retentionMs: hours(2) })
      grouped.windowedBy(session(minutes(5))).count({ store: 'sessions' })
    })
    const changelogs = topicsOf(topology, existing(), 1).filter(({ name }) => name.endsWith('-changelog'))
    expect(changelogs.map(({ name, cleanup, retentionMs }) => [name, cleanup, retentionMs])).toEqual([
      ['windowed-own-changelog', 'compact-delete', minutes(5) + hours(2) + days(1)],
      // The windows of a key are one row, which goes with the last of them.
      ['windowed-sessions-changelog', 'compact', undefined],
      ['windowed-sessions-due-changelog', 'compact', undefined],
    ])
  })

  it('should refuse to join topics whose partitions are not alike, naming both', () => {
    expect(() => topicsOf(joined, existing(['orders', 4]), 2)).toThrow(
      expect.objectContaining({
        code: 'PARTITIONS_NOT_ALIKE',
        message: expect.stringMatching(/orders 4.*users 3|users 3.*orders 4/),
      }),
    )
  })
})

describe('streams of several topics', () => {
  const merging = (ending: 'count' | 'table' | 'neither') =>
    defineTopology('merging', (builder) => {
      const merged = builder.stream(orders).merge(builder.stream(users))
      if (ending === 'count') merged.groupByKey().count({ store: 'counts' })
      if (ending === 'table') merged.toTable({ store: 'rows' })
    })

  it.each(['count', 'table'] as const)(
    'should be refused when their keys come to one row and their partitions are not alike: %s',
    (ending) => {
      expect(() => topicsOf(merging(ending), existing(['orders', 4]), 2)).toThrow(
        expect.objectContaining({ code: 'PARTITIONS_NOT_ALIKE' }),
      )
      expect(counts(topicsOf(merging(ending), existing(['orders', 3]), 2))).toMatchObject({ users: 3 })
    },
  )

  it('should be taken as they are when no row is kept of their keys', () => {
    expect(counts(topicsOf(merging('neither'), existing(['orders', 4]), 2))).toMatchObject({ users: 3 })
  })
})

describe('taskCount', () => {
  it('should be that of the topic with the most partitions', () => {
    const merged = defineTopology('merged', (builder) => {
      builder.stream(orders).merge(builder.stream(users)).to(topic('out', values))
    })
    const partitions = new Map([
      ['orders', 2],
      ['users', 5],
    ])
    expect(taskCount(merged.subTopologies[0]!, partitions)).toBe(5)
  })
})
