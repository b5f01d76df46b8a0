/**
 * The chart on a real cluster with services of one's own: Kafka by TLS with client certificates and SCRAM, a registry by HTTPS, MySQL by
 * TLS. Each test goes on where the last one ended.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasOpenssl, TestAuthority } from '../support/certificates.ts'
import { clusterSettings, ending } from './cluster.ts'
import { EncryptedRelease, plainPassword } from './encrypted-services.ts'
import { OrderLoad } from './order-load.ts'

const whyNot =
  clusterSettings === undefined
    ? ' (skipped: use `npm run test:cluster`)'
    : hasOpenssl
      ? ''
      : ' (skipped: no openssl)'
const minutes = 60_000
const passwords = {
  kafka: 'wonder-4-land',
  nextKafka: 'looking-6-glass',
  lastKafka: 'queen-7-alice',
  database: 'tea-5-party',
  nextDatabase: 'chess-8-board',
}
const guess = 'guessed-9-wrong'

describe.skipIf(whyNot !== '')(
  `the chart on Kubernetes with encrypted services${whyNot}`,
  { timeout: 15 * minutes },
  () => {
    let release: EncryptedRelease
    let directory: string
    let load: OrderLoad

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'cluster-encrypted-'))
      const authority = new TestAuthority(directory, 'authority')
      release = new EncryptedRelease(clusterSettings!, 'order-streams-encrypted', authority, directory)
      await release.namespace.create()
      await release.startServices(login('orders', passwords.kafka), passwords.database)
      await release.putClientCertificate('first')
      const stranger = new TestAuthority(directory, 'stranger')
      await release.putSecret('stranger', { 'ca.crt': { path: stranger.cert } })
      const { cert, key } = stranger.issue('order-streams', [], 'strange-client')
      await release.putSecret('strange-client', {
        'ca.crt': { path: authority.cert },
        'tls.crt': { path: cert },
        'tls.key': { path: key },
      })
      await release.putSecret('wrong-login', login('orders', guess))
      await release.putDatabasePassword(guess, 'wrong-database')
      load = new OrderLoad(release)
    }, 10 * minutes)

    afterAll(async () => {
      await release?.namespace.remove()
      if (directory !== undefined) rmSync(directory, { recursive: true })
    }, 5 * minutes)

    it.each([
      [
        'a wrong password at the brokers',
        // As it is by default.
        ['kafka.sasl.existingSecret=wrong-login', 'migrate.backoffLimit=2'],
        /refuses the login of user "orders" by scram-sha-512/,
      ],
      [
        'brokers of an authority that is not given',
        ['kafka.tls.caKey=tls.crt'],
        /certificate of the broker at kafka-0\.kafka.* is not trusted/,
      ],
      [
        'no client certificate',
        ['kafka.tls.certKey=', 'kafka.tls.keyKey='],
        /asks for a client certificate .*give one, with its key/,
      ],
      [
        'a client certificate of somebody else',
        ['kafka.tls.existingSecret=strange-client'],
        /does not take the client certificate/,
      ],
      [
        'a registry of another authority',
        ['registry.caSecret=stranger'],
        /no connection to the schema registry https:.*certificate.*NODE_EXTRA_CA_CERTS/,
      ],
      [
        'a wrong password of the database',
        ['database.existingSecret=wrong-database'],
        /Access denied for user 'orders'.*check the user and the password in the database URL/,
      ],
      [
        'a database of another authority',
        ['database.caSecret=stranger'],
        /mysql:\/\/mysql\.order-streams-encrypted.*databaseTlsCaFile/,
      ],
    ])('should end the install with %s, and say so', async (_what, values, pattern) => {
      const beganMs = performance.now()
      const { code, text } = await release.install(...release.values, ...values)
      const seconds = (performance.now() - beganMs) / 1000
      expect(code, text).not.toBe(0)
      expect(text).toMatch(/pre-install/)
      const log = await release.hookLog('migrate')
      console.log(`after ${seconds.toFixed(1)} s: ${log}`)
      expect(log).toMatch(pattern)
      for (const password of [...Object.values(passwords), guess]) expect(log + text).not.toContain(password)
      expect(await release.instances()).toEqual([])
      await release.namespace.helm('uninstall', release.releaseName)
    })

    it('should end the install when the brokers cannot be reached in time', async () => {
      const away = 'kafka.brokers={kafka-0.kafka.order-streams-encrypted.svc.cluster.local:9999}'
      const { code, text } = await release.install(
        ...release.values,
        away,
        'migrate.activeDeadlineSeconds=15',
      )
      expect(code, text).not.toBe(0)
      expect(text).toMatch(/DeadlineExceeded/)
      await release.namespace.helm('uninstall', release.releaseName)
    })

    it('should come up, pass helm test, and bring orders into the tables', async () => {
      const beganMs = performance.now()
      const { code, text } = await release.install(...release.values)
      expect(code, text).toBe(0)
      console.log(`installed in ${((performance.now() - beganMs) / 1000).toFixed(0)} s`)
      const test = await ending('helm', '--namespace', release.namespace.name, 'test', release.releaseName)
      expect(test.code, test.text).toBe(0)
      await load.bring(200)
      for (const { name, restarts } of await release.instances()) expect(restarts, name).toBe(0)
    })

    it('should go on while logins and certificates are replaced', async () => {
      const pauses = await load.during(async () => {
        await release.changeUser('orders-next', scram(passwords.nextKafka))
        await alterPassword(`IDENTIFIED BY '${passwords.nextDatabase}' RETAIN CURRENT PASSWORD`)
        await release.putSecret('kafka-login', login('orders-next', passwords.nextKafka))
        await release.putClientCertificate('second')
        await release.putDatabasePassword(passwords.nextDatabase)
        await release.restartAll()
        // Not deleted: Kafka 4.1.0 may lose the other user with it when it starts again.
        await release.changeUser('orders', scram(randomUUID()))
        await alterPassword('DISCARD OLD PASSWORD')
      })
      console.log('without new rows', pauses)
      const { code, text } = await release.upgrade(...release.values, 'settings.commitIntervalMs=150')
      expect(code, text).toBe(0)
      await load.bring(200)
    })

    it('should end an upgrade whose login was taken away, with nothing changed', async () => {
      const uids = async () => (await release.instances()).map(({ uid }) => uid).toSorted()
      const before = await uids()
      await release.putSecret('old-login', login('orders', passwords.kafka))
      const { code, text } = await release.upgrade(...release.values, 'kafka.sasl.existingSecret=old-login')
      expect(code, text).not.toBe(0)
      expect(text).toMatch(/pre-upgrade/)
      expect(await release.hookLog('plan')).toMatch(/refuses the login of user "orders" by scram-sha-512/)
      expect(await uids()).toEqual(before)
      await load.bring(200)
    })

    it('should come back by itself where a password was changed first and nothing was restarted', async () => {
      const pauses = await load.during(async () => {
        await release.changeUser('orders-next', scram(passwords.lastKafka))
        await release.putSecret('kafka-login', login('orders-next', passwords.lastKafka))
        // Connections that were let in stay; the broker's restart ends them.
        await release.restartBroker()
      })
      const pods = [...(await release.instances()), ...(await release.pods('api'))]
      const restarts = pods.map(({ name, restarts }) => `${name}: ${restarts}`)
      console.log('without new rows', pauses, restarts)
      // With the login that they had at first they could not go on.
      for (const { name, restarts } of pods) expect(restarts, name).toBeGreaterThan(0)
    })

    it('should go over to another mechanism by an upgrade', async () => {
      await release.putSecret('plain-login', login('plain', plainPassword))
      const values = ['kafka.sasl.mechanism=plain', 'kafka.sasl.existingSecret=plain-login']
      const { code, text } = await release.upgrade(...release.values, ...values)
      expect(code, text).toBe(0)
      await load.bring(200)
    })

    async function alterPassword(change: string): Promise<void> {
      const database = await release.openDatabase()
      await database.query(`ALTER USER 'orders'@'%' ${change}`)
      await database.close()
    }
  },
)

function login(name: string, password: string) {
  return { username: { text: name }, password: { text: password } }
}

function scram(password: string): string[] {
  return ['--add-config', `SCRAM-SHA-512=[password=${password}]`]
}
