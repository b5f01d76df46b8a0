/** Columns of whole numbers in the fewest bytes that hold their largest: 0 (all are 0), 1, 2, 4, or 8 for any number. */

export type ColumnWidth = 0 | 1 | 2 | 4 | 8

export function widthFor(largest: number): ColumnWidth {
  if (largest === 0) return 0
  if (largest <= 0xff) return 1
  if (largest <= 0xffff) return 2
  return largest <= 0xffff_ffff ? 4 : 8
}

export function isColumnWidth(width: number): width is ColumnWidth {
  return width === 0 || width === 1 || width === 2 || width === 4 || width === 8
}

/** Writes `column[from .. to) - base`, little-endian, and answers where it ends. */
export function writeColumn(
  target: Buffer,
  at: number,
  width: ColumnWidth,
  column: Float64Array | Int32Array,
  from: number,
  to: number,
  base: number,
): number {
  if (width === 0) return at
  let position = at
  if (width === 8) {
    for (let i = from; i < to; i++) position = target.writeDoubleLE(column[i]! - base, position)
    return position
  }
  for (let i = from; i < to; i++) {
    const value = column[i]! - base
    target[position++] = value
    if (width === 1) continue
    target[position++] = value >>> 8
    if (width === 2) continue
    target[position++] = value >>> 16
    target[position++] = value >>> 24
  }
  return position
}

/** Reads `count` numbers into `column` and adds `base` to each. */
export function readColumn(
  source: Buffer,
  at: number,
  width: ColumnWidth,
  column: Float64Array | Int32Array,
  count: number,
  base: number,
): number {
  let position = at
  switch (width) {
    case 0:
      column.fill(base, 0, count)
      return at
    case 1:
      for (let i = 0; i < count; i++) column[i] = source[position++]! + base
      return position
    case 2:
      for (let i = 0; i < count; i++, position += 2) {
        column[i] = (source[position]! | (source[position + 1]! << 8)) + base
      }
      return position
    case 4:
      for (let i = 0; i < count; i++, position += 4) {
        column[i] =
          source[position]! +
          (source[position + 1]! << 8) +
          (source[position + 2]! << 16) +
          source[position + 3]! * 0x100_0000 +
          base
      }
      return position
    case 8:
      for (let i = 0; i < count; i++, position += 8) column[i] = source.readDoubleLE(position) + base
      return position
  }
}
