/**
 * Faults placed by a test: which call fails, the how-manieth, and whether it fails before or after it took effect.
 *
 * @example
 * const faults = new Faults()
 * faults.place({ call: 'commit', error: new StreamsError('TRANSACTION_OUTCOME_UNKNOWN', 'lost'), when: 'after' })
 * const app = new StreamsApp({ ...options, log: faultyLog(log, faults) })
 */
import { StreamsError } from '../errors.ts'
import type { Log, TransactionalProducer } from '../ports/log.ts'
import type { Sink, SinkSession } from '../ports/sink.ts'
import type { CommitStep } from '../runtime/commit.ts'
import type { TaskObserver } from '../runtime/task-environment.ts'

/** Calls that a commit makes: of the log, of the sink. `send` is also `append` where there are no transactions. */
export type FaultyCall =
  | 'open-producer'
  | 'send'
  | 'send-offsets'
  | 'commit'
  | 'read-offsets'
  | 'open-sink'
  | 'prepare-rows'
  | 'commit-rows'

export interface Fault {
  readonly call: FaultyCall
  /** Which call from now on fails; 1, the next, by default. */
  readonly nth?: number
  readonly error: Error
  /** Whether the call fails before it did anything, or after it did everything, so that only its answer is lost. */
  readonly when?: 'before' | 'after'
}

export class Faults {
  /** Faults that have struck, in their order. */
  readonly struck: Fault[] = []
  private readonly placed = new Set<{ readonly fault: Fault; callsLeft: number }>()

  place(fault: Fault): void {
    this.placed.add({ fault, callsLeft: fault.nth ?? 1 })
  }

  /** Makes a call, or lets it fail when its turn to fail has come. */
  async around<T>(call: FaultyCall, perform: () => Promise<T>): Promise<T> {
    const fault = this.due(call)
    if (fault === undefined) return perform()
    this.struck.push(fault)
    if (fault.when === 'after') await perform()
    throw fault.error
  }

  private due(call: FaultyCall): Fault | undefined {
    let due: Fault | undefined
    for (const placed of this.placed) {
      if (placed.fault.call !== call || --placed.callsLeft > 0) continue
      this.placed.delete(placed)
      due ??= placed.fault
    }
    return due
  }
}

/** A log over another one, whose calls fail as placed. */
export function faultyLog(log: Log, faults: Faults): Log {
  return {
    createTopics: (topics) => log.createTopics(topics),
    describeTopics: (names) => log.describeTopics(names),
    offsetRanges: (partitions) => log.offsetRanges(partitions),
    deleteRecords: (before) => log.deleteRecords(before),
    openReader: (options) => log.openReader(options),
    joinGroup: (options) => log.joinGroup(options),
    describeGroup: (groupId) => log.describeGroup(groupId),
    close: () => log.close(),
    append: (batches) => faults.around('send', () => log.append(batches)),
    committedOffsets: (groupId, partitions) =>
      faults.around('read-offsets', () => log.committedOffsets(groupId, partitions)),
    commitOffsets: (groupId, offsets) =>
      faults.around('send-offsets', () => log.commitOffsets(groupId, offsets)),
    openTransactionalProducer: (options) =>
      faults.around('open-producer', async () =>
        faultyProducer(await log.openTransactionalProducer(options), faults),
      ),
  }
}

function faultyProducer(producer: TransactionalProducer, faults: Faults): TransactionalProducer {
  return {
    send: (batches) => faults.around('send', () => producer.send(batches)),
    sendOffsets: (groupId, offsets) =>
      faults.around('send-offsets', () => producer.sendOffsets(groupId, offsets)),
    commit: () => faults.around('commit', () => producer.commit()),
    abort: () => producer.abort(),
    close: () => producer.close(),
  }
}

/** A sink over another one, whose calls fail as placed. */
export function faultySink<R>(sink: Sink<R>, faults: Faults): Sink<R> {
  return {
    name: sink.name,
    open: (task) =>
      faults.around('open-sink', async () => {
        const session = await sink.open(task)
        return faultySession(session, faults)
      }),
  }
}

function faultySession<R>(session: SinkSession<R>, faults: Faults): SinkSession<R> {
  return {
    positions: session.positions,
    prepare: (rows, next) => faults.around('prepare-rows', () => session.prepare(rows, next)),
    commit: () => faults.around('commit-rows', () => session.commit()),
    rollback: () => session.rollback(),
    close: () => session.close(),
  }
}

export interface StepCrash {
  /** Give it to `StreamsApp`. */
  readonly observer: TaskObserver
  /** Resolves with the task's id once the step is reached. The task then hangs, as if its process had stopped there. */
  readonly reached: Promise<string>
  /** Lets the task go on: the process was only away for a while, and is a zombie now. */
  release(): void
}

/**
 * Stops the task that comes to a commit step as the `nth`, counted over all tasks. `atCrash` is called at that very
 * moment, to keep what a killed process would leave: `stores.snapshot()`.
 *
 * @example
 * const crash = crashAt('sent', 2, () => { survivors = stores.snapshot() })
 */
export function crashAt(step: CommitStep, nth = 1, atCrash: () => void = () => {}): StepCrash {
  if (!(nth >= 1)) throw new StreamsError('CONFIGURATION_INVALID', `nth: ${nth} is below 1`)
  let left = nth
  let reach: (taskId: string) => void = () => {}
  let release: () => void = () => {}
  const reached = new Promise<string>((resolve) => {
    reach = resolve
  })
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  return {
    reached,
    release,
    observer: {
      onCommitStep: (taskId, at) => {
        if (at !== step || --left !== 0) return
        atCrash()
        reach(taskId)
        return released
      },
    },
  }
}
