/** `order-streams ctl` against a server that asks for certificates and tokens. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeToken } from '../../control/server/security/token-file.ts'
import { hasOpenssl, TestAuthority } from '../support/certificates.ts'
import { temporaryDirectory } from '../support/order-streams.ts'
import { runHere } from '../support/run-ctl.ts'
import { SecureControl } from '../support/secure-control.ts'

let directory: ReturnType<typeof temporaryDirectory>
let control: SecureControl
let options: { readonly authority: string; readonly token: string; readonly certificate: string[] }

describe.skipIf(!hasOpenssl)('ctl over mTLS with tokens (needs openssl)', () => {
  beforeAll(async () => {
    directory = temporaryDirectory()
    const authority = new TestAuthority(directory.path, 'authority')
    const server = authority.issue('server', ['IP:127.0.0.1'])
    const client = authority.issue('client')
    const token = makeToken('anna', 'viewer')
    const tokenFile = join(directory.path, 'tokens')
    writeFileSync(tokenFile, `${token.line}\n`)
    const ownToken = join(directory.path, 'token')
    writeFileSync(ownToken, `${token.token}\n`)
    control = await SecureControl.open({
      settings: { certificates: { ...server, clientCa: authority.cert }, tokenFile },
    })
    options = {
      authority: authority.cert,
      token: ownToken,
      certificate: ['--cert', client.cert, '--key', client.key],
    }
  })

  afterAll(async () => {
    await control?.close()
    directory?.dispose()
  })

  function ctl(...args: readonly string[]) {
    return runHere('ctl', ...args, '--address', `127.0.0.1:${control.port}`, '--timeout', '5s')
  }

  it('should get in with an authority, a certificate and a token, all of files', async () => {
    const { authority, token, certificate } = options
    const { code, stderr } = await ctl(
      'instances',
      'show',
      '--ca',
      authority,
      '--token-file',
      token,
      ...certificate,
    )
    expect(code, stderr).toBe(0)
    expect(control.calls.at(-1)).toBe('looked by anna, viewer')
  })

  it('should say what a role does not allow', async () => {
    const { authority, token, certificate } = options
    const { code, stderr } = await ctl(
      'stages',
      'pause',
      'cleanse',
      '--ca',
      authority,
      '--token-file',
      token,
      ...certificate,
    )
    expect(code).toBe(1)
    expect(stderr).toContain('[PERMISSION_DENIED]')
  })

  it('should say where plaintext meets TLS', async () => {
    const { code, stderr } = await ctl('instances', 'show')
    expect(code).toBe(1)
    expect(stderr).toContain('does it take plaintext')
  })

  it('should ask for both, a certificate and its key', async () => {
    const { code, stderr } = await ctl(
      'instances',
      'show',
      '--ca',
      options.authority,
      ...options.certificate.slice(0, 2),
    )
    expect(code).toBe(2)
    expect(stderr).toContain('--cert and --key go together')
  })
})
