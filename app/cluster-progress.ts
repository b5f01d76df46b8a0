/**
 * What an instance of a cluster is doing, as log messages: which tasks it has whenever that changes, how far restores have
 * come, and every while in which something moved how much. It looks at what this instance has, never at whole topics.
 */
import type { DriverState, TopologyStatus } from '../streams/index.ts'
import type { Application } from './application.ts'
import { FlowMeter } from './flow.ts'
import { count, seconds } from './output.ts'
import { flowLine, type Progress } from './progress.ts'

const lookEveryMs = 500
const restoresEveryMs = 5_000
/** What usually takes no time is told when it takes some. */
const passingMs = 5_000
const flowEveryMs = 10_000

export function logProgress(application: Application): Progress {
  const { platform, streams, config } = application
  const { clock, logger } = platform
  const isJson = config.logFormat === 'json'
  const tasks = new TaskNews()
  const timers = [
    setInterval(() => {
      for (const { text, fields } of tasks.news(streams.status(), clock.now())) {
        logger.info(isJson ? fields : {}, isJson ? 'tasks' : text)
      }
    }, lookEveryMs),
  ]
  let lastLine = ''
  let isMeasuring = false
  const meter = FlowMeter.open(application)
  const measure = async (): Promise<void> => {
    const flow = await (await meter).measure(undefined)
    const line = flowLine(flow)
    if (line === lastLine) return
    lastLine = line
    if (!isJson) return logger.info({}, line)
    for (const { name: topology, ...fields } of flow.topologies)
      logger.info({ topology, ...fields }, 'progress')
  }
  timers.push(
    setInterval(() => {
      // A log that is away lets it wait, and nothing waits for it.
      if (isMeasuring) return
      isMeasuring = true
      measure()
        .catch(() => {})
        .finally(() => {
          isMeasuring = false
        })
    }, flowEveryMs),
  )
  return {
    stop: async () => {
      for (const timer of timers) clearInterval(timer)
    },
  }
}

export interface News {
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Tells what is new of a topology's tasks once it stands: while they are opened, each look has another picture. */
export class TaskNews {
  private readonly told = new Map<string, string>()
  private readonly seen = new Map<string, { readonly text: string; readonly sinceMs: number }>()
  private restoresToldMs: number | undefined

  news(statuses: readonly TopologyStatus[], nowMs: number): News[] {
    const news: News[] = []
    this.restoresToldMs ??= nowMs
    const tellsRestores = nowMs - this.restoresToldMs >= restoresEveryMs
    for (const status of statuses) {
      const { name, state } = status
      const text = tasksText(status)
      const seen = this.seen.get(name)
      const sinceMs = seen?.text === text ? seen.sinceMs : nowMs
      this.seen.set(name, { text, sinceMs })
      const isPassing = state.kind === 'starting' || [...status.tasks.values()].some(isOpening)
      const stands = nowMs - sinceMs >= (isPassing ? passingMs : lookEveryMs)
      if (stands && state.kind !== 'new' && this.told.get(name) !== text) {
        this.told.set(name, text)
        news.push({ text: `${name} ${text}`, fields: tasksFields(status) })
      }
      const restores = tellsRestores ? restoresText(status) : ''
      if (restores !== '') {
        this.restoresToldMs = nowMs
        news.push({ text: `${name} ${restores}`, fields: tasksFields(status) })
      }
    }
    return news
  }
}

function isOpening({ kind }: DriverState): boolean {
  return kind === 'opening'
}

/** As `has order-raw 0, 1 (running), order-parsed 0 (restoring)`. */
export function tasksText({ state, isAssigned, tasks, standbys }: TopologyStatus): string {
  if (state.kind !== 'running') return `is ${state.kind}`
  if (!isAssigned) return 'waits for the group to say which tasks it has'
  const own = groupsText(tasks)
  const copies = groupsText(standbys)
  const has = own === '' ? 'has no task' : `has ${own}`
  return copies === '' ? has : `${has}; keeps copies of ${copies}`
}

function groupsText(tasks: ReadonlyMap<string, { readonly kind: string }>): string {
  const groups = new Map<string, { name: string; kind: string; partitions: number[] }>()
  for (const [id, { kind }] of tasks) {
    const at = id.lastIndexOf('_')
    const name = id.slice(0, at)
    const group = groups.get(`${name} ${kind}`) ?? { name, kind, partitions: [] }
    group.partitions.push(Number(id.slice(at + 1)))
    groups.set(`${name} ${kind}`, group)
  }
  return [...groups.values()]
    .map(({ name, kind, partitions }) => ({ name, kind, list: partitions.sort((a, b) => a - b).join(', ') }))
    .sort((a, b) => (`${a.name} ${a.list}` < `${b.name} ${b.list}` ? -1 : 1))
    .map(({ name, kind, list }) => `${name} ${list} (${kind})`)
    .join(', ')
}

function restoresText({ tasks }: TopologyStatus): string {
  const texts = [...tasks].flatMap(([id, state]) => {
    if (state.kind !== 'restoring') return []
    const { done, total, remainingMs } = state.progress
    const left = remainingMs === null ? '' : `, about ${seconds(remainingMs)} left`
    return [`${id} ${count(done)} of ${count(total)} records${left}`]
  })
  return texts.length === 0 ? '' : `restores ${texts.join('; ')}`
}

function tasksFields({ name, state, isAssigned, tasks, standbys }: TopologyStatus) {
  const kinds = [...tasks].map(([id, task]) => [
    id,
    task.kind === 'restoring' ? { restoring: task.progress } : task.kind,
  ])
  return {
    topology: name,
    state: state.kind,
    isAssigned,
    tasks: Object.fromEntries(kinds),
    standbys: Object.fromEntries([...standbys].map(([id, { kind }]) => [id, kind])),
  }
}
