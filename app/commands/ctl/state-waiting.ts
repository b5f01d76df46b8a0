/** `ctl state timers` and `ctl state matches`: what waits for time or for more events. */
import type { Command } from 'commander'
import {
  ListPartialMatchesRequest,
  ListTimersRequest,
  type PartialMatch,
  StateServiceService,
  type Timer,
} from '../../../control/generated/orderstreams/control/v1/state_service.ts'
import type { CommandContext } from '../command-context.ts'
import { orNothing, plain, shortened, timeText, wordOf } from './format.ts'
import { type Column, printPages } from './print.ts'
import { addListOptions, type ListOptions, type Session, withSession } from './session.ts'
import { keyOfAnyStore, keyReader } from './store-keys.ts'
import { addPartitionOption, addReadOptions, type ReadOptionValues, readOptionsOf } from './store-rows.ts'

interface WaitingOptions extends ListOptions, ReadOptionValues {
  readonly store?: string
  readonly partition?: number
}

const timerColumns: readonly Column<Timer>[] = [
  ['DUE', ({ due }) => timeText(due)],
  ['BY', ({ domain }) => wordOf(domain, 'TIME_DOMAIN_')],
  ['PARTITION', ({ partition }) => String(partition), 'right'],
  ['STORE', ({ store }) => store],
  ['KEY', ({ key }) => plain(key)],
  ['NAME', ({ name }) => orNothing(name)],
]

const matchColumns: readonly Column<PartialMatch>[] = [
  ['STORE', ({ store }) => store],
  ['PARTITION', ({ partition }) => String(partition), 'right'],
  ['KEY', ({ key }) => plain(key)],
  ['WAITS FOR', ({ waitsFor }) => orNothing(waitsFor)],
  ['SINCE', ({ start }) => timeText(start)],
  ['UNTIL', ({ until }) => timeText(until)],
  ['EVENTS', ({ events }) => shortened(plain(events))],
]

export function addTimerCommand(state: Command, context: CommandContext): void {
  addWaitingOptions(
    state
      .command('timers')
      .description('Lists timers that are pending, the earliest first of each partition.'),
  ).action(async (topology: string, key: string | undefined, options: WaitingOptions) =>
    withSession(context, options, async (session) =>
      printPages(session, options.limit, {
        method: StateServiceService.listTimers,
        request: ListTimersRequest.create(await requestOf(session, topology, key, options)),
        itemsOf: (answer) => answer.timers,
        table: timerColumns,
        none: 'there are no timers',
      }),
    ),
  )
}

export function addMatchCommand(state: Command, context: CommandContext): void {
  addWaitingOptions(
    state
      .command('matches')
      .description(
        'Lists partial matches of patterns: what was found so far, what is waited for, and until when.',
      ),
  ).action(async (topology: string, key: string | undefined, options: WaitingOptions) =>
    withSession(context, options, async (session) =>
      printPages(session, options.limit, {
        method: StateServiceService.listPartialMatches,
        request: ListPartialMatchesRequest.create(await requestOf(session, topology, key, options)),
        itemsOf: (answer) => answer.matches,
        table: matchColumns,
        none: 'there are no partial matches',
      }),
    ),
  )
}

function addWaitingOptions(command: Command): Command {
  return addListOptions(
    addReadOptions(
      addPartitionOption(
        command
          .argument('<topology>')
          .argument('[key]', 'only of this key: as it is where keys are texts, else as JSON')
          .option('--store <store>', 'only of this one'),
      ),
    ),
  )
}

async function requestOf(
  session: Session,
  topology: string,
  key: string | undefined,
  { store, partition, ...options }: WaitingOptions,
) {
  const keyOf = store === undefined ? keyOfAnyStore : await keyReader(session, topology, store)
  return {
    topology,
    store: store ?? '',
    key: key === undefined ? undefined : keyOf(key),
    partition,
    options: readOptionsOf(options),
  }
}
