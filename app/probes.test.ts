import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ControlClient, openControlClient } from '../control/client.ts'
import { HealthService } from '../control/generated/health/v1/health.ts'
import { openMetricsPage } from '../control/http/metrics.ts'
import { systemClock } from '../streams/adapters/system/system-clock.ts'
import type { LogFields, Logger } from '../streams/index.ts'
import { hasOpenssl, TestAuthority } from '../tests/support/certificates.ts'
import { temporaryDirectory } from '../tests/support/order-streams.ts'
import { waitFor } from '../tests/support/waiting.ts'
import { type Application, openApplication } from './application.ts'
import { type Config, check, settingNames } from './config-schema.ts'
import { Stopped } from './failure.ts'
import { Probes } from './probes.ts'

const defaults = Object.fromEntries(
  settingNames.map((name) => [name, check(name, undefined)?.value]),
) as Config

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('the probes of a process', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let stop: AbortController
  let config: Config
  let probes: Probes
  let client: ControlClient
  let application: Application | undefined

  beforeEach(async () => {
    directory = temporaryDirectory()
    stop = new AbortController()
    config = { ...defaults, dataDir: directory.path, httpPort: 0, controlPort: 0, logLevel: 'silent' }
    config = { ...config, controlHealthPort: await freePort() }
    client = openControlClient({ address: `127.0.0.1:${config.controlHealthPort}`, timeoutMs: 10_000 })
  })

  afterEach(async () => {
    client.close()
    await application?.close()
    application = undefined
    await probes.close()
    directory.dispose()
  })

  function open(own: Partial<Config> = {}): Promise<Application> {
    const all = { ...config, ...own }
    probes = new Probes(all, ['ingest'], stop.signal)
    return openApplication(all, ['ingest'], {
      serves: { isPortChosen: true },
      probes,
      signal: stop.signal,
    })
  }

  const asked = async (service: string) => (await client.call(HealthService.check, { service })).status
  const statuses = async () => [await asked('liveness'), await asked('readiness'), await asked('')]
  const code = async (path: string) => (await fetch(`${probes.sideDoor!.url}${path}`)).status

  it('should be alive and not ready while Kafka cannot be reached', async () => {
    const cluster = {
      brokers: '127.0.0.1:1',
      registryUrl: 'http://127.0.0.1:1',
      databaseUrl: 'mysql://user@127.0.0.1:1/orders',
      stateDir: directory.path,
    }
    const opening = open(cluster)
    opening.catch(() => {})
    await waitFor('they answer', () => probes.sideDoor !== undefined)
    expect(await statuses()).toEqual(['SERVING', 'NOT_SERVING', 'NOT_SERVING'])
    expect(await asked('ingest')).toBe('NOT_SERVING')
    expect([await code('/livez'), await code('/readyz'), await code('/metrics')]).toEqual([200, 503, 200])
    stop.abort()
    await expect(opening).rejects.toThrow(Stopped)
    expect(await asked('liveness')).toBe('SERVING')
  })

  it('should be ready once all runs, and not when it is to stop', async () => {
    application = await open()
    expect(await statuses()).toEqual(['SERVING', 'NOT_SERVING', 'NOT_SERVING'])
    await application.streams.start()
    await waitFor('it is ready', async () => (await asked('readiness')) === 'SERVING')
    expect(await statuses()).toEqual(['SERVING', 'SERVING', 'SERVING'])
    stop.abort()
    expect(await statuses()).toEqual(['SERVING', 'NOT_SERVING', 'NOT_SERVING'])
    await application.close()
    expect(await statuses()).toEqual(['SERVING', 'NOT_SERVING', 'NOT_SERVING'])
  })

  it('should tell the log when readiness changes, by whichever probe that is found out', async () => {
    const told: string[] = []
    const note = (_fields: LogFields, message: string) => told.push(message)
    const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger }
    probes = new Probes(config, [], stop.signal)
    await probes.open({ clock: systemClock, logger, metrics: openMetricsPage('0') })
    told.length = 0
    await asked('liveness')
    await code('/readyz')
    expect(told).toEqual(['not ready'])
    probes.show({ status: () => [] })
    await asked('readiness')
    await code('/readyz')
    expect(told).toEqual(['not ready', 'ready'])
    stop.abort()
    await code('/readyz')
    await asked('readiness')
    expect(told).toEqual(['not ready', 'ready', 'not ready'])
  })

  it.skipIf(!hasOpenssl)(
    'should answer without TLS beside a server with TLS (skipped without openssl)',
    async () => {
      const authority = new TestAuthority(directory.path, 'ca')
      const { cert, key } = authority.issue('server', ['IP:127.0.0.1'])
      application = await open({
        controlTlsCertFile: cert,
        controlTlsKeyFile: key,
        controlClientCaFile: authority.cert,
        controlClientRoles: '*=viewer',
      })
      expect(await asked('liveness')).toBe('SERVING')
    },
  )

  it('should answer without a control server, too', async () => {
    application = await open({ controlServer: 'off' })
    expect(await asked('liveness')).toBe('SERVING')
  })

  it('should say how to choose another port', async () => {
    const taken = createServer().listen(config.controlHealthPort, '127.0.0.1')
    await once(taken, 'listening')
    await expect(open()).rejects.toThrow(/controlHealthPort=/)
    await new Promise((resolve) => taken.close(resolve))
  })
})
