import type { Command } from 'commander'
import type { InputProgress } from '../../api/input-file.ts'
import { topics } from '../../schemas/topics.ts'
import { StreamsError } from '../../streams/index.ts'
import { countAnomalies } from '../anomalies.ts'
import { type Application, openApplication } from '../application.ts'
import { exitCodes } from '../failure.ts'
import { feed } from '../feed.ts'
import { FlowMeter } from '../flow.ts'
import { takeHighlights } from '../highlights.ts'
import { serveOrders } from '../order-api.ts'
import { topologyNames } from '../order-topologies.ts'
import { out, tell } from '../output.ts'
import { sampleFile } from '../package-info.ts'
import { Probes } from '../probes.ts'
import { showProgress } from '../progress.ts'
import { endOf } from '../read-topic.ts'
import { onStopRequest, type StopRequest } from '../stop-request.ts'
import { type RunFacts, summaryData, summaryText, whereToLook } from '../summary.ts'
import { type Tally, takeTally } from '../tally.ts'
import {
  addApiOptions,
  addConfigOptions,
  addServerOptions,
  type CommandContext,
  type ConfigOptions,
  isChosen,
  singleNodeConfigOf,
} from './command-context.ts'

interface StartOptions extends ConfigOptions {
  readonly input?: string
  readonly once?: boolean
  readonly json?: boolean
}

export function addStartCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('start')
    .summary('run the whole job in this process: single-node mode')
    .description(
      'Runs the topologies ingest, cleanse, statistics and detection in this process, on a log, state and SQLite tables in the data directory, ' +
        'and feeds them order events through the Order API. Started again, it goes on where it was and adds nothing twice.',
    )
    .option(
      '--input <file>',
      'order events, one JSON object a line, plain or gzip; - is stdin (default: the sample)',
    )
    .option('--once', 'end when all input is processed and committed, instead of serving the Order API')
    .option('--json', 'print the summary as one JSON object, as the last line of stdout')
  addServerOptions(addApiOptions(addConfigOptions(command)))
    .addHelpText(
      'after',
      `
Examples:
  order-streams start                                the sample of 12,721 real orders, then the Order API
  order-streams start --once --json                  the same for programs: one JSON object, then the end
  order-streams start --input orders.ndjson.gz       your own events
  zcat *.gz | order-streams start --input - --once   whatever comes from a pipe; read again, it is sent again,
                                                     and cleanse drops what came in the last 7 days
  order-streams start --input /dev/null              no file: what is there, and what comes over HTTP
  order-streams start --set commitIntervalMs=1000    with another setting

A file is known by its content: it is read once, wherever it lies, and one that has changed is read again from its beginning;
cleanse drops the events that it has in memory.`,
    )
    .action(async (options: StartOptions) => {
      context.exitCode = await start(options)
    })
}

async function start(options: StartOptions): Promise<number> {
  const config = singleNodeConfigOf(options)
  const stop = onStopRequest(tell)
  // Whoever works off a file and ends has nobody to serve.
  const serves = options.once !== true
  const probes = new Probes(config, topologyNames, stop.signal)
  try {
    const application = await openApplication(config, topologyNames, {
      serves: serves && { isPortChosen: isChosen(options, 'controlPort') },
      ...(serves ? { probes } : {}),
      signal: stop.signal,
    })
    return await serveAndProcess(application, probes, options, stop)
  } finally {
    await probes.close()
    stop.dispose()
  }
}

async function serveAndProcess(
  application: Application,
  { sideDoor }: Probes,
  options: StartOptions,
  stop: StopRequest,
): Promise<number> {
  const { config, platform, streams } = application
  const serves = options.once !== true
  let api: Awaited<ReturnType<typeof serveOrders>> | undefined
  try {
    if (serves) {
      api = await serveOrders(platform, config, {
        metrics: application.metricsPage.metrics,
        tracer: application.tracer,
      })
      if (application.control !== undefined && application.control.notice !== '')
        tell(application.control.notice)
    }
    const meter = await FlowMeter.open(application)
    const ended = await processInput(application, meter, options, stop).catch((error: unknown) => {
      // Whoever serves goes on: what is held is processed once somebody resumes it.
      if (!serves || !(error instanceof StreamsError) || error.code !== 'STAGE_HELD') throw error
      tell(error.message)
      return undefined
    })
    if (ended !== undefined) return ended
    const say = options.json === true ? tell : out
    const { dataDir } = config
    const databasePath = application.database.label
    say(`\n${whereToLook({ dataDir, databasePath, logPath: platform.logPath, apiUrl: api?.url })}`)
    if (api !== undefined) {
      const metrics = sideDoor === undefined ? '' : `; metrics are at ${sideDoor.url}/metrics`
      tell(`\nThe Order API listens at ${api.url}${metrics}. Ctrl-C stops.\n`)
      const progress = showProgress(meter, () => undefined)
      try {
        await Promise.race([stop.requested, streams.failed])
      } finally {
        await progress.stop()
      }
    }
    return exitCodes.done
  } finally {
    await api?.close()
    await application.close()
  }
}

/** Processes the input and says what came of it. Answers how to exit, if that is due already. */
async function processInput(
  application: Application,
  meter: FlowMeter,
  options: StartOptions,
  stop: StopRequest,
): Promise<number | undefined> {
  const facts = await work(application, meter, options, stop)
  if (facts === undefined) {
    tell('stopped before all input was processed; start again to go on from there')
    return options.once === true ? exitCodes.failed : exitCodes.done
  }
  const tally = await settledTally(application)
  const { database } = application
  const findings = {
    statistics: await takeHighlights(database),
    anomalies: await countAnomalies(database),
  }
  if (options.json === true) out(JSON.stringify(summaryData(tally, facts, findings)))
  else out(summaryText(tally, facts, findings))
  if (tally.problems.length === 0) return undefined
  for (const problem of tally.problems) tell(`it does not add up: ${problem}`)
  return exitCodes.failed
}

/** Undefined when the user stopped it. */
async function work(
  application: Application,
  meter: FlowMeter,
  { input = sampleFile, once = false }: StartOptions,
  stop: StopRequest,
): Promise<RunFacts | undefined> {
  const { platform, streams } = application
  const startMs = platform.clock.now()
  let read: InputProgress | undefined
  const progress = showProgress(meter, () => read)
  try {
    await streams.start()
    const onProgress = (now: InputProgress): void => {
      read = now
    }
    if ((await feed(application, input, { onProgress, isAll: once, stop })) === 'stopped') return undefined
  } finally {
    await progress.stop()
  }
  return { newOrders: newOrders(application), elapsedMs: platform.clock.now() - startMs }
}

function newOrders({ metrics }: Application): number {
  let sum = 0
  for (const reading of metrics.snapshot()) {
    const isOfStage1 = reading.labels['task']?.startsWith(`${topics.orderRaw.name}_`) === true
    if (reading.name === 'streams_records_in_total' && reading.kind === 'counter' && isOfStage1)
      sum += reading.value
  }
  return sum
}

const settleTries = 20
const settleMs = 100

/**
 * The sums come out once everything that was read is committed. Events that come in by the Order API meanwhile keep them
 * from it: then all is counted again, and as long as events come the figures are not held against one another.
 */
async function settledTally({ config, platform, registry, database, streams }: Application): Promise<Tally> {
  const { log, clock } = platform
  for (let tries = 1; ; tries++) {
    const before = await endOf(log, topics.orderRaw.name)
    const tally = await takeTally(log, registry, database)
    if (tally.problems.length === 0) return tally
    if (tries >= settleTries) {
      const isMoving = (await endOf(log, topics.orderRaw.name)) !== before
      if (isMoving) return unchecked(tally, 'order events keep coming in')
      if (config.processingGuarantee === 'exactly-once') return tally
      return unchecked(tally, 'with at-least-once, events may be counted again after a crash')
    }
    await new Promise<void>((resolve) => clock.setTimer(settleMs, resolve))
    await Promise.race([streams.drained(), streams.failed])
  }
}

function unchecked(tally: Tally, reason: string): Tally {
  return { ...tally, problems: [], unchecked: reason }
}
