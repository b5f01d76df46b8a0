/** Certificates for tests, made by openssl where there is one. */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

export interface CertificatePaths {
  readonly cert: string
  readonly key: string
}

/** An authority with files in a directory, which the test deletes. */
export class TestAuthority {
  readonly cert: string
  private readonly directory: string
  private readonly name: string

  constructor(directory: string, name: string) {
    this.directory = directory
    this.name = name
    this.cert = join(directory, `${name}.crt`)
    openssl([
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-keyout', join(directory, `${name}.key`), '-out', this.cert, '-subj', `/CN=${name}`],
      ...['-addext', 'basicConstraints=critical,CA:TRUE'],
    ])
  }

  /**
   * @param commonName empty: the certificate has no subject
   * @param alternativeNames as openssl has them: `DNS:localhost`, `URI:spiffe://…`
   */
  issue(commonName: string, alternativeNames: readonly string[] = [], file = commonName): CertificatePaths {
    const path = (ending: string): string => join(this.directory, `${file}.${ending}`)
    openssl([
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...[
        '-keyout',
        path('key'),
        '-out',
        path('csr'),
        '-subj',
        commonName === '' ? '/' : `/CN=${commonName}`,
      ],
    ])
    const extension = alternativeNames.length === 0 ? '' : `subjectAltName=${alternativeNames.join(',')}\n`
    writeFileSync(path('ext'), extension)
    openssl([
      ...['x509', '-req', '-in', path('csr'), '-days', '2', '-CA', this.cert, '-CAkey'],
      ...[
        join(this.directory, `${this.name}.key`),
        '-CAcreateserial',
        '-extfile',
        path('ext'),
        '-out',
        path('crt'),
      ],
    ])
    return { cert: path('crt'), key: path('key') }
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
