/** `ctl state`: rows, windows, sessions, timers and partial matches. */
import type { Command } from 'commander'
import {
  BatchGetRowsRequest,
  FetchSessionsRequest,
  FetchWindowsRequest,
  GetRowRequest,
  ListRowsRequest,
  ListStoresRequest,
  RowRange,
  StateServiceService,
  type StoreDescription,
  StreamRowsRequest,
} from '../../../control/generated/orderstreams/control/v1/state_service.ts'
import { count, out, tell } from '../../output.ts'
import { type CommandContext, wholeNumber } from '../command-context.ts'
import { orNothing, plain, wordOf } from './format.ts'
import { type Column, printFacts, printJson, printPages, printTable } from './print.ts'
import {
  addClientOptions,
  addListOptions,
  type CtlOptions,
  type ListOptions,
  type Session,
  withSession,
} from './session.ts'
import { addMatchCommand, addTimerCommand } from './state-waiting.ts'
import { keyReader } from './store-keys.ts'
import {
  addPartitionOption,
  addReadOptions,
  type ReadOptionValues,
  readOptionsOf,
  rowColumns,
  rowFacts,
  sourceText,
} from './store-rows.ts'
import { timeAgo } from './values.ts'

const storeColumns: readonly Column<StoreDescription>[] = [
  ['TOPOLOGY', ({ topology }) => topology],
  ['STORE', ({ store }) => store],
  ['KIND', ({ kind }) => wordOf(kind, 'STORE_KIND_')],
  ['KEY', ({ keyType }) => orNothing(keyType)],
  ['VALUE', ({ valueType }) => orNothing(valueType)],
  ['PARTITIONS', ({ partitionCount }) => count(partitionCount), 'right'],
  ['SUB-TOPOLOGY', ({ subTopology }) => subTopology],
]

const noRows = 'there are no rows'

export function addStateCommands(ctl: Command, context: CommandContext): void {
  const state = ctl.command('state').summary('look into the stores of running topologies')
  addListOptions(
    state
      .command('stores')
      .description('Lists the stores, and the types of their keys and values; --json has their schemas.')
      .argument('[topology]', 'only of this one'),
  ).action(async (topology: string | undefined, options: ListOptions) =>
    withSession(context, options, (session) =>
      printPages(session, options.limit, {
        method: StateServiceService.listStores,
        request: ListStoresRequest.create({ topology: topology ?? '' }),
        itemsOf: (answer) => answer.stores,
        table: storeColumns,
        none: 'there are no stores',
      }),
    ),
  )
  addGetCommands(state, context)
  addRowsCommands(state, context)
  addFetchCommands(state, context)
  addTimerCommand(state, context)
  addMatchCommand(state, context)
}

function addStore(command: Command): Command {
  return command.argument('<topology>').argument('<store>', 'as `ctl state stores` names it')
}

const keyText = 'the key: as it is where keys are texts, else as JSON'

function addGetCommands(state: Command, context: CommandContext): void {
  addClientOptions(
    addReadOptions(
      addPartitionOption(
        addStore(state.command('get').description('Shows the row of a key. Exit code 3 when there is none.')),
      ).argument('<key>', keyText),
    ),
  )
    .addHelpText('after', '\nExample:\n  order-streams ctl state get cleanse order-memory 31198570044')
    .action(
      async (
        topology: string,
        store: string,
        key: string,
        options: CtlOptions & ReadOptionValues & { readonly partition?: number },
      ) =>
        withSession(context, options, async (session) => {
          const request = GetRowRequest.create({
            topology,
            store,
            key: (await keyReader(session, topology, store))(key),
            partition: options.partition,
            options: readOptionsOf(options),
          })
          const answer = await session.client.call(StateServiceService.getRow, request, session)
          if (session.isJson) return printJson(answer)
          printFacts([...rowFacts(answer.row), ['from', sourceText(answer.source)]])
          out(JSON.stringify(answer.row?.value, null, 2))
        }),
    )
  addClientOptions(
    addReadOptions(
      addPartitionOption(
        addStore(
          state.command('get-many').description('Shows the rows of several keys, in the order asked.'),
        ),
      ).argument('<keys...>', keyText),
    ),
  ).action(
    async (
      topology: string,
      store: string,
      keys: string[],
      options: CtlOptions & ReadOptionValues & { readonly partition?: number },
    ) =>
      withSession(context, options, async (session) => {
        const request = BatchGetRowsRequest.create({
          topology,
          store,
          keys: keys.map(await keyReader(session, topology, store)),
          options: readOptionsOf(options),
        })
        const { rows } = await session.client.call(StateServiceService.batchGetRows, request, session)
        if (session.isJson) return rows.forEach(printJson)
        printTable(
          rows.flatMap(({ row }) => (row === undefined ? [] : [row])),
          rowColumns,
          noRows,
        )
        for (const { key, row } of rows) if (row === undefined) tell(`there is no row of ${plain(key)}`)
      }),
  )
}

interface RangeOptions extends CtlOptions, ReadOptionValues {
  readonly partition?: number
  readonly from?: string
  readonly to?: string
  readonly prefix?: string
}

function addRangeOptions(command: Command): Command {
  return addReadOptions(
    addPartitionOption(command)
      .option('--from <key>', 'begin with this key')
      .option('--to <key>', 'end before this key')
      .option('--prefix <text>', 'only keys that are texts and begin so; not with --from or --to'),
  )
}

async function rangeOf(
  session: Session,
  topology: string,
  store: string,
  { partition, from, to, prefix = '' }: RangeOptions,
): Promise<RowRange> {
  const range = RowRange.create({ topology, store, partition, prefix })
  if (from === undefined && to === undefined) return range
  const keyOf = await keyReader(session, topology, store)
  return {
    ...range,
    from: from === undefined ? undefined : keyOf(from),
    to: to === undefined ? undefined : keyOf(to),
  }
}

function addRowsCommands(state: Command, context: CommandContext): void {
  addListOptions(
    addRangeOptions(
      addStore(
        state
          .command('rows')
          .description(
            'Lists rows in the order of their keys, partition by partition: all, a range, or a prefix.',
          ),
      ),
    ),
  )
    .addHelpText(
      'after',
      '\nExample:\n  order-streams ctl state rows cleanse order-memory --prefix 3119 --limit 5',
    )
    .action(async (topology: string, store: string, options: ListOptions & RangeOptions) =>
      withSession(context, options, async (session) =>
        printPages(session, options.limit, {
          method: StateServiceService.listRows,
          request: ListRowsRequest.create({
            range: await rangeOf(session, topology, store, options),
            options: readOptionsOf(options),
          }),
          itemsOf: (answer) => answer.rows,
          table: rowColumns,
          none: noRows,
        }),
      ),
    )
  addClientOptions(
    addRangeOptions(
      addStore(
        state
          .command('stream')
          .description('The same as one stream, for as many rows as there are; each is printed as it comes.'),
      ),
    ).option('--limit <n>', 'so many at most (default: all)', wholeNumber('--limit', 1)),
  ).action(async (topology: string, store: string, options: RangeOptions & { readonly limit?: number }) =>
    withSession(context, options, async (session) => {
      const request = StreamRowsRequest.create({
        range: await rangeOf(session, topology, store, options),
        options: readOptionsOf(options),
        limit: options.limit ?? 0,
      })
      // Streams take any time, unless somebody says how much.
      const callOptions = options.timeout === undefined ? session : { ...session, timeoutMs: options.timeout }
      for await (const { rows } of session.client.stream(
        StateServiceService.streamRows,
        request,
        callOptions,
      )) {
        for (const row of rows) {
          if (session.isJson) printJson(row)
          else out(rowColumns.map(([, cell]) => cell(row)).join('  '))
        }
      }
    }),
  )
}

interface FetchOptions extends ListOptions, ReadOptionValues {
  readonly partition?: number
  readonly from?: Date
  readonly to?: Date
}

function addFetchCommands(state: Command, context: CommandContext): void {
  const fetch = (name: string, description: string): Command =>
    addListOptions(
      addReadOptions(
        addPartitionOption(addStore(state.command(name).description(description)))
          .argument('<key>', `${keyText}, without the window`)
          .option('--from <time>', 'a time, or so long ago', timeAgo('--from'))
          .option('--to <time>', 'a time, or so long ago', timeAgo('--to')),
      ),
    )
  const requestOf = async (
    session: Session,
    topology: string,
    store: string,
    key: string,
    { from, to, partition, ...options }: FetchOptions,
  ) => ({
    topology,
    store,
    key: (await keyReader(session, topology, store))(key),
    from,
    to,
    partition,
    options: readOptionsOf(options),
  })
  fetch('windows', 'Shows the windows of a key that begin in a span of time.').action(
    async (topology: string, store: string, key: string, options: FetchOptions) =>
      withSession(context, options, async (session) =>
        printPages(session, options.limit, {
          method: StateServiceService.fetchWindows,
          request: FetchWindowsRequest.create(await requestOf(session, topology, store, key, options)),
          itemsOf: (answer) => answer.rows,
          table: rowColumns,
          none: 'there are no windows',
        }),
      ),
  )
  fetch('sessions', 'Shows the sessions of a key that overlap a span of time.').action(
    async (topology: string, store: string, key: string, options: FetchOptions) =>
      withSession(context, options, async (session) =>
        printPages(session, options.limit, {
          method: StateServiceService.fetchSessions,
          request: FetchSessionsRequest.create(await requestOf(session, topology, store, key, options)),
          itemsOf: (answer) => answer.rows,
          table: rowColumns,
          none: 'there are no sessions',
        }),
      ),
  )
}
