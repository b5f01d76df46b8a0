import { Client, credentials, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { silentLogger } from '../../streams/index.ts'
import { failureOf } from '../../tests/support/control-harness.ts'
import { service } from '../call.ts'
import {
  ServerReflectionRequest as Request,
  ServerReflectionResponse as Response,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '../generated/grpc/reflection/v1/reflection.ts'
import { HealthService } from '../generated/health/v1/health.ts'
import { InstanceServiceService } from '../generated/orderstreams/control/v1/instance_service.ts'
import { type BoundServer, bindControlServer } from './control-server.ts'
import { loadDescriptors } from './descriptors.ts'
import { healthService } from './health-service.ts'
import { callStream, callUnary } from './outgoing.ts'

let server: BoundServer
let client: Client
let ready: Map<string, boolean>

afterEach(async () => {
  client.close()
  await server.close()
})

async function serve(introspection = true): Promise<void> {
  ready = new Map([
    ['', false],
    ['cleanse', true],
    ['ingest', false],
  ])
  const options = { host: '127.0.0.1', port: 0, clock: systemClock, logger: silentLogger, introspection }
  server = await bindControlServer(options)
  const instances = service(InstanceServiceService, {
    getInstance: async () => ({ instance: undefined }),
    listInstances: async () => ({ instances: [], nextPageToken: '' }),
  })
  server.serve([instances, healthService(() => ready, systemClock)])
  client = new Client(server.address, credentials.createInsecure())
}

/** Asks one thing after another on one stream, and ends it, as tools do. */
function reflected(
  version: string,
  ...asked: NonNullable<ServerReflectionRequest['messageRequest']>[]
): Promise<NonNullable<ServerReflectionResponse['messageResponse']>[]> {
  return new Promise((resolve, reject) => {
    const answers: NonNullable<ServerReflectionResponse['messageResponse']>[] = []
    const stream = client.makeBidiStreamRequest<ServerReflectionRequest, ServerReflectionResponse>(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      (value) => Buffer.from(Request.encode(value).finish()),
      (bytes) => Response.decode(bytes),
    )
    stream.on('data', ({ messageResponse }: ServerReflectionResponse) => answers.push(messageResponse!))
    stream.on('error', reject)
    stream.on('end', () => resolve(answers))
    for (const messageRequest of asked) stream.write({ host: '', messageRequest })
    stream.end()
  })
}

describe('server reflection', () => {
  it.each(['v1', 'v1alpha'])('should list all that is served, itself included (%s)', async (version) => {
    await serve()
    const [listed] = await reflected(version, { $case: 'listServices', value: '' })
    expect(listed?.$case === 'listServicesResponse' && listed.value.service.map(({ name }) => name)).toEqual([
      'grpc.channelz.v1.Channelz',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      'orderstreams.control.v1.InstanceService',
    ])
  })

  it('should have the descriptors of every service that it lists', async () => {
    await serve()
    const [listed] = await reflected('v1', { $case: 'listServices', value: '' })
    const names = listed?.$case === 'listServicesResponse' ? listed.value.service.map(({ name }) => name) : []
    const found = await reflected(
      'v1',
      ...names.map((value) => ({ $case: 'fileContainingSymbol' as const, value })),
    )
    expect(found.map(({ $case }) => $case)).toEqual(names.map(() => 'fileDescriptorResponse'))
  })

  it('should find files by name, by any symbol in them, and say when there is none', async () => {
    await serve()
    const symbols = [
      'orderstreams.control.v1.StageService.PauseStage',
      'orderstreams.control.v1.ErrorReason',
      'orderstreams.control.v1.ERROR_REASON_TASK_AWAY',
      'orderstreams.control.v1.Savepoint.reason',
      'google.rpc.ErrorInfo.MetadataEntry',
      'google.longrunning.Operations',
    ]
    const { fileDeclaring, file, extensionsOf } = await loadDescriptors()
    for (const symbol of symbols.slice(1)) expect(fileDeclaring(symbol)?.length, symbol).toBeGreaterThan(0)
    expect(file('google/protobuf/any.proto')).toHaveLength(1)
    // With all that it imports, each file once.
    const common = file('orderstreams/control/v1/checkpoint_service.proto')!
    expect(new Set(common.map((bytes) => Buffer.from(bytes).toString('base64'))).size).toBe(common.length)
    expect(extensionsOf('google.protobuf.MethodOptions')?.length).toBeGreaterThan(0)
    expect(extensionsOf('google.rpc.ErrorInfo')).toEqual([])
    const answers = await reflected(
      'v1',
      { $case: 'fileContainingSymbol', value: 'no.Such' },
      { $case: 'fileByFilename', value: 'no/such.proto' },
      { $case: 'allExtensionNumbersOfType', value: 'no.Such' },
      {
        $case: 'fileContainingExtension',
        value: { containingType: 'google.rpc.Status', extensionNumber: 1 },
      },
    )
    for (const answer of answers)
      expect(answer).toMatchObject({ $case: 'errorResponse', value: { errorCode: status.NOT_FOUND } })
  })

  it('should not be where it is switched off', async () => {
    await serve(false)
    await expect(reflected('v1', { $case: 'listServices', value: '' })).rejects.toMatchObject({
      code: status.UNIMPLEMENTED,
    })
  })
})

describe('health', () => {
  it('should tell of the whole and of each topology', async () => {
    await serve()
    const check = (name: string) => callUnary(client, HealthService.check, { service: name })
    expect(await check('')).toEqual({ status: 'NOT_SERVING' })
    expect(await check('cleanse')).toEqual({ status: 'SERVING' })
    expect(await failureOf(check('nothing'))).toMatchObject({
      reason: 'TOPOLOGY_NOT_FOUND',
      message: expect.stringContaining('cleanse, ingest'),
    })
    const { statuses } = await callUnary(client, HealthService.list, {})
    expect(statuses['ingest']).toEqual({ status: 'NOT_SERVING' })
  })

  it('should be watched as it changes, of what is not known yet too', async () => {
    await serve()
    const watch = (name: string) => callStream(client, HealthService.watch, { service: name })
    const [whole, later] = [watch(''), watch('later')]
    expect((await whole.next()).value).toEqual({ status: 'NOT_SERVING' })
    expect((await later.next()).value).toEqual({ status: 'SERVICE_UNKNOWN' })
    ready.set('', true)
    ready.set('later', true)
    expect((await whole.next()).value).toEqual({ status: 'SERVING' })
    expect((await later.next()).value).toEqual({ status: 'SERVING' })
    await Promise.all([whole.return(undefined), later.return(undefined)])
  })
})
