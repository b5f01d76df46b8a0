import { type Dashboard, lines, query } from './dashboard.ts'
import { by, narrowed, ofInstance, quantile, rate } from './selectors.ts'

export const control: Dashboard = {
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
          query(`sum ${by('service', 'method')} (${rate('control_calls_total', ofInstance)})`, '{{method}}'),
        ),
        lines(
          'Calls that failed',
          'reqps',
          'By code. UNAVAILABLE: instances do not reach one another. Runbook ControlErrors.',
          query(
            `sum ${by('method', 'code')} (${rate('control_calls_total', narrowed(ofInstance, 'code!="OK"'))})`,
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
          query(`sum ${by('instance')} (control_streams_open${ofInstance})`, '{{instance}}'),
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
            `sum ${by('instance', 'kind')} (${rate('nodejs_gc_duration_seconds_sum', ofInstance)})`,
            '{{instance}} {{kind}}',
          ),
        ),
        lines('Heap', 'bytes', 'In use.', query(`nodejs_heap_size_used_bytes${ofInstance}`, '{{instance}}')),
        lines(
          'Releases',
          'short',
          'Instances by the release that they run.',
          query(`count ${by('version')} (streams_build_info${ofInstance})`, '{{version}}'),
        ),
      ],
    },
  ],
}
