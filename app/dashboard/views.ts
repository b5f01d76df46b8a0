/** The ways in which readings are shown: redrawn in place on a terminal, one frame after the other, or as lines of JSON. */
import { createLogUpdate } from 'log-update'
import { out, tell } from '../output.ts'
import { barsThatFit } from './course-chart.ts'
import { frameText } from './frame.ts'
import type { DashboardModel } from './model.ts'
import { colours, noColours, type Paint } from './text.ts'

export interface View {
  /** So many minutes or hours it has room for. */
  bars(): number
  /** @param notice why the reading is not of now; null when it is */
  show(model: DashboardModel, notice: string | null): void
  /** Leaves the last frame as it is. */
  close(): void
}

const clearScreen = '\u001B[2J\u001B[H'
/** Where nobody says how large the place is. */
const defaultSize = { width: 80, height: 24 }
const jsonBars = 60

/** Undefined where standard output is no terminal, or one without a size. */
export function screenView(): View | undefined {
  const { stdout } = process
  if (stdout.isTTY !== true || !(stdout.rows > 0)) return undefined
  const redraw = createLogUpdate(stdout)
  let drawAgain = (): void => {}
  const onResize = (): void => {
    // Lines that the terminal has wrapped anew cannot be counted and erased.
    redraw.clear()
    stdout.write(clearScreen)
    drawAgain()
  }
  stdout.on('resize', onResize)
  return {
    bars: () => barsThatFit(stdout.columns),
    show: (model, notice) => {
      drawAgain = () => {
        // The cursor stays in the line below.
        redraw(frameText(model, { width: stdout.columns, height: stdout.rows - 1, paint: paintOf(), notice }))
      }
      drawAgain()
    },
    close: () => {
      stdout.off('resize', onResize)
      redraw.done()
    },
  }
}

/** Frames below each other, for pipes and for a single look. */
export function textView(): View {
  let isFirst = true
  const size = () =>
    process.stdout.isTTY === true && process.stdout.rows > 0
      ? { width: process.stdout.columns, height: process.stdout.rows - 1 }
      : defaultSize
  return {
    bars: () => barsThatFit(size().width),
    show: (model, notice) => {
      const frame = frameText(model, { ...size(), paint: paintOf(), notice })
      out(isFirst ? frame : `\n${frame}`)
      isFirst = false
    },
    close: () => {},
  }
}

export function jsonView(): View {
  return {
    bars: () => jsonBars,
    show: (model, notice) => {
      if (notice === null) out(JSON.stringify(model))
      else tell(notice)
    },
    close: () => {},
  }
}

/** Node.js heeds NO_COLOR, FORCE_COLOR and what the terminal can do. */
function paintOf(): Paint {
  return process.stdout.isTTY === true && process.stdout.hasColors() ? colours : noColours
}
