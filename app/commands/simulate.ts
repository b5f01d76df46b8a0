import type { Command } from 'commander'
import { type EventSink, httpSink, ingestionSink } from '../../api/simulator/event-sinks.ts'
import { runSimulation, type SimulationProgress } from '../../api/simulator/run-simulation.ts'
import {
  type Occurrence,
  type SimulatedEvent,
  type SimulationOptions,
  simulateOrders,
} from '../../api/simulator/simulate-orders.ts'
import { toTimeMs } from '../../orders/parse-time.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { exitCodes, UsageError } from '../failure.ts'
import { ingestionOn, prepareForOrders } from '../order-api.ts'
import { bar, count, counted, liveText, out, seconds, tell } from '../output.ts'
import { withPlatform } from '../platform.ts'
import { onStopRequest } from '../stop-request.ts'
import {
  addPlaceOptions,
  type CommandContext,
  type ConfigOptions,
  configOf,
  placeConfigOf,
  share,
  wholeNumber,
} from './command-context.ts'
import {
  alertCounts,
  remarkableOnly,
  scenarioCounts,
  scenarioHelp,
  truthOf,
  writeTruth,
} from './simulate-scenarios.ts'

interface SimulateOptions extends ConfigOptions {
  readonly rate?: number
  readonly orders: number
  readonly seed: number
  readonly dirty: number
  readonly late: number
  readonly repeat: number
  readonly start?: number
  readonly scenario?: readonly Occurrence[]
  readonly truth?: string
  readonly to?: string
  readonly json?: boolean
}

export function addSimulateCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('simulate')
    .summary('send the events of a simulated shop')
    .description(
      'Makes whole order lifecycles, from CREATED to their end, and sends them to an Order API (by default the one that ' +
        '`start` serves), or into the log of a stopped data directory or a cluster. The same seed makes the same bytes.',
    )
    .option(
      '--orders <n>',
      'how many orders begin; each has about four events',
      wholeNumber('--orders', 1),
      1000,
    )
    .option('--seed <n>', 'what the events are made from', wholeNumber('--seed', 0), 1)
    .option(
      '--rate <n>',
      'orders that begin a second, in real time (default: as fast as can be)',
      wholeNumber('--rate', 1),
    )
    .option('--dirty <p>', 'the share of events that are broken', share('--dirty'), 0)
    .option('--late <p>', 'the share of events that arrive up to a minute late', share('--late'), 0)
    .option('--repeat <p>', 'the share of events that are sent twice', share('--repeat'), 0)
    .option(
      '--start <time>',
      'when the first order begins: ISO 8601, or `now` (default: 2025-01-01T08:00:00Z)',
      startTime,
    )
    .option(
      '--scenario <name=n,...>',
      'what is to happen so often, in traffic where nothing else is to be found; repeatable',
      scenarioCounts,
    )
    .option('--truth <file>', 'with --scenario: write the alerts that must come of it to this file, as JSON')
    .option('--to <url>', 'the Order API to send to')
    .option('--json', 'print the result as one JSON object')
  addPlaceOptions(command)
    .addHelpText(
      'after',
      `
With --brokers the events go to Kafka, with --data-dir into that directory's log, which no other order-streams may have open.
An Order API refuses broken events with a 400; the log takes them, as from a producer that does not use the API, and the
topologies reject them.

${scenarioHelp}
They come on top of --orders, and broken events on top of both. Detection judges by the time of events: what begins before
the newest orders that it has seen is late, and a second simulation on the same log needs a later --start.

Examples:
  order-streams simulate --orders 5000 --dirty 0.02 --repeat 0.01 --late 0.05
  order-streams simulate --rate 20 --to http://127.0.0.1:8081
  order-streams simulate --rate 20 --start now --brokers localhost:9092
  order-streams simulate --scenario bursts=3,unpaid=5,illegal=2 --late 0.1 --truth truth.json
  order-streams simulate --orders 100000 --dirty 0.05 --data-dir ./data && order-streams start --once --input /dev/null`,
    )
    .action(async (options: SimulateOptions) => {
      context.exitCode = await simulate(options)
    })
}

async function simulate(options: SimulateOptions): Promise<number> {
  const { to, dataDir, brokers } = options
  if (to !== undefined && (dataDir ?? brokers) !== undefined) {
    const other = dataDir === undefined ? '--brokers' : '--data-dir'
    throw new UsageError(`--to and ${other} are two places: name one of them`)
  }
  if (options.truth !== undefined && options.scenario === undefined)
    throw new UsageError(
      '--truth is of what --scenario asks for: name scenarios, such as --scenario bursts=3',
    )
  const config = to === undefined ? placeConfigOf(options) : configOf(options)
  const stop = onStopRequest(tell)
  try {
    if (to !== undefined || (dataDir === undefined && config.brokers === '')) {
      const url = to ?? `http://${config.apiHost}:${config.apiPort}`
      if (!URL.canParse(url))
        throw new UsageError(`--to ${url} is no URL; such as http://127.0.0.1:8081 is right`)
      return await send(options, httpSink(url), url, stop.signal)
    }
    return await withPlatform(
      config,
      { parts: [], mode: 'create', signal: stop.signal },
      async (platform) => {
        await prepareForOrders(platform, config)
        const place = platform.isCluster ? platform.label : `the log in ${platform.label}`
        return send(options, ingestionSink(await ingestionOn(platform)), place, stop.signal)
      },
    )
  } finally {
    stop.dispose()
  }
}

async function send(
  options: SimulateOptions,
  sink: EventSink,
  place: string,
  signal: AbortSignal,
): Promise<number> {
  const simulation = simulationOf(options)
  const alerts = options.scenario === undefined ? undefined : truthOf(simulation)
  if (alerts !== undefined && options.truth !== undefined) writeTruth(options.truth, simulation, alerts)
  const startMs = systemClock.now()
  const progress = showSending(options.orders)
  try {
    const result = await runSimulation(progress.watch(simulateOrders(simulation)), sink, {
      clock: systemClock,
      pace: options.rate === undefined ? 'unlimited' : 'arrival',
      onProgress: progress.show,
      signal,
    })
    const elapsedMs = systemClock.now() - startMs
    const { events, accepted, duplicates, refused } = result
    progress.done()
    if (options.json === true) {
      out(
        JSON.stringify({
          orders: progress.orders(),
          events,
          accepted,
          duplicates,
          refused,
          seconds: elapsedMs / 1000,
          ...(alerts === undefined ? {} : { alerts: alertCounts(alerts) }),
        }),
      )
    } else {
      const refusedText = refused > 0 ? `, ${count(refused)} refused for what is wrong with them` : ''
      const known = duplicates > 0 ? `, ${count(duplicates)} left out since they were accepted before` : ''
      out(
        `${counted(events, 'event')} of ${counted(progress.orders(), 'order')} to ${place} in ${seconds(elapsedMs)}: ` +
          `${count(accepted)} accepted${known}${refusedText}`,
      )
      if (alerts !== undefined) {
        const each = Object.entries(alertCounts(alerts)).map(([type, number]) => `${count(number)} ${type}`)
        out(`to be found: ${each.join(', ') || 'nothing'}`)
      }
    }
    return exitCodes.done
  } finally {
    progress.done()
  }
}

function simulationOf(options: SimulateOptions): SimulationOptions {
  const { seed, orders, dirty, late, repeat, rate, start, scenario } = options
  return {
    seed,
    orders,
    dirtyShare: dirty,
    lateShare: late,
    repeatShare: repeat,
    ...(rate === undefined ? {} : { ordersPerSecond: rate }),
    ...(start === undefined ? {} : { startTimeMs: start }),
    ...(scenario === undefined ? {} : remarkableOnly(scenario)),
  }
}

/** The parser of `--start`. @throws UsageError */
function startTime(text: string): number {
  if (text === 'now') return systemClock.now()
  const timeMs = toTimeMs(text)
  if (typeof timeMs === 'number') return timeMs
  throw new UsageError(
    `--start is "${text}"; it must be a time with its zone such as 2025-01-01T08:00:00Z, or now`,
  )
}

/** The bar is over the orders that have begun: how many events they will have, nobody knows before. */
function showSending(orders: number) {
  const live = liveText()
  const begun = new Set<string>()
  return {
    orders: () => begun.size,
    *watch(events: Iterable<SimulatedEvent>): Iterable<SimulatedEvent> {
      for (const event of events) {
        begun.add(event.orderId)
        yield event
      }
    },
    show: ({ events, accepted, refused }: SimulationProgress) =>
      live?.show(
        `orders ${bar(begun.size / orders)} ${count(begun.size)} of ${count(orders)}\n` +
          `events ${count(events)} sent, ${count(accepted)} accepted, ${count(refused)} refused`,
      ),
    done: () => live?.done(),
  }
}
