/** Services that encrypt and ask for logins, in the namespace of a release, and the release that uses them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../sql/index.ts'
import type { TestAuthority } from '../support/certificates.ts'
import { waitFor } from '../support/waiting.ts'
import { type ClusterSettings, output } from './cluster.ts'
import { Release } from './release.ts'

const chart = join(import.meta.dirname, '../../helm/order-streams')
const rootPassword = 'root-of-the-tables'
/** Of the user `plain` at the brokers, by the mechanism of that name. */
export const plainPassword = 'mock-3-turtle'

/** What a Secret holds, by key: the path of a file, or a text. */
export type SecretContents = Readonly<Record<string, { readonly path: string } | { readonly text: string }>>

export class EncryptedRelease extends Release {
  private readonly clusterSettings: ClusterSettings
  private readonly authority: TestAuthority
  private readonly directory: string

  /** @param authority of the certificates; @param directory for files, which the test deletes */
  constructor(settings: ClusterSettings, namespace: string, authority: TestAuthority, directory: string) {
    super(settings, namespace)
    this.authority = authority
    this.directory = directory
    this.clusterSettings = settings
  }

  /** Values with which the chart uses these services, and Secrets that `startServices` and `putSecret` make. */
  readonly values: readonly string[] = [
    ...['kafka', 'registry', 'mysql'].map((service) => `quickstart.${service}.enabled=false`),
    `kafka.brokers={${this.host('kafka-0.kafka')}:9094}`,
    'kafka.tls.enabled=true',
    'kafka.tls.existingSecret=kafka-client',
    'kafka.tls.certKey=tls.crt',
    'kafka.tls.keyKey=tls.key',
    'kafka.sasl.mechanism=scram-sha-512',
    'kafka.sasl.existingSecret=kafka-login',
    `registry.url=https://${this.host('registry')}:8443/apis/ccompat/v7`,
    'registry.caSecret=authority',
    'database.existingSecret=database',
    'database.caSecret=authority',
    'migrate.backoffLimit=0',
  ]

  /** Kafka, registry and MySQL, ready. */
  async startServices(kafkaLogin: SecretContents, databasePassword: string): Promise<void> {
    for (const [secret, host] of [
      ['kafka-server', this.host('kafka-0.kafka')],
      ['registry-server', this.host('registry')],
      ['mysql-server', this.host('mysql')],
    ] as const) {
      const { cert, key } = this.authority.issue(secret, [`DNS:${host}`])
      const both = join(this.directory, `${secret}.pem`)
      writeFileSync(both, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'))
      const files = { 'tls.crt': cert, 'tls.key': key, 'both.pem': both, 'ca.crt': this.authority.cert }
      await this.putSecret(secret, filesOf(files))
    }
    await this.putSecret('authority', filesOf({ 'ca.crt': this.authority.cert }))
    await this.putSecret('kafka-login', kafkaLogin)
    await this.putSecret('mysql-passwords', {
      orders: { text: databasePassword },
      root: { text: rootPassword },
    })
    await this.putDatabasePassword(databasePassword)
    const manifest = join(this.directory, 'services.yaml')
    const variables = {
      kafkaHost: this.host('kafka-0.kafka'),
      plainPassword,
      kafkaImage: await imageOf('kafka', this.clusterSettings),
      registryImage: await imageOf('registry', this.clusterSettings),
      mysqlImage: await imageOf('mysql', this.clusterSettings),
    }
    const text = readFileSync(join(import.meta.dirname, 'encrypted-services.yaml'), 'utf8')
    writeFileSync(
      manifest,
      Object.entries(variables).reduce((all, [name, value]) => all.replaceAll(`\${${name}}`, value), text),
    )
    await this.namespace.kubectl('apply', '--filename', manifest)
    for (const service of ['kafka', 'registry', 'mysql']) {
      await this.namespace.kubectl('rollout', 'status', `statefulset/${service}`, '--timeout=4m')
    }
  }

  /** Another certificate for the same client. */
  async putClientCertificate(file: string, secret = 'kafka-client'): Promise<void> {
    const { cert, key } = this.authority.issue('order-streams', [], file)
    await this.putSecret(secret, filesOf({ 'tls.crt': cert, 'tls.key': key, 'ca.crt': this.authority.cert }))
  }

  putDatabasePassword(password: string, secret = 'database'): Promise<void> {
    const url = `mysql://orders:${password}@${this.host('mysql')}:3306/orders?ssl=true`
    return this.putSecret(secret, { url: { text: url } })
  }

  /** Made, or put in the place of the one that there is. */
  async putSecret(name: string, contents: SecretContents): Promise<void> {
    const data = Object.entries(contents).map(([key, content]) => [
      key,
      'path' in content ? readFileSync(content.path, 'utf8') : content.text,
    ])
    const manifest = join(this.directory, `secret-${name}.json`)
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      stringData: Object.fromEntries(data),
    }
    writeFileSync(manifest, JSON.stringify(secret))
    await this.namespace.kubectl('apply', '--server-side', '--force-conflicts', '--filename', manifest)
  }

  /** By the broker's own tool, over its listener in plaintext. */
  async changeUser(name: string, change: readonly string[]): Promise<void> {
    const tool = [
      '/opt/kafka/bin/kafka-configs.sh',
      '--bootstrap-server',
      `${this.host('kafka-0.kafka')}:9092`,
    ]
    const user = ['--alter', '--entity-type', 'users', '--entity-name', name]
    await this.namespace.kubectl('exec', 'kafka-0', '--', ...tool, ...user, ...change)
  }

  /** Its container only, which keeps its files; resolves when it listens again. */
  async restartBroker(): Promise<void> {
    const [before] = await this.namespace.pods('service=kafka')
    await this.namespace.kubectl('exec', 'kafka-0', '--', 'bash', '-c', 'kill 1')
    await waitFor(
      'the broker is back',
      async () => {
        const [pod] = await this.namespace.pods('service=kafka')
        return pod!.isReady && pod!.restarts > before!.restarts
      },
      { deadlineMs: 120_000, longestPauseMs: 500 },
    )
  }

  /** What the job of a hook said. */
  hookLog(hook: 'migrate' | 'plan'): Promise<string> {
    return this.namespace.kubectl('logs', `job/${this.name(hook)}`)
  }

  /** As docs/operations/secrets.md has it; resolves when all are ready. */
  async restartAll(): Promise<void> {
    const workloads = [
      ...['ingest', 'cleanse', 'statistics', 'detection'].map((one) => `statefulset/${this.name(one)}`),
      `deployment/${this.name('api')}`,
    ]
    await this.namespace.kubectl('rollout', 'restart', ...workloads)
    for (const workload of workloads) {
      await this.namespace.kubectl('rollout', 'status', workload, '--timeout=5m')
    }
  }

  /** As root, who alone may come without TLS: names of the cluster are not known here. */
  override async openDatabase(): Promise<Database> {
    const [pod] = await this.namespace.pods('service=mysql')
    return openDatabase(`mysql://root:${rootPassword}@${pod!.address}:3306/orders`)
  }

  private host(name: string): string {
    return `${name}.${this.namespace.name}.svc.cluster.local`
  }
}

function filesOf(paths: Readonly<Record<string, string>>): SecretContents {
  return Object.fromEntries(Object.entries(paths).map(([key, path]) => [key, { path }]))
}

/** The one of quickstart, with the tag that the cluster has. */
async function imageOf(service: string, { quickstartSettings }: ClusterSettings): Promise<string> {
  const setting = `quickstart.${service}.image.tag=`
  const given = quickstartSettings.find((one) => one.startsWith(setting))?.slice(setting.length)
  const chartValue = (name: string) =>
    output('helm', 'show', 'values', chart, '--jsonpath', `{.quickstart.${service}.image.${name}}`)
  return `${await chartValue('repository')}:${given ?? (await chartValue('tag'))}`
}
