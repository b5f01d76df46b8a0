/**
 * Cuts a stream of bytes into lines, without decoding them: a line that is not valid UTF-8 must stay as it is.
 *
 * Lines end in LF or CRLF, the last one also at the end of the stream. A line longer than the limit is cut off there, so
 * that a file without line ends cannot fill the memory; what is left of it is still too long to be taken for an order.
 */
export interface Line {
  readonly bytes: Buffer
  /** Where the next line begins, counted from the beginning of the stream. */
  readonly end: number
}

const lineFeed = 10
const carriageReturn = 13

export class LineSplitter {
  private readonly maxLineBytes: number
  private pieces: Buffer[] = []
  private pieceBytes = 0
  private position: number

  /** @param position where the stream begins, for one that continues another. */
  constructor(maxLineBytes: number, position = 0) {
    this.maxLineBytes = maxLineBytes
    this.position = position
  }

  /** The lines that end in this chunk. They may share its memory. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = []
    let start = 0
    for (;;) {
      const end = chunk.indexOf(lineFeed, start)
      if (end < 0) break
      lines.push(this.finish(chunk.subarray(start, end), 1))
      start = end + 1
    }
    if (start < chunk.length) this.keep(chunk.subarray(start))
    return lines
  }

  /** The last line, when no line end followed it. */
  end(): Line[] {
    return this.pieces.length === 0 ? [] : [this.finish(Buffer.alloc(0), 0)]
  }

  private finish(rest: Buffer, terminatorBytes: number): Line {
    this.keep(rest)
    const { pieces } = this
    const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
    this.position += this.pieceBytes + terminatorBytes
    this.pieces = []
    this.pieceBytes = 0
    const bytes = terminatorBytes > 0 && whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole
    return { bytes, end: this.position }
  }

  private keep(piece: Buffer): void {
    const room = this.maxLineBytes - this.pieceBytes
    this.pieceBytes += piece.length
    if (room > 0 || this.pieces.length === 0) this.pieces.push(piece.subarray(0, Math.max(room, 0)))
  }
}
