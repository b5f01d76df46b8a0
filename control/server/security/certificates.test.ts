import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type PeerCertificate } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../streams/adapters/system/system-clock.ts'
import { silentLogger } from '../../../streams/index.ts'
import { type CertificatePaths, hasOpenssl, TestAuthority } from '../../../tests/support/certificates.ts'
import { callOf } from '../../../tests/support/control-harness.ts'
import { SecureControl, type SecureOptions } from '../../../tests/support/secure-control.ts'
import { waitFor } from '../../../tests/support/waiting.ts'
import type { ControlError } from '../../errors.ts'
import { StageServiceService } from '../../generated/orderstreams/control/v1/stage_service.ts'
import { openPeers } from '../peers.ts'
import { Certificates, namesOf } from './certificates.ts'
import { parseRoleMapping } from './role-mapping.ts'
import { makeToken } from './token-file.ts'

describe('namesOf', () => {
  // Of a certificate only the names are looked at.
  const of = (subjectaltname: string | undefined, CN: unknown) =>
    namesOf({ subject: { CN }, subjectaltname } as PeerCertificate)

  it('should have the alternative names, then the common ones', () => {
    expect(of('DNS:a.example, URI:spiffe://corp/x, IP Address:10.0.0.1', 'ops')).toEqual([
      'DNS:a.example',
      'URI:spiffe://corp/x',
      'IP Address:10.0.0.1',
      'CN:ops',
    ])
    expect(of(undefined, ['a', 'b'])).toEqual(['CN:a', 'CN:b'])
  })

  it('should take no name for several that has commas in it', () => {
    expect(of('URI:"http://x/, DNS:admin.example", DNS:me.example', undefined)).toEqual([
      'URI:http://x/, DNS:admin.example',
      'DNS:me.example',
    ])
  })
})

const roles = parseRoleMapping(
  'CN:ops=operator, CN:dashboards=viewer, DNS:*.orders.test=instance',
  ['viewer', 'operator', 'instance'],
  'controlClientRoles',
)

describe.skipIf(!hasOpenssl)('TLS of the control server (skipped without openssl)', () => {
  let directory: string
  let servers: TestAuthority
  let clients: TestAuthority
  let server: CertificatePaths
  let ops: CertificatePaths
  let dashboards: CertificatePaths
  let nobody: CertificatePaths
  let instance: CertificatePaths
  let stranger: CertificatePaths
  let control: SecureControl

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'control-tls-'))
    servers = new TestAuthority(directory, 'servers')
    clients = new TestAuthority(directory, 'clients')
    server = servers.issue('control', ['IP:127.0.0.1', 'DNS:localhost'])
    ops = clients.issue('ops')
    dashboards = clients.issue('dashboards')
    nobody = clients.issue('nobody')
    instance = clients.issue('instance', ['DNS:b.orders.test'])
    stranger = new TestAuthority(directory, 'strangers').issue('ops', [], 'stranger')
  })

  afterAll(() => rmSync(directory, { recursive: true }))
  afterEach(() => control.close())

  async function serve(settings: SecureOptions['settings']) {
    control = await SecureControl.open({ settings })
  }

  const mutual = () => ({
    certificates: { ...server, clientCa: clients.cert },
    certificateRoles: roles,
  })

  async function errorOf(call: Promise<unknown>): Promise<ControlError> {
    return call.then(
      () => expect.unreachable('it was let in'),
      (error: ControlError) => error,
    )
  }

  it('should encrypt, and show the certificate', async () => {
    await serve({ certificates: server })
    await control.look({ ca: servers.cert })
    expect((await errorOf(control.look({ ca: clients.cert }))).reason).toBe('INSTANCE_UNREACHABLE')
    expect((await errorOf(control.look())).reason).toBe('INSTANCE_UNREACHABLE')
    expect(control.calls).toHaveLength(1)
  })

  it('should give roles by certificates', async () => {
    await serve(mutual())
    const ca = servers.cert
    await control.pause({ ca, certificate: ops })
    await control.look({ ca, certificate: dashboards })
    expect(control.calls).toEqual(['paused by CN:ops, operator', 'looked by CN:dashboards, viewer'])
    expect((await errorOf(control.pause({ ca, certificate: dashboards }))).reason).toBe('PERMISSION_DENIED')
    const unnamed = await errorOf(control.look({ ca, certificate: nobody }))
    expect(unnamed).toMatchObject({
      reason: 'PERMISSION_DENIED',
      message: expect.stringContaining('CN:nobody has no role'),
    })
  })

  it('should let nobody connect without a certificate of its authority', async () => {
    await serve(mutual())
    const ca = servers.cert
    for (const caller of [{ ca }, { ca, certificate: stranger }])
      expect((await errorOf(control.look(caller))).reason).toBe('INSTANCE_UNREACHABLE')
    expect(control.calls).toEqual([])
  })

  it('should take a token instead where there are tokens, and no certificate of strangers', async () => {
    const token = makeToken('ci', 'viewer')
    const tokenFile = join(directory, 'tokens')
    writeFileSync(tokenFile, token.line)
    await serve({ ...mutual(), tokenFile })
    const ca = servers.cert
    await control.look({ ca, token: token.token })
    await control.look({ ca, certificate: ops })
    expect(control.calls).toEqual(['looked by ci, viewer', 'looked by CN:ops, operator'])
    expect((await errorOf(control.look({ ca, certificate: stranger }))).reason).toBe('UNAUTHENTICATED')
  })

  it('should believe instances whom they speak for, and nobody else', async () => {
    await serve(mutual())
    const ca = servers.cert
    const headers = { 'order-streams-caller': 'j%C3%B6', 'order-streams-caller-role': 'operator' }
    await control.pause({ ca, certificate: instance, headers })
    expect(control.calls).toEqual(['paused by jö, operator'])
    expect((await errorOf(control.pause({ ca, certificate: dashboards, headers }))).reason).toBe(
      'PERMISSION_DENIED',
    )
    await control.look({ ca, certificate: instance })
    expect(control.calls.at(-1)).toBe('looked by DNS:b.orders.test, viewer')
    expect((await errorOf(control.pause({ ca, certificate: instance }))).reason).toBe('PERMISSION_DENIED')
    const invented = { ...headers, 'order-streams-caller-role': 'instance' }
    expect((await errorOf(control.pause({ ca, certificate: instance, headers: invented }))).reason).toBe(
      'PERMISSION_DENIED',
    )
  })

  it('should let instances call one another by the credentials that they are opened with', async () => {
    const both = servers.issue('a', ['IP:127.0.0.1', 'DNS:a.orders.test'], 'both')
    // One authority for all.
    const certificates = { ...both, clientCa: servers.cert }
    await serve({ certificates, certificateRoles: roles })
    const endpoint = `127.0.0.1:${control.port}`
    const peers = openPeers({
      streams: { peers: async () => [] },
      topologies: [],
      instanceId: 'a',
      zone: null,
      endpoint: null,
      clock: systemClock,
      credentials: control.security.channelCredentials!,
    })
    const peer = { instanceId: 'b', zone: null, endpoint, isHere: false }
    const stage = { topology: 'cleanse', subTopology: '', operator: '' }
    const request = { stage, reason: '', until: undefined, requestId: '' }
    const call = callOf({ caller: { name: 'jo', role: 'operator' }, deadlineMs: Date.now() + 10_000 })
    await peers.forward(peer, StageServiceService.pauseStage, request, call)
    peers.close()
    expect(control.calls).toEqual(['paused by jo, operator'])
    expect(await control.audited()).toMatchObject([
      { outcome: 'STARTED', caller: 'jo', forwarded: true },
      { outcome: 'DONE', caller: 'jo', forwarded: true },
    ])
    expect(control.logged.join()).not.toContain('no rule gives')
  })

  it('should find its names in a certificate that has alternative ones only', async () => {
    const { cert, key } = servers.issue('', ['IP:127.0.0.1', 'DNS:c.orders.test'], 'subjectless')
    await serve({ ...mutual(), certificates: { cert, key, clientCa: clients.cert } })
    expect(control.logged.join()).not.toContain('no rule gives')
  })

  it('should say so when other instances would not take its certificate for one', async () => {
    await serve(mutual())
    expect(control.logged.join()).toContain(
      'no rule gives the certificate of this instance the role instance',
    )
  })

  it('should show a new certificate when its files have changed, and keep the old one while they do not fit', async () => {
    const files = { cert: join(directory, 'live.crt'), key: join(directory, 'live.key') }
    const put = ({ cert, key }: CertificatePaths) => {
      copyFileSync(cert, files.cert)
      copyFileSync(key, files.key)
    }
    const first = servers.issue('first', ['IP:127.0.0.1'])
    put(first)
    const certificates = new Certificates({
      files,
      isClientCertificateRequired: false,
      clock: systemClock,
      logger: silentLogger,
      checkIntervalMs: 20,
    })
    await serve({})
    const shown = await listenWith(certificates)
    await waitFor('the first one is shown', async () => (await shown.name()) === 'first')
    copyFileSync(servers.issue('odd', ['IP:127.0.0.1']).cert, files.cert)
    for (let look = 0; look < 3; look++) expect(await shown.name()).toBe('first')
    put(servers.issue('second', ['IP:127.0.0.1']))
    await waitFor('the second one is shown', async () => (await shown.name()) === 'second')
    await shown.close()
  })

  it('should say what is wrong with certificates at the start', async () => {
    await serve({})
    const open = (files: CertificatePaths) => SecureControl.open({ settings: { certificates: files } })
    await expect(open({ cert: server.cert, key: ops.key })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('the key is not the one of the certificate'),
    })
    await expect(open({ cert: join(directory, 'absent'), key: ops.key })).rejects.toThrow(/absent/)
  })
})

/** A server with these certificates, and the common name that it shows. */
async function listenWith(certificates: Certificates) {
  const { bindControlServer } = await import('../control-server.ts')
  const server = await bindControlServer({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    logger: silentLogger,
    credentials: certificates.serverCredentials(),
  })
  const name = () =>
    new Promise<string | undefined>((resolve) => {
      const socket = connect(
        { port: server.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] },
        () => {
          resolve(socket.getPeerCertificate().subject?.CN as string | undefined)
          socket.destroy()
        },
      )
      socket.on('error', () => resolve(undefined))
    })
  return { name, close: () => server.close() }
}
