import { type Command, InvalidArgumentError } from 'commander'
import { defaultAttemptsMax } from '../../streams/index.ts'
import { exitCodes, UsageError } from '../failure.ts'
import { topologyNames } from '../order-topologies.ts'
import { addPlaceOptions, type CommandContext, wholeNumber } from './command-context.ts'
import type { KindOptions } from './dead-letter-desks.ts'
import {
  type DiscardOptions,
  discardAll,
  discardOne,
  type ListOptions,
  listLetters,
  type ReplayOptions,
  replayAll,
  replayOne,
  showLetter,
} from './dead-letter-work.ts'

export function addDeadLettersCommand(program: Command, context: CommandContext): void {
  const deadLetters = program
    .command('dead-letters')
    .summary('look into the dead letters of a stopped data directory, or of a cluster, and replay them')
  const list = deadLetters
    .command('list')
    .description(
      'Lists the records that could not be processed and were not replayed or discarded, the oldest first.',
    )
    .argument('[topology]', `only those of one of ${topologyNames.join(', ')}`)
    .option('--limit <n>', 'dead letters at most', wholeNumber('--limit', 1), 100)
    .option('--settled', 'those that were replayed or discarded, too')
    .option('--json', 'one JSON object a line')
  addKindOptions(list).action(async (topology: string | undefined, options: ListOptions) => {
    await listLetters(topology, options)
    context.exitCode = exitCodes.done
  })
  const show = deadLetters
    .command('show')
    .description('Shows one dead letter: why, where it came from, and the record as it was.')
    .argument('<letter>', 'its number in the list of all, or its name')
    .option('--json', 'as JSON')
  addKindOptions(show)
    .addHelpText(
      'after',
      '\nExample:\n  order-streams dead-letters list && order-streams dead-letters show 1',
    )
    .action(async (letter: string, options: KindOptions & { readonly json?: boolean }) => {
      await showLetter(letter, options)
      context.exitCode = exitCodes.done
    })
  const replay = deadLetters
    .command('replay')
    .description(
      'Sends records through the topology that failed on them again, each once: one by its number or name, or all of a topology. A ' +
        'stopped data directory processes them when it is started again.',
    )
    .argument('[letter]', 'its number in the list of all, or its name')
    .option('--rate <n>', 'records a second at most', rate)
    .option('--beyond-max-attempts', `also those that were attempted ${defaultAttemptsMax} times or more`)
  addFilterOptions(replay)
    .addHelpText(
      'after',
      `
Examples:
  order-streams dead-letters replay 1
  order-streams dead-letters replay --topology ingest --code ORDER_NOT_JSON --rate 50
  order-streams dead-letters replay --topology cleanse --rejections`,
    )
    .action(async (letter: string | undefined, options: ReplayOptions) => {
      await (letter === undefined ? replayAll(options) : replayOne(letter, options))
      context.exitCode = exitCodes.done
    })
  const discard = deadLetters
    .command('discard')
    .description('Marks dead letters as done with: they are not listed any more, and not replayed.')
    .argument('[letter]', 'its number in the list of all, or its name')
    .requiredOption('--reason <text>', 'why nobody needs to process them')
  addFilterOptions(discard)
    .addHelpText('after', '\nExample:\n  order-streams dead-letters discard 1 --reason "a test order"')
    .action(async (letter: string | undefined, options: DiscardOptions) => {
      if (options.reason.trim() === '')
        throw new UsageError('--reason is empty: say why nobody needs to process them')
      await (letter === undefined ? discardAll(options) : discardOne(letter, options))
      context.exitCode = exitCodes.done
    })
}

function addKindOptions(command: Command): Command {
  return addPlaceOptions(
    command.option('--rejections', 'orders that were rejected by the rules, not those that failed'),
    'registryUrl',
  )
}

function addFilterOptions(command: Command): Command {
  return addKindOptions(
    command
      .option('--topology <name>', `all of one of ${topologyNames.join(', ')}`)
      .option('--code <code>', 'of those only the ones with this code')
      .option('--operator <name>', 'of those only the ones that this operator failed on')
      .option('--topic <name>', 'of those only the ones whose record is in this topic'),
  )
}

function rate(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('it must be a number above 0, such as 50 or 0.5')
}
