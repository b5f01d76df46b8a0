/** Short lists beside each other, each with a name column that takes the room which its figures leave. */
import { noColours, type Paint, padded, widthOf } from './text.ts'

export interface PanelColumn {
  readonly heading: string
  readonly cells: readonly string[]
  /** Left out where there is no room for it. */
  readonly isOptional?: boolean
}

export interface Panel {
  /** What the figures are of. */
  readonly names: PanelColumn
  readonly figures: readonly PanelColumn[]
}

const gapBetweenPanels = 3
const gapBetweenColumns = 2
const leastPanelWidth = 24
const nameWidths = { least: 8, most: 16 }

/** As many of the panels as fit into the width, the first ones first: a heading, and a line per place. */
export function sideBySide(
  panels: readonly Panel[],
  size: { readonly width: number; readonly places: number },
  paint: Paint = noColours,
): string[] {
  const fitting = Math.floor((size.width + gapBetweenPanels) / (leastPanelWidth + gapBetweenPanels))
  const shown = panels.slice(0, Math.max(1, fitting))
  const width = Math.floor((size.width - (shown.length - 1) * gapBetweenPanels) / shown.length)
  const columns = shown.map((panel) => layOut(panel, width))
  const lineOf = (cellOf: (column: PanelColumn) => string): string =>
    columns
      .map((panel) =>
        panel
          .map(({ column, columnWidth }, index) =>
            padded(cellOf(column), columnWidth, index === 0 ? 'left' : 'right'),
          )
          .join(' '.repeat(gapBetweenColumns)),
      )
      .join(' '.repeat(gapBetweenPanels))
      .trimEnd()
  const places = Array.from({ length: size.places }, (_, place) => lineOf(({ cells }) => cells[place] ?? ''))
  return [paint.quiet(lineOf(({ heading }) => heading)), ...places]
}

function layOut({ names, figures }: Panel, width: number) {
  const columns = figures.map((column) => ({ column, columnWidth: widestOf(column) }))
  const nameRoom = () =>
    width - columns.reduce((sum, { columnWidth }) => sum + columnWidth + gapBetweenColumns, 0)
  const nameWidth = Math.min(nameWidths.most, Math.max(nameWidths.least, widestOf(names)))
  while (nameRoom() < nameWidth) {
    const last = columns.findLastIndex(({ column }) => column.isOptional === true)
    if (last < 0) break
    columns.splice(last, 1)
  }
  return [{ column: names, columnWidth: Math.max(1, nameRoom()) }, ...columns]
}

function widestOf({ heading, cells }: PanelColumn): number {
  return Math.max(...[heading, ...cells].map(widthOf))
}
