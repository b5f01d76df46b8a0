/** The engine's API for tests: topologies run in memory, with time moved by hand. */
export {
  type HistogramReading,
  MemoryMetrics,
  type NumberReading,
  type Reading,
} from '../adapters/memory/memory-metrics.ts'
export { MemoryStoreProvider } from '../adapters/memory/memory-store.ts'
export type { Timer as PendingTimer } from '../time/timer-key.ts'
export {
  crashAt,
  type Fault,
  Faults,
  type FaultyCall,
  faultyLog,
  faultySink,
  type StepCrash,
} from './faults.ts'
export { ManualClock } from './manual-clock.ts'
export { MemoryRegistry } from './memory-registry.ts'
export { MemorySink, type MemorySinkOptions } from './memory-sink.ts'
export {
  type TestDriverOptions,
  type TestInput,
  type TestRecord,
  TopologyTestDriver,
} from './topology-test-driver.ts'
