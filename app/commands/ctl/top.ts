/** `ctl top`: how topologies and tasks get on, redrawn in place. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { createLogUpdate } from 'log-update'
import { ControlCallFailed } from '../../../control/client.ts'
import type { WatchTopologiesResponse } from '../../../control/generated/orderstreams/control/v1/topology_service.ts'
import { colours, noColours } from '../../dashboard/text.ts'
import { out } from '../../output.ts'
import type { CommandContext } from '../command-context.ts'
import { printJson } from './print.ts'
import { addClientOptions, type CtlOptions, type Session, withSession } from './session.ts'
import { type Order, orders, topFrame } from './top-frame.ts'
import { readings } from './topologies.ts'
import { duration } from './values.ts'

interface TopOptions extends CtlOptions {
  readonly every: number
  readonly once?: boolean
}

export function addTopCommand(ctl: Command, context: CommandContext): void {
  addClientOptions(
    ctl
      .command('top')
      .description(
        'Shows live how topologies and tasks get on: rate, lag, watermark delay, state size, flow, failures. ' +
          'Without a terminal, frames below each other.',
      )
      .argument('[topology]', 'only this one')
      .option('--every <duration>', 'time between two readings', duration('--every', 100), 1000)
      .option('--once', 'show one frame and end'),
  )
    .addHelpText('after', '\nKeys: q quits, s sorts by the next figure, t shows and hides the tasks.')
    .action(async (topology: string | undefined, options: TopOptions) =>
      withSession(context, options, async (session) => {
        const isOnce = options.once === true
        const view = viewOf(session, isOnce)
        try {
          await showReadings(session, topology, options.every, isOnce, view)
        } finally {
          view.close()
        }
      }),
    )
}

interface View {
  /** @param notice why the reading is not of now; null when it is */
  show(reading: WatchTopologiesResponse, notice: string | null): void
  /** Aborted when the user has enough. */
  readonly closed: AbortSignal
  close(): void
}

const pauseAfterFailureMs = 1000

/** An instance that goes away is waited for, with the last reading on the screen; a first reading that fails is a failure. */
async function showReadings(
  session: Session,
  topology: string | undefined,
  everyMs: number,
  isOnce: boolean,
  view: View,
): Promise<void> {
  const signal = AbortSignal.any([session.signal, view.closed])
  let last: WatchTopologiesResponse | undefined
  while (!signal.aborted) {
    try {
      for await (const reading of readings({ ...session, signal }, topology, everyMs, true)) {
        last = reading
        view.show(reading, null)
        if (isOnce) return
      }
    } catch (error) {
      if (last === undefined || !(error instanceof ControlCallFailed) || error.status !== 'UNAVAILABLE')
        throw error
      view.show(last, `not of now, and tried again: ${error.message}`)
    }
    await delay(pauseAfterFailureMs, undefined, { signal }).catch(() => {})
  }
}

function viewOf({ client: { address }, isJson }: Session, isOnce: boolean): View {
  if (isJson) return { ...endless, show: printJson }
  const { stdout } = process
  if (!isOnce && stdout.isTTY === true && stdout.rows > 0) return screenView(address)
  let isFirst = true
  return {
    ...endless,
    show: (reading, notice) => {
      const isTerminal = stdout.isTTY === true && stdout.columns > 0
      const frame = topFrame(reading, {
        width: isTerminal ? stdout.columns : textWidth,
        height: undefined,
        paint: isTerminal && stdout.hasColors() ? colours : noColours,
        order: orders[0],
        hasTasks: true,
        address,
        notice,
      })
      out(isFirst ? frame : `\n${frame}`)
      isFirst = false
    },
  }
}

const endless = { closed: new AbortController().signal, close: () => {} }
/** Where nobody says how wide the place is. */
const textWidth = 160

const clearScreen = '\u001B[2J\u001B[H'
const endOfText = '\u0003'

/** Redrawn in place, and steered by keys. */
function screenView(address: string): View {
  const { stdin, stdout } = process
  const redraw = createLogUpdate(stdout)
  const closing = new AbortController()
  let order: Order = orders[0]
  let hasTasks = true
  let shown: { reading: WatchTopologiesResponse; notice: string | null } | undefined
  const draw = (): void => {
    if (shown === undefined) return
    redraw(
      topFrame(shown.reading, {
        width: stdout.columns,
        // The cursor stays in the line below.
        height: stdout.rows - 1,
        paint: stdout.hasColors() ? colours : noColours,
        order,
        hasTasks,
        address,
        notice: shown.notice,
      }),
    )
  }
  const onResize = (): void => {
    // Lines that the terminal has wrapped anew cannot be counted and erased.
    redraw.clear()
    stdout.write(clearScreen)
    draw()
  }
  const onKey = (key: Buffer): void => {
    const letter = key.toString()
    if (letter === 'q' || letter === endOfText) closing.abort()
    else if (letter === 's') order = orders[(orders.indexOf(order) + 1) % orders.length]!
    else if (letter === 't') hasTasks = !hasTasks
    draw()
  }
  stdout.on('resize', onResize)
  const hasKeys = stdin.isTTY === true
  if (hasKeys) stdin.setRawMode(true).resume().on('data', onKey)
  return {
    closed: closing.signal,
    show: (reading, notice) => {
      shown = { reading, notice }
      draw()
    },
    close: () => {
      stdout.off('resize', onResize)
      if (hasKeys) stdin.off('data', onKey).pause().setRawMode(false)
      redraw.done()
    },
  }
}
