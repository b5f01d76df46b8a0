/** The dashboards: is it healthy, where is it slow, what is late. */
import { type Dashboard, figure, lines, quantile, query } from './dashboard.ts'

const ofTopology = '{topology=~"$topology"}'
const ofTask = '{topology=~"$topology",task=~"$task"}'
const ofInstance = '{instance=~"$instance"}'
const rate = (metric: string, selector: string) => `rate(${metric}${selector}[$__rate_interval])`

const overview: Dashboard = {
  name: 'overview',
  title: 'Overview',
  description: 'Whether all is well, at a glance; the other dashboards say where it is not.',
  choices: ['topology'],
  rows: [
    {
      title: 'Is it healthy?',
      panels: [
        figure(
          'Topologies that run nowhere',
          'short',
          'More than 0: a stage is down. Runbook TopologyNotRunning.',
          `count(max by (topology) (streams_topology_running${ofTopology}) == 0) or vector(0)`,
          [1, 1],
        ),
        figure(
          'Tasks that do not run',
          'short',
          'Waiting, given up or failed. Runbook TasksNotRunning.',
          'sum(streams_tasks{topology=~"$topology",state=~"waiting|given-up|failed"}) or vector(0)',
          [1, 5],
        ),
        figure(
          'Records that wait',
          'short',
          'All inputs together. It is the growth that counts: look at the lines below.',
          `sum(streams_input_lag_records${ofTopology})`,
          [10_000, 1_000_000],
        ),
        figure(
          'Dead letters, last hour',
          'short',
          'Records that could not be read or processed. `order-streams ctl dead-letters list <topology>`.',
          `sum(increase(streams_dead_letters_total${ofTopology}[1h]))`,
          [1, 100],
        ),
        figure(
          'Late records, last hour',
          'short',
          'Came after what they belong to was closed. Runbook LateRecords.',
          'sum(increase(streams_records_dropped_total{topology=~"$topology",reason="late"}[1h])) or vector(0)',
          [1, 1000],
        ),
        figure(
          'Partitions held by commands',
          'short',
          'Somebody paused, limited or drained them. `order-streams ctl stages list <topology>` says who and why.',
          `sum(streams_inputs_held${ofTopology})`,
          [1, 1000],
        ),
      ],
    },
    {
      title: 'How much?',
      panels: [
        lines(
          'Records in',
          'reqps',
          'By topology. A stage that falls to 0 while the one before it goes on has a problem.',
          query(`sum by (topology) (${rate('streams_records_in_total', ofTopology)})`, '{{topology}}'),
        ),
        lines(
          'Rows to the database',
          'reqps',
          'By topology.',
          query(`sum by (topology) (${rate('streams_sink_rows_total', ofTopology)})`, '{{topology}}'),
        ),
      ],
    },
    {
      title: 'Where is it slow, what is late?',
      panels: [
        lines(
          'Records that wait',
          'short',
          'Growing for long: more comes in than is processed. Runbook InputLagGrowing.',
          query(`sum by (topology) (streams_input_lag_records${ofTopology})`, '{{topology}}'),
        ),
        lines(
          'Event time behind the clock',
          's',
          'The foremost and the last task of each topology. Far apart: one partition is behind.',
          query(`min by (topology) (streams_watermark_delay_seconds${ofTopology})`, '{{topology}} foremost'),
          query(`max by (topology) (streams_watermark_delay_seconds${ofTopology})`, '{{topology}} last'),
        ),
      ],
    },
    {
      title: 'The Order API',
      panels: [
        lines(
          'Requests',
          'reqps',
          '202 is taken, 400 a mistake of the caller, 503 that Kafka does not answer.',
          query('sum by (code) (rate(order_api_requests_total[$__rate_interval]))', '{{code}}'),
        ),
        lines(
          'How long requests take',
          's',
          'Until Kafka has the orders. Slow: look at Kafka.',
          query(quantile(0.5, 'order_api_request_duration_seconds', '', 'job'), 'half'),
          query(quantile(0.99, 'order_api_request_duration_seconds', '', 'job'), '99%'),
        ),
      ],
    },
  ],
}

const topology: Dashboard = {
  name: 'topology',
  title: 'Topology',
  description: 'One stage, task by task and instance by instance.',
  choices: ['topology', 'instance'],
  rows: [
    {
      title: 'Who runs it?',
      panels: [
        lines(
          'Tasks by how they stand',
          'short',
          'All should be running. Restoring and opening pass by themselves.',
          query(
            'sum by (topology, state) (streams_tasks{topology=~"$topology",instance=~"$instance"})',
            '{{topology}} {{state}}',
          ),
        ),
        lines(
          'Rebalances',
          'short',
          'Each moves tasks. Many within minutes: instances come and go, or do not hold their sessions.',
          query(
            'sum by (topology) (increase(streams_rebalances_total{topology=~"$topology",instance=~"$instance"}[5m]))',
            '{{topology}}',
          ),
        ),
      ],
    },
    {
      title: 'How fast?',
      panels: [
        lines(
          'Records in, by instance',
          'reqps',
          'Unequal: partitions are, or instances have unlike tasks.',
          query(
            'sum by (topology, instance) (rate(streams_records_in_total{topology=~"$topology",instance=~"$instance"}[$__rate_interval]))',
            '{{topology}} {{instance}}',
          ),
        ),
        lines(
          'How long commits take',
          's',
          '95% of them. Long: see Sinks, and Kafka.',
          query(quantile(0.95, 'streams_commit_duration_seconds', ofTopology, 'topology'), '{{topology}}'),
        ),
        lines(
          'Bytes written to Kafka',
          'Bps',
          'Outputs and changelogs.',
          query(`sum by (topology) (${rate('streams_commit_bytes_total', ofTopology)})`, '{{topology}}'),
        ),
        lines(
          'CPU',
          'percentunit',
          'Of one core. At 1 an instance is used up: more of them, up to the partitions.',
          query('rate(process_cpu_seconds_total{instance=~"$instance"}[$__rate_interval])', '{{instance}}'),
        ),
      ],
    },
    {
      title: 'What goes wrong?',
      panels: [
        lines(
          'Failures of tasks, by code',
          'short',
          'docs/errors.md has each code with its remedy.',
          query(
            `sum by (topology, code) (increase(streams_task_failures_total${ofTopology}[5m]))`,
            '{{topology}} {{code}}',
          ),
        ),
        lines(
          'Records left out, by reason',
          'reqps',
          'By operators, by their definition: late, without a key, ….',
          query(
            `sum by (topology, operator, reason) (${rate('streams_records_dropped_total', ofTopology)})`,
            '{{operator}} {{reason}}',
          ),
        ),
      ],
    },
  ],
}

const task: Dashboard = {
  name: 'task',
  title: 'Tasks',
  description: 'Single tasks: a task is one sub-topology for one partition.',
  choices: ['topology', 'task'],
  rows: [
    {
      title: 'Which one is behind?',
      panels: [
        lines(
          'Records that wait',
          'short',
          'One far above the others: its partition has most of the records, or it fails.',
          query(`sum by (topology, task) (streams_input_lag_records${ofTask})`, '{{topology}} {{task}}'),
        ),
        lines(
          'Since the last commit',
          's',
          'Grows while there is nothing to do. With records that wait: runbook CommitsStalled.',
          query(
            `time() - max by (topology, task) (streams_last_commit_timestamp_seconds${ofTask})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Event time behind the clock',
          's',
          'The task that holds a window back; `order-streams ctl topologies explain` says why.',
          query(
            `max by (topology, task) (streams_watermark_delay_seconds${ofTask})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Records in',
          'reqps',
          'By task.',
          query(
            `sum by (topology, task) (${rate('streams_records_in_total', ofTask)})`,
            '{{topology}} {{task}}',
          ),
        ),
      ],
    },
    {
      title: 'What does it do?',
      panels: [
        lines(
          'Records out',
          'reqps',
          'Outputs, with their commits.',
          query(
            `sum by (topology, task) (${rate('streams_records_out_total', ofTask)})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Commits',
          'reqps',
          'Without work there are none.',
          query(
            `sum by (topology, task) (${rate('streams_commits_total', ofTask)})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Timers that are set',
          'short',
          'Those of windows, patterns and processors.',
          query(`sum by (topology, task) (streams_timers_pending${ofTask})`, '{{topology}} {{task}}'),
        ),
        lines(
          'Dead letters',
          'reqps',
          '`order-streams ctl dead-letters list <topology>` has each with its error.',
          query(
            `sum by (topology, task) (${rate('streams_dead_letters_total', ofTask)})`,
            '{{topology}} {{task}}',
          ),
        ),
      ],
    },
  ],
}

const state: Dashboard = {
  name: 'state',
  title: 'State and RocksDB',
  description: 'What tasks keep, on disk and in memory, and how it comes back.',
  choices: ['topology', 'task', 'instance'],
  rows: [
    {
      title: 'How much?',
      panels: [
        lines(
          'On disk',
          'bytes',
          'Grows with keys until they expire. Give volumes twice as much.',
          query(`sum by (topology) (streams_state_disk_bytes${ofTask})`, '{{topology}}'),
        ),
        lines(
          'Live rows in memory',
          'bytes',
          'Bounded by cacheMaxBytesPerTask and the budget.',
          query(`sum by (topology) (streams_state_cache_bytes${ofTask})`, '{{topology}}'),
        ),
        lines(
          'Memory of the process and its budget',
          'bytes',
          'Above the budget for long: runbook MemoryOverBudget.',
          query(`process_resident_memory_bytes${ofInstance}`, '{{instance}} resident'),
          query(
            'sum by (instance, part) (streams_memory_budget_bytes{instance=~"$instance"})',
            '{{instance}} {{part}}',
          ),
        ),
        lines(
          'Memory of the databases',
          'bytes',
          'Memtables, block cache, readers of tables.',
          query(`sum by (topology) (streams_state_database_memory_bytes${ofTask})`, '{{topology}}'),
        ),
      ],
    },
    {
      title: 'Does RocksDB keep up?',
      panels: [
        lines(
          'Files in level 0',
          'short',
          'Many: compaction does not keep up with what is written; disks are slow.',
          query(`max by (topology, task) (streams_state_level0_files${ofTask})`, '{{topology}} {{task}}'),
        ),
        lines(
          'Bytes that wait for compaction',
          'bytes',
          'Should fall again and again.',
          query(`sum by (topology) (streams_state_pending_compaction_bytes${ofTask})`, '{{topology}}'),
        ),
        lines(
          'Block cache',
          'bytes',
          'What of the tables is in memory.',
          query(`sum by (topology) (streams_state_block_cache_bytes${ofTask})`, '{{topology}}'),
        ),
        lines(
          'Memtables',
          'bytes',
          'What is not in tables yet.',
          query(`sum by (topology) (streams_state_memtable_bytes${ofTask})`, '{{topology}}'),
        ),
      ],
    },
    {
      title: 'Does it come back?',
      panels: [
        lines(
          'Left to restore',
          'short',
          'Changelog records. For long: runbook RestoreSlow.',
          query(
            `sum by (topology, task) (streams_restore_target_records${ofTask} - streams_restore_done_records${ofTask})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'What copies lack',
          'short',
          'Standbys and warm-ups. Growing: runbook StandbyBehind.',
          query(`sum by (topology) (streams_standby_lag_records${ofTask})`, '{{topology}}'),
        ),
      ],
    },
  ],
}

const sinks: Dashboard = {
  name: 'sinks',
  title: 'Sinks',
  description: 'Rows that go to the database.',
  choices: ['topology'],
  rows: [
    {
      title: 'Does the database keep up?',
      panels: [
        lines(
          'Rows',
          'reqps',
          'By topology.',
          query(`sum by (topology) (${rate('streams_sink_rows_total', ofTopology)})`, '{{topology}}'),
        ),
        lines(
          'How long writes take',
          's',
          'With their commit. Long: runbook SinkSlow.',
          query(
            quantile(0.5, 'streams_sink_write_duration_seconds', ofTopology, 'topology'),
            '{{topology}} half',
          ),
          query(
            quantile(0.95, 'streams_sink_write_duration_seconds', ofTopology, 'topology'),
            '{{topology}} 95%',
          ),
        ),
        lines(
          'Writes',
          'reqps',
          'Transactions. Few and slow are better than many and slow.',
          query(
            `sum by (topology) (${rate('streams_sink_write_duration_seconds_count', ofTopology)})`,
            '{{topology}}',
          ),
        ),
        lines(
          'Rows a write',
          'short',
          'At sinkMaxRows the database is the limit.',
          query(
            `sum by (topology) (${rate('streams_sink_rows_total', ofTopology)}) / sum by (topology) (${rate('streams_sink_write_duration_seconds_count', ofTopology)})`,
            '{{topology}}',
          ),
        ),
      ],
    },
    {
      title: 'What waits for it?',
      panels: [
        lines(
          'Records that wait',
          'short',
          'In all inputs of the topology.',
          query(`sum by (topology) (streams_input_lag_records${ofTopology})`, '{{topology}}'),
        ),
        lines(
          'Failures that name the database',
          'short',
          'SINK_UNAVAILABLE: it is away. Others: docs/errors.md.',
          query(
            'sum by (topology, code) (increase(streams_task_failures_total{topology=~"$topology",code=~"SINK.*"}[5m]))',
            '{{topology}} {{code}}',
          ),
        ),
      ],
    },
  ],
}

const control: Dashboard = {
  name: 'control',
  title: 'Control and process',
  description: 'Calls of the control services, and how the processes do.',
  choices: ['instance'],
  rows: [
    {
      title: 'Calls',
      panels: [
        lines(
          'Calls',
          'reqps',
          'By method.',
          query(
            'sum by (service, method) (rate(control_calls_total{instance=~"$instance"}[$__rate_interval]))',
            '{{method}}',
          ),
        ),
        lines(
          'Calls that failed',
          'reqps',
          'By code. UNAVAILABLE: instances do not reach one another. Runbook ControlErrors.',
          query(
            'sum by (method, code) (rate(control_calls_total{instance=~"$instance",code!="OK"}[$__rate_interval]))',
            '{{method}} {{code}}',
          ),
        ),
        lines(
          'How long calls take',
          's',
          '95% of them, by method.',
          query(quantile(0.95, 'control_call_duration_seconds', ofInstance, 'method'), '{{method}}'),
        ),
        lines(
          'Streams that are open',
          'short',
          'Watchers, such as `ctl top`.',
          query(`sum by (instance) (control_streams_open${ofInstance})`, '{{instance}}'),
        ),
      ],
    },
    {
      title: 'The process',
      panels: [
        lines(
          'Event loop',
          's',
          '99% of the turns. Above a second: runbook EventLoopSlow.',
          query(`nodejs_eventloop_lag_p99_seconds${ofInstance}`, '{{instance}}'),
        ),
        lines(
          'Garbage collection',
          'percentunit',
          'Share of the time.',
          query(
            `sum by (instance, kind) (${rate('nodejs_gc_duration_seconds_sum', ofInstance)})`,
            '{{instance}} {{kind}}',
          ),
        ),
        lines('Heap', 'bytes', 'In use.', query(`nodejs_heap_size_used_bytes${ofInstance}`, '{{instance}}')),
        lines(
          'Releases',
          'short',
          'Instances by the release that they run.',
          query('count by (version) (streams_build_info)', '{{version}}'),
        ),
      ],
    },
  ],
}

export const dashboards: readonly Dashboard[] = [overview, topology, task, state, sinks, control]
