/** What a task counts, for progress and for the metrics page. */
import type { Counter, Gauge, Histogram, Metrics } from '../ports/observability.ts'
import type { Checkpoint } from '../schemas/generated/records.ts'
import { Rate } from './rate.ts'

interface MeteredTask {
  readonly topology: string
  readonly task: string
  readonly hasSink: boolean
}

export class TaskMeters {
  /** Since the task was opened here. */
  recordsIn = 0
  /** When the last commit was made; null before the first here. */
  committedMs: number | null = null
  readonly rate: Rate
  private readonly recordsInTotal: Counter
  private deadLettersCounted = 0
  private readonly recordsOut: Counter
  private readonly deadLetters: Counter
  private readonly commits: Counter
  private readonly commitDuration: Histogram
  private readonly commitBytes: Counter
  private readonly sinkRows: Counter
  private readonly sinkWrites: Histogram | undefined
  private readonly lag: Gauge
  private readonly watermark: Gauge
  private readonly timers: Gauge

  constructor(metrics: Metrics, { topology, task, hasSink }: MeteredTask, nowMs: number) {
    const labels = { topology, task }
    this.rate = new Rate(nowMs)
    this.recordsInTotal = metrics.counter('streams_records_in_total', 'Records processed.', labels)
    this.recordsOut = metrics.counter(
      'streams_records_out_total',
      'Records written, with their commit.',
      labels,
    )
    this.deadLetters = metrics.counter(
      'streams_dead_letters_total',
      'Records sent to the dead letters.',
      labels,
    )
    this.commits = metrics.counter('streams_commits_total', 'Commits.', labels)
    this.commitDuration = metrics.histogram('streams_commit_duration_ms', 'How long commits took.', labels)
    this.commitBytes = metrics.counter(
      'streams_commit_bytes_total',
      'Bytes written to the log: outputs and changelogs.',
      labels,
    )
    this.sinkRows = metrics.counter('streams_sink_rows_total', 'Rows written to the sink.', labels)
    this.sinkWrites = hasSink
      ? metrics.histogram(
          'streams_sink_write_duration_ms',
          'How long the sink took to write the rows of a commit and to commit them.',
          labels,
        )
      : undefined
    this.watermark = metrics.gauge(
      'streams_watermark_ms',
      'Up to when records are expected to be complete, epoch milliseconds.',
      labels,
    )
    this.timers = metrics.gauge('streams_timers_pending', 'Timers that are set and not due yet.', labels)
    this.lag = metrics.gauge('streams_input_lag_records', 'Records known to wait in the input.', labels)
  }

  /** A slice of work was done. */
  processed(records: number, nowMs: number): void {
    this.recordsIn += records
    this.rate.add(records, nowMs)
    this.recordsInTotal.add(records)
  }

  /** `deadLetters` counts from the opening of the task. */
  committed(facts: {
    checkpoint: Checkpoint
    outputRecords: number
    sinkRows: number
    sinkMs: number | null
    deadLetters: number
    lag: number
  }): void {
    this.committedMs = facts.checkpoint.committed_time
    const newDeadLetters = facts.deadLetters - this.deadLettersCounted
    this.deadLettersCounted = facts.deadLetters
    this.recordsOut.add(facts.outputRecords - newDeadLetters)
    this.deadLetters.add(newDeadLetters)
    this.commits.add(1)
    this.commitDuration.observe(facts.checkpoint.duration_ms)
    this.commitBytes.add(facts.checkpoint.bytes)
    this.sinkRows.add(facts.sinkRows)
    if (facts.sinkMs !== null) this.sinkWrites?.observe(facts.sinkMs)
    this.lag.set(facts.lag)
    this.timers.set(facts.checkpoint.timer_count)
    if (facts.checkpoint.watermark !== null) this.watermark.set(facts.checkpoint.watermark)
  }
}

/** Counts an error that ended a run of a task. */
export function countTaskFailure(metrics: Metrics, topology: string, code: string): void {
  const help = 'Errors that ended a run of a task, whether it was opened again or not.'
  metrics.counter('streams_task_failures_total', help, { topology, code }).add(1)
}

/** How often the group has said what this instance runs of a topology. */
export function rebalanceCounter(metrics: Metrics, topology: string): Counter {
  const help = 'Times that the group has shared out the tasks of the topology.'
  return metrics.counter('streams_rebalances_total', help, { topology })
}
