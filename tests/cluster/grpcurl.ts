/** grpcurl, as people call the control services with it: JSON in and out. */
import { execFile, spawnSync } from 'node:child_process'

const program = process.env['GRPCURL'] ?? 'grpcurl'

/** Why tests that call by grpcurl in a cluster cannot run; empty when they can. */
export function whyNoCalls(): string {
  if ((process.env['TEST_SERVICES'] ?? '') === '')
    return ' (skipped: set TEST_SERVICES to the folder with the commands kafka, registry and mysql)'
  if (spawnSync(program, ['-version']).error !== undefined)
    return ' (skipped: needs grpcurl in the PATH, or set GRPCURL)'
  return ''
}

export type Json = { readonly [name: string]: unknown }

/** How a call ended. */
export interface Ending {
  /** The canonical status code; 0 is good. */
  readonly code: number
  /** What was answered: one message, or those of a stream. */
  readonly messages: readonly Json[]
  /** Of each ErrorInfo in the details the reason. */
  readonly reasons: readonly string[]
  /** All that grpcurl wrote. */
  readonly text: string
}

export interface CallOptions {
  readonly address: string
  /** None where it is undefined. */
  readonly token: string | undefined
  /** The one that server reflection is asked with. */
  readonly reflectionToken: string
  readonly timeoutSeconds?: number
}

/** The exit codes of grpcurl are status codes and 64. */
const firstExitCode = 64

/** @param method with its service: `orderstreams.control.v1.StateService/GetRow` */
export async function callMethod(method: string, request: Json, options: CallOptions): Promise<Ending> {
  const { address, token, reflectionToken, timeoutSeconds = 30 } = options
  const { exitCode, stdout, stderr } = await execute([
    '-plaintext',
    '-format-error',
    ...['-max-time', String(timeoutSeconds)],
    ...['-reflect-header', bearer(reflectionToken)],
    ...(token === undefined ? [] : ['-rpc-header', bearer(token)]),
    ...['-d', JSON.stringify(request), address, method],
  ])
  const code = exitCode === 0 ? 0 : exitCode - firstExitCode
  if (code < 0) throw new Error(`grpcurl ${method}: ${stderr}`)
  return { code, messages: documentsOf(stdout), reasons: reasonsOf(stderr), text: stdout + stderr }
}

/** All methods that server reflection tells of, each with its service. */
export async function listMethods(address: string, token: string): Promise<string[]> {
  const list = async (...words: string[]): Promise<string[]> => {
    const { exitCode, stdout, stderr } = await execute([
      '-plaintext',
      ...['-H', bearer(token)],
      address,
      'list',
      ...words,
    ])
    if (exitCode !== 0) throw new Error(`grpcurl list: ${stderr}`)
    return stdout.trim().split('\n')
  }
  const methods: string[] = []
  for (const service of await list()) methods.push(...(await list(service)))
  return methods.map((name) => name.replace(/\.(\w+)$/, '/$1'))
}

function bearer(token: string): string {
  return `authorization: Bearer ${token}`
}

function execute(
  words: readonly string[],
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(program, words, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** Documents one after the other, each of them indented. */
function documentsOf(text: string): Json[] {
  return text
    .split(/^(?=\{)/m)
    .filter((document) => document.trim() !== '')
    .map((document): Json => JSON.parse(document))
}

function reasonsOf(text: string): string[] {
  return [...text.matchAll(/"reason":\s*"([A-Z_]+)"/g)].map(([, reason]) => reason!)
}
