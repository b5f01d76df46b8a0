/** A control server whose answers are written down, to try clients on: it remembers what it was asked. */
import { type Call, type Service, service } from '../../control/call.ts'
import {
  ListOperationsResponse,
  Operation,
  OperationsService,
} from '../../control/generated/google/longrunning/operations.ts'
import {
  HealthListResponse,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../control/generated/health/v1/health.ts'
import {
  CheckpointServiceService,
  CreateSavepointResponse,
  DeleteSavepointResponse,
  DiffCheckpointsResponse,
  GetCheckpointResponse,
  GetSavepointResponse,
  ListCheckpointsResponse,
  ListSavepointsResponse,
  RestoreSavepointResponse,
  Savepoint,
  StateVerification,
  TriggerCheckpointResponse,
  VerifyStateResponse,
  WorkProgress,
} from '../../control/generated/orderstreams/control/v1/checkpoint_service.ts'
import {
  DeadLetterServiceService,
  DiscardDeadLettersResponse,
  GetDeadLetterResponse,
  ListDeadLettersResponse,
  ReplayDeadLetterResponse,
  ReplayDeadLettersResponse,
  ReplayResult,
} from '../../control/generated/orderstreams/control/v1/dead_letter_service.ts'
import {
  GetInstanceResponse,
  InstanceServiceService,
  ListInstancesResponse,
} from '../../control/generated/orderstreams/control/v1/instance_service.ts'
import {
  GetStageResponse,
  ListStagesResponse,
  PauseStageResponse,
  ResumeStageResponse,
  StageServiceService,
} from '../../control/generated/orderstreams/control/v1/stage_service.ts'
import {
  BatchGetRowsResponse,
  FetchSessionsResponse,
  FetchWindowsResponse,
  GetRowResponse,
  ListPartialMatchesResponse,
  ListRowsResponse,
  ListStoresResponse,
  ListTimersResponse,
  StateServiceService,
  StreamRowsResponse,
} from '../../control/generated/orderstreams/control/v1/state_service.ts'
import {
  ExplainTopologyResponse,
  GetTopologyResponse,
  ListAssignmentsResponse,
  ListTopologiesResponse,
  TopologyServiceService,
  WatchTopologiesResponse,
} from '../../control/generated/orderstreams/control/v1/topology_service.ts'
import { startControlServer } from '../../control/server/control-server.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { silentLogger } from '../../streams/ports/observability.ts'

import {
  checkpoint,
  deadLetter,
  flow,
  instance,
  instanceId,
  row,
  savepoint,
  source,
  summary,
  task,
  time,
  wanted,
  watermark,
  windowRow,
} from './canned-messages.ts'

export interface CannedControl {
  readonly address: string
  /** In the order in which they came; the path as `/package.Service/Method`. */
  readonly calls: readonly { readonly path: string; readonly request: unknown; readonly call: Call }[]
  /** The next call of the method, by its name, ends with this. */
  failNext(method: string, error: Error): void
  close(): Promise<void>
}

function operation<T>(
  name: string,
  call: string,
  typeName: string,
  response: { encode(value: T): { finish(): Uint8Array } },
  value: T,
): Operation {
  const progress = WorkProgress.fromPartial({
    call,
    target: 'cleanse',
    step: 'reading order-memory',
    done: 12_000,
    total: 20_000,
    startTime: time,
    startedBy: 'anna',
  })
  return Operation.fromPartial({
    name: `operations/${instanceId}/${name}`,
    metadata: {
      typeUrl: 'type.googleapis.com/orderstreams.control.v1.WorkProgress',
      value: Buffer.from(WorkProgress.encode(progress).finish()),
    },
    done: true,
    result: {
      $case: 'response',
      value: {
        typeUrl: `type.googleapis.com/orderstreams.control.v1.${typeName}`,
        value: Buffer.from(response.encode(value).finish()),
      },
    },
  })
}

const operations = {
  verify: operation('verify', 'VerifyState', 'StateVerification', StateVerification, {
    same: false,
    stores: [
      {
        task,
        store: 'order-memory',
        same: false,
        rows: 17,
        digest: '0123456789abcdef0123',
        rebuiltDigest: '9999',
        differences: [{ key: '42', value: { status: 'PAID' }, rebuiltValue: undefined }],
        differenceCount: 1,
        commitNumber: 12,
        forgottenRows: 0,
      },
    ],
  }),
  create: operation('create', 'CreateSavepoint', 'Savepoint', Savepoint, savepoint),
  restore: operation('restore', 'RestoreSavepoint', 'Savepoint', Savepoint, savepoint),
  replay: operation(
    'replay',
    'ReplayDeadLetters',
    'ReplayResult',
    ReplayResult,
    ReplayResult.fromPartial({ replayed: 3, beyondMaxAttempts: 1 }),
  ),
}

/** As a caller sees it who has just begun it. */
function begun(done: Operation): Operation {
  return { ...done, done: false, result: undefined }
}

function operationNamed(name: string): Operation {
  const found = Object.values(operations).find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no operation ${name} is written down`)
  return found
}

const answers = [
  service(TopologyServiceService, {
    listTopologies: async () => ListTopologiesResponse.fromPartial({ topologies: [summary] }),
    getTopology: async () =>
      GetTopologyResponse.fromPartial({
        topology: {
          name: 'cleanse',
          subTopologies: [{ name: 'order-raw', stores: [{ name: 'order-memory' }] }],
        },
        text: 'topology cleanse',
        mermaid: 'graph TD',
      }),
    listAssignments: async () =>
      ListAssignmentsResponse.fromPartial({
        assignments: [
          { task, instanceId, endpoint: '10.0.0.1:50051', zone: 'north', standbyInstanceIds: ['instance-b'] },
        ],
      }),
    watchTopologies: async function* () {
      for (;;)
        yield WatchTopologiesResponse.fromPartial({ time, topologies: [summary], instances: [instance] })
    },
    explainTopology: async () =>
      ExplainTopologyResponse.fromPartial({
        tasks: [
          {
            task,
            instanceId,
            watermark,
            heldBackBy: { topic: 'order-raw', partition: 2, reason: 'HELD_BACK_REASON_AT_END', since: time },
            waiting: [{ operator: 'per-minute', due: time, text: 'the window from 10:29 closes at 10:30' }],
            text: 'order-raw-2 holds the time back',
          },
        ],
      }),
  }),
  service(InstanceServiceService, {
    getInstance: async () => GetInstanceResponse.fromPartial({ instance }),
    listInstances: async () => ListInstancesResponse.fromPartial({ instances: [instance] }),
  }),
  service(StageServiceService, {
    pauseStage: async () => PauseStageResponse.fromPartial({ wanted }),
    resumeStage: async () =>
      ResumeStageResponse.fromPartial({
        wanted: { ...wanted, kind: 'STAGE_COMMAND_KIND_RUN' },
        stillHeldBy: [wanted],
      }),
    stepStage: async () => PauseStageResponse.fromPartial({ wanted: { ...wanted, stepTotal: 5 } }),
    limitStageRate: async () =>
      PauseStageResponse.fromPartial({
        wanted: { ...wanted, kind: 'STAGE_COMMAND_KIND_LIMIT', recordsPerSecond: 0.5 },
      }),
    drainStage: async () =>
      PauseStageResponse.fromPartial({ wanted: { ...wanted, kind: 'STAGE_COMMAND_KIND_DRAIN' } }),
    getStage: async () =>
      GetStageResponse.fromPartial({
        status: { stage: wanted.stage, wanted: [wanted], tasks: [{ task, instanceId, flow }], settled: true },
      }),
    listStages: async () =>
      ListStagesResponse.fromPartial({
        stages: [{ stage: wanted.stage, wanted: [wanted], tasks: [{ task, instanceId, flow }] }],
      }),
  }),
  service(StateServiceService, {
    listStores: async () =>
      ListStoresResponse.fromPartial({
        stores: [
          {
            topology: 'cleanse',
            store: 'order-memory',
            kind: 'STORE_KIND_KEY_VALUE',
            keyType: 'string',
            partitionCount: 4,
          },
          {
            topology: 'cleanse',
            store: 'by-user-and-product',
            keyType: 'UserProduct',
            keySchema: '{"type":"record","name":"UserProduct","fields":[]}',
          },
        ],
      }),
    getRow: async () => GetRowResponse.fromPartial({ row, source }),
    batchGetRows: async () =>
      BatchGetRowsResponse.fromPartial({ rows: [{ key: row.key, row }, { key: '43' }] }),
    // Two pages, of which the second is the last.
    listRows: async ({ pageToken }) =>
      ListRowsResponse.fromPartial(
        pageToken === '' ? { rows: [row], nextPageToken: 'next' } : { rows: [{ ...row, key: '43' }] },
      ),
    streamRows: async function* () {
      yield StreamRowsResponse.fromPartial({ rows: [row] })
      yield StreamRowsResponse.fromPartial({ rows: [{ ...row, key: '43' }] })
    },
    fetchWindows: async () => FetchWindowsResponse.fromPartial({ rows: [windowRow] }),
    fetchSessions: async () => FetchSessionsResponse.fromPartial({ rows: [windowRow] }),
    listTimers: async () =>
      ListTimersResponse.fromPartial({
        timers: [
          { store: 'unpaid-timers', key: '42', due: time, domain: 'TIME_DOMAIN_EVENT_TIME', partition: 1 },
        ],
      }),
    listPartialMatches: async () =>
      ListPartialMatchesResponse.fromPartial({
        matches: [
          {
            store: 'unpaid',
            key: '42',
            waitsFor: 'PAID',
            start: time,
            until: time,
            events: { created: { id: 1 } },
          },
        ],
      }),
  }),
  service(CheckpointServiceService, {
    listCheckpoints: async () => ListCheckpointsResponse.fromPartial({ checkpoints: [checkpoint] }),
    getCheckpoint: async () => GetCheckpointResponse.fromPartial({ checkpoint }),
    diffCheckpoints: async () =>
      DiffCheckpointsResponse.fromPartial({
        from: { ...checkpoint, commitNumber: 11 },
        to: checkpoint,
        recordsRead: [{ name: 'order-raw-0', count: 17 }],
        elapsed: { seconds: 5, nanos: 0 },
        timersAdded: 2,
      }),
    triggerCheckpoint: async () => TriggerCheckpointResponse.fromPartial({ checkpoints: [checkpoint] }),
    verifyState: async () => VerifyStateResponse.fromPartial({ operation: begun(operations.verify) }),
    createSavepoint: async () => CreateSavepointResponse.fromPartial({ operation: begun(operations.create) }),
    listSavepoints: async () => ListSavepointsResponse.fromPartial({ savepoints: [savepoint] }),
    getSavepoint: async () => GetSavepointResponse.fromPartial({ savepoint }),
    restoreSavepoint: async () =>
      RestoreSavepointResponse.fromPartial({ operation: begun(operations.restore) }),
    deleteSavepoint: async () => DeleteSavepointResponse.create(),
  }),
  service(DeadLetterServiceService, {
    listDeadLetters: async () => ListDeadLettersResponse.fromPartial({ deadLetters: [deadLetter] }),
    getDeadLetter: async () =>
      GetDeadLetterResponse.fromPartial({
        deadLetter,
        record: { key: '42', value: { amount: 1 }, headers: [{ key: 'trace', value: Buffer.from('abc') }] },
      }),
    replayDeadLetter: async () => ReplayDeadLetterResponse.fromPartial({ deadLetter, replayedOffset: 18 }),
    replayDeadLetters: async () =>
      ReplayDeadLettersResponse.fromPartial({ operation: begun(operations.replay) }),
    discardDeadLetters: async () => DiscardDeadLettersResponse.fromPartial({ discarded: 3 }),
  }),
  service(OperationsService, {
    listOperations: async () =>
      ListOperationsResponse.fromPartial({ operations: [begun(operations.verify)] }),
    getOperation: async ({ name }) => operationNamed(name),
    waitOperation: async ({ name }) => operationNamed(name),
    cancelOperation: async () => ({}),
    deleteOperation: async () => ({}),
  }),
  service(HealthService, {
    check: async () => ({ status: ServingStatus.SERVING }),
    list: async () =>
      HealthListResponse.fromPartial({
        statuses: { '': { status: ServingStatus.SERVING }, cleanse: { status: ServingStatus.NOT_SERVING } },
      }),
    watch: async function* () {
      yield { status: ServingStatus.SERVING }
    },
  }),
]

export async function startCannedControl(): Promise<CannedControl> {
  const calls: { path: string; request: unknown; call: Call }[] = []
  const failures = new Map<string, Error>()
  const recorded = ({ definition, handlers }: Service): Service => ({
    definition,
    handlers: Object.fromEntries(
      Object.entries(handlers).map(([name, handler]) => [
        name,
        (request: never, call: Call) => {
          calls.push({ path: definition[name]!.path, request, call })
          const failure = failures.get(name)
          failures.delete(name)
          return failure === undefined ? handler(request, call) : Promise.reject(failure)
        },
      ]),
    ),
  })
  const server = await startControlServer({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    logger: silentLogger,
    services: answers.map(recorded),
  })
  return {
    address: server.address,
    calls,
    failNext: (method, error) => failures.set(method, error),
    close: () => server.close(),
  }
}
