/** `ctl health`: whether an instance serves, as probes ask it. */
import type { Command } from 'commander'
import {
  HealthCheckRequest,
  type HealthCheckResponse,
  HealthListRequest,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../control/generated/health/v1/health.ts'
import { exitCodes } from '../../failure.ts'
import { out } from '../../output.ts'
import type { CommandContext } from '../command-context.ts'
import { wordOf } from './format.ts'
import { type Column, printJson, printTable } from './print.ts'
import { addClientOptions, type CtlOptions, type Session, withSession } from './session.ts'

interface ServiceHealth {
  /** Empty for the instance as a whole. */
  readonly service: string
  readonly status: ServingStatus
}

const healthColumns: readonly Column<ServiceHealth>[] = [
  ['SERVICE', ({ service }) => (service === '' ? '(all)' : service)],
  ['HEALTH', ({ status }) => wordOf(status, '')],
]

export function addHealthCommand(ctl: Command, context: CommandContext): void {
  addClientOptions(
    ctl
      .command('health')
      .description('Asks the instance at --address whether it serves. Exit code 1 when it does not.')
      .argument(
        '[service]',
        'a topology, or a service by its full name; all that there are when it is left out',
      )
      .option('--watch', 'tell each change, until Ctrl-C'),
  ).action(async (service: string | undefined, options: CtlOptions & { readonly watch?: boolean }) =>
    withSession(context, options, async (session) => {
      const { client, isJson, signal } = session
      if (options.watch === true) return watch(session, service ?? '')
      const found =
        service === undefined
          ? await all(session)
          : [
              {
                service,
                ...(await client.call(HealthService.check, HealthCheckRequest.create({ service }), {
                  signal,
                })),
              },
            ]
      if (isJson) found.forEach(printJson)
      else printTable(found, healthColumns, 'there are no services')
      if (found.some(({ status }) => status !== ServingStatus.SERVING)) context.exitCode = exitCodes.failed
    }),
  )
}

async function all({ client, signal }: Session): Promise<ServiceHealth[]> {
  const { statuses } = await client.call(HealthService.list, HealthListRequest.create(), { signal })
  return Object.entries(statuses)
    .map(([service, { status }]) => ({ service, status }))
    .sort((a, b) => (a.service < b.service ? -1 : 1))
}

async function watch({ client, isJson, signal }: Session, service: string): Promise<void> {
  const request = HealthCheckRequest.create({ service })
  const show = ({ status }: HealthCheckResponse): void => {
    if (isJson) printJson({ time: new Date(), service, status })
    else out(`${new Date().toISOString()}  ${wordOf(status, '')}`)
  }
  try {
    for await (const answer of client.stream(HealthService.watch, request, { signal })) show(answer)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
