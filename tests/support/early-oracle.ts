/**
 * Results that windows pass on before they close, plain and slow: what has changed since it was passed on, at multiples of an
 * interval; and all of them when they close.
 */
import type { Content } from './listed-window-oracle.ts'
import type { Timed } from './window-oracle.ts'

export interface EarlyBounds {
  readonly everyMs: number
  /** How far behind the newest record the watermark is. */
  readonly disorderMs: number
}

/** A window as it was passed on; taken back where there are no records. */
export type Shown<V> = Content<V>

/** What is known of a window that has not closed. */
interface Open<V> {
  content: Content<V>
  dueMs: number
  isShown: boolean
  /** Windows that became this one and were passed on. */
  replaces: Content<V>[]
}

const never = Number.POSITIVE_INFINITY

/**
 * Goes through the records of one partition, and through what the windows are after each.
 *
 * @param contentsOf all windows of the first records, those that have closed as they then were
 * @param closeMs the watermark that closes a window
 */
export function earlyResultsOf<V>(
  records: readonly Timed<V>[],
  { everyMs, disorderMs }: EarlyBounds,
  contentsOf: (first: readonly Timed<V>[]) => readonly Content<V>[],
  closeMs: (window: Content<V>) => number,
): Shown<V>[] {
  const shown: Shown<V>[] = []
  const open = new Map<string, Open<V>>()
  const closed = new Set<string>()
  let watermarkMs = Number.NEGATIVE_INFINITY

  const show = (one: Open<V>): void => {
    for (const content of one.replaces) shown.push({ ...content, records: [] })
    shown.push(one.content)
    one.replaces = []
    one.isShown = true
    one.dueMs = never
  }
  const close = (reachedMs: number): void => {
    for (const [id, one] of open) {
      if (closeMs(one.content) > reachedMs) continue
      show(one)
      closed.add(id)
      open.delete(id)
    }
  }
  const take = (contents: readonly Content<V>[], tickMs: number): void => {
    const there = new Map(contents.map((content) => [idOf(content), content]))
    const gone = [...open].filter(([id]) => !there.has(id)).map(([, one]) => one)
    for (const { content } of gone) open.delete(idOf(content))
    for (const [id, content] of there) {
      if (closed.has(id)) continue
      const known = open.get(id)
      if (known !== undefined && known.content.records.length === content.records.length) continue
      const one = known ?? { content, dueMs: never, isShown: false, replaces: [] }
      one.content = content
      // Only sessions become others, and then there is but one that changes.
      for (const before of gone) {
        one.replaces.push(...before.replaces, ...(before.isShown ? [before.content] : []))
        one.dueMs = Math.min(one.dueMs, before.dueMs)
      }
      if (one.dueMs === never) one.dueMs = tickMs
      open.set(id, one)
    }
  }

  records.forEach(({ timestampMs }, index) => {
    watermarkMs = Math.max(watermarkMs, timestampMs - disorderMs)
    const tickMs = watermarkMs < 0 ? 0 : (Math.floor(watermarkMs / everyMs) + 1) * everyMs
    take(contentsOf(records.slice(0, index + 1)), tickMs)
    for (const one of open.values()) {
      if (one.dueMs <= watermarkMs && closeMs(one.content) > watermarkMs) show(one)
    }
    close(watermarkMs)
  })
  close(never)
  return shown
}

export function idOf({ key, startMs, endMs }: Content<unknown>): string {
  return `${key}@${startMs}-${endMs}`
}
