/** Logins and certificates, on a broker that has a listener for each. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KafkaLog, openKafkaLog } from '../../streams/adapters/kafka/kafka-log.ts'
import type { KafkaLogOptions } from '../../streams/adapters/kafka/kafka-options.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import {
  newTopic,
  readAll,
  settled,
  TestMember,
  TestReader,
  uniqueName,
  valuesBatch,
  waitFor,
} from '../contracts/log-fixture.ts'
import { testServices } from './own-broker.ts'
import {
  type Listener,
  password,
  type SecuredBroker,
  startSecuredBroker,
  username,
} from './secured-broker.ts'

const title =
  testServices === ''
    ? 'a secured broker (skipped: set TEST_SERVICES to the folder with the command kafka)'
    : 'a secured broker'

describe.skipIf(testServices === '')(title, { timeout: 60_000 }, () => {
  let broker: SecuredBroker
  beforeAll(async () => {
    broker = await startSecuredBroker()
  }, 120_000)
  afterAll(async () => {
    await broker?.stop()
  }, 60_000)

  type Security = Pick<KafkaLogOptions, 'tls' | 'sasl'>

  const open = (listener: Listener, security: Security, host?: string): Promise<KafkaLog> =>
    openKafkaLog({
      brokers: [broker.addressOf(listener, host)],
      clock: systemClock,
      heartbeatIntervalMs: 200,
      retryBudgetMs: 10_000,
      ...security,
    })
  const login = (mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', given = password): Security => ({
    sasl: { mechanism, username, password: given },
  })
  const trusting = (...certificates: string[]): { ca: string[] } => ({ ca: certificates })

  /** Everything has connections: appends, readers, members of groups, producers. */
  async function useAll(log: KafkaLog): Promise<void> {
    const topic = await newTopic(log)
    const groupId = uniqueName('group')
    await log.append([valuesBatch(topic, 0, 'appended')])
    const member = await new TestMember().join(log, groupId, [topic])
    await settled([member])
    const producer = await log.openTransactionalProducer({ transactionalId: topic, timeoutMs: 10_000 })
    await producer.send([valuesBatch(topic, 0, 'sent')])
    await producer.sendOffsets(groupId, [{ topic, partition: 0, offset: 1 }])
    await producer.commit()
    await waitFor('the records', async () => (await readAll(log, topic)).length === 2)
    expect((await readAll(log, topic)).map(({ value }) => value)).toEqual(['appended', 'sent'])
    expect(await log.committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([1])
    await member.leave()
    await log.close()
  }

  describe('with the right credentials', () => {
    it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
      'should be used by %s',
      async (mechanism) => {
        await useAll(await open('SASL', login(mechanism)))
      },
    )

    it.each(['plain', 'scram-sha-256'] as const)('should be used by %s over TLS', async (mechanism) => {
      const tls = trusting(broker.certificates.ca)
      await useAll(await open('SASL_TLS', { tls, ...login(mechanism) }))
    })

    it('should be used over TLS', async () => {
      await useAll(await open('TLS', { tls: trusting(broker.certificates.ca) }))
    })

    it('should be used with a client certificate', async () => {
      const { ca, client } = broker.certificates
      await useAll(await open('MTLS', { tls: { ...trusting(ca), ...client } }))
    })
  })

  it('should be used on while logins are renewed', async () => {
    const log = await open('SHORT', login('plain'))
    const topic = await newTopic(log, { partitions: 2 })
    const reading = new TestReader(log)
    for (const partition of [0, 1]) reading.reader.follow({ topic, partition }, 0)
    const member = await new TestMember().join(log, uniqueName('group'), [topic])
    await settled([member])
    const { generation } = member.assigned!
    // Each connection renews its login three times, while other requests are under way over it.
    const end = performance.now() + 7000
    const repeat = async <T>(action: (round: number) => Promise<T>): Promise<number> => {
      let round = 0
      while (performance.now() < end) await action(round++)
      return round
    }
    const partitions = [0, 1].map((partition) => ({ topic, partition }))
    const [first, second] = await Promise.all([
      ...partitions.map(({ partition }) =>
        repeat((round) => log.append([valuesBatch(topic, partition, `${partition}-${round}`)])),
      ),
      repeat(() => log.offsetRanges(partitions)),
      repeat(() => log.committedOffsets(member.memberId, partitions)),
    ])
    for (const [partition, count] of [first!, second!].entries()) {
      const records = await reading.next({ topic, partition }, count)
      expect(records.map(({ value }) => value)).toEqual(
        Array.from({ length: count }, (_, round) => `${partition}-${round}`),
      )
    }
    expect(reading.errors).toEqual([])
    expect([member.lost, member.assigned!.generation]).toEqual([[], generation])
    await reading.reader.close()
    await member.leave()
    await log.close()
  })

  describe('with the wrong credentials', () => {
    /** What it says, when it is no password. */
    async function refusal(opened: Promise<KafkaLog>): Promise<unknown> {
      const error = await opened.then(
        () => new Error('it was let in'),
        (thrown: unknown) => thrown,
      )
      expect(JSON.stringify(error) + String(error)).not.toMatch(/wonder-4-land|guessed/)
      return error
    }
    const refused = (pattern: RegExp) => ({ code: 'LOG_REFUSED', message: expect.stringMatching(pattern) })

    it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
      'should name the user when the password is wrong (%s)',
      async (mechanism) => {
        const error = await refusal(open('SASL', login(mechanism, 'guessed')))
        expect(error).toMatchObject(refused(/refuses the login of user "alice" by (plain|scram-sha-\d+): /))
      },
    )

    it('should name a mechanism that the broker does not have', async () => {
      const tls = trusting(broker.certificates.ca)
      const error = await refusal(open('SASL_TLS', { tls, ...login('scram-sha-512') }))
      expect(error).toMatchObject(refused(/does not take logins by scram-sha-512; use a mechanism/))
    })

    it('should say that the port takes no logins', async () => {
      const tls = trusting(broker.certificates.ca)
      const error = await refusal(open('TLS', { tls, ...login('plain') }))
      expect(error).toMatchObject(refused(/takes no login on this port; leave SASL out/))
    })

    it.each([
      ['an authority that is not given', () => true],
      ['another authority', () => trusting(broker.certificates.strangerCa)],
    ])('should not trust a broker with a certificate of %s', async (_who, tls) => {
      const error = await refusal(open('TLS', { tls: tls() }))
      expect(error).toMatchObject(
        refused(/certificate of the broker at 127.0.0.1:\d+ is not trusted .*; give the authority/),
      )
    })

    it('should not trust a broker with a certificate for another name', async () => {
      const error = await refusal(open('TLS', { tls: trusting(broker.certificates.ca) }, 'localhost'))
      expect(error).toMatchObject(refused(/certificate of the broker at localhost:\d+ is for another name/))
    })

    it('should say that a client certificate is needed', async () => {
      const error = await refusal(open('MTLS', { tls: trusting(broker.certificates.ca) }))
      expect(error).toMatchObject(refused(/asks for a client certificate .*; give one, with its key/))
    })

    it('should say that the client certificate is not taken', async () => {
      const { ca, stranger } = broker.certificates
      const error = await refusal(open('MTLS', { tls: { ...trusting(ca), ...stranger } }))
      expect(error).toMatchObject(
        refused(/does not take the client certificate .*; use one that its authority/),
      )
    })

    it.each([
      [
        'a key of another certificate',
        () => ({ ...broker.certificates.client, key: broker.certificates.stranger.key }),
      ],
      ['no certificate at all', () => ({ cert: 'nothing', key: 'nothing' })],
    ])('should refuse %s before it connects', async (_what, given) => {
      const error = await refusal(open('MTLS', { tls: { ...trusting(broker.certificates.ca), ...given() } }))
      expect(error).toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(/tls is not to be used; check the CA, the certificate and its key/),
      })
    })

    it.each([
      ['without TLS on a TLS port', () => open('TLS', {}), /; does its port want TLS or a login\?/],
      ['without a login on a SASL port', () => open('SASL', {}), /; does its port want TLS or a login\?/],
      ['with a login but no TLS', () => open('SASL_TLS', login('plain')), /; does its port want TLS\?/],
      ['with TLS on a plain port', () => open('SASL', { tls: true }), /; does its port speak TLS\?/],
    ])('should wonder about the protocol %s', async (_what, opening, hint) => {
      expect(await refusal(opening())).toMatchObject({
        code: 'LOG_UNAVAILABLE',
        message: expect.stringMatching(hint),
      })
    })
  })
})
