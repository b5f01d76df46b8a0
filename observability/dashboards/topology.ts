import { type Dashboard, lines, query } from './dashboard.ts'
import { by, increase, ofInstance, ofTopology, ofTopologyAndInstance, quantile, rate } from './selectors.ts'

export const topology: Dashboard = {
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
            `sum ${by('topology', 'state')} (streams_tasks${ofTopologyAndInstance})`,
            '{{topology}} {{state}}',
          ),
        ),
        lines(
          'Rebalances',
          'short',
          'Each moves tasks. Many within minutes: instances come and go, or do not hold their sessions.',
          query(
            `sum ${by('topology')} (${increase('streams_rebalances_total', ofTopologyAndInstance, '5m')})`,
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
          'recps',
          'Unequal: partitions are, or instances have unlike tasks.',
          query(
            `sum ${by('topology', 'instance')} (${rate('streams_records_in_total', ofTopologyAndInstance)})`,
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
          query(`sum ${by('topology')} (${rate('streams_commit_bytes_total', ofTopology)})`, '{{topology}}'),
        ),
        lines(
          'CPU',
          'percentunit',
          'Of one core. At 1 an instance is used up: more of them, up to the partitions.',
          query(rate('process_cpu_seconds_total', ofInstance), '{{instance}}'),
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
            `sum ${by('topology', 'code')} (${increase('streams_task_failures_total', ofTopology, '5m')})`,
            '{{topology}} {{code}}',
          ),
        ),
        lines(
          'Records left out, by reason',
          'recps',
          'By operators, by their definition: late, without a key, ….',
          query(
            `sum ${by('topology', 'operator', 'reason')} (${rate('streams_records_dropped_total', ofTopology)})`,
            '{{operator}} {{reason}}',
          ),
        ),
      ],
    },
  ],
}
