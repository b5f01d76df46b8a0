/** The chart on a real cluster with mutual TLS between its instances and towards callers. Each test goes on where the last one ended. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CertificatePaths, hasOpenssl, TestAuthority } from '../support/certificates.ts'
import { waitFor } from '../support/waiting.ts'
import { clusterSettings, ctl, type Ending, ending, servedCertificate } from './cluster.ts'
import { OrderLoad } from './order-load.ts'
import { Release } from './release.ts'

const whyNot =
  clusterSettings === undefined
    ? ' (skipped: use `npm run test:cluster`)'
    : hasOpenssl
      ? ''
      : ' (skipped: no openssl)'
const minutes = 60_000
const topologies = ['ingest', 'cleanse', 'statistics', 'detection']
const port = 50_951
const address = `localhost:${port}`

describe.skipIf(whyNot !== '')(
  `the chart on Kubernetes with mutual TLS${whyNot}`,
  { timeout: 15 * minutes },
  () => {
    let release: Release
    let directory: string
    let authority: TestAuthority
    let operator: CertificatePaths
    let endForwarding: (() => void) | undefined

    beforeAll(async () => {
      release = new Release(clusterSettings!, 'order-streams-secured')
      await release.namespace.create()
      directory = mkdtempSync(join(tmpdir(), 'cluster-certificates-'))
      authority = new TestAuthority(directory, 'authority')
      operator = authority.issue('ops')
      const secret = await certificateSecret('first')
      await release.namespace.kubectl('create', ...secret)
    }, 5 * minutes)

    afterAll(async () => {
      endForwarding?.()
      if (directory !== undefined) rmSync(directory, { recursive: true })
      await release?.namespace.remove()
    }, 5 * minutes)

    it('should come up and pass helm test', async () => {
      const { code, text } = await release.install(
        'control.insecure=false',
        'control.tls.enabled=true',
        'control.tls.existingSecret=control-tls',
        'control.clientCa.enabled=true',
        'control.clientRoles={CN:ops=operator}',
      )
      expect(code, text).toBe(0)
      const test = await ending('helm', '--namespace', release.namespace.name, 'test', release.releaseName)
      expect(test.code, test.text).toBe(0)
      await new OrderLoad(release).bring(200)
    })

    it('should answer a caller with a certificate for every topology, from whichever instance has it', async () => {
      endForwarding = await release.forwardControl(port)
      const listed = await asOperator('topologies', 'list')
      expect(listed.code, listed.text).toBe(0)
      for (const topology of topologies) {
        expect(listed.text).toContain(topology)
        const stages = await asOperator('stages', 'list', topology)
        expect(stages.code, stages.text).toBe(0)
      }
      for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
        const { code, text } = await asOperator('state', 'get', 'cleanse', 'order-memory', key)
        expect(code, text).toBe(3)
      }
    })

    it('should let nobody in without one, or in plaintext', async () => {
      const plain = await ctl(address, 'topologies', 'list')
      expect(plain.code, plain.text).not.toBe(0)
      const anonymous = await ctl(address, 'topologies', 'list', '--ca', authority.cert)
      expect(anonymous.code, anonymous.text).not.toBe(0)
      const stranger = new TestAuthority(directory, 'stranger').issue('ops', [], 'strange-ops')
      const { code, text } = await asCaller(stranger, 'topologies', 'list')
      expect(code, text).not.toBe(0)
    })

    it('should use a renewed certificate without a restart', async () => {
      const pods = async () => (await release.instances()).map(({ uid, restarts }) => `${uid} ${restarts}`)
      const [before, first] = [await pods(), await servedCertificate(port)]
      const patch = join(directory, 'renewed.yaml')
      const secret = await certificateSecret('second')
      await ending('sh', '-c', `kubectl create ${secret.join(' ')} --dry-run=client --output yaml > ${patch}`)
      await release.namespace.kubectl('apply', '--server-side', '--force-conflicts', '--filename', patch)

      const isRenewed = async () => (await servedCertificate(port)) !== first
      await waitFor('the new certificate is served', isRenewed, {
        deadlineMs: 5 * minutes,
        longestPauseMs: 2000,
      })
      const { code, text } = await asOperator('topologies', 'list')
      expect(code, text).toBe(0)
      expect(await pods()).toEqual(before)
    })

    /** For the names that docs/kubernetes.md tells. @returns the arguments of `kubectl create` */
    async function certificateSecret(file: string): Promise<string[]> {
      const { name } = release.namespace
      const control = release.name('control')
      const names = [
        `${control}.${name}.svc.cluster.local`,
        `${control}.${name}.svc`,
        'localhost',
        ...topologies.map((one) => `*.${release.name(one)}-headless.${name}.svc.cluster.local`),
      ]
      const { cert, key } = authority.issue(
        'instances',
        names.map((one) => `DNS:${one}`),
        file,
      )
      const files = { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert }
      const from = Object.entries(files).map(([entry, path]) => `--from-file=${entry}=${path}`)
      return ['secret', 'generic', 'control-tls', ...from]
    }

    function asOperator(...args: readonly string[]): Promise<Ending> {
      return asCaller(operator, ...args)
    }

    function asCaller({ cert, key }: CertificatePaths, ...args: readonly string[]): Promise<Ending> {
      return ctl(address, ...args, '--ca', authority.cert, '--cert', cert, '--key', key)
    }
  },
)
