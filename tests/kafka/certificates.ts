/** A certificate authority for tests, made with openssl, and what it signs. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Certificates {
  /** The authority's own certificate. */
  readonly ca: string
  readonly client: { readonly cert: string; readonly key: string }
  /** Of an authority that nobody else knows. */
  readonly strangerCa: string
  readonly stranger: { readonly cert: string; readonly key: string }
}

/** Files for a broker at 127.0.0.1 only: `server.pem`, its key with its certificate, and `ca.crt`, whom it trusts. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  const text = (name: string) => readFile(join(directory, name), 'utf8')
  await makeAuthority(directory, 'ca')
  await makeAuthority(directory, 'stranger-ca')
  await sign(directory, 'server', 'ca', 'IP:127.0.0.1')
  await writeFile(join(directory, 'server.pem'), (await text('server.key')) + (await text('server.crt')))
  await sign(directory, 'client', 'ca', 'DNS:client')
  await sign(directory, 'stranger', 'stranger-ca', 'DNS:stranger')
  return {
    ca: await text('ca.crt'),
    client: { cert: await text('client.crt'), key: await text('client.key') },
    strangerCa: await text('stranger-ca.crt'),
    stranger: { cert: await text('stranger.crt'), key: await text('stranger.key') },
  }
}

const newKey = ['-newkey', 'rsa:2048', '-nodes', '-days', '2']

async function makeAuthority(directory: string, name: string): Promise<void> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`]
  const extension = 'basicConstraints=critical,CA:TRUE'
  await openssl(directory, 'req', '-x509', ...newKey, ...files, '-subj', `/CN=${name}`, '-addext', extension)
}

async function sign(directory: string, name: string, authority: string, subject: string): Promise<void> {
  await openssl(
    directory,
    ...['req', '-x509', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`],
    ...['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-addext', `subjectAltName=${subject}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
  )
}

async function openssl(directory: string, ...args: string[]): Promise<void> {
  await execute('openssl', args, { cwd: directory })
}
