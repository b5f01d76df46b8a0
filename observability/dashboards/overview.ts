import { type Dashboard, figure, lines, query } from './dashboard.ts'
import { by, increase, narrowed, ofRelease, ofTopology, quantile, rate } from './selectors.ts'

export const overview: Dashboard = {
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
          `count(max ${by('topology')} (streams_topology_running${ofTopology}) == 0) or vector(0)`,
          [1, 1],
        ),
        figure(
          'Tasks that do not run',
          'short',
          'Waiting, given up or failed. Runbook TasksNotRunning.',
          `sum(streams_tasks${narrowed(ofTopology, 'state=~"waiting|given-up|failed"')}) or vector(0)`,
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
          `sum(${increase('streams_dead_letters_total', ofTopology, '1h')})`,
          [1, 100],
        ),
        figure(
          'Late records, last hour',
          'short',
          'Came after what they belong to was closed. Runbook LateRecords.',
          `sum(${increase('streams_records_dropped_total', narrowed(ofTopology, 'reason="late"'), '1h')}) or vector(0)`,
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
          'recps',
          'By topology. A stage that falls to 0 while the one before it goes on has a problem.',
          query(`sum ${by('topology')} (${rate('streams_records_in_total', ofTopology)})`, '{{topology}}'),
        ),
        lines(
          'Rows to the database',
          'rowsps',
          'By topology.',
          query(`sum ${by('topology')} (${rate('streams_sink_rows_total', ofTopology)})`, '{{topology}}'),
        ),
      ],
    },
    {
      title: 'Where is it slow, what is late?',
      panels: [
        lines(
          'Records that wait, by topology',
          'short',
          'Growing for long: more comes in than is processed. Runbook InputLagGrowing.',
          query(`sum ${by('topology')} (streams_input_lag_records${ofTopology})`, '{{topology}}'),
        ),
        lines(
          'Event time behind the clock',
          's',
          'The foremost and the last task of each topology. Far apart: one partition is behind.',
          query(
            `min ${by('topology')} (streams_watermark_delay_seconds${ofTopology})`,
            '{{topology}} foremost',
          ),
          query(`max ${by('topology')} (streams_watermark_delay_seconds${ofTopology})`, '{{topology}} last'),
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
          query(`sum ${by('code')} (${rate('order_api_requests_total', ofRelease)})`, '{{code}}'),
        ),
        lines(
          'How long requests take',
          's',
          'Until Kafka has the orders. Slow: look at Kafka.',
          query(quantile(0.5, 'order_api_request_duration_seconds', ofRelease), 'half'),
          query(quantile(0.99, 'order_api_request_duration_seconds', ofRelease), '99%'),
        ),
      ],
    },
  ],
}
