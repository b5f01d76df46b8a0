/**
 * What it means that a broker cannot be reached: away for a while (LOG_UNAVAILABLE), or wrong logins and certificates, which
 * somebody has to put right (LOG_REFUSED). No message holds a password.
 */
import { messageOf, StreamsError } from '../../errors.ts'
import { DamagedBytes } from './codec/damaged-bytes.ts'
import type { KafkaSettings } from './kafka-options.ts'
import { code, describeCode } from './protocol/error-codes.ts'

type Credentials = Pick<KafkaSettings, 'tls' | 'sasl'>

const untrusted = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])
/** What a broker says of the client's certificate, in the names of any version of OpenSSL. */
const clientCertificateAlert = /^ERR_SSL_.*ALERT.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/

/** @param error whatever kafkajs threw */
export function connectionError(error: unknown, credentials: Credentials): StreamsError {
  if (error instanceof StreamsError) return error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const broker = propertyOf(cause, 'broker')
  const where = typeof broker === 'string' ? ` at ${broker}` : ''
  const refused = refusalOf(cause, where, credentials)
  if (refused !== undefined) return new StreamsError('LOG_REFUSED', refused, { cause: error })
  const damaged = error instanceof DamagedBytes ? 'it answered something that cannot be read: ' : ''
  return new StreamsError(
    'LOG_UNAVAILABLE',
    `the log cannot be reached${where}: ${damaged}${messageOf(cause)}${hintOf(cause, credentials)}`,
    { cause: error },
  )
}

function refusalOf(cause: unknown, where: string, { sasl, tls }: Credentials): string | undefined {
  const reason = messageOf(cause)
  const kind = propertyOf(cause, 'name')
  const named = propertyOf(cause, 'code')
  if (typeof kind === 'string' && kind.includes('SASL')) {
    const who = sasl !== undefined && 'username' in sasl ? ` of user "${sasl.username}"` : ''
    return `the log${where} refuses the login${who} by ${sasl?.mechanism}: ${reason}`
  }
  if (kind === 'KafkaJSProtocolError' && typeof named === 'number') {
    if (named === code.unsupportedSaslMechanism) {
      return `the log${where} does not take logins by ${sasl?.mechanism}; use a mechanism that its listener has enabled`
    }
    if (named === code.illegalSaslState) {
      return `the log${where} takes no login on this port; leave SASL out, or use the port of a SASL listener`
    }
    return describeCode(named).reaction === 'fail'
      ? `the log${where} refuses the connection: ${reason}`
      : undefined
  }
  if (typeof named !== 'string') return undefined
  if (untrusted.has(named)) {
    return `the certificate of the broker${where} is not trusted (${reason}); give the authority that signed it as the CA`
  }
  if (named === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the certificate of the broker${where} is for another name (${reason}); use a name that it holds`
  }
  if (clientCertificateAlert.test(named)) {
    const given = typeof tls === 'object' && tls.cert !== undefined
    const remedy = given ? 'use one that its authority has signed' : 'give one, with its key'
    return `the broker${where} ${given ? 'does not take the client certificate' : 'asks for a client certificate'} (${named}); ${remedy}`
  }
  return undefined
}

/** A broker that is spoken to in the wrong protocol hangs up, and cannot say why. */
function hintOf(cause: unknown, { sasl, tls }: Credentials): string {
  const closed = propertyOf(cause, 'name') === 'KafkaJSConnectionClosedError'
  if (tls !== undefined && tls !== false) {
    return /before secure TLS connection/.test(messageOf(cause)) ? '; does its port speak TLS?' : ''
  }
  if (!closed) return ''
  return sasl === undefined ? '; does its port want TLS or a login?' : '; does its port want TLS?'
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
