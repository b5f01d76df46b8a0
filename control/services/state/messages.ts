/** What was read, as the proto says it. */
import type { KeyedRun, QueriedStore, TimerKind, ViewedRow } from '../../../streams/index.ts'
import type {
  PartialMatch,
  Row,
  StoreDescription,
  StoreKind,
  TimeDomain,
  Timer,
} from '../../generated/orderstreams/control/v1/state_service.ts'
import { toJson } from '../../json-values.ts'

/** The store's kind as the proto has it, and the call that reads such stores. */
const kinds: Readonly<Record<QueriedStore['kind'], { readonly kind: StoreKind; readonly call: string }>> = {
  'key-value': { kind: 'STORE_KIND_KEY_VALUE', call: 'GetRow, BatchGetRows or ListRows' },
  window: { kind: 'STORE_KIND_WINDOW', call: 'FetchWindows, or ListRows for all keys' },
  session: { kind: 'STORE_KIND_SESSION', call: 'FetchSessions, or ListRows for all keys' },
  timers: { kind: 'STORE_KIND_TIMERS', call: 'ListTimers' },
  pattern: { kind: 'STORE_KIND_PATTERN', call: 'ListPartialMatches' },
  internal: { kind: 'STORE_KIND_INTERNAL', call: 'ListRows' },
}

/** For messages: which call reads stores of a kind. */
export function callFor(kind: QueriedStore['kind']): string {
  return kinds[kind].call
}

export function storeMessage(
  { topology, subTopology, spec, view, kind }: QueriedStore,
  partitionCount: number,
  placedByTopic: string | undefined,
): StoreDescription {
  return {
    topology: topology.name,
    subTopology: subTopology.name,
    store: spec.name,
    kind: kinds[kind].kind,
    keyType: view.key.name,
    valueType: view.value.name,
    keySchema: schemaText(view.key.schema),
    valueSchema: schemaText(view.value.schema),
    partitionCount,
    placedByTopic: placedByTopic ?? '',
  }
}

export function rowMessage({ key, value, timestampMs, window }: ViewedRow, partition: number): Row {
  return {
    key: toJson(key),
    value: toJson(value),
    time: dateOf(timestampMs),
    partition,
    windowStart: dateOf(window?.startMs),
    windowEnd: dateOf(window?.endMs),
  }
}

export function timerMessage(
  store: string,
  partition: number,
  timer: { readonly by: TimerKind; readonly timeMs: number; readonly key: unknown; readonly name: string },
): Timer {
  const domain: TimeDomain = timer.by === 'event-time' ? 'TIME_DOMAIN_EVENT_TIME' : 'TIME_DOMAIN_WALL_CLOCK'
  return { store, key: toJson(timer.key), due: dateOf(timer.timeMs), domain, partition, name: timer.name }
}

export function matchMessage(store: string, partition: number, keyed: KeyedRun): PartialMatch {
  const { key, run } = keyed
  const { waitsFor, startMs, untilMs, events } = run
  const taken = Object.entries(events).filter(([, list]) => list.length > 0)
  return {
    store,
    key: toJson(key),
    waitsFor: waitsFor.join(' or '),
    start: dateOf(startMs),
    until: dateOf(untilMs),
    events: Object.fromEntries(taken.map(([stage, list]) => [stage, toJson(list)])),
    partition,
    text: sentence(keyed),
  }
}

function sentence({ key, run: { waitsFor, unless, untilMs } }: KeyedRun): string {
  const who = typeof key === 'string' ? key : JSON.stringify(toJson(key))
  const until = untilMs === undefined ? '' : ` until ${new Date(untilMs).toISOString()}`
  if (unless !== undefined) return `${who} matches unless ${unless} comes${until}`
  return `${who} waits for ${waitsFor.join(' or ') || 'time to pass'}${until}`
}

function schemaText(schema: unknown): string {
  return schema === undefined ? '' : JSON.stringify(schema)
}

/** The latest that a Date can hold stands for all that comes after it. */
const latestMs = 8.64e15

function dateOf(timeMs: number | undefined): Date | undefined {
  return timeMs === undefined || Number.isNaN(timeMs)
    ? undefined
    : new Date(Math.max(-latestMs, Math.min(latestMs, timeMs)))
}
