/** Live progress on standard error: redrawn in place on a terminal, a line every few seconds elsewhere. */
import { createLogUpdate } from 'log-update'
import type { InputProgress } from '../api/input-file.ts'
import { type Flow, FlowMeter } from './flow.ts'
import { bar, columns, count, seconds, tell } from './output.ts'
import type { SingleNode } from './single-node.ts'

const redrawMs = 200
const lineEveryMs = 5_000

export interface Progress {
  /** Draws the last state and goes on no more. */
  stop(): Promise<void>
}

/** @param input how far the input has been read; undefined when there is none */
export async function showProgress(
  node: SingleNode,
  input: () => InputProgress | undefined,
): Promise<Progress> {
  // A terminal without a size, as some containers have, has no room to redraw in.
  const isTerminal = process.stderr.isTTY === true && process.stderr.rows > 0
  const meter = await FlowMeter.open(node)
  const redraw = isTerminal ? createLogUpdate(process.stderr) : undefined
  let showing: Promise<void> = Promise.resolve()
  const show = async (): Promise<void> => {
    const flow = await meter.measure(input())
    if (redraw === undefined) tell(flowLine(flow))
    else redraw(flowTable(flow))
  }
  // One at a time: measuring asks the log, which may be busy.
  const showNext = (): void => {
    showing = showing.then(show).catch(() => {})
  }
  const timer = setInterval(showNext, isTerminal ? redrawMs : lineEveryMs)
  return {
    stop: async () => {
      clearInterval(timer)
      showNext()
      await showing
      redraw?.done()
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

export function flowLine({ input, elapsedMs, topologies }: Flow): string {
  const parts = topologies.map(
    ({ name, in: taken, out, rejected, dead, lag }) =>
      `${name} in ${taken} out ${out}${rejected === null ? '' : ` rejected ${rejected}`} dead ${dead} lag ${lag}`,
  )
  const read = input === undefined ? [] : [`read ${input.lines}${input.done ? ' (all)' : ''}`]
  return [seconds(elapsedMs), ...read, ...parts].join(' | ')
}

function inputBar({ lines, bytes, totalBytes, done }: InputProgress, elapsedMs: number): string {
  const text = `${count(lines)} lines read, ${seconds(elapsedMs)}`
  if (totalBytes === null) return `input  ${text}`
  const share = done || totalBytes === 0 ? 1 : bytes / totalBytes
  return `input  ${bar(share)} ${String(Math.floor(share * 100)).padStart(3)} %  ${text}`
}
