/** Topologies in a few numbers, over all instances. */
import type { FlowState as Flow, Instance } from '../generated/orderstreams/control/v1/instance_service.ts'
import { FlowState, TaskState } from '../generated/orderstreams/control/v1/instance_service.ts'
import type { TopologySummary } from '../generated/orderstreams/control/v1/topology_service.ts'
import { durationOf } from './topology-graph.ts'

/** The farther from running, the farther behind. */
const flowOrder: readonly Flow[] = [
  FlowState.FLOW_STATE_UNSPECIFIED,
  FlowState.FLOW_STATE_RUNNING,
  FlowState.FLOW_STATE_DRAINING,
  FlowState.FLOW_STATE_STEPPING,
  FlowState.FLOW_STATE_PAUSING,
  FlowState.FLOW_STATE_DRAINED,
  FlowState.FLOW_STATE_PAUSED,
]

/** @param taskCount how many tasks the topology consists of, whether they run or not */
export function summaryOf(
  topology: string,
  instances: readonly Instance[],
  taskCount: number,
  nowMs: number,
): TopologySummary {
  const failures = new Set<string>()
  const members = instances.filter(({ topologies }) => topologies.some((own) => own.topology === topology))
  const own = members.flatMap(({ topologies }) => topologies.filter((one) => one.topology === topology))
  const tasks = own.flatMap((part) => part.tasks)
  for (const { failure } of [...own, ...tasks]) if (failure !== '') failures.add(failure)
  const silent = members.filter(({ unreachableReason }) => unreachableReason !== '')
  for (const { instanceId, unreachableReason } of silent) failures.add(`${instanceId}: ${unreachableReason}`)
  const watermarks = tasks.flatMap(({ watermark }) => (watermark === undefined ? [] : [watermark.getTime()]))
  const watermarkMs = watermarks.length === 0 ? undefined : Math.min(...watermarks)
  const flows = tasks.map(({ flow }) => flowOrder.indexOf(flow?.state ?? FlowState.FLOW_STATE_RUNNING))
  return {
    topology,
    instanceCount: members.length,
    taskCount,
    runningTaskCount: tasks.filter(({ state }) => state === TaskState.TASK_STATE_RUNNING).length,
    lag: sum(tasks.map(({ lag }) => lag)),
    recordsPerSecond: sum(tasks.map(({ recordsPerSecond }) => recordsPerSecond)),
    watermark: watermarkMs === undefined ? undefined : new Date(watermarkMs),
    watermarkDelay: watermarkMs === undefined ? undefined : durationOf(nowMs - watermarkMs),
    stateDiskBytes: sum(tasks.map(({ stateDiskBytes }) => stateDiskBytes)),
    flow: flowOrder[Math.max(0, ...flows)] ?? FlowState.FLOW_STATE_UNSPECIFIED,
    failures: [...failures].sort(),
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
