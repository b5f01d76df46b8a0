import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonTopic } from '../../tests/support/topologies.ts'
import { defineTopology } from '../dsl/stream-builder.ts'
import type { InputView } from '../runtime/task-view.ts'
import { serdes } from '../serde/serdes.ts'
import type { InputTime } from '../time/input-time.ts'
import { TaskTime } from '../time/task-time.ts'
import { tumbling } from '../time/windows.ts'
import type { IdlePolicy } from '../topology/source.ts'
import { type ExplainFacts, explainTask, heldBackOf, type TaskFacts } from './explain.ts'
import { explanationText } from './explain-text.ts'

const nowMs = Date.UTC(2026, 10, 23, 11, 0)
const atMs = Date.UTC(2026, 10, 23, 10, 31)
const front = 'orders'
const behind = 'shop-counts-repartition'

function topologyOf(idle: IdlePolicy) {
  return defineTopology('shop', (builder) => {
    builder
      .stream(jsonTopic<string>('orders'), { idle, idleAfterMs: 5_000, disorderMs: 2_000 })
      .groupBy((product) => product, serdes.string)
      .windowedBy(tumbling(60_000))
      .emit('on-close')
      .count({ store: 'counts' })
  })
}

function input(own: Partial<InputView> = {}): InputView {
  return {
    topic: 'orders',
    partition: 0,
    position: 100,
    committed: 100,
    end: 100,
    watermarkMs: atMs,
    isIdle: false,
    hasEnded: false,
    isHeld: false,
    upstream: [],
    atEndSinceMs: nowMs - 2_000,
    ...own,
  }
}

function task(name: string, own: Partial<TaskFacts> = {}): TaskFacts {
  return {
    task: name,
    subTopology: name.slice(0, name.lastIndexOf('_')),
    instanceId: 'instance-1',
    away: null,
    watermarkMs: atMs,
    recordsPerSecond: 0,
    inputs: [input()],
    heldBy: [],
    ...own,
  }
}

function told(watermarkMs: number | null, ...tasks: readonly string[]) {
  return tasks.map((one) => ({ task: one, watermarkMs, isIdle: false }))
}

function facts(idle: IdlePolicy, ...tasks: readonly TaskFacts[]): ExplainFacts {
  return { nowMs, topology: topologyOf(idle), tasks: new Map(tasks.map((one) => [one.task, one])) }
}

function textOf(name: string, all: ExplainFacts): string {
  return explanationText(explainTask(name, all), all)
}

describe('explain', () => {
  it('should take the input that the time of a task goes by', () => {
    const inputs = fc.array(fc.record({ watermarkMs: fc.option(fc.nat(50)), isIdle: fc.boolean() }), {
      minLength: 1,
      maxLength: 5,
    })
    fc.assert(
      fc.property(inputs, (all) => {
        const times = all.map(
          ({ watermarkMs, isIdle }): InputTime => ({
            watermarkMs: watermarkMs ?? Number.NEGATIVE_INFINITY,
            isIdle,
            hasEnded: false,
            upstream: [],
            hasOneOrder: true,
            observe: () => 0,
            look: () => {},
            hear: () => {},
            end: () => {},
            hold: () => {},
          }),
        )
        const time = new TaskTime()
        time.follow(times)
        const one = task(`${front}_0`, { inputs: all.map((own, partition) => input({ ...own, partition })) })
        const found = heldBackOf(one, facts('ignore', one))
        expect(found?.input.watermarkMs ?? Number.NEGATIVE_INFINITY).toBe(time.watermarkMs)
      }),
    )
  })

  it('should say of an input at its end what its policy waits for', () => {
    const waiting = facts('wait', task(`${front}_0`))
    expect(explainTask(`${front}_0`, waiting)[0]!.heldBack).toMatchObject({ reason: 'at-end' })
    expect(textOf(`${front}_0`, waiting)).toBe(
      'The time of task orders_0 at instance-1 stands at 2026-11-23T10:31:00Z, 29 min behind the clock. Input orders-0 was read to its ' +
        'end at offset 100 since 2026-11-23T10:59:58Z (2 s ago), and stands at 2026-11-23T10:31:00Z. Its source waits for it (idle ' +
        'policy "wait"): only a newer record moves the time on. Send one, or give the source the policy "ignore" or "wall-clock".',
    )
    const clock = facts('wall-clock', task(`${front}_0`))
    expect(textOf(`${front}_0`, clock)).toContain('In 3 s its time begins to follow the clock')
    const following = facts(
      'wall-clock',
      task(`${front}_0`, { inputs: [input({ atEndSinceMs: nowMs - 9_000 })] }),
    )
    expect(textOf(`${front}_0`, following)).toContain('Its time follows the clock now, 2 s behind it')
    const only = facts('ignore', task(`${front}_0`, { inputs: [input({ isIdle: true })] }))
    expect(textOf(`${front}_0`, only)).toContain(
      'It is the only input of the task, so no time passes by events',
    )
    const other = input({ partition: 1, watermarkMs: atMs + 5_000 })
    const soon = facts('ignore', task(`${front}_0`, { inputs: [input(), other] }))
    expect(textOf(`${front}_0`, soon)).toContain(
      'In 3 s it counts as idle, and leaves the time to the other inputs',
    )
  })

  it('should say that nothing was ever read, or that the log has not answered', () => {
    const empty = input({ watermarkMs: null, position: 0, end: 0 })
    const never = facts('wait', task(`${front}_0`, { watermarkMs: null, inputs: [empty] }))
    expect(explainTask(`${front}_0`, never)[0]!.heldBack).toMatchObject({ reason: 'never-read' })
    expect(textOf(`${front}_0`, never)).toMatch(
      /^Task orders_0 at instance-1 knows no time yet\. Of input orders-0 no record has been read that tells the time/,
    )
    const unheard = facts('wait', task(`${front}_0`, { inputs: [input({ end: null })] }))
    expect(textOf(`${front}_0`, unheard)).toContain('The log has not told the end of input orders-0 yet')
  })

  it('should say how many records wait, and for how long', () => {
    const one = task(`${front}_0`, {
      recordsPerSecond: 500,
      inputs: [input({ end: 60_100, atEndSinceMs: null })],
    })
    const all = facts('wait', one)
    expect(explainTask(`${front}_0`, all)[0]!.heldBack).toMatchObject({ reason: 'unread' })
    expect(textOf(`${front}_0`, all)).toContain(
      'Input orders-0 has 60,000 records (offset 100 of 60100) that wait to be processed; at 500 records a second that takes ' +
        'about 2 min.',
    )
    const stuck = facts('wait', { ...one, recordsPerSecond: 0 })
    expect(textOf(`${front}_0`, stuck)).toContain('wait, and none is being processed')
  })

  it('should name the stage that is held', () => {
    const held = task(`${front}_0`, { heldBy: ['shop/orders'], inputs: [input({ isHeld: true, end: 500 })] })
    const all = facts('wait', held)
    expect(explainTask(`${front}_0`, all)[0]!.heldBack).toMatchObject({ reason: 'paused' })
    expect(textOf(`${front}_0`, all)).toContain(
      'Input orders-0 is held by a stage command for shop/orders: resume it',
    )
  })

  const repartition = (own: Partial<InputView>) => input({ topic: behind, position: 9, end: 9, ...own })

  it('should follow what is behind across repartition topics to the cause', () => {
    const heard = [...told(atMs + 60_000, `${front}_0`), ...told(atMs, `${front}_1`)]
    const all = facts(
      'wait',
      task(`${behind}_0`, { inputs: [repartition({ upstream: heard })] }),
      task(`${front}_0`, { watermarkMs: atMs + 60_000 }),
      task(`${front}_1`, { instanceId: 'instance-2', inputs: [input({ partition: 1, end: 300 })] }),
    )
    const links = explainTask(`${behind}_0`, all)
    expect(links.map((link) => [link.task, link.heldBack?.reason])).toEqual([
      [`${behind}_0`, 'upstream'],
      [`${front}_1`, 'unread'],
    ])
    expect(textOf(`${behind}_0`, all)).toContain(
      `It waits for task ${front}_1, which writes to ${behind}-0 and has told no later time than 2026-11-23T10:31:00Z. The time of task ` +
        `${front}_1 at instance-2 stands at`,
    )
  })

  it('should find the task that has told nothing, and say why it does not run', () => {
    const all = facts(
      'wait',
      task(`${behind}_0`, {
        watermarkMs: null,
        inputs: [repartition({ watermarkMs: null, upstream: told(atMs, `${front}_0`) })],
      }),
      task(`${front}_0`),
      task(`${front}_1`, { instanceId: 'instance-2', away: 'it has failed: the disk is full', inputs: [] }),
    )
    const links = explainTask(`${behind}_0`, all)
    expect(links.map((link) => link.task)).toEqual([`${behind}_0`, `${front}_1`])
    expect(links.at(-1)!.heldBack).toBeUndefined()
    expect(textOf(`${behind}_0`, all)).toContain('has not told its time yet')
    expect(textOf(`${behind}_0`, all)).toContain(
      `Task ${front}_1 at instance-2 processes nothing: it has failed: the disk is full.`,
    )
    const nobody = facts(
      'wait',
      ...[...all.tasks.values()].map((one) =>
        one.task === `${front}_1` ? { ...one, instanceId: null } : one,
      ),
    )
    expect(textOf(`${behind}_0`, nobody)).toContain(`Task ${front}_1 is run by nobody`)
  })

  it('should not blame a task that has moved on since it was heard', () => {
    const all = facts(
      'wait',
      task(`${behind}_0`, { inputs: [repartition({ upstream: told(atMs, `${front}_0`) })] }),
      task(`${front}_0`, { watermarkMs: atMs + 1_000 }),
    )
    const links = explainTask(`${behind}_0`, all)
    expect(links.at(-1)).toMatchObject({ task: `${front}_0`, hasMoved: true, heldBack: undefined })
    expect(textOf(`${behind}_0`, all)).toContain('has come to 2026-11-23T10:31:01Z meanwhile')
  })

  it('should take what was not read yet for the cause before what others have told', () => {
    const all = facts(
      'wait',
      task(`${behind}_0`, { inputs: [repartition({ end: 12, upstream: told(atMs, `${front}_0`) })] }),
      task(`${front}_0`),
    )
    expect(explainTask(`${behind}_0`, all).map((link) => link.heldBack?.reason)).toEqual(['unread'])
  })

  it('should say that all is due once nothing comes any more', () => {
    const all = facts('wait', task(`${front}_0`, { inputs: [input({ hasEnded: true })] }))
    expect(textOf(`${front}_0`, all)).toContain('Nothing comes any more of any input')
  })
})
