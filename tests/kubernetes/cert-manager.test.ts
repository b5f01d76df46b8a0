/** Certificates that cert-manager makes, on a real cluster that has it. Each test goes on where the last one ended. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../support/waiting.ts'
import { clusterSettings, ctl, ending, output, servedCertificate } from './cluster.ts'
import { Release } from './release.ts'

const whyNot =
  clusterSettings === undefined
    ? ' (skipped: use `npm run test:cluster`)'
    : hasCertManager()
      ? ''
      : ' (skipped: the cluster has no cert-manager)'
const minutes = 60_000
const port = 50_952
const values = [
  'control.insecure=false',
  'control.tls.enabled=true',
  'control.tls.certManager.enabled=true',
  'control.tls.certManager.issuerRef.name=internal',
  'control.clientCa.enabled=true',
  'control.clientRoles={CN:ops=operator}',
]

describe.skipIf(whyNot !== '')(
  `the chart with certificates of cert-manager${whyNot}`,
  { timeout: 15 * minutes },
  () => {
    let release: Release
    let directory: string
    let endForwarding: (() => void) | undefined

    beforeAll(async () => {
      release = new Release(clusterSettings!, 'order-streams-issued')
      await release.namespace.create()
      directory = mkdtempSync(join(tmpdir(), 'cluster-issued-'))
      const issuers = join(directory, 'issuers.json')
      writeFileSync(
        issuers,
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: authorityAndOperator() }),
      )
      await release.namespace.kubectl('apply', '--filename', issuers)
    }, 5 * minutes)

    afterAll(async () => {
      endForwarding?.()
      if (directory !== undefined) rmSync(directory, { recursive: true })
      await release?.namespace.remove()
    }, 5 * minutes)

    it('should come up and pass helm test', async () => {
      const { code, text } = await release.install(...values)
      expect(code, text).toBe(0)
      const test = await ending('helm', '--namespace', release.namespace.name, 'test', release.releaseName)
      expect(test.code, test.text).toBe(0)
    })

    it('should answer an operator for every topology', async () => {
      endForwarding = await release.forwardControl(port)
      const [ca, cert, key] = await Promise.all([
        fileOf(release.name('control-tls'), 'ca.crt'),
        fileOf('ops', 'tls.crt'),
        fileOf('ops', 'tls.key'),
      ])
      const files = ['--ca', ca, '--cert', cert, '--key', key]
      const { code, text } = await ctl(`localhost:${port}`, 'instances', 'list', ...files)
      expect(code, text).toBe(0)
      for (const topology of ['ingest', 'cleanse', 'statistics', 'detection'])
        expect(text).toContain(`${topology} running`)
    })

    it('should use a certificate that was made anew without a restart', async () => {
      const pods = async () => (await release.instances()).map(({ uid, restarts }) => `${uid} ${restarts}`)
      const [before, first] = [await pods(), await servedCertificate(port)]
      const { code, text } = await release.upgrade(
        ...values,
        'control.tls.certManager.extraDnsNames={orders.example.com}',
      )
      expect(code, text).toBe(0)
      const isRenewed = async () => (await servedCertificate(port)) !== first
      const patiently = { deadlineMs: 5 * minutes, longestPauseMs: 2000 }
      await waitFor('the new certificate is served', isRenewed, patiently)
      expect(await pods()).toEqual(before)
    })

    async function fileOf(secret: string, entry: string): Promise<string> {
      const path = join(directory, `${secret}-${entry}`)
      const template = `{{index .data "${entry}" | base64decode}}`
      const name = ['--namespace', release.namespace.name, 'secret', secret]
      writeFileSync(path, await output('kubectl', 'get', ...name, '--output', `go-template=${template}`))
      return path
    }
  },
)

function hasCertManager(): boolean {
  const kinds = ['api-resources', '--api-group', 'cert-manager.io', '--output', 'name']
  return execFileSync('kubectl', kinds, { encoding: 'utf8' }).includes('certificates.cert-manager.io')
}

/** An authority of the namespace's own, and what an operator shows. */
function authorityAndOperator(): unknown[] {
  const apiVersion = 'cert-manager.io/v1'
  const issuer = (name: string, spec: object) => ({ apiVersion, kind: 'Issuer', metadata: { name }, spec })
  const certificate = (name: string, issuerName: string, spec: object) => ({
    apiVersion,
    kind: 'Certificate',
    metadata: { name },
    spec: { commonName: name, secretName: name, issuerRef: { name: issuerName, kind: 'Issuer' }, ...spec },
  })
  return [
    issuer('self-signed', { selfSigned: {} }),
    certificate('authority', 'self-signed', { isCA: true }),
    issuer('internal', { ca: { secretName: 'authority' } }),
    certificate('ops', 'internal', { usages: ['client auth'] }),
  ]
}
