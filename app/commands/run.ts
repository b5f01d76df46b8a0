import type { Command } from 'commander'
import { exitCodes } from '../failure.ts'
import { FlowMeter } from '../flow.ts'
import { topologyNames } from '../order-topologies.ts'
import { tell } from '../output.ts'
import { showProgress } from '../progress.ts'
import { openSingleNode } from '../single-node.ts'
import { onStopRequest } from '../stop-request.ts'
import { addConfigOptions, type CommandContext, type ConfigOptions, configOf } from './command-context.ts'

interface RunOptions extends ConfigOptions {
  readonly once?: boolean
}

export function addRunCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('run')
    .summary('run the named topologies only')
    .description(
      'Runs the named topologies on the data directory until Ctrl-C. Each goes on where it was; what the others would do ' +
        'stays for them in the log.',
    )
    .argument('<topology...>', `any of ${topologyNames.join(', ')}`)
    .option('--once', 'end when all that is there is processed and committed')
  addConfigOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  order-streams simulate --orders 1000 --data-dir ./data    events into the log, nothing else
  order-streams run ingest --once                           stage 1 only
  order-streams topics read order-parsed --limit 3          what it made
  order-streams run cleanse --once                          then stage 2`,
    )
    .action(async (names: string[], options: RunOptions) => {
      context.exitCode = await run(names, options)
    })
}

async function run(names: readonly string[], options: RunOptions): Promise<number> {
  const config = configOf(options)
  const stop = onStopRequest(tell)
  const node = await openSingleNode(config, names)
  try {
    const progress = showProgress(await FlowMeter.open(node), () => undefined)
    try {
      await node.streams.start()
      const isOnce = options.once === true
      if (!isOnce) tell(`running ${names.join(', ')} on ${config.dataDir}. Ctrl-C stops.`)
      const finished = isOnce ? [node.streams.drained().then(() => true)] : []
      const isFinished = await Promise.race([
        ...finished,
        stop.requested.then(() => false),
        node.streams.failed,
      ])
      return isOnce && !isFinished ? exitCodes.failed : exitCodes.done
    } finally {
      await progress.stop()
    }
  } finally {
    await node.close()
    stop.dispose()
  }
}
