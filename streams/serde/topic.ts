/** A topic, typed by what its records hold. Topologies read and write topics only through these. */
import type { TopicSettings } from '../ports/log.ts'
import type { Serde } from './serde.ts'

export interface Topic<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly settings: Omit<TopicSettings, 'name' | 'partitions'> & {
    /** Undefined: the application's default. */
    readonly partitions?: number
  }
}

/** Declares a topic. Unless told otherwise it keeps records for ever and their own timestamps. */
export function topic<K, V>(
  name: string,
  serdes: { readonly key: Serde<K>; readonly value: Serde<V> },
  settings: Partial<Topic<K, V>['settings']> = {},
): Topic<K, V> {
  return { name, ...serdes, settings: { cleanup: 'delete', timestampType: 'create', ...settings } }
}
