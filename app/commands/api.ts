import type { Command } from 'commander'
import { openMetricsPage } from '../../control/http/metrics.ts'
import { StreamsError } from '../../streams/index.ts'
import { exitCodes, Stopped } from '../failure.ts'
import { prepareForOrders, serveOrders } from '../order-api.ts'
import { tell } from '../output.ts'
import { packageVersion } from '../package-info.ts'
import { type Opening, withPlatform } from '../platform.ts'
import { Probes } from '../probes.ts'
import { onStopRequest } from '../stop-request.ts'
import { openTracing } from '../tracing.ts'
import { startEventLoopWatchdog } from '../watchdog.ts'
import {
  addApiOptions,
  addPlaceOptions,
  type CommandContext,
  type ConfigOptions,
  placeConfigOf,
} from './command-context.ts'

interface ApiOptions extends ConfigOptions {
  readonly port?: string
}

export function addApiCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('api')
    .summary('serve the Order API only')
    .description(
      'Takes orders over HTTP into the log, of the data directory or with --brokers of a cluster, until Ctrl-C; `run` ' +
        'processes them. (`start` serves the Order API too, and processes at once.)',
    )
    .option('--port <port>', 'the same as --api-port')
  addApiOptions(addPlaceOptions(command, 'registryUrl', 'httpPort'))
    .addHelpText(
      'after',
      `
POST /v1/orders takes one order or an array, and answers 202 with what was accepted, or 400 naming each bad field.
GET /v1/openapi.json describes it all; GET /healthz answers while it lives. /livez, /readyz and /metrics are at --http-port.

Examples:
  order-streams api --brokers localhost:9092
  order-streams api --port 8081
  curl localhost:8081/v1/orders -H 'content-type: application/json' -d '{"order_id":"1","user_id":"42",
    "status":"PAID","currency":"USD","order_time":"2026-01-01T12:00:00Z","total_amount":"9.90",
    "lines":[{"line_no":1,"product_id":"tea","quantity":1,"line_amount":"9.90"}]}'`,
    )
    .action(async ({ port, ...options }: ApiOptions) => {
      context.exitCode = await serve(port === undefined ? options : { ...options, apiPort: port })
    })
}

async function serve(options: ConfigOptions): Promise<number> {
  const config = placeConfigOf(options)
  const stop = onStopRequest(tell, { graceMs: config.shutdownGraceMs })
  const watchdog = startEventLoopWatchdog({ deadlineMs: config.eventLoopDeadlineMs })
  const probes = new Probes(config, [], stop.signal)
  const page = openMetricsPage(packageVersion())
  try {
    const opening: Opening = {
      parts: [],
      mode: 'create',
      signal: stop.signal,
      onBegin: (ports) => probes.open({ ...ports, metrics: page }),
    }
    return await withPlatform(config, opening, async (platform) => {
      await prepareForOrders(platform, config)
      const { clock, logger } = platform
      const tracing = await openTracing(config, { clock, logger, instanceId: config.instanceId })
      // Started anew, the process has the login that holds by then.
      let refuse = (_error: StreamsError): void => {}
      const refused = new Promise<StreamsError>((resolve) => {
        refuse = resolve
      })
      const api = await serveOrders(platform, config, {
        metrics: page.metrics,
        tracer: tracing.tracer,
        onRefused: refuse,
      })
      probes.show({ status: () => [] })
      tell(`The Order API listens at ${api.url}. Ctrl-C stops.`)
      const ended = await Promise.race([stop.requested, refused])
      await stop.close('a request under way', () => api.close())
      await stop.close('the traces', () => tracing.close())
      if (ended instanceof StreamsError) throw ended
      return exitCodes.done
    })
  } catch (error) {
    if (error instanceof Stopped) return exitCodes.done
    throw error
  } finally {
    await stop.close('the probes', () => probes.close())
    await watchdog.close()
    stop.dispose()
  }
}
