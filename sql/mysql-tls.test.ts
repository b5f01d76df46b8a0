/** TLS to a server that only shakes hands: whoever is let as far as the login is told that the password is wrong. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CertificatePaths, hasOpenssl, TestAuthority } from '../tests/support/certificates.ts'
import { openDatabase } from './open.ts'

const title = hasOpenssl ? 'MySQL over TLS' : 'MySQL over TLS (skipped: no openssl)'

describe.skipIf(!hasOpenssl)(title, () => {
  let directory: string
  let authority: TestAuthority
  let server: Server | undefined

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mysql-tls-'))
    authority = new TestAuthority(directory, 'authority')
  })

  afterEach(() => {
    server?.close()
    rmSync(directory, { recursive: true })
  })

  it('should log in to a server with a certificate for its name, of an authority that is trusted', async () => {
    const url = await serve(authority.issue('mysql', ['DNS:localhost']))
    await expect(open(url)).rejects.toMatchObject(refused(/the password is wrong/))
  })

  it('should send no password to a server with a certificate for another name', async () => {
    const url = await serve(authority.issue('mysql', ['DNS:elsewhere']))
    await expect(open(url)).rejects.toMatchObject(refused(/localhost.*elsewhere.*databaseTlsCaFile/s))
  })

  it('should send no password to a server with a certificate of somebody else', async () => {
    const stranger = new TestAuthority(directory, 'stranger')
    const url = await serve(stranger.issue('mysql', ['DNS:localhost']))
    await expect(open(url)).rejects.toMatchObject(refused(/databaseTlsCaFile/))
  })

  it('should take a connection that ends in the handshake for something that passes', async () => {
    const url = await serve(undefined)
    await expect(open(url)).rejects.toMatchObject({ code: 'SINK_UNAVAILABLE', recovery: 'retry' })
  })

  it('should refuse an address, which it cannot hold the certificate against', async () => {
    for (const host of ['127.0.0.1', '[::1]']) {
      await expect(open(`mysql://orders:secret@${host}/orders?ssl=true`)).rejects.toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(/for a name only/),
      })
    }
  })

  const refused = (pattern: RegExp) => ({ code: 'SINK_FAILED', message: expect.stringMatching(pattern) })

  function open(url: string) {
    return openDatabase(url, { tlsAuthorities: readFileSync(authority.cert, 'utf8') })
  }

  /** @param certificate undefined: it hangs up instead of showing one. @returns the URL of the database */
  async function serve(certificate: CertificatePaths | undefined): Promise<string> {
    server = createServer((socket) => {
      socket.on('error', () => {})
      socket.write(packet(0, greeting()))
      socket.once('data', (data: Buffer) => {
        if (certificate === undefined) return socket.destroy()
        // The client may have begun with TLS in the same breath.
        socket.pause()
        socket.unshift(data.subarray(tlsRequestBytes))
        return refuseLogin(socket, certificate)
      })
    })
    await new Promise<void>((resolve) => server!.listen(0, 'localhost', resolve))
    const { port } = server.address() as AddressInfo
    return `mysql://orders:secret@localhost:${port}/orders?ssl=true`
  }
})

const tlsRequestBytes = 36

function refuseLogin(socket: Socket, { cert, key }: CertificatePaths): void {
  const secure = new TLSSocket(socket, {
    isServer: true,
    cert: readFileSync(cert),
    key: readFileSync(key),
  })
  secure.on('error', () => {})
  const accessDenied = Buffer.from([0xff, 0x15, 0x04])
  secure.once('data', () => secure.write(packet(3, accessDenied, Buffer.from('#28000the password is wrong'))))
}

function packet(sequence: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, sequence]), body])
}

/** Version 10 of the protocol, with TLS among what the server is capable of. */
function greeting(): Buffer {
  const plugin = 'mysql_native_password\0'
  const scramble = Buffer.alloc(20, 0x41)
  const protocol41 = 0x0200 | 0x8000 | 0x0008 | 0x0800
  const pluginAuth = 0x0008
  return Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.4.0\0'),
    Buffer.from([1, 0, 0, 0]),
    scramble.subarray(0, 8),
    Buffer.from([0, protocol41 & 255, protocol41 >> 8, 255, 2, 0, pluginAuth, 0, 21]),
    Buffer.alloc(10),
    scramble.subarray(8),
    Buffer.from(`\0${plugin}`),
  ])
}
