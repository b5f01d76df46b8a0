import type { Command } from 'commander'
import { suggestion } from '../../control/did-you-mean.ts'
import { toJson } from '../../control/json-values.ts'
import { type DeadLetter, deadLetterTopic } from '../../streams/index.ts'
import { exitCodes, UsageError } from '../failure.ts'
import { topologyNames } from '../order-topologies.ts'
import { columns, counted, out, tell, timeOf } from '../output.ts'
import { type Platform, withPlatform } from '../platform.ts'
import { readTopic } from '../read-topic.ts'
import {
  addPlaceOptions,
  type CommandContext,
  type ConfigOptions,
  placeConfigOf,
  wholeNumber,
} from './command-context.ts'

interface ListOptions extends ConfigOptions {
  readonly limit: number
  readonly json?: boolean
}

const shownCharacters = 60

export function addDeadLettersCommand(program: Command, context: CommandContext): void {
  const deadLetters = program
    .command('dead-letters')
    .summary('look into the dead letters of a stopped data directory, or of a cluster')
  const list = deadLetters
    .command('list')
    .description('Lists the records that could not be processed, the oldest first.')
    .argument('[topology]', `only those of one of ${topologyNames.join(', ')}`)
    .option('--limit <n>', 'dead letters at most', wholeNumber('--limit', 1), 100)
    .option('--json', 'one JSON object a line')
  addPlaceOptions(list, 'registryUrl').action(async (topology: string | undefined, options: ListOptions) => {
    await listLetters(topology, options)
    context.exitCode = exitCodes.done
  })
  const show = deadLetters
    .command('show')
    .description('Shows one dead letter: why, where it came from, and the record as it was.')
    .argument('<number>', 'its number in the list of all', wholeNumber('the number', 1))
    .option('--json', 'as JSON')
  addPlaceOptions(show, 'registryUrl')
    .addHelpText(
      'after',
      '\nExample:\n  order-streams dead-letters list && order-streams dead-letters show 1',
    )
    .action(async (number: number, options: ConfigOptions & { readonly json?: boolean }) => {
      await showLetter(number, options)
      context.exitCode = exitCodes.done
    })
}

async function listLetters(topology: string | undefined, options: ListOptions): Promise<void> {
  if (topology !== undefined && !topologyNames.includes(topology)) {
    throw new UsageError(`there is no topology "${topology}": ${suggestion(topology, topologyNames)}`)
  }
  const letters = (await lettersOf(options))
    .map((letter, index) => ({ number: index + 1, ...letter }))
    .filter((letter) => topology === undefined || letter.topology === topology)
  const listed = letters.slice(0, options.limit)
  if (options.json === true) {
    for (const letter of listed) out(JSON.stringify(toJson(letter)))
    return
  }
  if (letters.length === 0) return tell('there are no dead letters')
  const rows = listed.map(
    ({ number, failed_time, topology: of, topic, partition, offset, code, message }) => [
      String(number),
      timeOf(failed_time),
      of,
      `${topic}-${partition} ${offset}`,
      code,
      message.length > shownCharacters ? `${message.slice(0, shownCharacters)}…` : message,
    ],
  )
  out(columns([['NUMBER', 'FAILED', 'TOPOLOGY', 'RECORD', 'CODE', 'MESSAGE'], ...rows], [true]))
  if (listed.length < letters.length) {
    tell(
      `these are the first of ${counted(letters.length, 'dead letter')}; --limit ${letters.length} lists all`,
    )
  }
}

async function showLetter(
  number: number,
  options: ConfigOptions & { readonly json?: boolean },
): Promise<void> {
  const letters = await lettersOf(options)
  const letter = letters[number - 1]
  if (letter === undefined) {
    const range = letters.length === 0 ? 'there are none' : `they have the numbers 1 to ${letters.length}`
    throw new UsageError(`there is no dead letter ${number}: ${range}`)
  }
  if (options.json === true) return out(JSON.stringify(toJson(letter), null, 2))
  const { topology, sub_topology, operator, topic, partition, offset, code, message } = letter
  out(
    columns(
      [
        ['why', `${code}: ${message}`],
        ['where', `operator ${operator} of sub-topology ${sub_topology} in ${topology}`],
        ['record', `${topic}-${partition} offset ${offset}, ${timeOf(letter.timestamp)}`],
        ['failed', `${timeOf(letter.failed_time)}, attempt ${letter.attempt}`],
        ['key', String(toJson(letter.key))],
        ...letter.headers.map(({ key, value }) => [`header ${key}`, String(toJson(value))]),
        ['value', String(toJson(letter.value))],
      ],
      [],
    ),
  )
}

/** All of them, the oldest first, so that a number stays the same while new ones come. */
async function readLetters(platform: Platform): Promise<DeadLetter[]> {
  const { log } = platform
  const registry = await platform.openRegistry({ registers: false })
  const existing = new Set((await log.describeTopics()).map(({ name }) => name))
  const letters: DeadLetter[] = []
  for (const name of topologyNames) {
    const topic = deadLetterTopic(name)
    if (!existing.has(topic.name)) continue
    const codec = await topic.value.open({ registry, subject: `${topic.name}-value` })
    for await (const { length, bytes, valueStarts, valueEnds } of readTopic(log, topic.name)) {
      for (let index = 0; index < length; index++) {
        letters.push(codec.decode(bytes, valueStarts[index]!, valueEnds[index]!))
      }
    }
  }
  // Sorting is stable: those of one moment stay in the order of their topology, partition and offset.
  return letters.sort((a, b) => a.failed_time - b.failed_time)
}

function lettersOf(options: ConfigOptions): Promise<DeadLetter[]> {
  return withPlatform(placeConfigOf(options), { parts: ['registry'], mode: 'existing' }, readLetters)
}
