/** Looking into the state of tasks. */
export { GlobalTableRows } from './global-table-rows.ts'
export type { ReadableRows } from './readable-rows.ts'

export {
  type KeyRange as EncodedKeyRange,
  keyBehind,
  type RowCursor,
  RowReader,
  type Slice,
} from './row-reader.ts'
export { type KeyedRun, StoreCodec, type ViewedRow } from './store-codec.ts'
export { partitionCountOf, placingTopic, type QueriedStore, storesOf } from './stores.ts'
export { type ReadMode, TaskRows } from './task-rows.ts'
