/** `ctl top` as lines of text, for a terminal of any size: what does not fit is left out, never wrapped. */
import type { TaskStatus } from '../../../control/generated/orderstreams/control/v1/instance_service.ts'
import type {
  TopologySummary,
  WatchTopologiesResponse,
} from '../../../control/generated/orderstreams/control/v1/topology_service.ts'
import { between, cut, duration, noColours, type Paint, rule, secondText } from '../../dashboard/text.ts'
import { count, counted } from '../../output.ts'
import { durationText, flowText, rateText, sizeText, wordOf } from './format.ts'
import { type PlacedTask, stateText, tasksOf } from './instances.ts'
import { type Column, tableOf } from './print.ts'
import { msOfDuration } from './values.ts'

/** What the lists can be sorted by: the most first, names from A. */
export const orders = ['lag', 'rate', 'delay', 'state', 'name'] as const

export type Order = (typeof orders)[number]

export interface TopFrameOptions {
  readonly width: number
  /** Lines at most; undefined: as many as there are. */
  readonly height: number | undefined
  readonly paint: Paint
  readonly order: Order
  /** Whether there is a list of tasks. */
  readonly hasTasks: boolean
  /** Where the figures are from. */
  readonly address: string
  /** Why they are not those of now; null when they are. */
  readonly notice: string | null
}

/** What rows are sorted by. */
interface Figures {
  readonly name: string
  readonly lag: number
  readonly rate: number
  /** Undefined without a watermark. */
  readonly delayMs: number | undefined
  readonly stateBytes: number
}

const topologyColumns: readonly Column<TopologySummary>[] = [
  ['TOPOLOGY', ({ topology }) => topology],
  ['FLOW', ({ flow }) => wordOf(flow, 'FLOW_STATE_')],
  ['TASKS', ({ runningTaskCount, taskCount }) => `${runningTaskCount}/${taskCount}`, 'right'],
  ['RATE/S', ({ recordsPerSecond }) => rateText(recordsPerSecond), 'right'],
  ['LAG', ({ lag }) => count(lag), 'right'],
  ['DELAY', ({ watermarkDelay }) => durationText(watermarkDelay), 'right'],
  ['STATE', ({ stateDiskBytes }) => sizeText(stateDiskBytes), 'right'],
  ['FAILURES', ({ failures }) => failures.join('; ')],
]

/** What the other columns of a task take when nothing is unusual. */
const taskFigureWidth = 62
const leastNameWidth = 16

const taskColumns = (width: number): readonly Column<PlacedTask & Figures>[] => [
  ['TASK', ({ name }) => withinMiddle(name, Math.max(leastNameWidth, width - taskFigureWidth))],
  ['INSTANCE', ({ instanceId }) => instanceId],
  ['IS', ({ status }) => stateText(status)],
  ['FLOW', ({ status }) => flowText(status.flow)],
  ['RATE/S', ({ rate }) => rateText(rate), 'right'],
  ['LAG', ({ lag }) => count(lag), 'right'],
  ['DELAY', ({ delayMs }) => (delayMs === undefined ? '-' : duration(Math.max(0, delayMs))), 'right'],
  ['STATE', ({ stateBytes }) => sizeText(stateBytes), 'right'],
  ['FAILURE', ({ status }) => status.failure],
]

/** In less the frame is cut off on its right. */
const leastWidth = 20

/** No line is wider, and there are no more of them, than the options say. */
export function topFrame(reading: WatchTopologiesResponse, options: TopFrameOptions): string {
  const { width, height, paint, order, hasTasks, notice } = options
  if (width < leastWidth) {
    const wider = topFrame(reading, { ...options, width: leastWidth, paint: noColours }).split('\n')
    return wider.map((line) => cut(line, width)).join('\n')
  }
  const nowMs = reading.time?.getTime() ?? Date.now()
  const topologies = sorted(
    reading.topologies.map((summary) => ({ ...summary, ...summaryFigures(summary) })),
    order,
  )
  const tasks = sorted(
    reading.instances.flatMap(tasksOf).map((task) => ({ ...task, ...taskFigures(task, nowMs) })),
    order,
  )
  const unreachable = reading.instances.filter(({ unreachableReason }) => unreachableReason !== '')
  return [
    headLine(nowMs, options),
    ...(notice === null ? [] : [paint.warning(cut(notice, width))]),
    cut(totals(reading, tasks), width),
    ...unreachable.map(({ instanceId, unreachableReason }) =>
      paint.warning(cut(`instance ${instanceId} did not answer: ${unreachableReason}`, width)),
    ),
    rule('Topologies', width, `by ${order}`, paint),
    ...tableLines(topologies, topologyColumns, options, ({ failures }) => failures.length > 0),
    ...(hasTasks
      ? [
          rule('Tasks', width, '', paint),
          ...tableLines(tasks, taskColumns(width), options, ({ status }) => status.failure !== ''),
        ]
      : []),
  ]
    .slice(0, height)
    .join('\n')
}

function headLine(nowMs: number, { address, width, paint }: TopFrameOptions): string {
  const name = 'order-streams'
  return paint.title(name) + between(`  ${address}`, `${secondText(nowMs)} UTC`, width - name.length)
}

function totals({ topologies, instances }: WatchTopologiesResponse, tasks: readonly PlacedTask[]): string {
  const sum = (figureOf: (summary: TopologySummary) => number): number =>
    topologies.reduce((total, summary) => total + figureOf(summary), 0)
  return [
    counted(instances.length, 'instance'),
    counted(tasks.length, 'task'),
    `${rateText(sum(({ recordsPerSecond }) => recordsPerSecond))} records/s`,
    `lag ${count(sum(({ lag }) => lag))}`,
    `state ${sizeText(sum(({ stateDiskBytes }) => stateDiskBytes))}`,
  ].join('  ')
}

/** Cut in its middle: topologies are told apart by their beginning, tasks by their end. */
function withinMiddle(text: string, width: number): string {
  if (text.length <= width) return text
  const half = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - half)}…${text.slice(-half)}`
}

function tableLines<T>(
  items: readonly T[],
  table: readonly Column<T>[],
  { width, paint }: TopFrameOptions,
  isWarning: (item: T) => boolean,
): string[] {
  const [heading = '', ...lines] = tableOf(items, table).split('\n')
  return [
    paint.quiet(cut(heading, width)),
    ...lines.map((line, index) => {
      const shown = cut(line, width)
      return isWarning(items[index]!) ? paint.warning(shown) : shown
    }),
  ]
}

function summaryFigures(summary: TopologySummary): Figures {
  const { topology, lag, recordsPerSecond, watermarkDelay, stateDiskBytes } = summary
  const delayMs = watermarkDelay === undefined ? undefined : msOfDuration(watermarkDelay)
  return { name: topology, lag, rate: recordsPerSecond, delayMs, stateBytes: stateDiskBytes }
}

function taskFigures({ topology, status }: PlacedTask, nowMs: number): Figures {
  const { task, lag, recordsPerSecond, watermark, stateDiskBytes }: TaskStatus = status
  const delayMs = watermark === undefined ? undefined : nowMs - watermark.getTime()
  return { name: `${topology} ${task}`, lag, rate: recordsPerSecond, delayMs, stateBytes: stateDiskBytes }
}

function sorted<T extends Figures>(items: readonly T[], order: Order): T[] {
  const figureOf = ({ lag, rate, delayMs = -1, stateBytes }: Figures): number =>
    ({ lag, rate, delay: delayMs, state: stateBytes, name: 0 })[order]
  return items.toSorted((a, b) => figureOf(b) - figureOf(a) || (a.name < b.name ? -1 : 1))
}
