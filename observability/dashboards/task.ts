import { type Dashboard, lines, query } from './dashboard.ts'
import { by, ofTask, rate } from './selectors.ts'

export const task: Dashboard = {
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
          query(
            `sum ${by('topology', 'task')} (streams_input_lag_records${ofTask})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Since the last commit',
          's',
          'Grows while there is nothing to do. With records that wait: runbook CommitsStalled.',
          query(
            `time() - max ${by('topology', 'task')} (streams_last_commit_timestamp_seconds${ofTask})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Event time behind the clock',
          's',
          'The task that holds a window back; `order-streams ctl topologies explain` says why.',
          query(
            `max ${by('topology', 'task')} (streams_watermark_delay_seconds${ofTask})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Records in',
          'recps',
          'By task.',
          query(
            `sum ${by('topology', 'task')} (${rate('streams_records_in_total', ofTask)})`,
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
          'recps',
          'Outputs, with their commits.',
          query(
            `sum ${by('topology', 'task')} (${rate('streams_records_out_total', ofTask)})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Commits',
          'ops',
          'Without work there are none.',
          query(
            `sum ${by('topology', 'task')} (${rate('streams_commits_total', ofTask)})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Timers that are set',
          'short',
          'Those of windows, patterns and processors.',
          query(`sum ${by('topology', 'task')} (streams_timers_pending${ofTask})`, '{{topology}} {{task}}'),
        ),
        lines(
          'Dead letters',
          'recps',
          '`order-streams ctl dead-letters list <topology>` has each with its error.',
          query(
            `sum ${by('topology', 'task')} (${rate('streams_dead_letters_total', ofTask)})`,
            '{{topology}} {{task}}',
          ),
        ),
      ],
    },
  ],
}
