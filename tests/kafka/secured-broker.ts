/** A broker with a listener for each way to log in, and a user, alice. */
import { join } from 'node:path'
import { type Certificates, makeCertificates } from './certificates.ts'
import { type OwnBroker, runTool, startOwnBroker } from './own-broker.ts'

export const username = 'alice'
export const password = 'wonder-4-land'

export const listeners = ['SASL', 'SASL_TLS', 'TLS', 'MTLS', 'SHORT'] as const
export type Listener = (typeof listeners)[number]

const protocols: Readonly<Record<Listener, string>> = {
  SASL: 'SASL_PLAINTEXT',
  SASL_TLS: 'SASL_SSL',
  TLS: 'SSL',
  MTLS: 'SSL',
  // Logins end after 12 seconds; kafkajs renews them 10 seconds before.
  SHORT: 'SASL_PLAINTEXT',
}

export interface SecuredBroker {
  readonly certificates: Certificates
  addressOf(listener: Listener, host?: string): string
  stop(): Promise<void>
}

export async function startSecuredBroker(): Promise<SecuredBroker> {
  let certificates: Certificates | undefined
  const broker = await startOwnBroker(listeners.length, properties, async (directory) => {
    certificates = await makeCertificates(directory)
  })
  try {
    await Promise.all(['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((mechanism) => addUser(broker, mechanism)))
  } catch (error) {
    await broker.stop()
    throw error
  }
  return {
    certificates: certificates!,
    addressOf: (listener, host = '127.0.0.1') => `${host}:${broker.ports[2 + listeners.indexOf(listener)]}`,
    stop: () => broker.stop(),
  }
}

function properties(ports: readonly number[], directory: string): string[] {
  const urls = listeners.map((name, index) => `${name}://127.0.0.1:${ports[2 + index]}`)
  const plain = `PLAINTEXT://127.0.0.1:${ports[0]}`
  const securityMap = listeners.map((name) => `${name}:${protocols[name]}`)
  return [
    `listeners=${[plain, `CONTROLLER://127.0.0.1:${ports[1]}`, ...urls].join(',')}`,
    `advertised.listeners=${[plain, ...urls].join(',')}`,
    `listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,${securityMap.join(',')}`,
    'inter.broker.listener.name=PLAINTEXT',
    ...['SASL', 'SASL_TLS', 'SHORT'].flatMap((name) => saslProperties(name)),
    ...['SASL_TLS', 'TLS', 'MTLS'].flatMap((name) => tlsProperties(name, directory)),
    'listener.name.mtls.ssl.client.auth=required',
    'listener.name.short.plain.connections.max.reauth.ms=12000',
  ]
}

/** The settings are given in words without spaces, so those of the login modules are escaped. */
function saslProperties(listener: string): string[] {
  const prefix = `listener.name.${listener.toLowerCase()}`
  const login = (module: string, options = ''): string =>
    `org.apache.kafka.common.security.${module} required${options};`.replaceAll(' ', '\\u0020')
  return [
    `${prefix}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256${listener === 'SASL_TLS' ? '' : ',SCRAM-SHA-512'}`,
    `${prefix}.plain.sasl.jaas.config=${login('plain.PlainLoginModule', ` user_${username}="${password}"`)}`,
    `${prefix}.scram-sha-256.sasl.jaas.config=${login('scram.ScramLoginModule')}`,
    `${prefix}.scram-sha-512.sasl.jaas.config=${login('scram.ScramLoginModule')}`,
  ]
}

function tlsProperties(listener: string, directory: string): string[] {
  const prefix = `listener.name.${listener.toLowerCase()}.ssl`
  return [
    `${prefix}.keystore.type=PEM`,
    `${prefix}.keystore.location=${join(directory, 'server.pem')}`,
    `${prefix}.truststore.type=PEM`,
    `${prefix}.truststore.location=${join(directory, 'ca.crt')}`,
  ]
}

async function addUser(broker: OwnBroker, mechanism: string): Promise<void> {
  await runTool(
    'kafka.admin.ConfigCommand',
    ...['--bootstrap-server', `127.0.0.1:${broker.ports[0]}`, '--alter'],
    ...[
      '--entity-type',
      'users',
      '--entity-name',
      username,
      '--add-config',
      `${mechanism}=[password=${password}]`,
    ],
  )
}
