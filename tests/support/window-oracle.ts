/** Tumbling and hopping windows, plain and slow: what windowed aggregates are held against. */

export interface Timed<V> {
  readonly key: string | null
  readonly value: V
  readonly timestampMs: number
}

export interface Bounds {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
  /** How far behind the newest record the watermark is. */
  readonly disorderMs: number
}

export interface Judged<V> {
  readonly record: Timed<V>
  readonly index: number
  /** Starts of the windows that it is in and in time for, in ascending order, and of those that it is late to. */
  readonly inTime: readonly number[]
  readonly late: readonly number[]
  /** After the record. */
  readonly watermarkMs: number
}

/** Goes through the records of one partition. @param passesTime whether a record tells the time: by default each does */
export function judge<V>(
  records: readonly Timed<V>[],
  bounds: Bounds,
  passesTime: (record: Timed<V>) => boolean = () => true,
): Judged<V>[] {
  let watermarkMs = Number.NEGATIVE_INFINITY
  return records.map((record, index) => {
    const { key, timestampMs } = record
    if (passesTime(record)) watermarkMs = Math.max(watermarkMs, timestampMs - bounds.disorderMs)
    const starts = key === null ? [] : windowsOf(timestampMs, bounds)
    const isLate = (startMs: number) => startMs + bounds.sizeMs + bounds.graceMs <= watermarkMs
    return {
      record,
      index,
      inTime: starts.filter((startMs) => !isLate(startMs)),
      late: starts.filter(isLate),
      watermarkMs,
    }
  })
}

function windowsOf(timestampMs: number, { sizeMs, advanceMs }: Bounds): number[] {
  const starts: number[] = []
  for (let startMs = 0; startMs <= timestampMs; startMs += advanceMs) {
    if (timestampMs < startMs + sizeMs) starts.push(startMs)
  }
  return starts
}

export interface WindowResult<A> {
  readonly key: string
  readonly startMs: number
  readonly endMs: number
  readonly value: A
  readonly timestampMs: number
}

interface Content<V> {
  readonly key: string
  readonly startMs: number
  readonly values: V[]
  timestampMs: number
}

/** Windows with all the values in them. */
export class WindowContents<V, A> {
  private readonly sizeMs: number
  private readonly fold: (values: readonly V[]) => A
  private readonly contents = new Map<string, Content<V>>()

  constructor(sizeMs: number, fold: (values: readonly V[]) => A) {
    this.sizeMs = sizeMs
    this.fold = fold
  }

  /** Answers what each window that the record is in has come to. */
  add({ record: { key, value, timestampMs }, inTime }: Judged<V>): WindowResult<A>[] {
    return inTime.map((startMs) => {
      const id = `${startMs} ${key}`
      const content = this.contents.get(id) ?? { key: key ?? '', startMs, values: [], timestampMs }
      this.contents.set(id, content)
      content.values.push(value)
      content.timestampMs = Math.max(content.timestampMs, timestampMs)
      return this.resultOf(content)
    })
  }

  /** Removes the windows that close by a time, in order. */
  close(watermarkMs: number, graceMs: number): WindowResult<A>[] {
    const due = [...this.contents].filter(([, { startMs }]) => startMs + this.sizeMs + graceMs <= watermarkMs)
    for (const [id] of due) this.contents.delete(id)
    return this.sorted(due.map(([, content]) => content))
  }

  all(): WindowResult<A>[] {
    return this.sorted([...this.contents.values()])
  }

  private sorted(contents: Content<V>[]): WindowResult<A>[] {
    return contents
      .sort((a, b) => a.startMs - b.startMs || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
      .map((content) => this.resultOf(content))
  }

  private resultOf({ key, startMs, values, timestampMs }: Content<V>): WindowResult<A> {
    return { key, startMs, endMs: startMs + this.sizeMs, value: this.fold(values), timestampMs }
  }
}

/** What leaves an aggregate over one partition, with the position of the record that caused it. */
export function resultsOf<V, A>(
  judged: readonly Judged<V>[],
  { sizeMs, graceMs }: Bounds,
  emit: 'on-change' | 'on-close',
  fold: (values: readonly V[]) => A,
): (WindowResult<A> & { readonly index: number })[] {
  const contents = new WindowContents(sizeMs, fold)
  return judged.flatMap((one) => {
    const changes = contents.add(one)
    const results = emit === 'on-change' ? changes : contents.close(one.watermarkMs, graceMs)
    return results.map((result) => ({ ...result, index: one.index }))
  })
}
