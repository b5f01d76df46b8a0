import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasOpenssl, TestAuthority } from '../../../tests/support/certificates.ts'
import { systemClock } from '../system/system-clock.ts'
import { openConfluentRegistry } from './confluent-registry.ts'

const title = hasOpenssl ? 'a registry by HTTPS' : 'a registry by HTTPS (skipped: no openssl)'

describe.skipIf(!hasOpenssl)(title, () => {
  let directory: string
  let authority: TestAuthority
  let server: Server | undefined

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'registry-certificates-'))
    authority = new TestAuthority(directory, 'authority')
  })

  afterEach(() => {
    server?.close()
    rmSync(directory, { recursive: true })
  })

  /** Calls a server with a certificate for `name`, and would wait a minute for it. */
  async function open(name: string, ca?: Buffer) {
    const { cert, key } = authority.issue('registry', [name])
    server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('[]')
    })
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const tls = ca === undefined ? {} : { ca }
    return openConfluentRegistry({ url, tls, clock: systemClock, startBudgetMs: 60_000 })
  }

  const refused = (pattern: RegExp) => ({
    code: 'REGISTRY_REFUSED',
    message: expect.stringMatching(pattern),
  })

  it('should be asked when it has a certificate for its name, of an authority that is trusted', async () => {
    const registry = await open('IP:127.0.0.1', readFileSync(authority.cert))
    expect(await registry.subjects()).toEqual([])
  })

  it('should not be waited for when its certificate is not trusted', async () => {
    const pattern = /verify the first certificate.*NODE_EXTRA_CA_CERTS/
    await expect(open('IP:127.0.0.1')).rejects.toMatchObject(refused(pattern))
  })

  it('should not be waited for when its certificate is for another host', async () => {
    const opening = open('DNS:elsewhere', readFileSync(authority.cert))
    await expect(opening).rejects.toMatchObject(refused(/127\.0\.0\.1 is not in the cert.*for that host/))
  })
})
