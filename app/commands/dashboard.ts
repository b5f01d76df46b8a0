import { type Command, Option } from 'commander'
import type { Unit } from '../dashboard/figures.ts'
import { runDashboard } from '../dashboard/run-dashboard.ts'
import { tablesOf } from '../dashboard/tables.ts'
import { jsonView, screenView, textView, type View } from '../dashboard/views.ts'
import { exitCodes, UsageError } from '../failure.ts'
import { onStopRequest } from '../stop-request.ts'
import {
  addConfigOptions,
  addDatabaseOption,
  type CommandContext,
  type ConfigOptions,
  loadedConfigOf,
  wholeNumber,
} from './command-context.ts'

interface DashboardCommandOptions extends ConfigOptions {
  readonly every: number
  readonly per?: Unit
  readonly last?: number
  readonly currency?: string
  readonly once?: boolean
  readonly json?: boolean
}

export function addDashboardCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('dashboard')
    .summary('watch the statistics grow')
    .description(
      'Draws the running statistics in the terminal until Ctrl-C, beside a running `order-streams start` or, with --database, of a ' +
        'cluster: orders and amounts of the newest minutes or hours, the best products and users, sessions, statuses and rows. It only reads.',
    )
    .option('--every <seconds>', 'how often it reads', seconds('--every'), 1)
    .addOption(
      new Option('--per <unit>', 'orders per minute or hour (default: whichever shows more)').choices([
        'minute',
        'hour',
      ]),
    )
    .option(
      '--last <n>',
      'so many of the newest minutes or hours (default: as fit)',
      wholeNumber('--last', 1),
    )
    .option('--currency <code>', 'of which the amounts are (default: that of most orders)')
    .option('--once', 'show one frame and end')
    .option('--json', 'one JSON object a line instead of frames')
  addConfigOptions(addDatabaseOption(command))
    .addHelpText(
      'after',
      `
Examples:
  order-streams dashboard                          beside \`order-streams start\`, in a second terminal
  order-streams dashboard --per minute --every 5   the newest minutes, every five seconds
  order-streams dashboard --once --json            the figures of now, for programs
  order-streams dashboard --database mysql://user:password@localhost:3306/orders

Time is that of the orders: the newest minute is the newest that has orders. NO_COLOR=1 leaves colours out.`,
    )
    .action(async (options: DashboardCommandOptions) => {
      context.exitCode = await dashboard(options)
    })
}

async function dashboard(options: DashboardCommandOptions): Promise<number> {
  const config = dashboardConfigOf(options)
  const tables = tablesOf(config)
  const view = viewOf(options)
  // Nothing has to be put in order, so nothing is said of it.
  const stop = onStopRequest(() => {})
  try {
    await runDashboard(tables, view, {
      everyMs: options.every * 1000,
      isOnce: options.once === true,
      buckets: options.last,
      unit: options.per,
      currency: options.currency?.trim().toUpperCase(),
      sessionGapMs: config.sessionGapMs,
      signal: stop.signal,
    })
    return exitCodes.done
  } finally {
    view.close()
    await tables.close()
    stop.dispose()
  }
}

function viewOf({ once, json }: DashboardCommandOptions): View {
  if (json === true) return jsonView()
  return (once === true ? undefined : screenView()) ?? textView()
}

/** @throws UsageError when told two places */
function dashboardConfigOf(options: DashboardCommandOptions) {
  const { config, origins } = loadedConfigOf(options)
  const other = (['databaseUrl', 'brokers'] as const).find((name) => config[name] !== '')
  if (options.dataDir !== undefined && other !== undefined) {
    throw new UsageError(
      `--data-dir is for single-node mode, but ${other} is set (${origins[other]}): leave one of them out`,
    )
  }
  return config
}

const leastSeconds = 0.1

/** @throws UsageError */
function seconds(flag: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= leastSeconds && value <= 86_400) return value
    throw new UsageError(`${flag} is "${text}"; it must be a number of seconds from ${leastSeconds} to 86400`)
  }
}
