/** Which stores and operators an aggregate gets for the windows it is over. */
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde/serde.ts'
import { sessionSerde, windowedSerde } from '../state/windowed-serde.ts'
import { SessionWindows } from '../time/session-windows.ts'
import { SlidingWindows } from '../time/sliding-windows.ts'
import type { TimeWindows } from '../time/windows.ts'
import type { Windowed } from '../topology/store-spec.ts'
import { byKey } from '../topology/store-view.ts'
import type { Grouping } from './aggregate.ts'
import type { BuildContext } from './build-context.ts'
import { earlyTarget } from './early-results.ts'
import type { KTable } from './ktable.ts'
import { ListedPlan } from './listed-inputs.ts'
import type { WindowEmission, WindowedTarget } from './windowed-aggregate.ts'
import {
  type WindowedFolding,
  type WindowedInput,
  type WindowedPlan,
  windowedInput,
  windowedTable,
} from './windowed-inputs.ts'

/** Windows by time: aligned to it, or made by the records. */
export type EventWindows = TimeWindows | SessionWindows | SlidingWindows

/** Names the store of a windowed table, which is also what its changelog topic is named after. */
export interface WindowedTableOptions<A> {
  readonly store: string
  readonly value?: Serde<A>
  /**
   * How long a window can be read after its end, by the watermark: at least the grace, which is the default. It is forgotten
   * after that.
   */
  readonly retentionMs?: number
}

/** @throws TOPOLOGY_INVALID */
export function planWindows<K, A>(
  build: BuildContext,
  windows: EventWindows,
  emit: WindowEmission,
  keySerde: Serde<K> | undefined,
  { store: name, value: valueSerde, retentionMs = windows.graceMs }: WindowedTableOptions<A>,
): WindowedPlan<K, A> {
  const { graceMs } = windows
  const where = `store "${name}"`
  if (!Number.isSafeInteger(retentionMs) || retentionMs < graceMs) {
    throw new StreamsError(
      'TOPOLOGY_INVALID',
      `${where} keeps windows for ${retentionMs} ms after their end; give whole milliseconds, at least the grace of ${graceMs}`,
    )
  }
  const key = build.serde(keySerde, where, 'pass { key: … } to groupByKey, or a serde to groupBy')
  const value = build.serde(valueSerde, where, 'pass { value: … } beside the store name')
  const closes = emit !== 'on-change'
  const windowKey = windowKeySerde(windows, key)
  const early = typeof emit === 'string' ? undefined : earlyTarget(name, emit, windowKey, value)
  if (windows instanceof SessionWindows || windows instanceof SlidingWindows)
    return new ListedPlan(build, windows, { name, key, windowKey, value, retentionMs, closes, early })
  const store = {
    name,
    key: windowKey,
    value,
    windows: { sizeMs: windows.sizeMs, retentionMs, closes },
    ...byKey('windows', key, value),
  }
  return new AlignedPlan(build, { store, windows, closes, early })
}

function windowKeySerde<K>(windows: EventWindows, key: Serde<K>): Serde<Windowed<K>> {
  if (windows instanceof SessionWindows) return sessionSerde(key)
  return windowedSerde(key, windows instanceof SlidingWindows ? windows.differenceMs : windows.sizeMs)
}

/** Over tumbling or hopping windows. */
class AlignedPlan<K, A> implements WindowedPlan<K, A> {
  private readonly build: BuildContext
  private readonly target: WindowedTarget<K, A>
  private readonly inputs: WindowedInput<K, A>[] = []

  constructor(build: BuildContext, target: WindowedTarget<K, A>) {
    this.build = build
    this.target = target
  }

  connect<V>(grouping: Grouping<K, V>, topicName: string, folding: WindowedFolding<K, V, A>): void {
    this.inputs.push(windowedInput(this.build, grouping, this.target, topicName, folding))
  }

  table(operator: string): KTable<Windowed<K>, A> {
    return windowedTable(this.build, this.target, operator, this.inputs)
  }
}
