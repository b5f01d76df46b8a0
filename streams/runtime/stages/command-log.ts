/**
 * Reading and writing the commands of a topology.
 *
 * Invariants:
 * 1. Commands are written one after the other, whoever writes: each writer opens the topology's one control producer, which fences
 *    the one before it, and only then reads what stands. So each command is made from all that were before it, and two steps are
 *    never one.
 * 2. A write whose outcome is not known is looked up before it is tried again.
 */
import { StreamsError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log, TransactionalProducer } from '../../ports/log.ts'
import { type RecordBatch, RecordBatchBuilder } from '../../records/record-batch.ts'
import type { StageCommand } from '../../schemas/generated/records.ts'
import type { Codec } from '../../serde/serde.ts'
import { internalTopics } from '../../topology/topology.ts'
import { followToEnd } from '../follow-to-end.ts'
import { retryPauseMs } from '../retry-pause.ts'
import type { RuntimeSettings } from '../settings.ts'
import { Signal } from '../signal.ts'
import { CommandTable, keyOf } from './command-table.ts'
import type { StandingCommand } from './stage.ts'

export interface CommandLogParts {
  readonly topologyName: string
  readonly log: Log
  readonly clock: Clock
  readonly codec: Codec<StageCommand>
  readonly settings: Pick<
    RuntimeSettings,
    'transactionTimeoutMs' | 'taskMaxAttempts' | 'taskRetryInitialMs' | 'taskRetryMaxMs'
  >
}

/** Makes a command from those that stand. */
export type Commanding = (standing: CommandTable) => StageCommand | Promise<StageCommand>

/** All commands that were committed before the call, and where the next one will be read from. */
export async function readCommands(
  { topologyName, log, clock, codec }: Omit<CommandLogParts, 'settings'>,
  isCancelled?: () => boolean,
): Promise<{ readonly table: CommandTable; readonly nextOffset: number }> {
  const table = new CommandTable(codec)
  const partition = { topic: internalTopics.control(topologyName), partition: 0 }
  const [range] = await log.offsetRanges([partition])
  const from = { ...partition, offset: range?.start ?? 0 }
  const apply = (batch: RecordBatch): Promise<void> => table.apply(batch)
  const [end] = await followToEnd({ log, clock }, [from], apply, undefined, isCancelled)
  return { table, nextOffset: end?.offset ?? from.offset }
}

/** @throws what `make` throws; LOG_UNAVAILABLE, and TRANSACTION_OUTCOME_UNKNOWN when that cannot be found out */
export async function writeCommand(parts: CommandLogParts, make: Commanding): Promise<StandingCommand> {
  const { clock, settings } = parts
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryWrite(parts, make)
    if (outcome.kind === 'written') return outcome.command
    if (attempt >= settings.taskMaxAttempts) throw outcome.error
    await new Signal(clock).wait(retryPauseMs(settings, attempt))
  }
}

type Outcome =
  | { readonly kind: 'written'; readonly command: StandingCommand }
  /** Others write at the same time. */
  | { readonly kind: 'again'; readonly error: StreamsError }

async function tryWrite(parts: CommandLogParts, make: Commanding): Promise<Outcome> {
  const { log, topologyName, settings } = parts
  let producer: TransactionalProducer | undefined
  let sent: { readonly command: StageCommand; readonly revision: number } | undefined
  try {
    producer = await log.openTransactionalProducer({
      transactionalId: internalTopics.control(topologyName),
      timeoutMs: settings.transactionTimeoutMs,
    })
    const { table } = await readCommands(parts)
    const command = await make(table)
    const [offset] = await producer.send([encode(parts, command)])
    sent = { command, revision: offset! + 1 }
    await producer.commit()
    return { kind: 'written', command: { ...command, revision: sent.revision } }
  } catch (error) {
    if (!(error instanceof StreamsError)) throw error
    if (error.code === 'PRODUCER_FENCED' || error.code === 'TRANSACTION_ABORTED')
      return { kind: 'again', error }
    if (error.code === 'TRANSACTION_OUTCOME_UNKNOWN' && sent !== undefined) return settle(parts, sent, error)
    throw error
  } finally {
    await producer?.close().catch(() => {}) // What it had open, the next writer aborts.
  }
}

/** Whether a command was written after all. */
async function settle(
  parts: CommandLogParts,
  sent: { readonly command: StageCommand; readonly revision: number },
  error: StreamsError,
): Promise<Outcome> {
  const { log, topologyName, settings } = parts
  const producer = await log.openTransactionalProducer({
    transactionalId: internalTopics.control(topologyName),
    timeoutMs: settings.transactionTimeoutMs,
  })
  try {
    const { table } = await readCommands(parts)
    const standing = table.of(sent.command)
    if (standing?.revision === sent.revision) return { kind: 'written', command: standing }
    // Somebody has written since, perhaps from ours: only a look at what stands can tell.
    if (standing !== undefined && standing.revision > sent.revision) throw error
    return { kind: 'again', error }
  } finally {
    await producer.close()
  }
}

function encode({ topologyName, codec, clock }: CommandLogParts, command: StageCommand): RecordBatch {
  const builder = new RecordBatchBuilder(internalTopics.control(topologyName), 0)
  const { writer } = builder
  writer.utf8(keyOf(command))
  const keyEnd = writer.position
  codec.encode(command, writer)
  builder.add(clock.now(), 0, keyEnd, keyEnd, writer.position)
  return builder.build()
}
