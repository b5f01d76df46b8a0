/** Live progress on standard error: redrawn in place on a terminal; elsewhere a line every few seconds in which something moves. */
import type { InputProgress } from '../api/input-file.ts'
import type { Flow, FlowMeter } from './flow.ts'
import { bar, columns, count, liveText, seconds, tell } from './output.ts'

const redrawMs = 200
const lineEveryMs = 5_000

export interface Progress {
  /** Draws the last state and goes on no more. */
  stop(): Promise<void>
}

/** @param input how far the input has been read; undefined when there is none */
export function showProgress(
  meter: Pick<FlowMeter, 'measure'>,
  input: () => InputProgress | undefined,
): Progress {
  const live = liveText()
  let lastLine = ''
  let showing: Promise<void> = Promise.resolve()
  const show = async (): Promise<void> => {
    const flow = await meter.measure(input())
    const line = flowLine(flow)
    if (live !== undefined) live.show(flowTable(flow))
    else if (line !== lastLine) tell(`${seconds(flow.elapsedMs)} | ${line}`)
    lastLine = line
  }
  // One at a time: measuring asks the log, which may be busy.
  const showNext = (): void => {
    showing = showing.then(show).catch(() => {})
  }
  const timer = setInterval(showNext, live === undefined ? lineEveryMs : redrawMs)
  return {
    stop: async () => {
      clearInterval(timer)
      showNext()
      await showing
      live?.done()
    },
  }
}

export function flowTable(flow: Flow): string {
  const heading = ['topology', 'in', 'out', 'rejected', 'dead', 'stored', 'lag', 'records/s']
  const rows = flow.topologies.map((topology) => [
    topology.name,
    count(topology.in),
    count(topology.out),
    topology.rejected === null ? '-' : count(topology.rejected),
    count(topology.dead),
    count(topology.stored),
    count(topology.lag),
    count(topology.recordsPerSecond),
  ])
  const table = columns(
    [heading, ...rows],
    heading.map((_, index) => index > 0),
  )
  return flow.input === undefined ? table : `${inputBar(flow.input, flow.elapsedMs)}\n\n${table}`
}

/** Without the time, so that two that say the same are the same. */
export function flowLine({ input, topologies }: Flow): string {
  const parts = topologies.map(
    ({ name, in: taken, out, rejected, dead, lag }) =>
      `${name} in ${taken} out ${out}${rejected === null ? '' : ` rejected ${rejected}`} dead ${dead} lag ${lag}`,
  )
  const read = input === undefined ? [] : [`read ${input.lines}${input.done ? ' (all)' : ''}`]
  return [...read, ...parts].join(' | ')
}

function inputBar({ lines, bytes, totalBytes, done }: InputProgress, elapsedMs: number): string {
  const text = `${count(lines)} lines read, ${seconds(elapsedMs)}`
  if (totalBytes === null) return `input  ${text}`
  const share = done || totalBytes === 0 ? 1 : bytes / totalBytes
  return `input  ${bar(share)} ${String(Math.floor(share * 100)).padStart(3)} %  ${text}`
}
