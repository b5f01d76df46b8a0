import { type Dashboard, lines, query } from './dashboard.ts'
import { by, increase, narrowed, ofTopology, quantile, rate } from './selectors.ts'

export const sinks: Dashboard = {
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
          'rowsps',
          'By topology.',
          query(`sum ${by('topology')} (${rate('streams_sink_rows_total', ofTopology)})`, '{{topology}}'),
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
          'wps',
          'Transactions. Few and slow are better than many and slow.',
          query(
            `sum ${by('topology')} (${rate('streams_sink_write_duration_seconds_count', ofTopology)})`,
            '{{topology}}',
          ),
        ),
        lines(
          'Rows a write',
          'short',
          'At sinkMaxRows the database is the limit.',
          query(
            `sum ${by('topology')} (${rate('streams_sink_rows_total', ofTopology)}) / sum ${by('topology')} (${rate('streams_sink_write_duration_seconds_count', ofTopology)})`,
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
          query(`sum ${by('topology')} (streams_input_lag_records${ofTopology})`, '{{topology}}'),
        ),
        lines(
          'Failures that name the database',
          'short',
          'SINK_UNAVAILABLE: it is away. Others: docs/errors.md.',
          query(
            `sum ${by('topology', 'code')} (${increase('streams_task_failures_total', narrowed(ofTopology, 'code=~"SINK.*"'), '5m')})`,
            '{{topology}} {{code}}',
          ),
        ),
      ],
    },
  ],
}
