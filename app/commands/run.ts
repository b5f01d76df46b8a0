import type { Command } from 'commander'
import { type Application, openApplication } from '../application.ts'
import { Closers } from '../closers.ts'
import { logProgress } from '../cluster-progress.ts'
import { exitCodes, Stopped } from '../failure.ts'
import { FlowMeter } from '../flow.ts'
import { topologyNames } from '../order-topologies.ts'
import { tell } from '../output.ts'
import { Probes } from '../probes.ts'
import { showProgress } from '../progress.ts'
import { onStopRequest, type StopRequest } from '../stop-request.ts'
import { startEventLoopWatchdog } from '../watchdog.ts'
import {
  addPlaceOptions,
  type CommandContext,
  type ConfigOptions,
  isChosen,
  placeConfigOf,
} from './command-context.ts'

interface RunOptions extends ConfigOptions {
  readonly once?: boolean
}

export function addRunCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('run')
    .summary('run the named topologies only')
    .description(
      'Runs the named topologies until Ctrl-C, on the data directory or, with --brokers, in a cluster, where any number of ' +
        'instances share the work. Each goes on where it was; what the others would do stays for them in the log.',
    )
    .argument('<topology...>', `any of ${topologyNames.join(', ')}`)
    .option('--once', 'end when all that is there is processed and committed')
  addPlaceOptions(command, 'registryUrl', 'databaseUrl', 'stateDir', 'controlPort', 'httpPort', 'healthPort')
    .addHelpText(
      'after',
      `
In a cluster the first start makes the topics, tables and schemas that are missing, as \`order-streams migrate\` does; with
--set registerSchemas=migrate-only it makes none, and names what is missing.

Examples:
  order-streams run ingest cleanse statistics --brokers localhost:9092 --registry http://localhost:8081 \\
    --database mysql://user:password@localhost:3306/orders --state-dir ./state
  order-streams simulate --orders 1000 --data-dir ./data    events into the log, nothing else
  order-streams run ingest --once                           stage 1 only
  order-streams topics read order-parsed --limit 3          what it made
  order-streams run cleanse --once                          then stage 2, and so on`,
    )
    .action(async (names: string[], options: RunOptions) => {
      context.exitCode = await run(names, options)
    })
}

async function run(names: readonly string[], { once, ...options }: RunOptions): Promise<number> {
  const config = placeConfigOf(options)
  const stop = onStopRequest(tell, { graceMs: config.shutdownGraceMs })
  const probes = new Probes(config, names, stop.signal)
  try {
    const application = await openApplication(config, names, {
      serves: once !== true && { isPortChosen: isChosen(options, 'controlPort') },
      probes,
      signal: stop.signal,
    })
    const guards = new Closers()
    try {
      startGuards(application, guards)
      return await work(application, once === true, stop)
    } finally {
      await stop.close('the topologies', () => application.close())
      await stop.close('the watchdog', () => guards.closeAll(application.platform.logger))
    }
  } catch (error) {
    if (error instanceof Stopped && once !== true) return exitCodes.done
    throw error
  } finally {
    await stop.close('the probes', () => probes.close())
    stop.dispose()
  }
}

/** What ends the process when it hangs. */
function startGuards(application: Application, guards: Closers): void {
  const { config, platform } = application
  if (platform.isCluster) {
    const watchdog = startEventLoopWatchdog({ deadlineMs: config.eventLoopDeadlineMs })
    guards.add(watchdog.close)
  }
  const { control } = application
  if (control !== undefined && control.notice !== '' && !platform.isCluster) tell(control.notice)
}

async function work(application: Application, isOnce: boolean, stop: StopRequest): Promise<number> {
  const { platform, streams, topologies } = application
  const names = topologies.map(({ name }) => name)
  const stopped = stop.requested.then(() => 'stopped' as const)
  const progress = platform.isCluster
    ? logProgress(application)
    : showProgress(await FlowMeter.open(application), () => undefined)
  try {
    const started = streams.start().then(() => 'started' as const)
    started.catch(() => {})
    if ((await Promise.race([started, stopped])) === 'started') {
      const running = `running ${names.join(', ')} on ${platform.label}`
      if (platform.isCluster) platform.logger.info({}, running)
      else if (!isOnce) tell(`${running}. Ctrl-C stops.`)
      const finished = isOnce ? [streams.drained().then(() => 'finished' as const)] : []
      if ((await Promise.race([...finished, stopped, streams.failed])) === 'finished') return exitCodes.done
    }
    return isOnce ? exitCodes.failed : exitCodes.done
  } finally {
    await progress.stop()
  }
}
