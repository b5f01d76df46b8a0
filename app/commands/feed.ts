import type { Command } from 'commander'
import type { InputProgress } from '../../api/input-file.ts'
import { exitCodes } from '../failure.ts'
import { readInput } from '../feed.ts'
import { prepareForOrders } from '../order-api.ts'
import { bar, count, counted, liveText, out, tell } from '../output.ts'
import { sampleFile } from '../package-info.ts'
import { withPlatform } from '../platform.ts'
import { makesWhatIsMissing } from '../prepare.ts'
import { onStopRequest } from '../stop-request.ts'
import { addPlaceOptions, type CommandContext, type ConfigOptions, placeConfigOf } from './command-context.ts'

interface FeedOptions extends ConfigOptions {
  readonly json?: boolean
}

export function addFeedCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('feed')
    .summary('bring the order events of a file into the log')
    .description(
      'Brings order events, one JSON object a line, plain or gzip, into the log of the data directory or, with --brokers, ' +
        'of a cluster; `run` processes them. A file is known by its content: what was read of it is not read again.',
    )
    .argument(
      '[file]',
      '- is stdin, which is read from where it stands (default: the sample of 12,721 orders)',
    )
    .option('--json', 'print the result as one JSON object')
  addPlaceOptions(command, 'registryUrl')
    .addHelpText(
      'after',
      `
Examples:
  order-streams feed --brokers localhost:9092 --registry http://localhost:8081
  order-streams feed orders.ndjson.gz --data-dir ./data`,
    )
    .action(async (file: string | undefined, options: FeedOptions) => {
      context.exitCode = await feed(file ?? sampleFile, options)
    })
}

async function feed(file: string, { json, ...options }: FeedOptions): Promise<number> {
  const config = placeConfigOf(options)
  const stop = onStopRequest(tell)
  const { signal } = stop
  try {
    return await withPlatform(config, { parts: ['registry'], mode: 'create', signal }, async (platform) => {
      await prepareForOrders(platform, config)
      const registry = await platform.openRegistry({ registers: makesWhatIsMissing(config) })
      const { log, clock } = platform
      const live = liveText()
      const onProgress = (now: InputProgress): void => live?.show(progressText(now))
      const result = await readInput(file, { log, registry, clock, onProgress, signal }).finally(() =>
        live?.done(),
      )
      const { lines, appendedLines, done } = result
      if (json === true) out(JSON.stringify(result))
      else {
        const before = lines > appendedLines ? `, of ${count(lines)}: the others were there before` : ''
        out(`${counted(appendedLines, 'event')} to ${platform.label}${before}`)
      }
      if (!done) tell('stopped before the end; the same command goes on from there')
      return done ? exitCodes.done : exitCodes.failed
    })
  } finally {
    stop.dispose()
  }
}

function progressText({ lines, bytes, totalBytes, done }: InputProgress): string {
  const text = `${count(lines)} lines read`
  if (totalBytes === null) return text
  return `${bar(done || totalBytes === 0 ? 1 : bytes / totalBytes)} ${text}`
}
