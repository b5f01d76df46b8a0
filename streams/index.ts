/** The engine's public API. */

export type { MatchLimits } from './cep/matcher.ts'
export { type Gap, Pattern, type PatternStart, type StageTest } from './cep/pattern.ts'
export type { Match, PartialMatch, PatternOf, Stages } from './cep/pattern-types.ts'
export {
  type CheckpointDifference,
  type CheckpointPorts,
  Checkpoints,
  differenceOf,
  lagsOf,
} from './control/checkpoints.ts'
export * from './control/dead-letters/index.ts'
export {
  type ExplainFacts,
  explainTask,
  type HeldBack,
  type HeldBackReason,
  type TaskFacts,
} from './control/explain.ts'
export { explanationText } from './control/explain-text.ts'
export { type WaitingView, waitingIn } from './control/explain-waiting.ts'
export {
  type PlanItem,
  planExitCode,
  planTopology,
  type TopologyPlan,
  type Verdict,
  verdictsToLookAt,
} from './control/plan.ts'
export { type PlanPorts, readPlanFacts } from './control/plan-facts.ts'
export * from './control/savepoint/index.ts'
export { overlaps, resolveStage } from './control/stage-names.ts'
export { type StageOrder, stagesOf, type TopologyStages } from './control/stages.ts'
export * from './control/state/index.ts'
export { partitionsOf, taskNamesOf } from './control/topology-parts.ts'
export {
  type RowDifference,
  type StoreComparison,
  type VerifyOptions,
  type VerifyProgress,
  verifyTask,
} from './control/verify.ts'
export { type StandbyView, type TaskStatusView, type TopologyView, viewOf } from './control/views.ts'
export type { TableOptions } from './dsl/aggregate.ts'
export { type Aggregator, type BuiltInAggregator, counting, summing } from './dsl/aggregators.ts'
export { CogroupedStream, type CogroupInit } from './dsl/cogrouped-stream.ts'
export type { FullWindow } from './dsl/count-aggregate.ts'
export { CountedCogroup, CountedStream } from './dsl/counted-stream.ts'
export type { EarlyEmission } from './dsl/early-results.ts'
export type { ForeignKeyJoinOptions } from './dsl/foreign-key-join.ts'
export { GlobalKTable } from './dsl/global-table.ts'
export type { KeyedProcessOptions, KeyedStreams } from './dsl/keyed-process.ts'
export {
  type GlobalLookup,
  type KeyedContext,
  KeyedProcessor,
  type ProcessorTimers,
  type SideOutput,
  type TimerContext,
} from './dsl/keyed-processor.ts'
export type { ListState, MapState, StateOptions, ValueState } from './dsl/keyed-state.ts'
export { KGroupedStream } from './dsl/kgrouped-stream.ts'
export { KGroupedTable, type TableAggregator } from './dsl/kgrouped-table.ts'
export { KStream } from './dsl/kstream.ts'
export { KTable, type MaterializeOptions } from './dsl/ktable.ts'
export type { MatchOptions, MatchStreams, Selecting } from './dsl/match.ts'
export type { MatchContext } from './dsl/pattern-matching.ts'
export {
  type OutputSpec,
  type OutputSpecs,
  output,
  type ProcessedStreams,
  type ProcessorContext,
  type ProcessorDefinition,
  type ProcessorOutputs,
  type ProcessorSchedules,
  type ProcessorStores,
  type StoreSpecs,
  type Unnamed,
} from './dsl/process.ts'
export type { VersionedKeyValueStore } from './dsl/processor-versions.ts'
export type { Schedule, Schedules } from './dsl/punctuation.ts'
export type { BranchNames } from './dsl/split.ts'
export { defineTopology, StreamBuilder, type StreamOptions } from './dsl/stream-builder.ts'
export type { StreamJoinOptions } from './dsl/stream-joins.ts'
export type { SuppressOptions } from './dsl/suppress.ts'
export type { TableSourceOptions } from './dsl/table-sources.ts'
export type { Versioning } from './dsl/versioned-tables.ts'
export type { JoinWindow, WindowJoinOptions } from './dsl/window-joins.ts'
export type { WindowEmission } from './dsl/windowed-aggregate.ts'
export { WindowedCogroup } from './dsl/windowed-cogroup.ts'
export type { EventWindows, WindowedTableOptions } from './dsl/windowed-plan.ts'
export { WindowedStream } from './dsl/windowed-stream.ts'
export {
  assertNever,
  type ErrorCode,
  type ErrorDetails,
  errorCatalogue,
  messageOf,
  RecordError,
  type Recovery,
  recoveryOf,
  StreamsError,
} from './errors.ts'
export type { Clock, Timer } from './ports/clock.ts'
export type * from './ports/log.ts'
export type {
  Counter,
  Gauge,
  Histogram,
  Labels,
  LogFields,
  Logger,
  Metrics,
} from './ports/observability.ts'
export { silentLogger } from './ports/observability.ts'
export type { RegisteredSchema, SchemaRegistry } from './ports/registry.ts'
export type { RowRejection, Sink, SinkSession, SinkTask } from './ports/sink.ts'
export type * from './ports/store.ts'
export {
  traceContextOf,
  traceParentHeader,
  traceParentOf,
  traceStateHeader,
  withTrace,
} from './ports/trace-headers.ts'
export type { Span, SpanAttributes, SpanStart, TraceContext, Tracer } from './ports/tracing.ts'
export { ByteWriter } from './records/byte-writer.ts'
export { partitionForKey } from './records/murmur2.ts'
export {
  type Header,
  type Headers,
  headersAt,
  keyAt,
  noHeaders,
  type RecordBatch,
  RecordBatchBuilder,
  valueAt,
} from './records/record-batch.ts'
export { type Peer, type ReachableMember, reachableMembers } from './runtime/assignment/peers.ts'
export { OpenCodecs } from './runtime/codecs.ts'
export { type CommitStep, commitSteps } from './runtime/commit.ts'
export { contentOmittedHeader } from './runtime/dead-letters.ts'
export { followToEnd } from './runtime/follow-to-end.ts'
export { checkpointTopic, deadLetterStatusTopic, deadLetterTopic } from './runtime/internal-topics.ts'
export { type MemoryParts, processBytes } from './runtime/memory-budget.ts'
export { attemptHeader, replayForHeader } from './runtime/replay-headers.ts'
export { registerSchemas, requiredTopics } from './runtime/requirements.ts'
export type { RestoreProgress } from './runtime/restore.ts'
export {
  defaultSettings,
  type ErrorPolicy,
  type ProcessingGuarantee,
  type RuntimeSettings,
} from './runtime/settings.ts'
export { isInForce, stageOf } from './runtime/stages/decide-flow.ts'
export {
  type FlowState,
  type Stage,
  type StandingCommand,
  stageName,
  type TaskFlowView,
} from './runtime/stages/stage.ts'
export type { StandbyState } from './runtime/standby-driver.ts'
export { StreamsApp, type StreamsAppOptions } from './runtime/streams-app.ts'
export type { DriverState, TaskDriver } from './runtime/task-driver.ts'
export {
  databaseName,
  type TaskEnvironment,
  type TaskObserver,
  taskIdOf,
} from './runtime/task-environment.ts'
export type { InputView, TaskView, UpstreamView } from './runtime/task-view.ts'
export type {
  InstanceIdentity,
  RunnerState,
  RunningTopology,
  RuntimePorts,
  TopologyStatus,
} from './runtime/topology-runner.ts'
export type {
  Checkpoint,
  DeadLetter,
  DeadLetterHeader,
  DeadLetterStatus,
  PartitionPosition,
} from './schemas/generated/records.ts'
export { avro } from './serde/avro.ts'
export { generateRecordTypes, type SchemaFile } from './serde/avro-codegen.ts'
export { parseAvroSchema } from './serde/avro-parser.ts'
export { type AvroJson, type AvroSchema, type AvroType, describeType } from './serde/avro-schema.ts'
export {
  type Codec,
  nullable,
  SchemaNotLoaded,
  type Serde,
  type SerdeContext,
  type TypeOf,
} from './serde/serde.ts'
export { serdes } from './serde/serdes.ts'
export { type Topic, topic } from './serde/topic.ts'
export { type StoredRow, StoredRows, type StoredRowsOptions } from './state/stored-rows.ts'
export { type VersionedStoreSpec, versionedStore } from './state/versioned-rows.ts'
export { sessionSerde, windowedSerde } from './state/windowed-serde.ts'
export { CountWindows, countWindow } from './time/count-windows.ts'
export { SessionWindows, session } from './time/session-windows.ts'
export { SlidingWindows, sliding } from './time/sliding-windows.ts'
export type { TimerKind } from './time/timer-key.ts'
export { days, hopping, hours, minutes, seconds, TimeWindows, tumbling } from './time/windows.ts'
export { type DescribeFormat, describeTopology } from './topology/describe.ts'
export type { IdlePolicy, SourceTiming, TimestampExtractor } from './topology/source.ts'
export {
  type KeyValueStore,
  keyValueStore,
  type StoreSpec,
  type Timestamped,
  type Windowed,
  type WindowSpec,
} from './topology/store-spec.ts'
export type { StoreKind, StoreView } from './topology/store-view.ts'
export type { Partitioner, Receiver, RecordContext } from './topology/task-context.ts'
export { internalTopics, type SubTopology, type Topology } from './topology/topology.ts'
