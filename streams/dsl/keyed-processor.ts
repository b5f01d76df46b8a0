/** Processors by key: classes with state and timers of each key, to be extended by applications. */
import type { Serde } from '../serde/serde.ts'
import type { TimerKind } from '../time/timer-key.ts'
import type { StoreSpec } from '../topology/store-spec.ts'
import type { RecordContext, TaskContext } from '../topology/task-context.ts'
import type { GlobalKTable } from './global-table.ts'
import {
  type DeclaredState,
  ListHandle,
  type ListState,
  MapHandle,
  type MapState,
  type StateOptions,
  ValueHandle,
  type ValueState,
} from './keyed-state.ts'

/** Timers of the key at hand. One is a kind, a time and a name: setting it again changes nothing. Times are epoch milliseconds. */
export interface ProcessorTimers {
  /** Fires once the watermark has reached a time; at once if it has. Late records do not move it. */
  eventTime(timeMs: number, name?: string): void
  /** Fires once the wall clock has reached a time, also if nobody ran at that time. */
  wallClock(timeMs: number, name?: string): void
  /** Does nothing if there is no such timer. */
  cancelEventTime(timeMs: number, name?: string): void
  cancelWallClock(timeMs: number, name?: string): void
}

/** What a processor works with, while it processes a record or a timer. Do not keep it. */
export interface KeyedContext<K, Out> {
  readonly key: K
  /**
   * The time of the record; of a timer by event time, its own. While a timer by the wall clock fires: the newest time that the
   * task has seen.
   */
  readonly timestampMs: number
  /** No record older than this was expected: one that is was late. */
  readonly watermarkMs: number
  /** What the wall clock says: read once in a while, and the same for all records in between. */
  readonly nowMs: number
  /** Nothing comes any more: a timer that sets the next one of a series without end must not do so. */
  readonly inputEnded: boolean
  /** The source record: where it lies, its headers, its own time. Of no use while a timer fires. */
  readonly record: RecordContext
  readonly timers: ProcessorTimers
  /** Passes a value on under the key at hand; without a timestamp it has that of the context. */
  forward(value: Out, timestampMs?: number): void
}

export interface TimerContext<K, Out> extends KeyedContext<K, Out> {
  /** Which of the key's timers it is. */
  readonly name: string
  readonly by: TimerKind
}

/** The rows of a global table as they are now: they change between one record and the next. */
export interface GlobalLookup<K, V> {
  get(key: K): V | undefined
}

/** A way out beside the main one. Values go under the key at hand, too. */
export interface SideOutput<V> {
  forward(value: V, timestampMs?: number): void
}

/**
 * Processes the records of each key, with state and timers of that key. The names of states are those of their changelogs: a
 * state that is renamed is a new one. A task has one instance, so what is not in a state is lost when the task moves.
 *
 * @example
 * class FirstOrder extends KeyedProcessor<string, Order, Welcome> {
 *   private readonly seen = this.value('seen', serdes.boolean)
 *
 *   override process(order: Order, context: KeyedContext<string, Welcome>): void {
 *     if (this.seen.get()) return
 *     this.seen.set(true)
 *     context.forward({ user: context.key, orderedTime: order.orderedTime })
 *   }
 * }
 * const { main } = orders.groupBy((order) => order.user, serdes.string).process('first-order', () => new FirstOrder())
 */
export abstract class KeyedProcessor<K, V, Out = never> {
  /** For the compiler alone: a processor takes keys and values of its types or narrower ones. */
  declare readonly types?: { readonly takes: (key: K, value: V) => void; readonly gives: () => Out }

  abstract process(value: V, context: KeyedContext<K, Out>): void

  /** Called for each timer that is due. A processor that sets timers must have it. */
  onTimer?(timeMs: number, context: TimerContext<K, Out>): void

  /** Declares a value a key. With Avro its schema may change as the rules of the registry allow. */
  protected value<T>(name: string, serde: Serde<T>, options: StateOptions = {}): ValueState<T> {
    return declared(this, new ValueHandle(name, serde, options))
  }

  /** Declares a list a key. */
  protected list<T>(name: string, serde: Serde<T>, options: StateOptions = {}): ListState<T> {
    return declared(this, new ListHandle(name, serde, options))
  }

  /** Declares a map a key. */
  protected map<F, T>(
    name: string,
    serdes: { readonly key: Serde<F>; readonly value: Serde<T> },
    options: StateOptions = {},
  ): MapState<F, T> {
    return declared(this, new MapHandle(name, serdes.key, serdes.value, options))
  }

  /** Declares that it looks things up in a global table, by any key. What the table says is no input that a replay repeats. */
  protected lookup<GK, GV>(table: GlobalKTable<GK, GV>): GlobalLookup<GK, GV> {
    const handle = new LookupHandle(table.store)
    lookups.set(this, [...(lookups.get(this) ?? []), handle])
    return handle
  }

  /** Declares a way out beside `forward`: the stream has the name of the field that it is put into. */
  protected output<T>(serde?: Serde<T>): SideOutput<T> {
    return new SideHandle(serde)
  }
}

export class SideHandle<V> implements SideOutput<V> {
  readonly serde: Serde<V> | undefined
  private send: ((value: V, timestampMs?: number) => void) | undefined

  constructor(serde: Serde<V> | undefined) {
    this.serde = serde
  }

  bind(send: (value: V, timestampMs?: number) => void): void {
    this.send = send
  }

  forward(value: V, timestampMs?: number): void {
    this.send?.(value, timestampMs)
  }
}

/** A global table as a processor sees it; `bind` gives it the rows of a task. */
class LookupHandle<K, V> implements GlobalLookup<K, V> {
  private readonly spec: StoreSpec<K, V>
  private rowOf: ((key: K) => { readonly value: V } | undefined) | undefined

  constructor(spec: StoreSpec<K, V>) {
    this.spec = spec
  }

  get table(): string {
    return this.spec.name
  }

  bind(task: TaskContext): void {
    this.rowOf = task.globalTable(this.spec)
  }

  get(key: K): V | undefined {
    return this.rowOf?.(key)?.value
  }
}

type DeclaredLookup = Pick<LookupHandle<unknown, unknown>, 'table' | 'bind'>

const lookups = new WeakMap<object, DeclaredLookup[]>()

/** What a processor looks things up in. */
export function lookupsOf(processor: object): readonly DeclaredLookup[] {
  return lookups.get(processor) ?? []
}

/** The states of processors: theirs to declare, the engine's to open. */
const states = new WeakMap<object, DeclaredState[]>()

function declared<S extends DeclaredState>(processor: object, state: S): S {
  states.set(processor, [...(states.get(processor) ?? []), state])
  return state
}

export function statesOf(processor: object): readonly DeclaredState[] {
  return states.get(processor) ?? []
}

/** The ways out of a processor beside the main one, by their fields. */
export function sideOutputsOf(processor: object): (readonly [field: string, output: SideHandle<unknown>])[] {
  return Object.entries(processor).flatMap(([field, value]) =>
    value instanceof SideHandle ? [[field, value] as const] : [],
  )
}

/** The type of what a processor forwards. */
export type ForwardedBy<P> = P extends { readonly types?: { readonly gives: () => infer Out } } ? Out : never
