import { type Dashboard, lines, query } from './dashboard.ts'
import { by, ofInstance, ofTask } from './selectors.ts'

export const state: Dashboard = {
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
          query(`sum ${by('topology')} (streams_state_disk_bytes${ofTask})`, '{{topology}}'),
        ),
        lines(
          'Live rows in memory',
          'bytes',
          'Bounded by cacheMaxBytesPerTask and the budget.',
          query(`sum ${by('topology')} (streams_state_cache_bytes${ofTask})`, '{{topology}}'),
        ),
        lines(
          'Memory of the process and its budget',
          'bytes',
          'Above the budget for long: runbook MemoryOverBudget.',
          query(`process_resident_memory_bytes${ofInstance}`, '{{instance}} resident'),
          query(`sum ${by('instance')} (streams_memory_budget_bytes${ofInstance})`, '{{instance}} budget'),
        ),
        lines(
          'What the budget is given to',
          'bytes',
          'Nothing unused: live rows and caches get less than they are set to. docs/memory.md says what each is.',
          query(
            `sum ${by('instance', 'part')} (streams_memory_budget_bytes${ofInstance})`,
            '{{instance}} {{part}}',
          ),
        ),
        lines(
          'Memory of the databases',
          'bytes',
          'Memtables, block cache, readers of tables.',
          query(`sum ${by('topology')} (streams_state_database_memory_bytes${ofTask})`, '{{topology}}'),
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
          query(
            `max ${by('topology', 'task')} (streams_state_level0_files${ofTask})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'Bytes that wait for compaction',
          'bytes',
          'Should fall again and again.',
          query(`sum ${by('topology')} (streams_state_pending_compaction_bytes${ofTask})`, '{{topology}}'),
        ),
        lines(
          'Block cache',
          'bytes',
          'What of the tables is in memory.',
          query(`sum ${by('topology')} (streams_state_block_cache_bytes${ofTask})`, '{{topology}}'),
        ),
        lines(
          'Memtables',
          'bytes',
          'What is not in tables yet.',
          query(`sum ${by('topology')} (streams_state_memtable_bytes${ofTask})`, '{{topology}}'),
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
            `sum ${by('topology', 'task')} (streams_restore_target_records${ofTask} - streams_restore_done_records${ofTask})`,
            '{{topology}} {{task}}',
          ),
        ),
        lines(
          'What copies lack',
          'short',
          'Standbys and warm-ups. Growing: runbook StandbyBehind.',
          query(`sum ${by('topology')} (streams_standby_lag_records${ofTask})`, '{{topology}}'),
        ),
      ],
    },
  ],
}
