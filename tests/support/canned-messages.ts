/** Messages as a busy cluster might send them, each with something in every field that clients show. */
import { Checkpoint, Savepoint } from '../../control/generated/orderstreams/control/v1/checkpoint_service.ts'
import { PartitionPosition } from '../../control/generated/orderstreams/control/v1/common.ts'
import { DeadLetter } from '../../control/generated/orderstreams/control/v1/dead_letter_service.ts'
import { Instance, TaskFlow } from '../../control/generated/orderstreams/control/v1/instance_service.ts'
import { StageCommand } from '../../control/generated/orderstreams/control/v1/stage_service.ts'
import { ReadSource, Row } from '../../control/generated/orderstreams/control/v1/state_service.ts'
import { TopologySummary } from '../../control/generated/orderstreams/control/v1/topology_service.ts'

export const time = new Date('2017-01-01T10:30:00Z')
export const task = 'order-raw_0'
export const instanceId = 'instance-a'

export const watermark = time
export const flow = TaskFlow.fromPartial({
  state: 'FLOW_STATE_PAUSED',
  heldBy: [{ topology: 'cleanse' }],
  stageRevision: 7,
})
export const summary = TopologySummary.fromPartial({
  topology: 'cleanse',
  instanceCount: 2,
  taskCount: 4,
  runningTaskCount: 3,
  lag: 12_721,
  recordsPerSecond: 1500.25,
  watermark,
  watermarkDelay: { seconds: 90, nanos: 0 },
  stateDiskBytes: 3 * 1024 * 1024,
  flow: 'FLOW_STATE_RUNNING',
  failures: ['LOG_UNAVAILABLE: no broker answers'],
})
export const instance = Instance.fromPartial({
  instanceId,
  zone: 'north',
  endpoint: '10.0.0.1:50051',
  version: '1.2.3',
  startTime: time,
  topologies: [
    {
      topology: 'cleanse',
      state: 'RUNNER_STATE_RUNNING',
      tasks: [
        {
          task,
          subTopology: 'order-raw',
          state: 'TASK_STATE_RESTORING',
          restore: { done: 42, total: 100 },
          lag: 5,
          recordsPerSecond: 3.5,
          watermark,
          stateDiskBytes: 2048,
          flow,
        },
      ],
      standbys: [{ task: 'order-raw_1', state: 'following', lag: 9 }],
    },
  ],
})
export const wanted = StageCommand.fromPartial({
  stage: { topology: 'cleanse' },
  kind: 'STAGE_COMMAND_KIND_PAUSE',
  reason: 'schema change',
  commandedBy: 'anna',
  commandTime: time,
  revision: 7,
})
export const row = Row.fromPartial({
  key: '31198570044',
  value: { status: 'PAID', seconds: 1, nanos: 2 },
  time,
  partition: 3,
})
export const windowRow = Row.fromPartial({
  ...row,
  windowStart: time,
  windowEnd: new Date('2017-01-01T10:31:00Z'),
})
export const source = ReadSource.fromPartial({
  instanceId,
  task,
  commitNumber: 12,
  standby: true,
  standbyLag: 4,
})
export const position = PartitionPosition.fromPartial({ topic: 'order-raw', partition: 0, offset: 17 })
export const checkpoint = Checkpoint.fromPartial({
  topology: 'cleanse',
  task,
  commitNumber: 12,
  inputOffsets: [position],
  changelogOffsets: [{ topic: 'cleanse-order-memory-changelog', partition: 0, offset: 99 }],
  watermark,
  lag: 3,
  bytes: 2048,
  keys: 17,
  duration: { seconds: 0, nanos: 12_000_000 },
  instanceId,
  commitTime: time,
})
export const savepoint = Savepoint.fromPartial({
  savepoint: 'before-3.0',
  topology: 'cleanse',
  createTime: time,
  createdBy: 'anna',
  reason: 'release',
  path: '/savepoints/before-3.0',
  inputOffsets: [position],
  stores: [{ task, store: 'order-memory', rows: 17, bytes: 4096, checksum: 'abc' }],
  bytes: 4096,
  stoodStill: { seconds: 1, nanos: 500_000_000 },
})
export const deadLetter = DeadLetter.fromPartial({
  name: 'cleanse-dead-letters/0/4',
  topology: 'cleanse',
  subTopology: 'order-raw',
  operator: 'assess',
  codes: ['OPERATOR_FAILED'],
  message: 'no such currency',
  ...position,
  recordTime: time,
  failedTime: time,
  attempt: 1,
  state: 'DEAD_LETTER_STATE_PENDING',
})
