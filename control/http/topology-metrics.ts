/**
 * What is read of the topologies when somebody asks for metrics, and at no other time: nothing of it costs a record anything.
 *
 * Invariant: what is shown is what runs here now. A task that has gone to another instance is not shown any more.
 */
import { Gauge, type Registry } from 'prom-client'
import {
  type Clock,
  type StreamsApp,
  type TaskStatusView,
  type TopologyView,
  viewOf,
} from '../../streams/index.ts'

export interface TopologyMetricsOptions {
  readonly registry: Registry
  readonly streams: Pick<StreamsApp, 'running'>
  /** Names. */
  readonly topologies: readonly string[]
  readonly clock: Clock
}

type Running = NonNullable<TaskStatusView['running']>
type RunningGauge = readonly [string, string, (task: Running, nowMs: number) => number | null]

/** Of the database of a running task. */
const databaseGauges = (
  [
    [
      'streams_state_memtable_bytes',
      'Memory of the database that holds writes which are not in files yet.',
      'memtableBytes',
    ],
    [
      'streams_state_block_cache_bytes',
      'Memory of the database that holds blocks of files.',
      'blockCacheBytes',
    ],
    ['streams_state_level0_files', 'Sorted runs that a read may have to look into.', 'level0Files'],
    [
      'streams_state_pending_compaction_bytes',
      'What a compaction that is due may have to rewrite, at most; 0 while none is due.',
      'pendingCompactionBytes',
    ],
  ] as const
).map(([name, help, field]): RunningGauge => [name, help, ({ database }) => database?.[field] ?? null])

/** Of a running task: name, help, and the value, which is null while it is not known. */
const runningGauges: readonly RunningGauge[] = [
  ['streams_input_lag_records', 'Records known to wait in the input.', ({ lag }) => lag],
  [
    'streams_watermark_timestamp_seconds',
    'Up to when records are expected to be complete, in seconds since 1970.',
    ({ watermarkMs }) => seconds(watermarkMs),
  ],
  [
    'streams_watermark_delay_seconds',
    'How far the watermark is behind the clock.',
    ({ watermarkMs }, nowMs) => (watermarkMs === null ? null : (nowMs - watermarkMs) / 1000),
  ],
  [
    'streams_last_commit_timestamp_seconds',
    'When the task committed last since it was opened here, in seconds since 1970.',
    ({ committedMs }) => seconds(committedMs),
  ],
  ['streams_timers_pending', 'Timers that are set and not due yet.', ({ timerCount }) => timerCount],
  [
    'streams_state_disk_bytes',
    'State on disk, of the database and its write-ahead log; an estimate.',
    ({ stateDiskBytes }) => stateDiskBytes,
  ],
  [
    'streams_state_database_memory_bytes',
    'Memory of the database: memtables, block cache, readers of tables.',
    ({ stateMemoryBytes, stateCacheBytes }) => stateMemoryBytes - stateCacheBytes,
  ],
  [
    'streams_state_cache_bytes',
    'Live rows in memory; an estimate.',
    ({ stateCacheBytes }) => stateCacheBytes,
  ],
  ...databaseGauges,
  [
    'streams_inputs_held',
    'Partitions that stage commands hold.',
    ({ inputs }) => inputs.filter(({ isHeld }) => isHeld).length,
  ],
]

const taskStates = ['opening', 'restoring', 'running', 'waiting', 'stopped', 'given-up', 'failed'] as const

/** Answers with a function that reads everything anew. */
export function topologyMetrics({ registry, streams, topologies, clock }: TopologyMetricsOptions): {
  refresh(): void
  /** As of the last refresh. */
  isHere(topology: string, task: string): boolean
} {
  const registers = [registry]
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers })
  const ofTask = ['topology', 'task']
  const running = runningGauges.map(([name, help, read]) => ({
    gauge: gauge(name, help, ofTask),
    read,
  }))
  const up = gauge('streams_topology_running', 'Whether the topology runs here: 1, or 0.', ['topology'])
  const assigned = gauge(
    'streams_topology_assigned',
    'Whether the group has said what this instance runs of the topology: 1, or 0.',
    ['topology'],
  )
  const tasks = gauge('streams_tasks', 'Tasks of this instance by how they stand.', ['topology', 'state'])
  const restored = gauge(
    'streams_restore_done_records',
    'Changelog records that a task that is being restored has read.',
    ofTask,
  )
  const toRestore = gauge('streams_restore_target_records', 'Changelog records that it has to read.', ofTask)
  const standbyLag = gauge(
    'streams_standby_lag_records',
    'Changelog records that the copy of the state of a task that runs elsewhere lacks.',
    ofTask,
  )
  const all = [up, assigned, tasks, restored, toRestore, standbyLag, ...running.map((one) => one.gauge)]
  let here = new Set<string>()

  const readTopology = (view: TopologyView, nowMs: number): void => {
    const { topology } = view
    up.set({ topology }, view.state.kind === 'running' ? 1 : 0)
    assigned.set({ topology }, view.isAssigned ? 1 : 0)
    for (const state of taskStates) {
      tasks.set({ topology, state }, view.tasks.filter((task) => task.state.kind === state).length)
    }
    for (const { task, state, running: working } of view.tasks) {
      // It may be another's by now.
      if (state.kind === 'stopped' || state.kind === 'given-up') continue
      here.add(nameOf(topology, task))
      if (state.kind === 'restoring') {
        restored.set({ topology, task }, state.progress.done)
        toRestore.set({ topology, task }, state.progress.total)
      }
      if (working === null) continue
      for (const { gauge: one, read } of running) {
        const value = read(working, nowMs)
        if (value !== null) one.set({ topology, task }, value)
      }
    }
    for (const { task, state } of view.standbys) {
      if (state.kind === 'following' && state.lag !== null) standbyLag.set({ topology, task }, state.lag)
    }
  }

  return {
    refresh: () => {
      for (const one of all) one.reset()
      here = new Set()
      const nowMs = clock.now()
      for (const topology of topologies) readTopology(viewOf(streams.running(topology)), nowMs)
    },
    isHere: (topology, task) => here.has(nameOf(topology, task)),
  }
}

function seconds(timeMs: number | null): number | null {
  return timeMs === null ? null : timeMs / 1000
}

function nameOf(topology: string, task: string): string {
  return `${topology}/${task}`
}
