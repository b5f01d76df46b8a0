import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StreamsError } from '../../../streams/index.ts'
import { SecureControl, type SecureOptions } from '../../../tests/support/secure-control.ts'
import { waitFor } from '../../../tests/support/waiting.ts'
import type { ControlError } from '../../errors.ts'
import { HealthService } from '../../generated/health/v1/health.ts'
import { parseRoleMapping } from './role-mapping.ts'
import { makeToken } from './token-file.ts'

const same = (bytes: Buffer): Buffer => bytes
const bytesOnly = {
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
}
const viewer = makeToken('ci', 'viewer')
const operator = makeToken('ops', 'operator')

let directory: string
let control: SecureControl

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'control-security-'))
})

afterEach(async () => {
  await control.close()
  rmSync(directory, { recursive: true })
})

async function serve(settings: SecureOptions['settings'], more: Omit<SecureOptions, 'settings'> = {}) {
  control = await SecureControl.open({ settings, ...more })
}

function tokenFile(...lines: string[]): string {
  const path = join(directory, 'tokens')
  writeFileSync(path, lines.join('\n'))
  return path
}

/** What a call ended with. */
async function errorOf(call: Promise<unknown>): Promise<ControlError> {
  return call.then(
    () => expect.unreachable('it was let in'),
    (error: ControlError) => error,
  )
}

const reasonOf = async (call: Promise<unknown>) => (await errorOf(call)).reason

describe('bearer tokens', () => {
  it('should let viewers look, and operators change', async () => {
    await serve({ tokenFile: tokenFile(viewer.line, operator.line) })
    await control.look({ token: viewer.token })
    await control.look({ token: operator.token })
    await control.pause({ token: operator.token })
    expect(await reasonOf(control.pause({ token: viewer.token }))).toBe('PERMISSION_DENIED')
    expect(control.calls).toEqual([
      'looked by ci, viewer',
      'looked by ops, operator',
      'paused by ops, operator',
    ])
  })

  it('should answer nothing without one, but health', async () => {
    await serve({ tokenFile: tokenFile(viewer.line) })
    const error = await errorOf(control.look())
    expect(error.reason).toBe('UNAUTHENTICATED')
    expect(error.message).toContain('authorization: Bearer')
    expect(control.calls).toEqual([])
    const health = await errorOf(control.call(HealthService.check, { service: '' }))
    // This server has no health service: the guard is not what refuses.
    expect(health.reason).toBe('UNIMPLEMENTED')
  })

  it('should say nothing of itself without one: neither by channelz nor by reflection', async () => {
    await serve({ tokenFile: tokenFile(viewer.line) })
    const channelz = {
      path: '/grpc.channelz.v1.Channelz/GetServers',
      responseStream: false,
      ...bytesOnly,
    } as const
    expect(await reasonOf(control.call(channelz, Buffer.alloc(0)))).toBe('UNAUTHENTICATED')
    expect((await control.call(channelz, Buffer.alloc(0), { token: viewer.token })).length).toBeGreaterThan(0)
    for (const version of ['v1', 'v1alpha']) {
      const client = control.client()
      const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`
      const stream = client.makeBidiStreamRequest(path, same, same, new Metadata())
      const code = await new Promise((resolve) => {
        stream.on('error', ({ code }: ServiceError) => resolve(code))
        stream.on('end', () => resolve('let in'))
        stream.resume()
        stream.end()
      })
      client.close()
      expect(code).toBe(status.UNAUTHENTICATED)
    }
  })

  it('should tell whoever has a wrong one the same, whatever is wrong with it', async () => {
    await serve({ tokenFile: tokenFile(viewer.line) })
    const wrong = [operator.token, `${viewer.token}x`, viewer.token.slice(0, -1), 'x', 'a.b.c']
    const errors = await Promise.all(wrong.map((token) => errorOf(control.look({ token }))))
    expect(new Set(errors.map(({ reason }) => reason))).toEqual(new Set(['UNAUTHENTICATED']))
    expect(new Set(errors.map(({ message }) => message)).size).toBe(1)
    for (const token of wrong) expect(control.logged.join()).not.toContain(`${token}"`)
  })

  it('should follow its file, and stay with the last good one', async () => {
    const path = tokenFile(viewer.line)
    await serve({ tokenFile: path })
    expect(await reasonOf(control.look({ token: operator.token }))).toBe('UNAUTHENTICATED')
    tokenFile(operator.line)
    await waitFor('the new token is let in', () =>
      control.look({ token: operator.token }).then(
        () => true,
        () => false,
      ),
    )
    expect(await reasonOf(control.look({ token: viewer.token }))).toBe('UNAUTHENTICATED')
    tokenFile('not a token')
    await waitFor('the damage is told', async () => {
      await control.look({ token: operator.token })
      return control.logged.some((line) => line.includes('cannot be used') && line.includes(`${path}:1`))
    })
  })

  it('should say what is wrong with a file at the start', async () => {
    await serve({})
    const path = tokenFile('ci viewer')
    await expect(SecureControl.open({ settings: { tokenFile: path } })).rejects.toThrow(
      `${path}:1 is no line`,
    )
    const absent = join(directory, 'absent')
    await expect(SecureControl.open({ settings: { tokenFile: absent } })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
    })
  })
})

describe('JWTs', () => {
  const issuer = 'https://id.example'
  const claims = { realm_access: { roles: ['staff', 'ops-team'] } }

  async function serveJwt() {
    const keys = await generateKeyPair('ES256')
    const path = join(directory, 'jwks.json')
    writeFileSync(
      path,
      JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256' }] }),
    )
    await serve({
      jwt: {
        jwks: path,
        issuer,
        audience: 'order-streams',
        algorithms: ['ES256'],
        clockSkewMs: 5000,
        roleClaim: 'realm_access.roles',
        roles: parseRoleMapping('ops-team=operator, viewers=viewer', ['viewer', 'operator'], 'x'),
      },
    })
    const sign = (
      payload: object,
      own: { key?: CryptoKey; expires?: string | number; iss?: string; aud?: string } = {},
    ) =>
      new SignJWT({ ...payload })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setSubject('jo')
        .setIssuer(own.iss ?? issuer)
        .setAudience(own.aud ?? 'order-streams')
        .setExpirationTime(own.expires ?? '1m')
        .sign(own.key ?? keys.privateKey)
    return { sign, keys }
  }

  it('should let in by the role that a claim gives', async () => {
    const { sign } = await serveJwt()
    await control.pause({ token: await sign(claims) })
    await control.look({ token: await sign({ realm_access: { roles: ['viewers'] } }) })
    expect(control.calls).toEqual(['paused by jo, operator', 'looked by jo, viewer'])
  })

  it('should name who has no role', async () => {
    const { sign } = await serveJwt()
    const error = await errorOf(control.look({ token: await sign({ realm_access: {} }) }))
    expect(error).toMatchObject({
      reason: 'PERMISSION_DENIED',
      message: expect.stringContaining('jo has no role'),
    })
  })

  it('should take none that has expired, is for others, of others, or not signed by its issuer', async () => {
    const { sign } = await serveJwt()
    const stranger = await generateKeyPair('ES256')
    const secret = new TextEncoder().encode('a secret that everybody could have, long enough')
    const tokens = [
      await sign(claims, { expires: Math.floor(Date.now() / 1000) - 10 }),
      await sign(claims, { aud: 'another' }),
      await sign(claims, { iss: 'https://evil.example' }),
      await sign(claims, { key: stranger.privateKey }),
      new UnsecuredJWT(claims)
        .setSubject('jo')
        .setIssuer(issuer)
        .setAudience('order-streams')
        .setExpirationTime('1m')
        .encode(),
      await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
        .setSubject('jo')
        .setIssuer(issuer)
        .setAudience('order-streams')
        .setExpirationTime('1m')
        .sign(secret),
      `${(await sign(claims)).slice(0, -4)}AAAA`,
    ]
    const messages = new Set<string>()
    for (const token of tokens) {
      const { reason, message } = await errorOf(control.look({ token }))
      expect(reason).toBe('UNAUTHENTICATED')
      messages.add(message)
    }
    expect(messages.size).toBe(1)
    expect(control.calls).toEqual([])
  })

  it('should allow for clocks that differ a little', async () => {
    const { sign } = await serveJwt()
    await control.look({ token: await sign(claims, { expires: Math.floor(Date.now() / 1000) - 2 }) })
  })
})

describe('limits', () => {
  it('should refuse calls beyond the rate of a caller, and say when to come again', async () => {
    await serve({ tokenFile: tokenFile(viewer.line, operator.line), callsPerSecond: 1 })
    await control.look({ token: viewer.token })
    await control.look({ token: viewer.token })
    const error = await errorOf(control.look({ token: viewer.token }))
    expect(error.reason).toBe('RATE_LIMITED')
    expect(error.details.retryInMs).toBeGreaterThan(0)
    expect(error.details.retryInMs).toBeLessThanOrEqual(1000)
    await control.look({ token: operator.token })
  })

  it('should refuse requests that are too large', async () => {
    await serve({}, { limits: { receivedMessageMaxBytes: 1024 } })
    await control.pause({}, 'x'.repeat(900))
    expect(await reasonOf(control.pause({}, 'x'.repeat(1100)))).toBe('REQUEST_INVALID')
    expect(control.calls).toHaveLength(1)
  })

  it('should close connections beyond the limit', async () => {
    await serve({}, { limits: { maxConnections: 1 } })
    const first = control.client()
    await new Promise<void>((resolve, reject) =>
      first.waitForReady(Date.now() + 10_000, (error) => (error === undefined ? resolve() : reject(error))),
    )
    expect(await reasonOf(control.look())).toBe('INSTANCE_UNREACHABLE')
    first.close()
    await waitFor('there is room again', () =>
      control.look().then(
        () => true,
        () => false,
      ),
    )
  })
})

describe('audit records', () => {
  it('should say who changed what, before and after', async () => {
    await serve({ tokenFile: tokenFile(operator.line) })
    await control.pause({ token: operator.token })
    await control.look({ token: operator.token })
    const records = await control.audited()
    const common = {
      caller: 'ops',
      role: 'operator',
      instance: 'instance-1',
      method: 'orderstreams.control.v1.StageService/PauseStage',
      target: 'cleanse',
      forwarded: false,
    }
    expect(records).toMatchObject([
      { outcome: 'STARTED', duration_ms: null, ...common },
      { outcome: 'DONE', reason: null, ...common },
    ])
    expect(records[0]!.call_id).toBe(records[1]!.call_id)
    expect(JSON.parse(records[0]!.request)).toMatchObject({
      stage: { topology: 'cleanse' },
      reason: 'a test',
    })
    expect(records[0]!.peer).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(JSON.stringify(records) + control.logged.join()).not.toContain(operator.token)
  })

  it('should have calls that fail, and those that are refused', async () => {
    await serve({ tokenFile: tokenFile(viewer.line, operator.line) })
    await errorOf(control.pause({ token: operator.token }, 'nowhere'))
    await errorOf(control.pause({ token: viewer.token }))
    await errorOf(control.pause())
    expect(await control.audited()).toMatchObject([
      { outcome: 'STARTED', caller: 'ops' },
      { outcome: 'FAILED', caller: 'ops', reason: 'TOPOLOGY_NOT_FOUND', target: 'nowhere' },
      { outcome: 'REFUSED', caller: 'ci', role: 'viewer', reason: 'PERMISSION_DENIED' },
      { outcome: 'REFUSED', caller: '', reason: 'UNAUTHENTICATED' },
    ])
  })

  it('should change nothing that cannot be recorded', async () => {
    const wrapLog: SecureOptions['wrapLog'] = (log) =>
      new Proxy(log, {
        get: (target, name: keyof typeof log) =>
          name === 'append'
            ? () => Promise.reject(new StreamsError('LOG_UNAVAILABLE', 'no broker answers'))
            : target[name],
      })
    await serve({}, { wrapLog })
    const error = await errorOf(control.pause())
    expect(error.reason).toBe('LOG_UNAVAILABLE')
    expect(error.message).toMatch(/^nothing was changed.*no broker answers/)
    expect(control.calls).toEqual([])
    await control.look()
  })

  it('should not be filled by whoever is not let in', async () => {
    await serve({ tokenFile: tokenFile(viewer.line) })
    for (let call = 0; call < 80; call++) await errorOf(control.pause())
    const refused = await control.audited()
    expect(refused.length).toBeGreaterThanOrEqual(50)
    expect(refused.length).toBeLessThan(80)
  })
})
