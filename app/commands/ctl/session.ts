/** What all `ctl` commands share: how they reach the control service, and what they say when a call fails. */
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import {
  type ClientTls,
  ControlCallFailed,
  type ControlClient,
  type ControlClientOptions,
  openControlClient,
} from '../../../control/client.ts'
import { messageOf } from '../../../streams/index.ts'
import { exitCodes, UsageError } from '../../failure.ts'
import { tell } from '../../output.ts'
import { onStopRequest } from '../../stop-request.ts'
import { type CommandContext, type ConfigOptions, configOf, wholeNumber } from '../command-context.ts'
import { durationText } from './format.ts'
import { duration, protoDuration } from './values.ts'

export interface CtlOptions extends ConfigOptions {
  readonly tls?: boolean
  readonly timeout?: number
  readonly json?: boolean
}

export interface ListOptions extends CtlOptions {
  readonly limit: number
}

export interface Session {
  readonly client: ControlClient
  readonly isJson: boolean
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** Of commands that ask for something by its name, when it is not there. */
const notFoundExitCode = 3

export function addClientOptions(command: Command): Command {
  return command
    .option('--json', 'JSON instead of text: one object a line')
    .optionsGroup('Connection:')
    .option('--address <host:port>', 'of the control service of any instance (default: 127.0.0.1:50051)')
    .option('--token <token>', 'a bearer token; --token-file keeps it out of the list of processes')
    .option('--token-file <file>', 'a file with the bearer token')
    .option('--tls', 'encrypt; implied by the three files that follow')
    .option('--ca <file>', 'the authorities that the server is trusted by, PEM (default: those of Node.js)')
    .option('--cert <file>', 'the certificate of this client, PEM')
    .option('--key <file>', 'the private key to it, PEM')
    .addOption(
      new Option(
        '--timeout <duration>',
        'how long a call may take, such as 5s (default: ctlTimeoutMs)',
      ).argParser(duration('--timeout', 1)),
    )
    .option('--config <file>', 'a YAML file of settings (default: ./order-streams.yaml, if there)')
    .addOption(
      new Option('--set <name=value>', 'any setting, repeatable').argParser(
        (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
      ),
    )
}

export const defaultLimit = 1000

/** For commands that list: pages are followed up to the limit. */
export function addListOptions(command: Command): Command {
  return addClientOptions(
    command.option('--limit <n>', 'so many at most', wholeNumber('--limit', 1), defaultLimit),
  )
}

/**
 * Connects, does the work of a command, and disconnects. Sets the exit code: 0 done, 1 failed, 2 wrong usage, 3 what was asked for
 * by its name is not there.
 */
export async function withSession(
  context: CommandContext,
  options: CtlOptions,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const clientOptions = clientOptionsOf(options)
  // Nothing has to be put in order, so nothing is said of it.
  const stop = onStopRequest(() => {})
  const client = openControlClient(clientOptions)
  try {
    context.exitCode = exitCodes.done
    await work({ client, isJson: options.json === true, signal: stop.signal })
  } catch (error) {
    if (!(error instanceof ControlCallFailed)) throw error
    const isJson = options.json === true
    tell(isJson ? JSON.stringify({ error: failureData(error) }) : failureText(error, clientOptions))
    context.exitCode = exitCodeOf(error)
  } finally {
    client.close()
    stop.dispose()
  }
}

/** @throws ConfigError, UsageError */
function clientOptionsOf(options: CtlOptions): ControlClientOptions {
  const config = configOf(options)
  const { ctlAddress: address } = config
  if (!/:\d+$/.test(address) && !address.includes('//') && !address.startsWith('unix:'))
    throw new UsageError(`ctlAddress is "${address}"; it must be host:port, such as 127.0.0.1:50051`)
  const tls: ClientTls = {
    ca: fileOf('--ca', config.ctlCaFile),
    cert: fileOf('--cert', config.ctlCertFile),
    key: fileOf('--key', config.ctlKeyFile),
  }
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new UsageError('--cert and --key go together: give both, or neither')
  const isTls =
    options.tls === true || config.ctlTls === 'on' || tls.ca !== undefined || tls.cert !== undefined
  const token = config.ctlToken === '' ? fileOf('--token-file', config.ctlTokenFile) : config.ctlToken
  if (token !== undefined && !isTls && !isLoopback(address))
    throw new UsageError(
      `the token would go to ${address} unencrypted, for everybody on the way to read: add --tls or --ca`,
    )
  return {
    address,
    tls: isTls ? tls : undefined,
    token: token?.toString().trim(),
    timeoutMs: options.timeout ?? config.ctlTimeoutMs,
  }
}

function fileOf(flag: string, path: string): Buffer | undefined {
  if (path === '') return undefined
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(`${flag} ${path} cannot be read: ${messageOf(error)}`)
  }
}

function isLoopback(address: string): boolean {
  return /^(127\.[\d.]+|localhost|\[::1\]):\d+$/.test(address) || address.startsWith('unix:')
}

function exitCodeOf({ status }: ControlCallFailed): number {
  if (status === 'NOT_FOUND') return notFoundExitCode
  return status === 'INVALID_ARGUMENT' ? exitCodes.usage : exitCodes.failed
}

/** An error for programs. */
function failureData({ status, error }: ControlCallFailed) {
  const { fields = [], metadata = {}, retryInMs } = error.details
  return { status, reason: error.reason, message: error.message, fields, metadata, retryInMs }
}

function failureText(failed: ControlCallFailed, options: ControlClientOptions): string {
  const { error, status } = failed
  const { fields = [], retryInMs } = error.details
  const told = fields.filter(({ description }) => !error.message.includes(description))
  return [
    `order-streams: ${error.message} [${error.reason}]`,
    ...told.map(({ field, description }) => `  ${field}: ${description}`),
    ...(retryInMs === undefined ? [] : [`  it may work in ${durationText(protoDuration(retryInMs))}`]),
    ...remedies(status, options).map((remedy) => `  ${remedy}`),
  ].join('\n')
}

/** What the user can do about failures that the server has not told of, as it does not know this client. */
function remedies(
  status: ControlCallFailed['status'],
  { address, tls, token, timeoutMs }: ControlClientOptions,
): string[] {
  switch (status) {
    case 'UNAVAILABLE':
      return [
        `is an instance up at ${address}${tls === undefined ? ', and does it take plaintext' : ''}? ` +
          `\`order-streams start\` and \`run\` say where their control service listens; --address names another${tls === undefined ? ', --tls encrypts' : ''}`,
      ]
    case 'UNAUTHENTICATED':
      return [token === undefined ? '--token-file gives a token' : 'the server does not take this token']
    case 'DEADLINE_EXCEEDED':
      return [`the call had ${durationText(protoDuration(timeoutMs))}; --timeout gives it more`]
    default:
      return []
  }
}
